//! Rule 9: a removed item that is listed again is restored.

use crate::world::{World, on_both};

on_both! {
    async fn it_gets_a_new_version_even_when_it_looks_the_same(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        assert_eq!(report.row.counts.unwrap().restored, 1);
        assert_eq!(world.versions().await, ["a|1|added|removed", "a|2|restored|∅", "b|1|added|∅"]);
        assert_eq!(world.standing().await, ["a|∅|∅", "b|∅|∅"]);
        assert_eq!(
            world.lines("SELECT first_seen_at, changed_at, valid_from FROM avatars WHERE avatar_id = 'a'").await,
            ["2026-01-01T01:00:00.000Z|2026-01-01T03:00:00.000Z|2026-01-01T03:00:00.000Z"]
        );
    }

    async fn what_changed_meanwhile_is_told_as_restored(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b","gender":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b"}"#).await;
        assert_eq!(
            world.lines("SELECT change, field, old_value, new_value FROM changes WHERE poll_id = 3 ORDER BY field NULLS FIRST").await,
            ["restored|∅|∅|∅", "restored|gender|x|y"]
        );
        assert_eq!(
            world.lines("SELECT opened_after FROM avatar_history WHERE opened_by = 'restored'").await,
            ["2026-01-01T02:00:00.000Z"]
        );
    }

    async fn what_could_not_be_known_is_no_changed_field(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b","mood":"calm"}"#).await;
        world.avatars(r#"{"avatar_id":"a","mood":"gay"},{"avatar_id":"b","mood":"calm"}"#).await;
        assert_eq!(world.field_changes().await, Vec::<String>::new());
        assert_eq!(world.cell("SELECT extra FROM avatars WHERE avatar_id = 'a'").await, r#"{"mood":"gay"}"#);
    }

    async fn a_field_that_is_not_carried_keeps_its_last_known_value(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "x");
    }
}
