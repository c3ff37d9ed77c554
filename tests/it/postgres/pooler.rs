//! PgBouncer in transaction mode in front of a separate server: each transaction may run on another
//! backend. Stopped when the value is dropped or the process ends.

use std::{
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use super::{cluster, own_server::OwnServer, watchdog::Watchdog};

/// A running pooler.
pub struct Pooler {
    port: u16,
    _watchdog: Watchdog,
}

impl Pooler {
    /// Starts a pooler in front of `server`, with `backends` connections per database; `settings`
    /// are further lines of its configuration.
    pub fn start(server: &OwnServer, backends: u8, settings: &str) -> Self {
        let port = cluster::free_port();
        let folder = server.folder().join(format!("pooler-{port}"));
        let made = cluster::run(cluster::as_owner(server.folder(), "mkdir").arg(&folder));
        made.unwrap();
        let (home, pid) = (folder.display(), folder.join("pid"));
        let server_port = server.port();
        let configuration = format!(
            "[databases]\n* = host={} port={server_port} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {home}\n\
             pool_mode = transaction\nauth_type = any\ndefault_pool_size = {backends}\n\
             logfile = {home}/log\npidfile = {}\n{settings}\n",
            server.folder().display(),
            pid.display(),
        );
        std::fs::write(folder.join("pgbouncer.ini"), configuration).unwrap();
        let script = r#"kill "$(cat "$1")""#;
        let watchdog = Watchdog::new(script, &[pid.display().to_string()]).unwrap();
        let mut command = cluster::as_owner(server.folder(), program());
        let started = cluster::run(command.arg("-d").arg(folder.join("pgbouncer.ini")));
        started.unwrap_or_else(|error| panic!("{error}; scripts/install-test-tools installs it"));
        listens(port);
        Self { port, _watchdog: watchdog }
    }

    /// Returns the URL of `database` through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

/// Returns the program; Debian installs it outside the PATH of ordinary users.
fn program() -> &'static str {
    let debian = "/usr/sbin/pgbouncer";
    if Path::new(debian).exists() { debian } else { "pgbouncer" }
}

/// Waits until it listens, since it prints nothing when it is ready.
fn listens(port: u16) {
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "pgbouncer does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
