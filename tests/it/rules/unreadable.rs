//! Rule 7: a record that cannot be read never costs the others.

use crate::world::{World, on_both};

fn deep(id: &str) -> String {
    format!(r#"{{"avatar_id":"{id}","x":{}{}}}"#, "[".repeat(128), "]".repeat(128))
}

on_both! {
    async fn a_record_without_a_usable_id_is_counted_and_holds_back_all_removals(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        let long = format!(r#"{{"avatar_id":"{}"}}"#, "x".repeat(1025));
        for bad in ["7", "{}", r#"{"avatar_id":""}"#, r#"{"avatar_id":5}"#, &long] {
            let report = world.avatars(&format!(r#"{{"avatar_id":"a","gender":"x"}},{{"avatar_id":"c"}},{bad}"#)).await;
            let counts = report.row.counts.unwrap();
            assert_eq!((counts.rejected, counts.held, counts.removed), (1, 1, 0), "{bad}");
            assert_eq!((report.row.outcome.as_str(), report.exit_code(false)), ("held", 3));
        }
        assert_eq!(world.versions().await, ["a|1|added|learned", "a|2|learned|∅", "b|1|added|∅", "c|1|added|∅"]);
        assert_eq!(world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"c"}"#).await.row.counts.unwrap().removed, 1);
    }

    async fn without_due_removals_nothing_is_held(world: World) {
        let report = world.avatars(r#"{"avatar_id":"a"},7"#).await;
        assert_eq!((report.row.outcome.as_str(), report.row.counts.unwrap().rejected), ("succeeded", 1));
    }

    async fn the_other_list_is_judged_on_its_own(world: World) {
        world.poll_file(crate::world::body(r#"{"avatar_id":"a"}"#, r#"{"talking_photo_id":"x"},{"talking_photo_id":"y"}"#)).await;
        let report = world.poll_file(crate::world::body(r#"{"avatar_id":"a"},7"#, r#"{"talking_photo_id":"x"}"#)).await;
        assert_eq!((report.row.outcome.as_str(), report.row.counts.unwrap().removed), ("succeeded", 1));
    }

    async fn an_undecodable_item_is_listed_and_keeps_its_last_state(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        let report = world.avatars(&format!(r#"{},{{"avatar_id":"b"}}"#, deep("a"))).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.avatars_listed, counts.rejected, counts.missing, counts.removed), (2, 1, 0, 0));
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
    }

    async fn an_unknown_or_removed_item_stays_so(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        world.avatars(&format!(r#"{},{},{{"avatar_id":"b"}}"#, deep("a"), deep("new"))).await;
        assert_eq!(world.versions().await, ["a|1|added|removed", "b|1|added|∅"]);
    }

    async fn a_good_copy_beside_it_counts(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        let report = world.avatars(&format!(r#"{},{{"avatar_id":"a","gender":"y"}}"#, deep("a"))).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.changed, counts.duplicates, counts.rejected, counts.avatars_listed), (1, 1, 1, 1));
    }

    async fn a_missing_item_that_is_listed_undecodable_is_no_longer_missing(world: World) {
        world.removals.after_polls = Some(3);
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        assert_eq!(world.avatars(r#"{"avatar_id":"b"}"#).await.row.counts.unwrap().missing, 1);
        world.avatars(&format!(r#"{},{{"avatar_id":"b"}}"#, deep("a"))).await;
        assert_eq!(world.standing().await, ["a|∅|∅", "b|∅|∅"]);
    }

    async fn nesting_up_to_128_is_read(world: World) {
        let fits = format!(r#"{{"avatar_id":"a","x":{}{}}}"#, "[".repeat(127), "]".repeat(127));
        assert_eq!(world.avatars(&fits).await.row.counts.unwrap().rejected, 0);
        assert!(!world.avatars(&fits).await.diff.unwrap().is_news());
    }
}
