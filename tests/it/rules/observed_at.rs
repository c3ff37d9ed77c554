//! The one clock of history: strictly increasing.

use std::time::Duration;

use heygen_sync::error::Kind as Fault;

use crate::world::{World, body, hour, on_both};

const MINUTE: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);

on_both! {
    async fn a_clock_that_stands_still_or_is_a_little_behind_is_nudged(world: World) {
        let mut last = hour(1);
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        for (n, behind) in [Duration::ZERO, MS, MINUTE, 10 * MINUTE].into_iter().enumerate() {
            world.set_clock(last.minus(behind));
            let gender = format!(r#"{{"avatar_id":"a","gender":"{n}"}}"#);
            let report = world.backfill(body(&gender, ""), None).await.unwrap();
            last = last.plus(MS);
            assert_eq!(report.row.observed_at, Some(last), "{behind:?}");
            assert_eq!(world.cell("SELECT max(valid_from) AS valid_from FROM avatar_history").await, last.to_string());
        }
    }

    async fn a_clock_further_behind_fails_the_poll_and_both_times_are_named(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let before = world.facts().await;
        let early = hour(1).minus(10 * MINUTE + MS);
        world.set_clock(early);
        let report = world.backfill(body(r#"{"avatar_id":"b"}"#, ""), None).await.unwrap();
        assert_eq!(report.exit_code(false), 1);
        let error = report.row.error.unwrap();
        assert!(error.contains(&early.to_string()) && error.contains(&hour(1).to_string()), "{error}");
        assert_eq!(
            world.lines("SELECT outcome, observed_at FROM polls WHERE poll_id = 2").await,
            [format!("failed|{early}")]
        );
        assert_eq!(world.facts().await, before);
        world.set_clock(hour(2));
        assert_eq!(world.poll().await.row.outcome, "held");
    }

    async fn the_api_is_judged_by_the_same_clock(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        world.set_clock(hour(1).minus(MINUTE));
        assert_eq!(world.poll_now().await.unwrap().row.observed_at, Some(hour(1).plus(MS)));
        world.set_clock(hour(0));
        assert_eq!(world.poll_now().await.unwrap().exit_code(false), 1);
    }

    async fn a_failed_poll_does_not_move_the_clock_of_history(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.set_clock(hour(9));
        world.poll_file("not JSON").await;
        world.set_clock(hour(5));
        assert_eq!(world.poll().await.row.observed_at, Some(hour(6)));
    }

    async fn a_backfill_must_be_later_than_the_last_good_poll(world: World) {
        let list = || body(r#"{"avatar_id":"a"}"#, "");
        let report = world.backfill(list(), Some(hour(5))).await.unwrap();
        assert_eq!(report.row.observed_at, Some(hour(5)));
        let before = world.dump().await;
        for early in [hour(5), hour(5).minus(MS), hour(1)] {
            let error = world.backfill(list(), Some(early)).await.unwrap_err();
            assert_eq!((error.kind, error.kind.exit_code()), (Fault::Usage, 2));
            assert!(error.message.contains(&early.to_string()), "{}", error.message);
        }
        assert_eq!(world.dump().await, before);
        let report = world.backfill(list(), Some(hour(5).plus(MS))).await.unwrap();
        assert_eq!(report.row.observed_at, Some(hour(5).plus(MS)));
    }

    async fn accounts_have_clocks_of_their_own(world: World) {
        world.backfill(body("", ""), Some(hour(90))).await.unwrap();
        world.account = "studio";
        assert_eq!(world.poll().await.row.observed_at, Some(hour(1)));
    }
}
