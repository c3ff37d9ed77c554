//! The one clock of history: strictly increasing.

use std::time::Duration;

use heygen_sync::error::Kind as Fault;

use crate::world::{World, body, hour, on_all};

const MINUTE: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);

on_all! {
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
        world.set_clock(hour(5));
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

    async fn a_backfill_later_than_ten_minutes_from_now_is_refused(world: World) {
        world.set_clock(hour(5));
        let late = hour(5).plus(10 * MINUTE + MS);
        let error = world.backfill(body("", ""), Some(late)).await.unwrap_err();
        assert_eq!((error.kind, error.kind.exit_code()), (Fault::Usage, 2));
        assert!(error.message.contains(&late.to_string()) && error.message.contains("in the future"), "{error}");
        assert_eq!(world.lines("SELECT 1 AS one FROM polls").await, Vec::<String>::new());
        let report = world.backfill(body("", ""), Some(late.minus(MS))).await.unwrap();
        assert_eq!(report.row.observed_at, Some(late.minus(MS)));
    }

    async fn a_poll_after_one_that_is_dated_in_the_future_names_it_and_the_remedy(world: World) {
        world.set_clock(hour(90));
        world.backfill(body("", ""), None).await.unwrap();
        world.set_clock(hour(1));
        let error = world.poll().await.row.error.unwrap();
        let words = [&*hour(90).to_string(), "in the future", "account rename default", "backup"];
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }

    async fn accounts_have_clocks_of_their_own(world: World) {
        world.set_clock(hour(90));
        world.backfill(body("", ""), None).await.unwrap();
        world.set_clock(hour(0));
        world.account = "studio";
        assert_eq!(world.poll().await.row.observed_at, Some(hour(1)));
    }
}
