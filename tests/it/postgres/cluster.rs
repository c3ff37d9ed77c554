//! A temporary PostgreSQL cluster made from local binaries.
//!
//! It is in a separate folder, listens on a free loopback port and on a socket in that folder, and is
//! stopped and removed when the value is dropped or the process ends. Over TCP it requires a random
//! password, so that other users of the machine are kept out. It is independent of the tests.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, net};

use super::watchdog::Watchdog;

/// The settings of every cluster. Writes may be lost when the machine (not the server) crashes. A
/// time zone far from UTC exposes a TIMESTAMPTZ that is read as local time. Shared memory is in the
/// data folder, so that nothing outlives it.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
fsync = off
max_connections = 200
shared_buffers = '32MB'
dynamic_shared_memory_type = mmap
timezone = 'Asia/Kolkata'
";

/// A running cluster; see the module.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    password: String,
    _watchdog: Watchdog,
}

/// The ways to stop a server.
#[derive(Clone, Copy)]
pub enum Stop {
    /// Transactions are rolled back, clients disconnected, everything written out.
    Fast,
    /// As after a crash: the next start recovers from the write-ahead log.
    Crash,
}

impl Cluster {
    /// Creates a cluster and starts it. Blocks.
    pub fn start() -> Result<Self, String> {
        let bin = find_binaries()?;
        let folder = new_folder()?;
        let watchdog = watch(&bin, &folder)?;
        let password = format!("{:016x}", super::random());
        let mut cluster = Self { bin, folder, port: 0, password, _watchdog: watchdog };
        cluster.initialise()?;
        cluster.start_on_a_free_port()?;
        Ok(cluster)
    }

    /// Returns the URL over TCP; `host` is a name of the loopback.
    pub fn url(&self, host: &str, database: &str) -> String {
        let Self { password, port, .. } = self;
        format!("postgres://postgres:{password}@{host}:{port}/{database}")
    }

    /// Returns the URL through the socket, which requires no password.
    pub fn socket_url(&self, database: &str) -> String {
        let (folder, port) = (self.folder.display(), self.port);
        format!("postgres:///{database}?host={folder}&port={port}&user=postgres")
    }

    /// Returns its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder that contains the cluster and is removed with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server again on the same port. Blocks until it accepts connections.
    pub fn run(&self) -> Result<(), String> {
        let log = self.folder.join("log");
        let started = run(self.pg_ctl().args(["start", "-s", "-w", "-t", "60", "-l"]).arg(&log));
        started.map_err(|error| format!("{error}\n{}", fs::read_to_string(log).unwrap_or_default()))
    }

    /// Stops the server. Blocks until it has ended.
    pub fn stop(&self, how: Stop) -> Result<(), String> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Crash => "immediate",
        };
        run(self.pg_ctl().args(["stop", "-s", "-w", "-m", mode]))
    }

    fn pg_ctl(&self) -> Command {
        let mut command = as_owner(&self.folder, self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.folder.join("data"));
        command
    }

    fn initialise(&self) -> Result<(), String> {
        let password_file = self.folder.join("password");
        let folder = self.folder.display();
        write(&password_file, &self.password)?;
        let mut initdb = as_owner(&self.folder, self.bin.join("initdb"));
        initdb
            .args(["-N", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"])
            .args(["--auth-local=trust", "--auth-host=password"])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("-D")
            .arg(self.folder.join("data"));
        if version(&self.bin) >= 15 {
            // Text is sorted by language, so that a missing COLLATE "C" is noticed.
            initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        }
        run(&mut initdb)?;
        let socket = format!("unix_socket_directories = '{folder}'\n");
        self.configure(&[SETTINGS, &socket].concat())
    }

    /// Adds lines to `postgresql.conf`, for the next start; of several lines for one setting the
    /// last counts.
    pub fn configure(&self, lines: &str) -> Result<(), String> {
        let file = self.folder.join("data/postgresql.conf");
        let now = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        write(&file, &(now + lines))
    }

    /// Starts the server. It tries a few ports, since another process may take one in between.
    fn start_on_a_free_port(&mut self) -> Result<(), String> {
        let mut outcome = Ok(());
        for _ in 0..5 {
            self.port = free_port();
            self.configure(&format!("port = {}\n", self.port))?;
            outcome = self.run();
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

/// Returns a command run by the folder's owner, since the server refuses to run as root.
pub fn as_owner(folder: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(&program);
    if is_root() {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Runs a command until it ends. Fails with its output.
pub fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} failed ({}): {}", output.status, String::from_utf8_lossy(&said)))
}

/// Stops and removes the cluster when its value is dropped or its process has ended.
fn watch(bin: &Path, folder: &Path) -> Result<Watchdog, String> {
    let stop = as_owner(folder, bin.join("pg_ctl"));
    let mut arguments = vec![folder.display().to_string()];
    arguments.push(stop.get_program().to_string_lossy().into_owned());
    arguments.extend(stop.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    // Several times, since initdb may still be filling the folder.
    let script = r#"folder=$1; shift
        for _ in $(seq 50); do
            "$@" stop -D "$folder/data" -m immediate
            ! rm -rf "$folder" || break
            sleep 0.1
        done"#;
    Watchdog::new(script, &arguments)
}

/// Creates a folder that the server's user owns and no other user can enter.
fn new_folder() -> Result<PathBuf, String> {
    let made = tempfile::Builder::new().prefix("heygen-sync-pg-").tempdir();
    let folder = made.map_err(|error| format!("cannot make a folder: {error}"))?.keep();
    if is_root() {
        run(Command::new("chown").arg("postgres:").arg(&folder))?;
    }
    Ok(folder)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(())
}

/// Returns the folder of `initdb`, `pg_ctl` and `postgres`: on the PATH, in Debian's folders (the
/// newest first), or the one from `pg_config`.
fn find_binaries() -> Result<PathBuf, String> {
    let mut folders: Vec<PathBuf> =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|bin| std::cmp::Reverse(version(bin)));
    folders.append(&mut debian);
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let complete = |bin: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).is_file())
    };
    folders.into_iter().find(complete).ok_or_else(|| "no initdb, pg_ctl and postgres here".into())
}

/// Returns the major version of the binaries in a folder; 0 if it is unknown.
fn version(bin: &Path) -> u32 {
    let output = Command::new(bin.join("postgres")).arg("--version").output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let number =
        said.split_whitespace().find_map(|word| word.split(['.', 'b', 'r']).next()?.parse().ok());
    number.unwrap_or(0)
}

/// Returns a port outside the range of outgoing connections, so that it is still free when the
/// server starts again.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = std::iter::repeat_with(|| 20_000 + (super::random() % 12_000) as u16);
    candidates.take(100).find(is_free).expect("a free port below 32000")
}
