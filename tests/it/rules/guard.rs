//! Rule 8: the guard, and what confirms held removals.

use heygen_sync::{catalog::diff::Accepted, poll::Report};

use crate::world::{World, body, on_all};

/// Returns avatars or talking photos with these numbers.
fn records(field: &str, numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!(r#"{{"{field}":"i{n:03}"}}"#)).collect::<Vec<_>>().join(",")
}

fn avatars(numbers: std::ops::Range<u32>) -> String {
    records("avatar_id", numbers)
}

impl World {
    /// Polls `all` avatars first, then the last `left` of them.
    async fn shrink(&mut self, all: u32, left: u32) -> Report {
        self.start_over().await;
        self.poll_file(body(&avatars(0..all), "")).await;
        self.poll_file(body(&avatars(all - left..all), "")).await
    }
}

/// Returns the counts: removed, held, missing.
fn counts(report: &Report) -> (i64, i64, i64) {
    let counts = report.row.counts.unwrap();
    (counts.removed, counts.held, counts.missing)
}

on_all! {
    async fn up_to_min_count_may_go_whatever_their_share(world: World) {
        assert_eq!(counts(&world.shrink(21, 1).await), (20, 0, 0));
        assert_eq!(counts(&world.shrink(22, 1).await), (0, 21, 21));
        world.removals.min_count = 0;
        world.removals.max_share = 0.0;
        assert_eq!(counts(&world.shrink(2, 1).await), (0, 1, 1));
    }

    async fn up_to_max_share_of_the_current_items_may_go(world: World) {
        world.removals.min_count = 1;
        assert_eq!(counts(&world.shrink(50, 40).await), (10, 0, 0));
        assert_eq!(counts(&world.shrink(50, 39).await), (0, 11, 11));
        assert_eq!(counts(&world.shrink(49, 40).await), (9, 0, 0));
        assert_eq!(counts(&world.shrink(49, 39).await), (0, 10, 10));
        world.removals.max_share = 0.29;
        assert_eq!(counts(&world.shrink(100, 71).await), (29, 0, 0));
        assert_eq!(counts(&world.shrink(100, 70).await), (0, 30, 30));
        world.removals.max_share = 1.0;
        assert_eq!(counts(&world.shrink(100, 1).await), (99, 0, 0));
    }

    async fn removed_items_are_not_current(world: World) {
        world.removals.min_count = 1;
        world.removals.max_share = 0.5;
        world.shrink(20, 10).await;
        assert_eq!(counts(&world.poll_file(body(&avatars(16..20), "")).await), (0, 6, 6));
        assert_eq!(counts(&world.poll_file(body(&avatars(15..20), "")).await), (5, 0, 0));
    }

    async fn an_empty_list_removes_nothing(world: World) {
        let report = world.shrink(2, 0).await;
        assert_eq!((report.row.outcome.as_str(), report.exit_code(true)), ("held", 3));
        assert_eq!(counts(&report), (0, 2, 2));
        assert!(report.row.held_reason.unwrap().contains("empty"));
        assert_eq!(world.standing().await, ["i000|02|∅", "i001|02|∅"]);
    }

    async fn an_empty_list_of_which_nothing_is_current_holds_nothing(world: World) {
        assert_eq!(world.poll_file(body("", "")).await.row.outcome, "succeeded");
        world.accepted = Accepted::All;
        world.poll_file(body(r#"{"avatar_id":"a"}"#, "")).await;
        world.poll_file(body("", "")).await;
        world.accepted = Accepted::None;
        assert_eq!(world.poll_file(body("", "")).await.row.outcome, "succeeded");
    }

    async fn held_means_all_due_removals_of_that_list_and_of_no_other(world: World) {
        let photos = records("talking_photo_id", 0..9);
        world.poll_file(body(&avatars(0..30), &photos)).await;
        let report = world.poll_file(body(&avatars(0..5), &records("talking_photo_id", 0..8))).await;
        assert_eq!(counts(&report), (1, 25, 25));
        let reason = report.row.held_reason.unwrap();
        assert!(reason.contains("25 of 30 avatars") && !reason.contains("talking"), "{reason}");
    }

    async fn adds_and_changes_are_applied_while_removals_are_held(world: World) {
        world.poll_file(body(&avatars(0..30), "")).await;
        let report = world.poll_file(body(r#"{"avatar_id":"i000","gender":"x"},{"avatar_id":"i001","gender":null},{"avatar_id":"new","gender":"x"}"#, "")).await;
        assert_eq!(report.exit_code(false), 3);
        let found = report.row.counts.unwrap();
        assert_eq!((found.added, found.learned, found.held), (1, 1, 28));
        assert_eq!(world.count("avatars WHERE missing_since IS NULL AND removed_at IS NULL").await, 3);
        assert_eq!(world.count("avatar_history WHERE closed_by = 'removed'").await, 0);
    }

    async fn the_set_that_was_held_is_let_through_and_all_else_judged_apart(world: World) {
        world.poll_file(body(&avatars(0..60), "")).await;
        let held = world.poll_file(body(&avatars(0..30), "")).await;
        let set = held.diff.unwrap().held_set().unwrap();
        assert_eq!(set.count(), 30);
        world.accepted = Accepted::Set(set);
        let report = world.poll_file(body(&avatars(25..29), "")).await;
        assert_eq!(counts(&report), (30, 26, 26), "26 more are held");
        assert_eq!(report.row.policy.unwrap().0, format!(r#"{{"accepted":"{set}","after_polls":1,"max_share":0.2,"min_count":20}}"#));
        world.accepted = Accepted::Set(report.diff.unwrap().held_set().unwrap());
        assert_eq!(counts(&world.poll_file(body(&avatars(25..29), "")).await), (26, 0, 0));
    }

    async fn a_set_of_which_an_item_is_listed_again_lets_nothing_through(world: World) {
        world.poll_file(body(&avatars(0..60), "")).await;
        let held = world.poll_file(body(&avatars(0..30), "")).await;
        let set = held.diff.unwrap().held_set().unwrap();
        for accepted in [Accepted::Set(set), Accepted::Set("30-00000000".parse().unwrap())] {
            world.accepted = accepted;
            let report = world.poll_file(body(&avatars(0..31), "")).await;
            assert_eq!(counts(&report), (0, 29, 29));
            let Accepted::Set(set) = accepted else { unreachable!() };
            assert_eq!(report.diff.unwrap().not_held, Some(set));
        }
        world.accepted = Accepted::Set(set);
        assert_eq!(counts(&world.poll_file(body(&avatars(0..30), "")).await).0, 0, "the last held set is another");
    }

    async fn held_and_then_whole_again_leaves_no_trace(world: World) {
        world.poll_file(body(&avatars(0..30), "")).await;
        let before = world.facts().await;
        assert_eq!(world.poll_file(body(&avatars(0..3), "")).await.exit_code(false), 3);
        assert_ne!(world.facts().await, before);
        assert_eq!(world.poll_file(body(&avatars(0..30), "")).await.row.outcome, "succeeded");
        assert_eq!(world.facts().await, before);
    }

    async fn every_later_poll_judges_afresh(world: World) {
        world.poll_file(body(&avatars(0..30), "")).await;
        world.poll_file(body(&avatars(0..3), "")).await;
        assert_eq!(counts(&world.poll_file(body(&avatars(0..3), "")).await), (0, 27, 27));
        assert_eq!(counts(&world.poll_file(body(&avatars(0..15), "")).await), (15, 0, 0));
        assert_eq!(world.count("avatars WHERE missing_since < removed_at").await, 15);
    }

    async fn an_empty_list_is_held_once_its_removals_are_due(world: World) {
        world.removals.after_polls = Some(2);
        world.poll_file(body(&avatars(0..30), "")).await;
        assert_eq!(world.poll_file(body("", "")).await.row.outcome, "succeeded");
        assert_eq!(world.poll_file(body("", "")).await.row.outcome, "held");
        assert_eq!(counts(&world.poll_file(body(&avatars(0..20), "")).await), (10, 0, 0));
    }

    async fn accepted_removals_go_when_they_are_at_most_so_many(world: World) {
        for (accepted, expected) in [
            (Accepted::UpTo(24), (0, 25, 25)),
            (Accepted::UpTo(25), (25, 0, 0)),
            (Accepted::UpTo(26), (25, 0, 0)),
            (Accepted::All, (25, 0, 0)),
        ] {
            world.accepted = accepted;
            assert_eq!(counts(&world.shrink(30, 5).await), expected, "{accepted:?}");
        }
    }

    async fn what_is_accepted_are_the_held_removals_of_both_lists_together(world: World) {
        for (accepted, removed) in [(Accepted::UpTo(49), 0), (Accepted::UpTo(50), 50)] {
            world.start_over().await;
            world.poll_file(body(&avatars(0..30), &records("talking_photo_id", 0..30))).await;
            world.accepted = accepted;
            let report = world.poll_file(body(&avatars(0..5), &records("talking_photo_id", 0..5))).await;
            assert_eq!(counts(&report).0, removed);
            assert_eq!(report.exit_code(false), if removed == 0 { 3 } else { 0 });
        }
    }

    async fn removals_that_pass_the_guard_are_not_counted_against_what_is_accepted(world: World) {
        world.poll_file(body(&avatars(0..30), &records("talking_photo_id", 0..9))).await;
        world.accepted = Accepted::UpTo(25);
        let report = world.poll_file(body(&avatars(0..5), &records("talking_photo_id", 0..4))).await;
        assert_eq!(counts(&report), (30, 0, 0));
    }

    async fn an_empty_list_and_a_bad_record_can_be_accepted(world: World) {
        world.accepted = Accepted::All;
        let report = world.shrink(3, 0).await;
        assert_eq!((report.row.outcome.as_str(), counts(&report)), ("succeeded", (3, 0, 0)));
        world.start_over().await;
        world.poll_file(body(&avatars(0..3), "")).await;
        assert_eq!(counts(&world.poll_file(body("7", "")).await), (3, 0, 0));
    }

    async fn accepting_is_for_one_poll_and_is_kept_in_its_policy(world: World) {
        world.accepted = Accepted::UpTo(30);
        world.shrink(30, 5).await;
        world.accepted = Accepted::All;
        world.poll_file(body("", "")).await;
        let policies = world.lines("SELECT policy FROM polls ORDER BY poll_id").await;
        assert!(policies[1].contains(r#""accepted":30"#) && policies[2].contains(r#""accepted":"all""#), "{policies:?}");
    }

    async fn removals_not_yet_due_are_not_accepted_away(world: World) {
        world.removals.after_polls = Some(2);
        world.accepted = Accepted::All;
        assert_eq!(counts(&world.shrink(30, 5).await), (0, 0, 25));
    }
}
