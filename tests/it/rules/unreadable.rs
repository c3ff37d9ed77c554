//! Rule 7: a record that cannot be read affects nothing but itself.

use crate::world::{World, on_all};

/// Returns a record of item `id` with a nesting depth of `depth`.
fn nested(id: &str, depth: usize) -> String {
    let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
    format!(r#"{{"avatar_id":"{id}","gender":"deep","x":{open}{close}}}"#)
}

const HELD: &str =
    "SELECT outcome, removed, held, rejected, missing FROM polls ORDER BY poll_id DESC LIMIT 1";

on_all! {
    async fn a_record_without_a_usable_id_is_counted_and_holds_removals_back(world: World) {
        let long = format!(r#"{{"avatar_id":"{}"}}"#, "é".repeat(513));
        for bad in ["7", "null", "[]", r#""a""#, "{}", r#"{"avatar_id":null}"#, r#"{"avatar_id":""}"#, r#"{"avatar_id":7}"#, r#"{"talking_photo_id":"a"}"#, &long] {
            world.start_over().await;
            world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
            let report = world.avatars(&format!(r#"{{"avatar_id":"a"}},{bad}"#)).await;
            assert_eq!(world.cell(HELD).await, "held|0|1|1|1", "{bad}");
            assert!(report.row.held_reason.unwrap().contains("might be any"), "{bad}");
            assert_eq!(report.row.counts.unwrap().listed(heygen_sync::catalog::kind::Kind::AVATAR), 1);
        }
    }

    async fn an_unusable_record_holds_back_its_own_list_alone(world: World) {
        let photos = r#"{"talking_photo_id":"a"},{"talking_photo_id":"b"}"#;
        world.poll_file(crate::world::body(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#, photos)).await;
        // On v3 a record that is not an object might belong to either list; one with its type does not.
        let unusable = if world.is_v3() { r#"{"avatar_type":"studio_avatar"}"# } else { "7" };
        let avatars = format!(r#"{{"avatar_id":"a"}},{unusable}"#);
        world.poll_file(crate::world::body(&avatars, r#"{"talking_photo_id":"a"}"#)).await;
        assert_eq!(world.cell(HELD).await, "held|1|1|1|1");
        assert_eq!(world.cell("SELECT talking_photo_id FROM talking_photos WHERE removed_at IS NOT NULL").await, "b");
    }

    async fn an_unusable_record_without_removals_due_holds_nothing(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.avatars(r#"{"avatar_id":"a"},7,{"avatar_id":"b"}"#).await;
        assert_eq!(world.cell(HELD).await, "succeeded|0|0|1|0");
    }

    async fn an_id_of_1024_bytes_is_usable(world: World) {
        let id = "é".repeat(512);
        world.avatars(&format!(r#"{{"avatar_id":"{id}"}}"#)).await;
        assert_eq!(world.count(&format!("avatars WHERE avatar_id = '{id}'")).await, 1);
    }

    async fn a_record_nested_128_deep_is_read(world: World) {
        world.avatars(&nested("a", 128)).await;
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "deep");
        let before = world.facts().await;
        world.avatars(&nested("a", 128)).await;
        assert_eq!(world.facts().await, before);
    }

    async fn an_item_that_cannot_be_decoded_is_listed_and_keeps_its_last_state(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b","gender":"x"}"#).await;
        let before = world.facts().await;
        let report = world.avatars(&format!(r#"{},{{"avatar_id":"b","gender":"x"}}"#, nested("a", 129))).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.rejected, counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.missing, counts.held), (1, 2, 0, 0));
        assert_eq!(world.facts().await, before);
        world.avatars(r#"{"avatar_id":"b","gender":"x"}"#).await;
        world.avatars(&format!(r#"{},{{"avatar_id":"b","gender":"x"}}"#, nested("a", 129))).await;
        assert_eq!(world.standing().await, ["a|∅|∅", "b|∅|∅"]);
    }

    async fn an_unknown_or_removed_item_that_cannot_be_decoded_stays_so(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        let before = world.facts().await;
        let report = world.avatars(&format!(r#"{},{{"avatar_id":"b"}},{}"#, nested("a", 129), nested("new", 200))).await;
        assert_eq!(report.row.outcome, "succeeded");
        assert_eq!(world.facts().await, before);
    }

    async fn a_good_copy_beside_a_bad_one_counts(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        let report = world.avatars(&format!(r#"{},{{"avatar_id":"a","gender":"y"}}"#, nested("a", 129))).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.rejected, counts.duplicates, counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.changed), (1, 1, 1, 1));
    }

    async fn bad_records_never_cost_the_others(world: World) {
        let report = world.avatars(&format!(
            r#"7,{{"avatar_id":"a","s":"\ud800","n":1e400}},{},{{"avatar_id":"b","k":1,"k":2}}"#, nested("c", 500)
        )).await;
        assert_eq!(report.row.counts.unwrap().rejected, 2);
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
    }

    async fn a_list_of_nothing_but_bad_records_removes_nothing(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.avatars("7,8").await;
        assert_eq!(world.cell(HELD).await, "held|0|1|2|1");
        world.avatars(&nested("a", 200)).await;
        assert_eq!(world.cell(HELD).await, "succeeded|0|0|1|0");
    }
}
