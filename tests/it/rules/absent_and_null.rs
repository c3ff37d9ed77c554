//! Rule 4: absent is unknown, null is a value; which fields a list carries.

use crate::world::{World, body, on_all};

const NONE: [&str; 0] = [];

on_all! {
    async fn every_field_of_the_first_list_appears(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x","n":null,"tags":[]},{"avatar_id":"b","n":1.50}"#).await;
        assert_eq!(
            world.schema_changes(1).await,
            [
                r#"avatar_id|appeared|string|"a""#,
                r#"gender|appeared|string|"x""#,
                "n|appeared|number|1.5",
                "tags|appeared|array|[]",
            ]
        );
        let photos = "SELECT field, json_type FROM schema_changes
            WHERE kind = 'talking_photo' AND field <> 'avatar_type'"; // v3 always requires it
        assert_eq!(world.lines(photos).await, ["talking_photo_id|string"]);
    }

    async fn an_empty_list_says_nothing_about_fields_and_the_first_that_is_not_does(world: World) {
        world.poll_file(body("", "")).await;
        assert_eq!(world.count("schema_changes").await, 0);
        world.poll_file(body(r#"{"avatar_id":"a","gender":"x"}"#, "")).await;
        assert_eq!(world.schema_changes(2).await.len(), 2);
        world.poll_file(body("", "")).await; // held
        assert_eq!(world.schema_changes(3).await, NONE);
        world.poll_file(body(r#"{"avatar_id":"a","gender":"y"}"#, "")).await;
        assert_eq!(world.schema_changes(4).await, NONE);
        assert_eq!(world.field_changes().await, ["4|a|2|gender|x|y"]);
    }

    async fn a_list_without_a_record_that_is_kept_says_nothing_about_fields(world: World) {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.avatars(&format!(r#"7,{{"avatar_id":"a","new":1,"deep":{deep}}}"#)).await;
        assert_eq!(world.schema_changes(2).await, NONE);
        world.avatars(r#"{"avatar_id":"a","gender":"y"}"#).await;
        assert_eq!(world.field_changes().await, ["3|a|2|gender|x|y"]);
    }

    async fn inside_a_carrying_list_a_record_without_the_key_means_null(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b","gender":"x"}"#).await;
        assert_eq!(world.field_changes().await, ["2|a|2|gender|x|∅"]);
        world.avatars(r#"{"avatar_id":"a","gender":null},{"avatar_id":"b","gender":"x"}"#).await;
        assert_eq!(world.count("field_changes").await, 1);
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "∅");
    }

    async fn a_null_key_carries_the_field_as_well(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":null}"#).await;
        assert_eq!(world.schema_changes(2).await, NONE);
        assert_eq!(world.field_changes().await, ["2|a|2|gender|x|∅"]);
    }

    async fn a_field_that_is_not_carried_keeps_its_last_known_value(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x","size":1},{"avatar_id":"b","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b","type":null}"#).await;
        assert_eq!(
            world.schema_changes(2).await,
            ["gender|vanished|string|∅", "size|vanished|number|∅", "type|appeared|∅|∅"]
        );
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
        assert_eq!(
            world.lines("SELECT gender, extra FROM avatars WHERE avatar_id = 'a'").await,
            [r#"x|{"size":1}"#]
        );
    }

    async fn a_version_that_opens_meanwhile_takes_the_last_known_value_along(world: World) {
        world.avatars(r#"{"avatar_id":"a","avatar_name":"A","gender":"x","size":1}"#).await;
        world.avatars(r#"{"avatar_id":"a","avatar_name":"B"}"#).await;
        assert_eq!(world.field_changes().await, ["2|a|2|avatar_name|A|B"]);
        assert_eq!(
            world.lines("SELECT avatar_name, gender, extra FROM avatar_history WHERE version = 2").await,
            [r#"B|x|{"size":1}"#]
        );
    }

    async fn a_field_that_comes_back_with_the_same_value_changes_nothing(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        assert_eq!(world.schema_changes(3).await, [r#"gender|appeared|string|"x""#]);
        assert_eq!(world.versions().await, ["a|1|added|∅"]);
    }

    async fn vanished_keeps_the_last_known_type_and_none_when_none_was_ever_seen(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1,"y":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":null,"y":null}"#).await;
        assert_eq!(world.schema_changes(2).await, NONE);
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        assert_eq!(world.schema_changes(3).await, ["x|vanished|number|∅", "y|vanished|∅|∅"]);
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        assert_eq!(world.schema_changes(4).await, NONE);
        world.avatars(r#"{"avatar_id":"a","x":null,"y":null}"#).await;
        assert_eq!(world.schema_changes(5).await, ["x|appeared|number|∅", "y|appeared|∅|∅"]);
    }

    async fn a_field_is_retyped_when_its_types_differ_from_the_last_known(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":"1"},{"avatar_id":"b","x":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":"1"},{"avatar_id":"b","x":true}"#).await;
        assert_eq!(world.schema_changes(2).await, [r#"x|retyped|boolean|string|"1""#]);
        world.avatars(r#"{"avatar_id":"a","x":true},{"avatar_id":"b","x":"1"}"#).await;
        assert_eq!(world.schema_changes(3).await, NONE);
        world.avatars(r#"{"avatar_id":"a","x":null},{"avatar_id":"b"}"#).await;
        assert_eq!(world.schema_changes(4).await, NONE);
        world.avatars(r#"{"avatar_id":"a","x":{"k":[]}},{"avatar_id":"b"}"#).await;
        assert_eq!(world.schema_changes(5).await, [r#"x|retyped|object|{"k":[]}"#]);
    }

    async fn the_first_types_after_none_are_retyped_too(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":null}"#).await;
        assert_eq!(world.schema_changes(1).await.last().unwrap(), "x|appeared|∅|∅");
        world.avatars(r#"{"avatar_id":"a","x":[1]}"#).await;
        assert_eq!(world.schema_changes(2).await, ["x|retyped|array|[1]"]);
    }

    async fn a_field_that_comes_back_with_another_type_appeared_and_is_not_retyped(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1}"#).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":"1"}"#).await;
        assert_eq!(world.schema_changes(3).await, [r#"x|appeared|string|"1""#]);
    }

    async fn an_example_is_cut_to_two_hundred_characters(world: World) {
        world.avatars(&format!(r#"{{"avatar_id":"a","x":"{}"}}"#, "é".repeat(300))).await;
        let example = world.cell("SELECT example FROM schema_changes WHERE field = 'x'").await;
        assert_eq!(example, format!("\"{}", "é".repeat(199)));
    }

    async fn the_two_lists_carry_their_own_fields(world: World) {
        let photo = r#"{"talking_photo_id":"p","x":1}"#;
        world.poll_file(body(r#"{"avatar_id":"a","x":1}"#, photo)).await;
        world.poll_file(body(r#"{"avatar_id":"a"}"#, photo)).await;
        assert_eq!(
            world.lines("SELECT kind, field, change FROM schema_changes WHERE poll_id = 2").await,
            ["avatar|x|vanished"]
        );
    }

    async fn a_field_named_like_a_column_of_ours_is_kept_as_the_apis_own(world: World) {
        world.avatars(r#"{"avatar_id":"a","version":"9","extra":{"x":1},"removed_at":"now","talking_photo_id":"t"}"#).await;
        world.avatars(r#"{"avatar_id":"a","version":"10","extra":{"x":1},"removed_at":"now","talking_photo_id":"t"}"#).await;
        assert_eq!(world.field_changes().await, ["2|a|2|version|9|10"]);
        assert_eq!(
            world.lines("SELECT version, removed_at, extra FROM avatars WHERE avatar_id = 'a'").await,
            [r#"2|∅|{"extra":{"x":1},"removed_at":"now","talking_photo_id":"t","version":"10"}"#]
        );
    }

    async fn the_view_of_fields_folds_what_happened(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1,"y":2}"#).await;
        world.avatars(r#"{"avatar_id":"a","y":"2"}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":true,"y":"2"}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":true}"#).await;
        assert_eq!(
            world.lines("SELECT field, json_type, carried_since, vanished_at FROM fields
                WHERE field IN ('x', 'y') ORDER BY field").await,
            [
                "x|boolean|2026-01-01T03:00:00.000Z|2026-01-01T02:00:00.000Z",
                "y|string|2026-01-01T01:00:00.000Z|2026-01-01T04:00:00.000Z",
            ]
        );
    }
}
