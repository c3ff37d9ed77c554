//! The image and the Debian package as people get them: run in containers, against a fake HeyGen on
//! this machine's loopback. A test binary of its own, since both must have been made before, by
//! scripts/image and scripts/package, and a Docker engine must run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compose;
mod documents;
#[path = "../it/fake/mod.rs"]
#[allow(dead_code)] // Its other half serves the main suite.
mod fake;
mod image;
mod package;

use std::process::{Command, Output};

/// What a command gave.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code, -1 when a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub fn run(command: &str, args: &[&str]) -> Ran {
    Ran::from(Command::new(command).args(args).output().unwrap())
}

/// The same, and it must go well; what it printed.
pub fn done(command: &str, args: &[&str]) -> String {
    let ran = run(command, args);
    assert_eq!(ran.code, 0, "{command} {args:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout
}
