//! Rule 6: duplicates collapse, whatever their order.

use crate::world::{World, on_both};

const X: &str = r#"{"avatar_id":"a","gender":"x"}"#;
const Y: &str = r#"{"avatar_id":"a","gender":"y"}"#;

impl World {
    async fn gender(&mut self) -> String {
        self.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await
    }
}

on_both! {
    async fn extra_copies_are_counted_and_listed_once(world: World) {
        let counts = world.avatars(&format!(r#"{X},{{"avatar_id":"b"}},{X},{X}"#)).await.row.counts.unwrap();
        assert_eq!((counts.avatars_listed, counts.added, counts.duplicates), (2, 3, 2));
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
    }

    async fn of_unequal_copies_the_first_by_its_canonical_json_is_kept(world: World) {
        world.avatars(&format!("{Y},{X}")).await;
        assert_eq!(world.gender().await, "x");
    }

    async fn the_copy_that_equals_the_stored_state_wins(world: World) {
        world.avatars(Y).await;
        for order in [format!("{X},{Y}"), format!("{Y},{X}"), format!("{X},{Y},{X}")] {
            assert!(!world.avatars(&order).await.diff.unwrap().is_news());
            assert_eq!(world.gender().await, "y");
        }
    }

    async fn an_absent_field_equals_a_stored_null_and_a_present_one_does_not(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":null}"#).await;
        world.avatars(&format!(r#"{X},{{"avatar_id":"a"}}"#)).await;
        assert_eq!(world.gender().await, "∅");
    }
}
