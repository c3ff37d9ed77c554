//! Cleanup after a test process, however it ends.
//!
//! Values in statics are never dropped, and a killed process drops nothing at all. So the cleanup
//! is done by a small separate shell, which waits on a pipe that only this process holds: the
//! kernel closes it when the process ends. It does not know what it cleans.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Runs a shell script once this value is dropped or its process has ended.
pub struct Watchdog(Child);

impl Watchdog {
    /// Prepares `script`, which gets `arguments` as `"$@"`. Keyboard signals, which go to a whole
    /// process group, do not reach it.
    pub fn new(script: &str, arguments: &[String]) -> Result<Self, String> {
        let script = format!("trap '' INT TERM HUP; cat >/dev/null; {script}");
        Command::new("sh")
            .args(["-c", &script, "watchdog"])
            .args(arguments)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(|error| format!("cannot start sh: {error}"))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Closes the pipe, then waits until the cleanup is done.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
