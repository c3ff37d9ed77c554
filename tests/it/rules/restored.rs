//! Rule 9: a removed item that is listed again is restored.

use crate::world::{World, hour, on_both};

const BOTH: &str = r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b","gender":"x"}"#;
const B: &str = r#"{"avatar_id":"b","gender":"x"}"#;

on_both! {
    async fn a_removed_item_that_is_listed_again_gets_a_new_version_even_when_it_looks_the_same(world: World) {
        for list in [BOTH, B, B] {
            world.avatars(list).await;
        }
        let report = world.avatars(BOTH).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.restored, counts.added, counts.changed), (1, 0, 0));
        assert_eq!(report.exit_code(true), 10);
        assert_eq!(
            world.lines("SELECT version, valid_from, valid_to, opened_by, closed_by, opened_after, closed_after
                FROM avatar_history WHERE avatar_id = 'a' ORDER BY version").await,
            [
                format!("1|{0}|{1}|added|removed|∅|{0}", hour(1), hour(2)),
                format!("2|{1}|∅|restored|∅|{0}|∅", hour(3), hour(4)),
            ]
        );
        assert_eq!(
            world.lines("SELECT version, valid_from, first_seen_at, changed_at, missing_since, removed_at
                FROM avatars WHERE avatar_id = 'a'").await,
            [format!("2|{1}|{0}|{1}|∅|∅", hour(1), hour(4))]
        );
        assert_eq!(world.count("field_changes").await, 0);
    }

    async fn what_changed_meanwhile_is_told_as_restored(world: World) {
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b","gender":"x"}"#).await;
        assert_eq!(world.field_changes().await, ["3|a|2|gender|x|y"]);
        assert_eq!(
            world.lines("SELECT change, field, old_value, new_value FROM changes WHERE poll_id = 3 ORDER BY field NULLS FIRST").await,
            ["restored|∅|∅|∅", "restored|gender|x|y"]
        );
        assert_eq!(world.cell("SELECT changed, restored FROM daily_changes WHERE restored > 0").await, "0|1");
    }

    async fn what_was_learned_meanwhile_is_not_told(world: World) {
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.avatars(r#"{"avatar_id":"b","gender":"x","n":1}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","gender":"x","n":2},{"avatar_id":"b","gender":"x","n":1}"#).await;
        assert_eq!(report.row.counts.unwrap().restored, 1);
        assert_eq!(report.row.counts.unwrap().learned, 0);
        assert_eq!(world.field_changes().await, Vec::<String>::new());
        assert_eq!(world.cell("SELECT extra FROM avatars WHERE avatar_id = 'a'").await, r#"{"n":2}"#);
    }

    async fn a_field_that_is_not_carried_comes_back_as_last_known(world: World) {
        world.avatars(BOTH).await;
        world.avatars(B).await;
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "x");
    }

    async fn it_may_be_removed_and_restored_any_number_of_times(world: World) {
        for list in [BOTH, B, BOTH, B, BOTH, B] {
            world.avatars(list).await;
        }
        assert_eq!(
            world.versions().await,
            ["a|1|added|removed", "a|2|restored|removed", "a|3|restored|removed", "b|1|added|∅"]
        );
        assert_eq!(world.standing().await, ["a|06|06", "b|∅|∅"]);
    }
}
