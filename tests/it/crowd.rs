//! One poll at a time (rule 12), between processes: the second one exits at once and names the one
//! that is polling.

use std::{process::Output, sync::mpsc};

use crate::{
    dump::rows,
    fake::Kind,
    home::{Home, at_home},
};

/// Returns the number of rounds of the long tests: `HEYGEN_SYNC_TEST_ROUNDS`, or a few.
pub fn rounds(few: usize) -> usize {
    let asked = std::env::var("HEYGEN_SYNC_TEST_ROUNDS").ok();
    asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(few)
}

at_home! {
    async fn the_second_of_two_leaves_at_once_and_names_the_first(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        let gate = home.heygen.delay_next();
        let first = home.start(&["sync"]);
        let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
        let second = home.run(&["sync"]);
        assert_eq!(second.code, 75, "{second:?}");
        let holder = format!("pid {} ", first.id());
        assert!(second.stderr.contains(&holder), "{holder}: {second:?}");
        assert!(second.stderr.contains("another poll of account 'default' is running"));
        // Readers and other accounts are not blocked.
        let other = home.file("other.json", home.heygen.body());
        assert_eq!(home.run(&["sync", "--account", "other", "--from", &other]).code, 0);
        assert_eq!(home.rows(&["status"]).len(), 1);
        opener.release();
        assert!(first.wait_with_output().unwrap().status.success());
        assert_eq!(home.rows(&["status"]).len(), 2);
        assert_eq!(home.run(&["sync"]).code, 0);
    }
}

/// Starts `n` polls at once and lets the one with the lock continue when all others have ended.
/// Returns their outputs, the others first.
fn crowd(home: &Home, n: usize) -> Vec<(u32, Output)> {
    let gate = home.heygen.delay_next();
    let (say, said) = mpsc::channel();
    for _ in 0..n {
        let (child, say) = (home.start(&["sync"]), say.clone());
        std::thread::spawn(move || {
            let _ = say.send((child.id(), child.wait_with_output().unwrap()));
        });
    }
    let opener = gate.wait_reached();
    let mut all: Vec<_> = said.iter().take(n - 1).collect();
    opener.release();
    all.extend(said.iter().take(1));
    all
}

async fn of_twenty_one_polls(mut home: Home) {
    let url = match home.is_sqlite() {
        true => home.folder().join(&home.database).display().to_string(),
        false => home.database.clone(),
    };
    for id in 0..50 {
        home.heygen.add_avatar(&format!("{id:02}"), |_| ());
        home.heygen.add_photo(&format!("{id:02}"));
    }
    let rounds = rounds(3);
    for round in 1..=rounds {
        home.heygen.rename(Kind::Avatar, "00", &format!("Round {round}"));
        home.heygen.add_photo(&format!("round {round}"));
        let all;
        (all, home) = tokio::task::spawn_blocking(move || (crowd(&home, 20), home)).await.unwrap();
        let (winner, last) = all.last().unwrap();
        assert_eq!(last.status.code(), Some(0), "round {round}: {last:?}");
        let codes = all.iter().filter(|(_, other)| other.status.code() == Some(75));
        assert_eq!(codes.count(), 19, "round {round}: {all:?}");
        for (_, other) in &all[..19] {
            let stderr = String::from_utf8_lossy(&other.stderr);
            assert!(stderr.contains(&format!("pid {winner} ")), "{winner}: {stderr}");
        }
        assert_eq!(rows(&url, "SELECT poll_id FROM polls").await.len(), round);
    }
    assert_eq!(home.heygen.request_count(), rounds);
    assert_eq!(rows(&url, "SELECT avatar_id FROM avatars").await.len(), 50);
    assert_eq!(rows(&url, "SELECT version FROM avatar_history").await.len(), 49 + rounds);
    assert_eq!(rows(&url, "SELECT version FROM talking_photo_history").await.len(), 50 + rounds);
    assert_eq!(rows(&url, "SELECT field FROM field_changes").await.len(), rounds - 1);
}

#[tokio::test]
async fn of_twenty_processes_on_one_server_one_polls() {
    of_twenty_one_polls(Home::postgres().await).await;
}

#[tokio::test]
async fn of_twenty_processes_on_one_file_one_polls() {
    of_twenty_one_polls(Home::sqlite().await).await;
}
