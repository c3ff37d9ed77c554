//! A server that one test has for itself: to stop it, crash it, kill its backends, or meet it over
//! TLS. Always from local binaries, whatever `database()` uses; it does not know why it is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cluster::{Cluster, Stop, as_owner, run};
use super::{NO_SERVER, NONE_WANTED, none_wanted};

/// A server of one's own, gone with this value.
pub struct OwnServer {
    cluster: Arc<Cluster>,
    host: &'static str,
}

/// Starts a server for one test; fails the test where there are no local binaries.
pub async fn own_server() -> OwnServer {
    assert!(!none_wanted(), "{NONE_WANTED}");
    let started = blocking(Cluster::start).await;
    let cluster = started.unwrap_or_else(|error| panic!("{NO_SERVER}\n({error})"));
    OwnServer { cluster: Arc::new(cluster), host: "127.0.0.1" }
}

/// The same, but over TCP it speaks TLS only, by the name `localhost`, with a certificate that
/// [`OwnServer::ca_file`] vouches for. Needs the `openssl` command.
pub async fn own_server_with_tls() -> OwnServer {
    let server = OwnServer { host: "localhost", ..own_server().await };
    server.on_cluster(add_tls).await;
    server.restart().await;
    server
}

impl OwnServer {
    /// Where to connect to `database` over TCP, with the superuser's password; `postgres` is there
    /// from the start.
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(self.host, database)
    }

    /// Where to connect to `database` through the server's socket.
    pub fn socket_url(&self, database: &str) -> String {
        self.cluster.socket_url(database)
    }

    /// Its port over TCP.
    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// The certificate of the authority behind a server with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.cluster.folder().join("ca.pem")
    }

    /// The folder that holds the cluster.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// Stops it in good order: transactions roll back, clients are disconnected.
    pub async fn stop(&self) {
        self.on_cluster(|cluster| cluster.stop(Stop::Fast)).await;
    }

    /// Stops it as a crash would; what was committed is there again after [`Self::start`].
    pub async fn crash(&self) {
        self.on_cluster(|cluster| cluster.stop(Stop::Crash)).await;
    }

    /// Starts it again at the same address.
    pub async fn start(&self) {
        self.on_cluster(Cluster::run).await;
    }

    /// Stops it in good order and starts it again at the same address.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    async fn on_cluster(&self, act: impl FnOnce(&Cluster) -> Result<(), String> + Send + 'static) {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || act(&cluster)).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Keeps the test's runtime going meanwhile: a poll may be under way in it.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())?
}

/// Makes an authority and a server certificate for `localhost`, and closes TCP without TLS. The
/// password is asked for by SCRAM here, as servers do by default.
fn add_tls(cluster: &Cluster) -> Result<(), String> {
    const CA: &str = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                      -subj /CN=test-authority -keyout ca.key -out ca.pem";
    const REQUEST: &str = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                           -subj /CN=localhost -keyout server.key -out server.csr";
    const SIGN: &str = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                        -extfile server.ext -out server.pem";
    let folder = cluster.folder();
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).map_err(|error| error.to_string())
    };
    write("server.ext", "subjectAltName = DNS:localhost\n")?;
    for arguments in [CA, REQUEST, SIGN] {
        run(as_owner(folder, "openssl").args(arguments.split_whitespace()))?;
    }
    write("data/pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256\n")?;
    cluster.configure(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        in_folder("server.pem"),
        in_folder("server.key")
    ))
}
