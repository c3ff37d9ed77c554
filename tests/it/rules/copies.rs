//! Rule 6: duplicates collapse, and their order has no effect.

use crate::world::{World, on_all};

on_all! {
    async fn extra_records_of_an_id_are_counted(world: World) {
        let report = world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"},{"avatar_id":"a"},{"avatar_id":"a"}"#).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.duplicates, counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.added), (2, 2, 3));
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
    }

    async fn of_copies_that_differ_the_one_that_is_stored_wins(world: World) {
        let (stored, other) = (r#"{"avatar_id":"a","gender":"y"}"#, r#"{"avatar_id":"a","gender":"x"}"#);
        world.avatars(stored).await;
        let before = world.facts().await;
        world.avatars(&format!("{other},{stored}")).await;
        world.avatars(&format!("{stored},{other}")).await;
        assert_eq!(world.facts().await, before);
        world.avatars(other).await;
        assert_eq!(world.field_changes().await, ["4|a|2|gender|y|x"]);
    }

    async fn else_the_first_by_the_bytes_of_its_canonical_json(world: World) {
        let copies = [r#"{"gender":"x","avatar_id":"a"}"#, r#"{"avatar_id":"a","gender":"w"}"#, r#"{"avatar_id":"a","gender":"y"}"#];
        for turn in 0..3 {
            let mut copies = copies;
            copies.rotate_left(turn);
            world.start_over().await;
            world.avatars(r#"{"avatar_id":"a","gender":"z"}"#).await;
            world.avatars(&copies.join(",")).await;
            assert_eq!(world.field_changes().await, ["2|a|2|gender|z|w"], "{copies:?}");
        }
    }

    async fn copies_of_a_new_item_are_chosen_by_their_bytes_too(world: World) {
        for copies in [r#"{"avatar_id":"a","x":2},{"avatar_id":"a","x":10}"#, r#"{"avatar_id":"a","x":10},{"avatar_id":"a","x":2}"#] {
            world.start_over().await;
            world.avatars(copies).await;
            assert_eq!(world.cell("SELECT extra FROM avatars WHERE avatar_id = 'a'").await, r#"{"x":10}"#);
        }
    }

    async fn a_removed_items_stored_state_wins_as_well(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b","gender":"y"}"#).await;
        world.avatars(r#"{"avatar_id":"b","gender":"y"}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"a","gender":"y"},{"avatar_id":"b","gender":"y"}"#).await;
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "y");
        assert_eq!(world.count("field_changes").await, 0);
    }

    async fn an_absent_field_equals_a_stored_null_and_a_present_one_does_not(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"a"}"#).await;
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "∅");
    }

    async fn fields_are_read_from_the_copy_that_is_kept(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"y"}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y","aaa":1},{"avatar_id":"a","gender":"y"}"#).await;
        assert_eq!(world.schema_changes(2).await, Vec::<String>::new());
        assert_eq!(world.versions().await, ["a|1|added|∅"]);
    }

    async fn copies_of_equal_bytes_but_another_type_are_chosen_whatever_their_order(world: World) {
        let copies = [r#"{"avatar_id":"a","x":1e400}"#, r#"{"avatar_id":"a","x":"1e400"}"#];
        let mut dumps = vec![];
        for list in [copies.join(","), [copies[1], copies[0]].join(",")] {
            world.start_over().await;
            world.avatars(&list).await;
            dumps.push(world.dump().await);
        }
        assert_eq!(dumps[0], dumps[1]);
    }
}
