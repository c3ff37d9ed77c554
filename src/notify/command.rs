//! Passes a message to a program as JSON on standard input; exit code 0 accepts it. On timeout, or
//! when this program ends, the whole process group is killed (on Windows only the program).

use std::{process::Stdio, time::Duration};

use serde_json::Value as Json;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use crate::system::Group;

/// The environment variables that a program gets: none contains a key of ours. Without `SystemRoot`
/// and those after it few programs start on Windows.
const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SystemRoot",
    "ComSpec",
    "PATHEXT",
    "TEMP",
    "USERPROFILE",
];

/// Runs the program once; `Err` is why the message was not accepted.
pub(super) async fn run(
    command: &[String],
    message: &Json,
    timeout: Duration,
) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("no command is configured".into());
    };
    let variables = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut process = Command::new(program);
    Group::begin(&mut process);
    let child = process
        .args(arguments)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| format!("the command cannot be started: {}", fault.kind()))?;
    let mut group = Group::of(&child);
    let ended = tokio::time::timeout(timeout, complete(child, message.to_string())).await;
    match ended {
        Ok(Ok(status)) => {
            // Processes that it left running on purpose may continue.
            group.release();
            match status.code() {
                Some(0) => Ok(()),
                Some(code) => Err(format!("the command ended with exit code {code}")),
                None => Err("the command was killed by a signal".into()),
            }
        }
        Ok(Err(fault)) => Err(format!("the command cannot be run: {}", fault.kind())),
        Err(_) => Err(format!(
            "the command did not end within {} s and was killed",
            timeout.as_secs_f64()
        )),
    }
}

/// Writes the message and waits for the program to end. A program need not read its input.
async fn complete(mut child: Child, message: String) -> std::io::Result<std::process::ExitStatus> {
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(message.as_bytes()).await;
        }
    };
    let (ended, ()) = tokio::join!(child.wait(), write);
    ended
}
