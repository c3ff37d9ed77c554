//! A PostgreSQL server for one test, in a folder of its own, gone when the test is.
//!
//! It only knows the local binaries; whoever has a better way to a database swaps [`database`].

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An empty database, reachable while this value lives.
pub struct TestDatabase {
    folder: TempDir,
    bin: PathBuf,
}

/// A new server with an empty database.
pub async fn database() -> TestDatabase {
    tokio::task::spawn_blocking(start).await.unwrap()
}

impl TestDatabase {
    /// Where to connect.
    pub fn url(&self) -> String {
        let socket = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{socket}/postgres")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        as_owner(&self.bin.join("pg_ctl"), &["-D", path(&data), "-m", "immediate", "stop"]);
    }
}

fn start() -> TestDatabase {
    let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
    if is_root() {
        assert!(
            Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap().success()
        );
    }
    let bin = newest_binaries();
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let options = format!("-k {} -c listen_addresses='' -c fsync=off", path(folder.path()));
    as_owner(
        &bin.join("initdb"),
        &["-D", path(&data), "-U", "postgres", "-A", "trust", "-E", "UTF8"],
    );
    as_owner(
        &bin.join("pg_ctl"),
        &["-D", path(&data), "-o", &options, "-l", path(&log), "-w", "start"],
    );
    TestDatabase { folder, bin }
}

/// The folder of the newest installed server's programs.
fn newest_binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("install postgresql");
    let newest = versions.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok()).max();
    PathBuf::from(format!("/usr/lib/postgresql/{}/bin", newest.expect("install postgresql")))
}

/// Runs `program`, not as root, which the server refuses.
fn as_owner(program: &Path, arguments: &[&str]) {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    let silent = std::process::Stdio::null;
    let done = command.args(arguments).stdout(silent()).stderr(silent()).status().unwrap();
    assert!(done.success() || std::thread::panicking(), "{} failed", program.display());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}
