//! The image and the Debian package as users get them: run in containers, against a fake HeyGen on
//! this machine's loopback. A separate test binary, since scripts/image and scripts/package must
//! have built both before, and a Docker engine must run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compose;
mod documents;
#[path = "../it/fake/mod.rs"]
#[allow(dead_code)] // The main suite uses the rest.
mod fake;
mod image;
mod package;

use std::process::{Command, Output};

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code, -1 if a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command until it ends.
pub fn run(command: &str, args: &[&str]) -> Ran {
    Ran::from(Command::new(command).args(args).output().unwrap())
}

/// Runs a command, asserts success and returns the standard output.
pub fn done(command: &str, args: &[&str]) -> String {
    let ran = run(command, args);
    assert_eq!(ran.code, 0, "{command} {args:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout
}
