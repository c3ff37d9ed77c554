//! Several processes, and processes that are killed: one poll at a time, all of it or nothing.

use std::{process::Command, thread, time::Duration, time::Instant};

use serde_json::json;

use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

const ITEMS: usize = 300;
/// Rounds of killing; the environment variable `KILLS` sets another number.
const KILLS: usize = 50;

fn rename_all(home: &Home, name: &str) {
    for index in 0..ITEMS {
        home.heygen.rename(Kind::Avatar, &format!("a{index}"), name);
    }
}

/// Returns a number from 0 to 1 that differs between rounds but not between runs.
fn spread(round: usize) -> f64 {
    (round as f64 * 0.618_033_988_749_894_9).fract()
}

at_home! {
    async fn of_two_syncs_at_once_one_polls_and_the_other_leaves_and_names_it(home: Home) {
        home.heygen.add_avatar("a", |_| {});
        home.sync(&[]);
        let mut gate = home.heygen.delay_next();
        let first = home.start(&["sync"]);
        gate.reached().await;
        let second = home.run(&["sync"]);
        assert_eq!(second.code, 75, "{second:?}");
        assert!(second.stderr.contains(&format!("pid {}", first.id())), "{second:?}");
        gate.release();
        assert_eq!(Ran::from(first.wait_with_output().unwrap()).code, 0);
        assert_eq!(home.rows(&["status"])[0]["last_poll_id"], 2, "the one that left wrote no row");
    }

    async fn a_killed_sync_leaves_the_database_as_it_was_or_as_it_was_to_be(home: Home) {
        for index in 0..ITEMS {
            home.heygen.add_avatar(&format!("a{index}"), |_| {});
        }
        rename_all(&home, "round 0");
        let started = Instant::now();
        assert_eq!(home.sync(&[]).0, 0);
        let whole_run = started.elapsed();
        let kills = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
        let (mut before, mut landed) = (1, 0);
        for round in 1..=kills {
            rename_all(&home, &format!("round {round}"));
            let mut sync = home.start(&["sync"]);
            // A different moment in each round; nothing is waited for.
            thread::sleep(whole_run.mul_f64(spread(round)));
            sync.kill().unwrap();
            sync.wait().unwrap();
            home.until_alone().await;
            let now = home.count("SELECT poll_id FROM polls").await;
            assert!(now == before || now == before + 1, "{now} polls after {before}");
            landed += now - before;
            before = now;
            assert_eq!(home.count("SELECT DISTINCT avatar_name FROM avatars").await, 1);
            assert_eq!(home.count("SELECT 1 FROM field_changes").await, ITEMS * landed);
            assert_eq!(home.count("SELECT 1 FROM avatar_history WHERE valid_to IS NULL").await, ITEMS);
        }
        rename_all(&home, "the end");
        let last = next_sync(&home);
        assert_eq!((last.code, last.stderr.as_str()), (0, ""), "the next sync works at once");
        assert_eq!(home.count("SELECT 1 FROM field_changes").await, ITEMS * (landed + 1));
        let counts = home.rows(&["status"])[0]["avatars"].clone();
        assert_eq!(counts, json!(ITEMS));
    }
}

/// Polls again; on PostgreSQL the server may take a moment to notice that a killed client is gone.
fn next_sync(home: &Home) -> Ran {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let ran = home.run(&["sync"]);
        if home.is_sqlite() || ran.code != 75 || Instant::now() > deadline {
            return ran;
        }
    }
}

#[tokio::test]
async fn a_sync_that_is_told_to_stop_stops_and_leaves_no_lock() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| {});
    let mut gate = home.heygen.delay_next();
    let mut first = home.start(&["sync"]);
    gate.reached().await;
    let pid = first.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(!first.wait().unwrap().success());
    gate.release();
    assert_eq!(home.sync(&[]).0, 0);
}
