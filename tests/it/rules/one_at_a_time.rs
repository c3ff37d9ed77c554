//! Rule 12: one poll at a time per account and database.

use std::time::Duration;

use heygen_sync::{config::Version, error::Kind as Fault};
use sqlx::{Connection, Executor, PgConnection};

use crate::world::{Engine, World, body, hour, on_all};

const DEADLINE: Duration = Duration::from_secs(60);

/// Terminates the connection that polls.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'";

on_all! {
    async fn a_second_poll_leaves_at_once_and_names_the_holder(world: World) {
        world.poll().await;
        let before = world.dump().await;
        let mut first = world.second().await;
        let session = first.begin_poll("default", hour(2), DEADLINE).await.unwrap();
        let error = world.poll_now().await.unwrap_err();
        assert_eq!((error.kind, error.kind.exit_code()), (Fault::Busy, 75));
        let holder = format!("pid {}", std::process::id());
        assert!(error.message.contains(&holder), "{}", error.message);
        assert!(error.message.contains("default"), "{}", error.message);
        assert_eq!(world.dump().await, before);
        session.end().await.unwrap();
        assert_eq!(world.poll().await.row.poll_id, 2);
    }

    async fn the_lock_is_held_from_before_the_request(world: World) {
        let mut gate = world.heygen.delay_next();
        let mut second = world.second().await;
        let (report, ()) = tokio::join!(world.poll(), async {
            gate.reached().await;
            let error = second.begin_poll("default", hour(1), DEADLINE).await.unwrap_err();
            assert_eq!(error.kind, Fault::Busy);
            gate.release();
        });
        assert_eq!(report.row.outcome, "succeeded");
        second.begin_poll("default", hour(1), DEADLINE).await.unwrap().end().await.unwrap();
    }

    async fn accounts_do_not_block_each_other(world: World) {
        let mut second = world.second().await;
        let session = second.begin_poll("studio", hour(0), DEADLINE).await.unwrap();
        let held = tokio::time::timeout(DEADLINE, world.poll()).await;
        assert_eq!(held.unwrap().row.outcome, "succeeded");
        session.end().await.unwrap();
    }

    async fn names_of_any_kind_are_locked_apart(world: World) {
        let long = "x".repeat(300);
        let names = ["default", "Default", "a/b", "a%2Fb", "..", "", "é", long.as_str()];
        let mut stores = vec![];
        for _ in names {
            stores.push(world.second().await);
        }
        let mut sessions = vec![];
        for (store, name) in stores.iter_mut().zip(names) {
            sessions.push(store.begin_poll(name, hour(0), DEADLINE).await.unwrap());
        }
        let mut other = world.second().await;
        for name in names {
            let error = other.begin_poll(name, hour(0), DEADLINE).await.unwrap_err();
            assert_eq!(error.kind, Fault::Busy, "{name}");
        }
    }

    async fn no_name_of_an_account_keeps_others_from_opening_the_database(world: World) {
        let mut first = world.second().await;
        let session = first.begin_poll("open", hour(0), DEADLINE).await.unwrap();
        let opened = tokio::time::timeout(DEADLINE / 2, world.opens_apart()).await;
        assert!(opened.is_ok());
        session.end().await.unwrap();
    }

    async fn reading_is_never_blocked(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let mut second = world.second().await;
        let session = second.begin_poll("default", hour(2), DEADLINE).await.unwrap();
        assert_eq!(world.versions().await, ["a|1|added|∅"]);
        assert_eq!(world.dry_run(body("", "")).await.row.outcome, "held");
        session.end().await.unwrap();
    }

    async fn a_connection_that_is_lost_leaves_no_lock(world: World) {
        let mut second = world.second().await;
        drop(second.begin_poll("default", hour(0), DEADLINE).await.unwrap());
        drop(second);
        // The server notices the end of a connection a moment later.
        let free = async {
            while world.poll_now().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, free).await.unwrap();
        assert_eq!(world.count("polls").await, 1);
    }

    async fn a_poll_that_is_given_up_leaves_no_lock(world: World) {
        let mut gate = world.heygen.delay_next();
        tokio::select! {
            _ = world.poll_now() => panic!("the answer is held back"),
            () = gate.reached() => {}
        }
        gate.release();
        let report = world.poll().await;
        assert_eq!(report.row.poll_id, 1);
        let mut second = world.second().await;
        second.begin_poll("default", hour(3), DEADLINE).await.unwrap().end().await.unwrap();
    }
}

#[tokio::test]
async fn no_table_is_locked_while_the_request_lasts() {
    let mut world = World::start(Engine::Postgres).await;
    world.version = Version::Auto;
    world.avatars(r#"{"avatar_id":"a"}"#).await;
    let mut other = PgConnection::connect(world.url()).await.unwrap();
    let mut gate = world.heygen.delay_next();
    let (report, ()) = tokio::join!(world.poll(), async {
        gate.reached().await;
        let mut alone = other.begin().await.unwrap();
        alone.execute("LOCK TABLE polls, avatars IN ACCESS EXCLUSIVE MODE NOWAIT").await.unwrap();
        alone.rollback().await.unwrap();
        gate.release();
    });
    assert!(!report.row.failed());
}

#[tokio::test]
async fn a_killed_backend_leaves_no_lock_and_commits_nothing() {
    let mut world = World::start(Engine::Postgres).await;
    world.avatars(r#"{"avatar_id":"a"}"#).await;
    let before = world.dump().await;
    let mut killer = PgConnection::connect(world.url()).await.unwrap();
    let mut gate = world.heygen.delay_next();
    let kill = async {
        gate.reached().await;
        killer.execute(KILL).await.unwrap();
        gate.release();
    };
    let (polled, ()) = tokio::join!(world.poll_now(), kill);
    assert_eq!(polled.unwrap_err().kind, Fault::Storage);
    assert_eq!(world.dump().await, before);
    let mut second = world.second().await;
    second.begin_poll("default", hour(3), DEADLINE).await.unwrap().end().await.unwrap();
}
