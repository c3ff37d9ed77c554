//! Rule 12: one poll at a time per account and database.

use std::time::Duration;

use heygen_sync::error::Kind as Fault;

use crate::world::{World, hour, on_both};

const DEADLINE: Duration = Duration::from_secs(60);

on_both! {
    async fn a_second_poll_leaves_at_once_and_names_the_holder(world: World) {
        let mut second = world.second().await;
        let held = second.begin_poll("default", hour(0), DEADLINE).await.unwrap();
        let error = world.poll_now().await.unwrap_err();
        assert_eq!(error.kind, Fault::Busy);
        assert!(error.message.contains(&format!("pid {}", std::process::id())), "{error}");
        assert_eq!(world.count("polls").await, 0);
        held.end().await.unwrap();
        assert!(world.poll_now().await.is_ok());
    }

    async fn accounts_do_not_wait_for_each_other(world: World) {
        let mut second = world.second().await;
        let held = second.begin_poll("studio", hour(0), DEADLINE).await.unwrap();
        assert!(world.poll_now().await.is_ok());
        held.end().await.unwrap();
    }

    async fn a_poller_that_is_gone_leaves_no_lock_behind(world: World) {
        let mut second = world.second().await;
        drop(second.begin_poll("default", hour(0), DEADLINE).await.unwrap());
        drop(second);
        // The server notices a connection that is gone a moment later.
        let mut tries = 0;
        while world.poll_now().await.is_err() {
            tries += 1;
            assert!(tries < 100_000, "the lock stays");
            tokio::task::yield_now().await;
        }
        assert_eq!(world.count("polls").await, 1);
    }
}
