//! Rule 8: missing, due, removed.

use crate::world::{World, hour, on_both};

const BOTH: &str = r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#;
const B: &str = r#"{"avatar_id":"b","gender":null}"#;

on_both! {
    async fn an_item_not_listed_is_removed_at_once_by_default_on_v2(world: World) {
        world.avatars(BOTH).await;
        let report = world.avatars(B).await;
        assert_eq!(report.row.outcome, "succeeded");
        assert_eq!(world.standing().await, ["a|02|02", "b|∅|∅"]);
        assert_eq!(
            world.lines("SELECT version, valid_from, valid_to, closed_by, closed_poll, closed_after
                FROM avatar_history WHERE avatar_id = 'a'").await,
            [format!("1|{0}|{1}|removed|2|{0}", hour(1), hour(2))]
        );
    }

    async fn a_removed_item_keeps_its_last_known_state(world: World) {
        world.avatars(BOTH).await;
        world.avatars(B).await;
        assert_eq!(
            world.lines("SELECT gender, version, valid_from, changed_at FROM avatars WHERE avatar_id = 'a'").await,
            [format!("x|1|{0}|{0}", hour(1))]
        );
        assert_eq!(world.count("current_avatars WHERE avatar_id = 'a'").await, 0);
        let before = world.facts().await;
        world.avatars(B).await;
        assert_eq!(world.facts().await, before);
    }

    async fn a_removal_is_due_after_so_many_polls_in_a_row(world: World) {
        for after in [2, 3] {
            world.start_over().await;
            world.removals.after_polls = Some(after);
            world.avatars(BOTH).await;
            for _ in 1..after {
                let report = world.avatars(B).await;
                let counts = report.row.counts.unwrap();
                assert_eq!((counts.removed, counts.missing, counts.held), (0, 1, 0));
                assert_eq!(world.standing().await, ["a|02|∅", "b|∅|∅"]);
            }
            let counts = world.avatars(B).await.row.counts.unwrap();
            assert_eq!((counts.removed, counts.missing), (1, 0));
            assert_eq!(world.standing().await, [&format!("a|02|0{}", after + 1), "b|∅|∅"]);
            assert_eq!(
                world.cell("SELECT closed_after FROM avatar_history WHERE avatar_id = 'a'").await,
                hour(1).to_string()
            );
        }
    }

    async fn failed_polls_neither_count_nor_interrupt(world: World) {
        world.removals.after_polls = Some(3);
        world.avatars(BOTH).await;
        world.avatars(B).await;
        for _ in 0..3 {
            world.poll_file("not JSON").await;
        }
        assert_eq!(world.avatars(B).await.row.counts.unwrap().removed, 0);
        world.poll_file("not JSON").await;
        assert_eq!(world.avatars(B).await.row.counts.unwrap().removed, 1);
    }

    async fn seen_again_it_is_simply_no_longer_missing(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(BOTH).await;
        let before = world.facts().await;
        world.avatars(B).await;
        assert_eq!(world.avatars(BOTH).await.row.counts.unwrap().missing, 0);
        assert_eq!(world.facts().await, before);
        assert_eq!(world.avatars(B).await.row.counts.unwrap().removed, 0);
        assert_eq!(world.standing().await, ["a|04|∅", "b|∅|∅"]);
    }

    async fn a_missing_item_that_comes_back_changed_shows_when_it_was_last_seen(world: World) {
        world.removals.after_polls = Some(3);
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b"}"#).await;
        assert_eq!(world.standing().await, ["a|∅|∅", "b|∅|∅"]);
        assert_eq!(
            world.lines("SELECT previous_poll_at, change FROM changes WHERE poll_id = 3").await,
            [format!("{}|changed", hour(1))]
        );
    }

    async fn polls_of_other_accounts_do_not_count(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.account = "studio";
        world.avatars(B).await;
        world.avatars(B).await;
        world.account = "default";
        assert_eq!(world.avatars(B).await.row.counts.unwrap().removed, 1);
    }

    async fn the_polls_in_a_row_are_counted_from_the_polls_whatever_was_set_then(world: World) {
        world.removals.after_polls = Some(9);
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.avatars(B).await;
        world.removals.after_polls = Some(3);
        assert_eq!(world.avatars(B).await.row.counts.unwrap().removed, 1);
    }

    async fn an_item_is_last_listed_when_the_view_says(world: World) {
        world.removals.after_polls = Some(9);
        world.avatars(BOTH).await;
        world.avatars(BOTH).await;
        world.avatars(B).await;
        assert_eq!(
            world.lines("SELECT avatar_id, last_listed_at FROM current_avatars WHERE avatar_id <> 'p' ORDER BY 1").await,
            [format!("a|{}", hour(2)), format!("b|{}", hour(3))]
        );
    }
}
