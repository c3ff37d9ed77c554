//! A separate server for one test: to stop it, crash it, kill its backends, or connect over TLS.
//! Always from local binaries, whatever `database()` uses; it does not know why it is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cluster::{Cluster, Stop, as_owner, run};
use super::{NO_SERVER, NONE_WANTED, none_wanted};

/// A separate server, removed with this value.
pub struct OwnServer {
    cluster: Arc<Cluster>,
    host: &'static str,
}

/// Starts a server for one test; fails the test if there are no local binaries.
pub async fn own_server() -> OwnServer {
    assert!(!none_wanted(), "{NONE_WANTED}");
    let started = blocking(Cluster::start).await;
    let cluster = started.unwrap_or_else(|error| panic!("{NO_SERVER}\n({error})"));
    OwnServer { cluster: Arc::new(cluster), host: "127.0.0.1" }
}

/// Like [`own_server`], but over TCP it requires TLS, with the name `localhost` and a certificate
/// signed by [`OwnServer::ca_file`]. Needs the `openssl` command.
pub async fn own_server_with_tls() -> OwnServer {
    let server = OwnServer { host: "localhost", ..own_server().await };
    server.on_cluster(add_tls).await;
    server.restart().await;
    server
}

impl OwnServer {
    /// Returns the URL of `database` over TCP, with the superuser's password; `postgres` exists
    /// from the start.
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(self.host, database)
    }

    /// Returns the URL of `database` through the server's socket.
    pub fn socket_url(&self, database: &str) -> String {
        self.cluster.socket_url(database)
    }

    /// Returns its TCP port.
    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// Returns the certificate of the authority of a server with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.cluster.folder().join("ca.pem")
    }

    /// Returns the folder that contains the cluster.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// Stops it cleanly: transactions roll back, clients are disconnected.
    pub async fn stop(&self) {
        self.on_cluster(|cluster| cluster.stop(Stop::Fast)).await;
    }

    /// Stops it as a crash would; what was committed is available again after [`Self::start`].
    pub async fn crash(&self) {
        self.on_cluster(|cluster| cluster.stop(Stop::Crash)).await;
    }

    /// Starts it again at the same address.
    pub async fn start(&self) {
        self.on_cluster(Cluster::run).await;
    }

    /// Stops it cleanly and starts it again at the same address.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    async fn on_cluster(&self, act: impl FnOnce(&Cluster) -> Result<(), String> + Send + 'static) {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || act(&cluster)).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Runs `act` without blocking the test's runtime, in which a poll may be running.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())?
}

/// Creates an authority and a server certificate for `localhost`, and refuses TCP without TLS.
/// Passwords are checked by SCRAM here, as is the default of servers.
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
