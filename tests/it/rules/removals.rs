//! Rule 8, the first half: missing, due, removed.

use crate::world::{World, on_both};

const BOTH: &str = r#"{"avatar_id":"a"},{"avatar_id":"b"}"#;
const ONE: &str = r#"{"avatar_id":"b"}"#;

on_both! {
    async fn by_default_an_item_not_listed_is_removed_at_once(world: World) {
        world.avatars(BOTH).await;
        world.avatars(ONE).await;
        assert_eq!(world.standing().await, ["a|02|02", "b|∅|∅"]);
        assert_eq!(
            world.lines("SELECT valid_to, closed_by, closed_poll, closed_after FROM avatar_history WHERE avatar_id = 'a'").await,
            ["2026-01-01T02:00:00.000Z|removed|2|2026-01-01T01:00:00.000Z"]
        );
    }

    async fn a_removal_is_due_after_so_many_polls_in_a_row(world: World) {
        world.removals.after_polls = Some(3);
        world.avatars(BOTH).await;
        for removed in [0, 0, 1] {
            let counts = world.avatars(ONE).await.row.counts.unwrap();
            assert_eq!((counts.removed, counts.missing), (removed, 1 - removed));
        }
        assert_eq!(world.standing().await, ["a|02|04", "b|∅|∅"]);
        assert_eq!(world.cell("SELECT closed_after FROM avatar_history WHERE avatar_id = 'a'").await, "2026-01-01T01:00:00.000Z");
    }

    async fn failed_polls_neither_count_nor_interrupt(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(BOTH).await;
        world.avatars(ONE).await;
        world.poll_file("<html>").await;
        world.poll_file("<html>").await;
        assert_eq!(world.standing().await, ["a|02|∅", "b|∅|∅"]);
        assert_eq!(world.avatars(ONE).await.row.counts.unwrap().removed, 1);
    }

    async fn an_item_seen_again_is_simply_no_longer_missing(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(BOTH).await;
        world.avatars(ONE).await;
        assert!(!world.avatars(BOTH).await.diff.unwrap().is_news());
        assert_eq!(world.standing().await, ["a|∅|∅", "b|∅|∅"]);
        assert_eq!(world.avatars(ONE).await.row.counts.unwrap().removed, 0, "the count begins anew");
    }

    async fn an_item_that_changed_while_it_was_missing_says_when_it_was_last_seen(world: World) {
        world.removals.after_polls = Some(3);
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b","gender":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b"}"#).await;
        assert_eq!(
            world.lines("SELECT opened_by, opened_after FROM avatar_history WHERE avatar_id = 'a' AND version = 2").await,
            ["changed|2026-01-01T01:00:00.000Z"]
        );
    }

    async fn a_removed_item_stays_as_it_is_while_it_is_not_listed(world: World) {
        world.avatars(BOTH).await;
        world.avatars(ONE).await;
        let before = world.facts().await;
        world.avatars(ONE).await;
        assert_eq!(world.facts().await, before);
    }
}
