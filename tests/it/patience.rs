//! No test waits for ever: one that hangs is named, with the processes that it waits for, and the
//! run ends.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    sync::{Mutex, Once},
    thread,
    time::{Duration, Instant},
};

/// Far more than any test takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The running tests by number: name and start.
static RUNNING: Mutex<BTreeMap<u64, (String, Instant)>> = Mutex::new(BTreeMap::new());

/// A time limit for a test, which applies while this value exists.
pub struct Patience(u64);

impl Patience {
    /// Starts the limit for the test of this thread. With `HEYGEN_SYNC_TEST_FULL` set, there is no limit.
    pub fn begin() -> Self {
        static WATCH: Once = Once::new();
        if std::env::var_os("HEYGEN_SYNC_TEST_FULL").is_none() {
            WATCH.call_once(|| drop(thread::spawn(watch)));
        }
        let name = thread::current().name().unwrap_or("a test").to_owned();
        let mut running = RUNNING.lock().unwrap();
        let number = running.last_key_value().map_or(0, |(number, _)| number + 1);
        running.insert(number, (name, Instant::now()));
        Self(number)
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        RUNNING.lock().unwrap().remove(&self.0);
    }
}

fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock().unwrap();
        let Some((name, since)) = running.values().find(|(_, since)| since.elapsed() > LIMIT)
        else {
            continue;
        };
        let text = format!(
            "\ntest {name} ... FAILED: it has not ended after {:?}; below it run:\n{}\n",
            since.elapsed(),
            processes_below(std::process::id()).join("\n")
        );
        // Written directly, since the test harness captures `eprint!`.
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::exit(101);
    }
}

/// Returns the direct and indirect child processes: number, state and command line.
fn processes_below(parent: u32) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name between the parentheses may contain anything.
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, above) = (rest.next()?.to_owned(), rest.next()?.parse::<u32>().ok()?);
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some((pid, above, format!("{pid} {state} {line}")))
    };
    let all: Vec<_> =
        all.filter_map(|entry| of(entry.file_name().to_str()?.parse().ok()?)).collect();
    let mut below = vec![parent];
    let mut lines = vec![];
    while let Some(one) = below.pop() {
        for (pid, _, line) in all.iter().filter(|(_, above, _)| *above == one) {
            below.push(*pid);
            lines.push(line.clone());
        }
    }
    lines
}
