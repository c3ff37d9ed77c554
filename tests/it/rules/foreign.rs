//! Rule 11: an answer that has no id in common with the known ones is not applied.

use heygen_sync::{
    catalog::{api_version::ApiVersion, diff::Accepted},
    config::Version,
    poll::Report,
};

use crate::world::{World, body, on_all, on_both};

/// Returns lists of avatars and talking photos with these names.
fn lists(name: &str, avatars: usize, photos: usize) -> Vec<u8> {
    let records = |field: &str, count| {
        let records = (0..count).map(|n| format!(r#"{{"{field}":"{name}{n}"}}"#));
        records.collect::<Vec<_>>().join(",")
    };
    body(&records("avatar_id", avatars), &records("talking_photo_id", photos))
}

fn refused(report: &Report) -> bool {
    let why = report.error.as_ref().map_or("", |error| &error.message);
    report.exit_code(true) == 65 && why.contains("--accept-removals=")
}

on_all! {
    async fn a_list_of_strangers_changes_nothing(world: World) {
        world.poll_file(lists("a", 3, 2)).await;
        let before = world.facts().await;
        for accepted in [Accepted::None, Accepted::UpTo(5)] {
            world.accepted = accepted;
            let report = world.poll_file(lists("b", 2, 3)).await;
            assert!(refused(&report), "{:?}", report.error);
            assert_eq!((report.row.outcome.as_str(), report.row.superseded), ("failed", false));
        }
        assert_eq!(world.facts().await, before);
        assert!(refused(&world.dry_run(lists("b", 2, 3)).await));
    }

    async fn fewer_than_five_on_either_side_show_nothing(world: World) {
        world.poll_file(lists("a", 5, 0)).await;
        assert!(!refused(&world.poll_file(lists("b", 4, 0)).await));
        world.start_over().await;
        world.poll_file(lists("a", 4, 0)).await;
        assert!(!refused(&world.poll_file(lists("b", 9, 0)).await));
    }

    async fn one_id_in_common_is_enough_even_that_of_a_removed_item(world: World) {
        world.poll_file(lists("a", 6, 0)).await;
        world.poll_file(body(r#"{"avatar_id":"a0"},{"avatar_id":"a1"},{"avatar_id":"a2"},{"avatar_id":"a3"},{"avatar_id":"a4"}"#, "")).await;
        let with_removed = r#"{"avatar_id":"a5"},{"avatar_id":"b1"},{"avatar_id":"b2"},{"avatar_id":"b3"},{"avatar_id":"b4"}"#;
        assert!(!refused(&world.poll_file(body(with_removed, "")).await));
    }

    async fn accepting_the_hash_of_the_refusal_applies_it_until_something_else_is_known(world: World) {
        world.poll_file(lists("a", 3, 2)).await;
        let report = world.poll_file(lists("b", 5, 0)).await;
        let why = report.error.unwrap().message;
        let set = why.split("--accept-removals=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        world.accepted = Accepted::Set(set.parse().unwrap());
        world.poll_file(lists("a", 4, 2)).await;
        assert!(refused(&world.poll_file(lists("b", 5, 0)).await), "another set");
        let why = world.poll_file(lists("b", 5, 0)).await.error.unwrap().message;
        let set = why.split("--accept-removals=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        world.accepted = Accepted::Set(set.parse().unwrap());
        let counts = world.poll_file(lists("b", 5, 0)).await.row.counts.unwrap();
        assert_eq!((counts.added, counts.removed), (5, 6));
    }

    async fn accepting_without_a_number_applies_it_and_removes_all_else_at_once(world: World) {
        world.poll_file(lists("a", 3, 3)).await;
        world.removals.after_polls = Some(2);
        world.accepted = Accepted::All;
        let counts = world.poll_file(lists("b", 5, 0)).await.row.counts.unwrap();
        assert_eq!((counts.added, counts.removed, counts.missing), (5, 6, 0));
    }
}

mod versions {
    use super::*;

    on_both! {
        async fn another_version_may_list_other_ids_unless_the_last_poll_read_a_file(world: World) {
            for n in 0..5 {
                world.heygen.add_avatar(&format!("b{n}"), |_| ());
            }
            world.version = Version::Fixed(ApiVersion::V3);
            world.poll_file(lists("a", 5, 0)).await;
            assert!(refused(&world.poll().await));
        }

        async fn a_list_of_the_other_version_is_judged_by_the_guard(world: World) {
            for n in 0..5 {
                world.heygen.add_avatar(&format!("a{n}"), |_| ());
            }
            world.poll().await;
            for n in 0..5 {
                world.heygen.remove(crate::fake::Kind::Avatar, &format!("a{n}"));
                world.heygen.add_avatar(&format!("b{n}"), |_| ());
            }
            assert!(refused(&world.poll().await));
            world.version = Version::Fixed(ApiVersion::V3);
            assert_eq!(world.poll().await.row.counts.unwrap().added, 5);
        }
    }
}
