//! What a person at a terminal sees while a list comes: `script` gives the program one.
#![cfg(target_os = "linux")]

use std::{
    io::Read,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::home::Home;

/// `sync` by v3 on a terminal of 100 columns, whose output can be read.
fn on_a_terminal(home: &Home) -> Child {
    let own = home.command(&[]);
    let line = format!("stty cols 100 rows 30; exec {} sync", own.get_program().to_str().unwrap());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.current_dir(home.folder()).env_clear().env("TERM", "xterm");
    command.env("HEYGEN_SYNC_API__VERSION", "v3");
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Reads until the screen says `words`.
fn wait_for(words: &str, screen: &mut String, output: &mut ChildStdout) {
    let mut bytes = [0; 4096];
    while !screen.contains(words) {
        let count = output.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "it never said {words:?}: {screen:?}");
        screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_items_so_far_are_told_while_a_list_comes() {
    let home = Home::sqlite().await;
    for n in 0..120 {
        home.heygen.add_avatar(&format!("a{n:03}"), |_| ());
    }
    let mut gate = home.heygen.delay_next();
    let mut child = on_a_terminal(&home);
    let mut output = child.stdout.take().unwrap();
    let mut screen = String::new();
    for told in ["waiting for HeyGen's list", "page 1, 50 items", "page 2, 100 items"] {
        gate.reached().await;
        wait_for(told, &mut screen, &mut output);
        let next = home.heygen.delay_next();
        std::mem::replace(&mut gate, next).release();
    }
    wait_for("120 avatars", &mut screen, &mut output);
    assert!(child.wait().unwrap().success());
}
