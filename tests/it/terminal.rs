//! The output at a terminal while a list is fetched: `script` provides the terminal.
#![cfg(target_os = "linux")]

use std::{
    io::Read,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::home::Home;

/// Runs a command over v3 on a terminal with `columns` columns, whose output can be read.
fn on_a_terminal(home: &Home, columns: u16, verb: &str) -> Child {
    let own = home.command(&[]);
    let program = own.get_program().to_str().unwrap();
    let line = format!("stty cols {columns} rows 30; exec {program} {verb}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.current_dir(home.folder()).env_clear().env("TERM", "xterm");
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HEYGEN_SYNC_API__VERSION", "v3");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Reads until the screen contains `words`.
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
    let mut child = on_a_terminal(&home, 100, "sync");
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

#[tokio::test]
async fn no_id_is_broken_on_a_terminal_of_80_columns() {
    let home = Home::sqlite().await;
    let id = "0123456789abcdef0123456789abcdef";
    let name = "A name of many words that is longer than what is left of the line beside an id";
    home.heygen.add_photo(id);
    home.heygen.add_avatar(id, |avatar| avatar.set("avatar_name", name));
    assert_eq!(home.sync(&[]).0, 0);
    for verb in ["changes", &format!("history {id}")] {
        let child = on_a_terminal(&home, 80, verb);
        let output = child.wait_with_output().unwrap();
        let screen = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && screen.contains(id), "{screen}");
        // The title of a history is text: the terminal itself wraps it.
        let rows = screen.lines().filter(|line| !line.contains(" · account "));
        let too_wide = rows.filter(|line| line.trim_end().chars().count() > 80);
        assert_eq!(too_wide.collect::<Vec<_>>(), Vec::<&str>::new(), "{screen}");
    }
}
