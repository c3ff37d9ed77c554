//! Rule 4: whether a value is learned or changed.

use std::collections::BTreeMap;

use heygen_sync::catalog::{
    diff::{
        Accepted, Diff, GoodPoll, OpenedBy, Policy, PollContext, Snapshot, SnapshotItem,
        SnapshotList, diff,
    },
    item::Fields,
    json_type::JsonType,
    kind::{ByKind, Kind},
    schema::{Field, Types},
    v2,
};

use crate::world::{World, body, hour, on_all};

const NONE: [&str; 0] = [];

on_all! {
    async fn a_value_of_a_field_that_appears_is_learned(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","default_voice_id":"v"},{"avatar_id":"b","default_voice_id":null}"#).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.learned, counts.changed), (1, 0));
        assert_eq!(world.versions().await, ["a|1|added|learned", "a|2|learned|∅", "b|1|added|∅"]);
        assert_eq!(world.field_changes().await, NONE);
        assert_eq!(world.count("changes WHERE poll_id = 2").await, 0);
        assert_eq!(world.count("daily_changes WHERE changed > 0").await, 0);
        assert!(!report.diff.unwrap().is_news());
        assert_eq!(
            world.lines("SELECT version, default_voice_id, valid_from, changed_at FROM avatars WHERE avatar_id = 'a'").await,
            [format!("2|v|{}|{}", hour(2), hour(1))]
        );
    }

    async fn learned_is_no_change_for_the_exit_code(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        assert_eq!(world.avatars(r#"{"avatar_id":"a","x":1}"#).await.exit_code(true), 0);
        assert_eq!(world.avatars(r#"{"avatar_id":"a","x":2}"#).await.exit_code(true), 10);
    }

    async fn learned_and_changed_open_one_version_that_shows_the_changed_fields_only(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","gender":"y","new":1}"#).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.learned, counts.changed), (0, 1));
        assert_eq!(world.versions().await, ["a|1|added|changed", "a|2|changed|∅"]);
        assert_eq!(world.field_changes().await, ["2|a|2|gender|x|y"]);
        assert_eq!(world.cell("SELECT extra FROM avatars WHERE avatar_id = 'a'").await, r#"{"new":1}"#);
    }

    async fn a_value_that_was_known_to_be_null_is_changed(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":null,"x":null},{"avatar_id":"b","x":1}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y","x":2},{"avatar_id":"b","x":1}"#).await;
        assert_eq!(world.field_changes().await, ["2|a|2|gender|∅|y", "2|a|2|x|∅|2"]);
    }

    async fn of_another_json_type_is_learned(world: World) {
        world.avatars(r#"{"avatar_id":"a","premium":true,"x":1,"y":"1"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","premium":"yes","x":"1","y":[1]}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        assert_eq!(world.field_changes().await, NONE);
    }

    async fn a_new_type_of_the_field_does_not_make_other_items_learned(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1},{"avatar_id":"b","x":1},{"avatar_id":"c","x":null}"#).await;
        world.avatars(r#"{"avatar_id":"a","x":"1"},{"avatar_id":"b","x":2},{"avatar_id":"c","x":"3"}"#).await;
        assert_eq!(world.field_changes().await, ["2|b|2|x|1|2", "2|c|2|x|∅|3"]);
        assert_eq!(world.cell("SELECT opened_by FROM avatar_history WHERE avatar_id = 'a' AND version = 2").await, "learned");
    }

    async fn a_number_kept_as_text_is_still_a_number(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1e400}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","x":2}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
        assert_eq!(world.schema_changes(2).await, NONE);
        let report = world.avatars(r#"{"avatar_id":"a","x":3e400}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
        let report = world.avatars(r#"{"avatar_id":"a","x":"word"}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        let changes = world.field_changes().await;
        assert_eq!(changes.len(), 2);
        assert!(changes[0].ends_with("|2") && changes[1].contains("|2|3"), "{changes:?}");
    }

    async fn an_item_missing_when_the_field_appeared_learns_it_when_it_comes_back(world: World) {
        world.removals.after_polls = Some(9);
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"b","x":1}"#).await;
        world.avatars(r#"{"avatar_id":"b","x":1}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","x":1},{"avatar_id":"b","x":1}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        let report = world.avatars(r#"{"avatar_id":"a","x":2},{"avatar_id":"b","x":1}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
        assert_eq!(
            world.lines("SELECT version, opened_after, closed_after FROM avatar_history
                WHERE avatar_id = 'a' ORDER BY version").await,
            [
                format!("1|{}|{}", hour(0), hour(1)).replace(&hour(0).to_string(), "∅"),
                format!("2|{}|{}", hour(1), hour(4)),
                format!("3|{}|∅", hour(4)),
            ]
        );
    }

    async fn a_field_that_comes_back_is_learned_anew(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1}"#).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","x":2}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        let report = world.avatars(r#"{"avatar_id":"a","x":3}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
        assert_eq!(world.field_changes().await, ["4|a|3|x|2|3"]);
    }

    async fn a_field_that_comes_back_as_null_is_learned_to_be_null(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a","gender":null}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        assert_eq!(world.cell("SELECT gender FROM avatars WHERE avatar_id = 'a'").await, "∅");
    }

    async fn a_missing_item_that_only_learned_nothing_gets_no_version(world: World) {
        world.removals.after_polls = Some(9);
        world.poll_file(body(r#"{"avatar_id":"a","x":1},{"avatar_id":"b","x":1}"#, "")).await;
        world.poll_file(body(r#"{"avatar_id":"b"}"#, "")).await;
        world.poll_file(body(r#"{"avatar_id":"a","x":1},{"avatar_id":"b","x":1}"#, "")).await;
        assert_eq!(world.versions().await, ["a|1|added|∅", "b|1|added|∅"]);
    }

    async fn an_item_added_with_a_new_field_is_added(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b","x":1}"#).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.added, counts.learned), (1, 0));
    }

    async fn what_a_failed_poll_would_have_shown_is_not_learned(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        world.poll_file("not JSON").await;
        let report = world.avatars(r#"{"avatar_id":"a","x":1}"#).await;
        assert_eq!(report.row.counts.unwrap().learned, 1);
        world.poll_file("not JSON").await;
        let report = world.avatars(r#"{"avatar_id":"a","x":2}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
    }
}

/// Returns the diff of a poll by v3, for an avatar `a` that v2 last listed with `gender` x.
fn after_another_version(missing_since: Option<u64>, versions: [&str; 2]) -> Diff {
    let good = |at, version: &str| GoodPoll {
        observed_at: hour(at),
        api_version: version.into(),
        from_file: false,
    };
    let item = SnapshotItem {
        id: "a".into(),
        fields: Fields::from_row(Kind::AVATAR, vec![("gender".into(), text("x"))], None, None),
        version: 1,
        missing_since: missing_since.map(hour),
        removed: false,
        has_fingerprint: false,
    };
    let types = Types::default().with(JsonType::String);
    let known =
        |name: &'static str| (name.into(), Field { carried: true, types, appeared_at: hour(1) });
    let snapshot = Snapshot {
        last_good: Some(good(3, versions[1])),
        recent_good: vec![hour(3)],
        listed_before: BTreeMap::from([(hour(2), good(1, versions[0]))]),
        lists: ByKind::from([(
            Kind::AVATAR,
            SnapshotList { items: vec![item], schema: ["avatar_id", "gender"].map(known).into() },
        )]),
        ..Snapshot::default()
    };
    let answer = v2::decode(&body(r#"{"avatar_id":"a","gender":"y"}"#, "")).unwrap();
    let policy = Policy { after_polls: 9, min_count: 20, max_share: 0.2, accepted: Accepted::None };
    diff(
        &snapshot,
        answer,
        &PollContext { observed_at: hour(4), api_version: "v3", policy: &policy, mirror: false },
    )
}

fn text(text: &str) -> heygen_sync::catalog::value::Value<'_> {
    heygen_sync::catalog::value::Value::text(text)
}

#[test]
fn what_differs_since_another_version_of_the_api_is_learned() {
    let diff = after_another_version(None, ["v2", "v2"]);
    assert_eq!((diff.lists[0].count(OpenedBy::Learned), diff.is_news()), (1, false));
    assert!(diff.lists[0].opened[0].changes.is_empty());
}

#[test]
fn what_differs_under_the_same_version_of_the_api_is_changed() {
    let diff = after_another_version(None, ["v2", "v3"]);
    assert_eq!(diff.lists[0].count(OpenedBy::Changed), 1);
}

#[test]
fn it_is_the_version_that_last_listed_the_item_that_counts() {
    let diff = after_another_version(Some(2), ["v2", "v3"]);
    assert_eq!(diff.lists[0].count(OpenedBy::Learned), 1);
    let diff = after_another_version(Some(2), ["v3", "v2"]);
    assert_eq!(diff.lists[0].count(OpenedBy::Changed), 1);
}
