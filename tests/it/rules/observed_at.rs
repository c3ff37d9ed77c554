//! The one clock of history: strictly increasing among an account's good polls.

use std::time::Duration;

use heygen_sync::error::Kind as Fault;

use crate::world::{World, body, hour, on_both};

on_both! {
    async fn a_clock_up_to_ten_minutes_behind_is_nudged(world: World) {
        world.avatars("").await;
        for (now, dated) in [
            (hour(1), hour(1).plus(Duration::from_millis(1))),
            (hour(1).minus(Duration::from_secs(599)), hour(1).plus(Duration::from_millis(2))),
        ] {
            world.set_clock(now);
            let report = world.backfill(body("", ""), None).await.unwrap();
            assert_eq!(report.row.observed_at, Some(dated));
        }
    }

    async fn further_behind_the_poll_fails_and_names_both_times(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let before = world.facts().await;
        world.set_clock(hour(1).minus(Duration::from_secs(601)));
        let report = world.backfill(body("", ""), None).await.unwrap();
        let error = report.error.unwrap();
        assert_eq!((error.kind, report.row.outcome.as_str()), (Fault::Unforeseen, "failed"));
        assert!(error.message.contains("2026-01-01T01:00:00.000Z") && error.message.contains("2026-01-01T00:49:59.000Z"));
        assert_eq!(world.facts().await, before);
    }

    async fn failed_polls_do_not_move_the_clock(world: World) {
        world.avatars("").await;
        world.poll_file("<html>").await;
        let just_after = hour(1).plus(Duration::from_millis(1));
        assert!(world.backfill(body("", ""), Some(just_after)).await.unwrap().error.is_none());
    }

    async fn a_backfill_too_early_is_a_usage_error_and_leaves_no_row(world: World) {
        world.avatars("").await;
        for time in [hour(0), hour(1)] {
            assert_eq!(world.backfill(body("", ""), Some(time)).await.unwrap_err().kind, Fault::Usage);
        }
        assert_eq!(world.count("polls").await, 1);
    }
}
