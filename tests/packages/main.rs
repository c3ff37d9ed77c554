//! The image and the Debian package as people get them: run in containers, against a fake HeyGen on
//! this machine's loopback. A test binary of its own, since both must have been made before, by
//! scripts/image and scripts/package, and a Docker engine must run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
#[path = "../it/fake/mod.rs"]
mod fake;
mod image;
mod package;

use std::process::Command;

/// What a command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(command: &str, args: &[&str]) -> Ran {
    let output = Command::new(command).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The same, and it must go well; what it printed.
pub fn done(command: &str, args: &[&str]) -> String {
    let ran = run(command, args);
    assert_eq!(ran.code, 0, "{command} {args:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout
}
