//! The daemon as a separate process: its log line by line, its notify socket, its signals.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use crate::home::Home;

/// The timeout of every wait; events normally arrive much sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls every second, without jitter, and listens on any free port.
pub const EVERY_SECOND: [(&str, &str); 3] = [
    ("HEYGEN_SYNC_DAEMON__SCHEDULE", "* * * * * *"),
    ("HEYGEN_SYNC_DAEMON__JITTER", "0s"),
    ("HEYGEN_SYNC_DAEMON__LISTEN", "127.0.0.1:0"),
];

/// Polls once at the start and not again for years.
pub const ONCE: [(&str, &str); 3] =
    [("HEYGEN_SYNC_DAEMON__SCHEDULE", "0 0 29 2 *"), EVERY_SECOND[1], EVERY_SECOND[2]];

/// The lines of the log, and whether it is complete because the process has ended.
type Log = Arc<(Mutex<(Vec<String>, bool)>, Condvar)>;

/// The messages to the notify socket, and how many of them have been checked.
type Told = Arc<(Mutex<(Vec<String>, usize)>, Condvar)>;

/// The memory of a process as the kernel reports it, in kB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The current value.
    pub resident: u64,
    /// The highest value so far.
    pub peak: u64,
}

/// A running service. It is killed when this is dropped.
pub struct Service {
    child: Child,
    log: Log,
    told: Told,
}

impl Service {
    pub fn start(home: &Home, env: &[(&str, &str)]) -> Self {
        Self::run(home, &["daemon"], env)
    }

    /// Runs any command that runs until it is told to stop.
    pub fn run(home: &Home, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(home, home.command(args), env)
    }

    /// Like [`Service::run`], with a command of the test.
    pub fn spawn(home: &Home, mut command: Command, env: &[(&str, &str)]) -> Self {
        let path = home.folder().join("notify.socket");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        let told = Told::default();
        listen(socket, &told);
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
        command.envs(env.iter().copied()).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        let (lines, shared) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                shared.0.lock().unwrap().0.push(line);
                shared.1.notify_all();
            }
            shared.0.lock().unwrap().1 = true;
            shared.1.notify_all();
        });
        Self { child, log, told }
    }

    /// Waits for the next message to the notify socket that contains `text`.
    pub fn wait_told(&self, text: &str) -> String {
        let find = |told: &(Vec<String>, usize)| {
            told.0.iter().skip(told.1).position(|message| message.contains(text))
        };
        let told = self.told.0.lock().unwrap();
        let waited = self.told.1.wait_timeout_while(told, PATIENCE, |told| find(told).is_none());
        let mut told = waited.unwrap().0;
        let Some(at) = find(&told) else { panic!("{text} was not told: {told:?}") };
        told.1 += at + 1;
        told.0[told.1 - 1].clone()
    }

    /// Skips the messages received so far.
    pub fn forget(&self) {
        let mut told = self.told.0.lock().unwrap();
        told.1 = told.0.len();
    }

    /// Waits for a line of the log that contains `text`.
    pub fn wait_logged(&self, text: &str) -> String {
        let found = |log: &(Vec<String>, bool)| log.0.iter().find(|l| l.contains(text)).cloned();
        let log = self.log.0.lock().unwrap();
        let waits = |log: &mut (Vec<String>, bool)| found(log).is_none() && !log.1;
        let log = self.log.1.wait_timeout_while(log, PATIENCE, waits).unwrap().0;
        found(&log).unwrap_or_else(|| panic!("'{text}' was not logged: {:?}", log.0))
    }

    /// Returns the memory of the process.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_end_matches("kB").trim().parse().unwrap()
        };
        Memory { resident: of("VmRSS:"), peak: of("VmHWM:") }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap().0.clone()
    }

    /// Returns `http://ADDRESS`, as the log reports it.
    pub fn base(&self) -> String {
        let line = self.wait_logged("http://");
        let start = line.find("http://").unwrap();
        let rest = &line[start + 7..];
        format!("http://{}", &rest[..rest.find('/').unwrap()])
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let answer = client.get(format!("{}{path}", self.base())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process; returns the exit code and the whole log.
    pub fn end(mut self) -> (Option<i32>, Vec<String>) {
        let log = self.log.0.lock().unwrap();
        let waited = self.log.1.wait_timeout_while(log, PATIENCE, |log| !log.1).unwrap();
        assert!(!waited.1.timed_out(), "it does not end: {:?}", waited.0.0);
        drop(waited);
        (self.child.wait().unwrap().code(), self.log())
    }

    /// Tells the process to stop and waits for its end.
    pub fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal("TERM");
        self.end()
    }
}

/// Receives every message at once, as systemd does: the sender would wait if the socket were full.
fn listen(socket: UnixDatagram, told: &Told) {
    let told = Arc::downgrade(told);
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Some(told) = told.upgrade() {
            if let Ok(read) = socket.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..read]).into_owned();
                told.0.lock().unwrap().0.push(message);
                told.1.notify_all();
            }
        }
    });
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
