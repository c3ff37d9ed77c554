//! The rules over random sequences of answers, on both engines side by side.
//!
//! `PROPTEST_CASES` sets how many; a failure is shrunk to the shortest sequence that shows it.

use std::collections::{BTreeMap, BTreeSet};

use heygen_sync::time::Timestamp;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use crate::world::{Engine, World, body};

/// An avatar as a list tells it: the values of gender, tags and an unknown field.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    gender: Option<u8>,
    tags: Vec<u8>,
    mood: u8,
}

/// One poll's answer.
#[derive(Clone, Debug)]
enum Answer {
    /// What the two lists hold, by id, each perhaps twice; the order is made by a number.
    Lists { avatars: BTreeMap<u8, (Told, bool)>, photos: BTreeSet<u8>, order: u64 },
    /// No catalogue.
    Failure,
}

fn told() -> impl Strategy<Value = Told> {
    let tags = prop::collection::vec(0..3_u8, 0..3);
    (prop::option::of(0..3_u8), tags, 0..3_u8).prop_map(|(gender, tags, mood)| Told {
        gender,
        tags,
        mood,
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    let avatars = prop::collection::btree_map(0..6_u8, (told(), any::<bool>()), 0..6);
    let photos = prop::collection::btree_set(0..4_u8, 0..4);
    let lists = (avatars, photos, any::<u64>())
        .prop_map(|(avatars, photos, order)| Answer::Lists { avatars, photos, order });
    prop_oneof![9 => lists, 1 => Just(Answer::Failure)]
}

/// A sequence of answers, and in how many polls in a row an item must be missing.
fn sequence() -> impl Strategy<Value = (Vec<Answer>, u32)> {
    (prop::collection::vec(answer(), 1..9), 1..4_u32)
}

impl Answer {
    /// The response, its lists in the order that `turn` makes.
    fn body(&self, turn: u64) -> Vec<u8> {
        let Self::Lists { avatars, photos, order } = self else { return b"<html>".to_vec() };
        let mut records = vec![];
        for (id, (told, twice)) in avatars {
            let gender = told.gender.map_or("null".to_owned(), |g| format!("\"g{g}\""));
            let mut tags = told.tags.clone();
            if turn % 2 == 1 {
                tags.reverse();
            }
            let tags: Vec<String> = tags.iter().map(|tag| format!("\"t{tag}\"")).collect();
            let record = format!(
                r#"{{"avatar_id":"a{id}","gender":{gender},"tags":[{}],"mood":{}}}"#,
                tags.join(","),
                told.mood
            );
            records.extend(vec![record; if *twice { 2 } else { 1 }]);
        }
        let signed = |id: &u8| {
            format!(
                r#"{{"talking_photo_id":"p{id}","preview_image_url":"https://h/{id}?Expires=4102444800&Signature=s{turn}&Key-Pair-Id=K"}}"#
            )
        };
        let mut photos: Vec<String> = photos.iter().map(signed).collect();
        for list in [&mut records, &mut photos] {
            let by = (order ^ turn) as usize % list.len().max(1);
            list.rotate_left(by);
            if (order ^ turn) % 3 == 1 {
                list.reverse();
            }
        }
        body(&records.join(","), &photos.join(","))
    }
}

/// Runs `check` on random sequences with a world on each engine.
fn on_random_sequences(
    check: impl AsyncFn(&mut [World; 2], &[Answer]) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let worlds = runtime.block_on(async {
        [World::start(Engine::Sqlite).await, World::start(Engine::Postgres).await]
    });
    let worlds = tokio::sync::Mutex::new(worlds);
    let cases =
        std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(24);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&sequence(), |(answers, after_polls)| {
        runtime.block_on(async {
            let mut worlds = worlds.lock().await;
            for world in worlds.iter_mut() {
                world.start_over().await;
                world.removals.after_polls = Some(after_polls);
                world.removals.min_count = 2;
                world.removals.max_share = 0.5;
            }
            check(&mut worlds, &answers).await
        })
    });
    run.unwrap();
}

/// The items of one kind and time: `id|fields`, from the tables.
const NOW: &str =
    "SELECT avatar_id AS id, gender, tags, extra, version FROM avatars WHERE removed_at IS NULL
     UNION ALL SELECT talking_photo_id, preview_image_url, NULL, extra, version FROM talking_photos
     WHERE removed_at IS NULL ORDER BY id";

fn as_of(time: Timestamp) -> String {
    let then = format!("valid_from <= '{time}' AND (valid_to > '{time}' OR valid_to IS NULL)");
    format!(
        "SELECT avatar_id AS id, gender, tags, extra, version FROM avatar_history WHERE {then}
         UNION ALL SELECT talking_photo_id, preview_image_url, NULL, extra, version
         FROM talking_photo_history WHERE {then} ORDER BY id"
    )
}

#[test]
fn the_versions_open_at_any_poll_are_the_tables_at_that_poll() {
    on_random_sequences(async |worlds, answers| {
        for world in worlds {
            let mut then = vec![];
            for answer in answers {
                let report = world.poll_file(answer.body(0)).await;
                let now = world.lines(NOW).await;
                if report.error.is_none() {
                    then.push((world.now(), now));
                }
            }
            for (time, state) in then {
                prop_assert_eq!(world.lines(&as_of(time)).await, state);
            }
        }
        Ok(())
    });
}

#[test]
fn a_row_of_history_is_written_once_and_closed_once() {
    const ROWS: &str = "SELECT avatar_id, version, valid_from, opened_by, opened_poll, opened_after, gender, tags, extra,
        valid_to, closed_by, closed_poll, closed_after FROM avatar_history ORDER BY avatar_id, version";
    on_random_sequences(async |worlds, answers| {
        for world in worlds {
            let mut before: Vec<Vec<Option<String>>> = vec![];
            for answer in answers {
                world.poll_file(answer.body(0)).await;
                let after = world.query(ROWS).await;
                for row in &before {
                    let same = after.iter().find(|other| other[..2] == row[..2]);
                    let same =
                        same.ok_or_else(|| TestCaseError::fail("a row of history is gone"))?;
                    prop_assert_eq!(&same[..9], &row[..9]);
                    if row[9].is_some() {
                        prop_assert_eq!(&same[9..], &row[9..]);
                    }
                }
                before = after;
            }
        }
        Ok(())
    });
}

#[test]
fn order_copies_and_signatures_leave_no_trace_and_both_engines_keep_the_same() {
    on_random_sequences(async |worlds, answers| {
        let mut dumps = vec![];
        for (turn, world) in worlds.iter_mut().enumerate() {
            for answer in answers {
                world.poll_file(answer.body(turn as u64)).await;
            }
            let dump = world.dump().await;
            dumps.push(dump.replace("Signature=s1", "Signature=s0"));
        }
        prop_assert_eq!(&dumps[0], &dumps[1]);
        Ok(())
    });
}

#[test]
fn polling_twice_adds_one_row_of_polls_and_nothing_else() {
    on_random_sequences(async |worlds, answers| {
        for world in worlds {
            // Only a removal that falls due, or that the guard judges anew, may come with the same
            // answer.
            world.removals.after_polls = Some(1);
            for answer in answers {
                if world.poll_file(answer.body(0)).await.row.outcome == "held" {
                    continue;
                }
                let (before, polls) = (world.facts().await, world.count("polls").await);
                world.poll_file(answer.body(3)).await;
                prop_assert_eq!(world.facts().await, before);
                prop_assert_eq!(world.count("polls").await, polls + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn field_changes_are_what_the_pairs_of_versions_imply() {
    // All fields are carried from the baseline on and keep their types, so that nothing is learned.
    let baseline = Answer::Lists {
        avatars: BTreeMap::from([(9, (Told { gender: Some(0), tags: vec![0], mood: 0 }, false))]),
        photos: BTreeSet::from([9]),
        order: 0,
    };
    on_random_sequences(async |worlds, answers| {
        for world in worlds {
            world.poll_file(baseline.body(0)).await;
            for answer in answers {
                world.poll_file(answer.body(0)).await;
            }
            let changes = world
                .lines("SELECT item_id, version, field, old_value, new_value FROM field_changes ORDER BY item_id, version, field")
                .await;
            let versions = world
                .query("SELECT avatar_id, version, extra, gender, tags, opened_by FROM avatar_history ORDER BY avatar_id, version")
                .await;
            let mut implied = vec![];
            for pair in versions.windows(2).filter(|pair| pair[0][0] == pair[1][0]) {
                for (at, field) in [(3, "gender"), (2, "mood"), (4, "tags")] {
                    let cell = |row: &[Option<String>]| {
                        let value = row[at]
                            .clone()
                            .map(|value| value.replace("{\"mood\":", "").replace('}', ""));
                        value.unwrap_or_else(|| "∅".into())
                    };
                    let (old, new) = (cell(&pair[0]), cell(&pair[1]));
                    if old != new {
                        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
                        implied.push(format!(
                            "{}|{}|{field}|{old}|{new}",
                            text(&pair[1][0]),
                            text(&pair[1][1])
                        ));
                    }
                }
            }
            let learned = versions.iter().any(|row| row[5].as_deref() == Some("learned"));
            prop_assert!(!learned);
            prop_assert_eq!(changes, implied);
        }
        Ok(())
    });
}

#[test]
fn the_guard_passes_no_more_than_it_may_and_restored_follows_removed() {
    on_random_sequences(async |worlds, answers| {
        for world in worlds {
            let mut current = [0_i64, 0];
            for answer in answers {
                let report = world.poll_file(answer.body(0)).await;
                let Some(diff) = report.diff else { continue };
                for (current, list) in current.iter_mut().zip(&diff.lists) {
                    let removed = list.removed.len() as i64;
                    prop_assert!(removed <= 2.max(*current / 2), "{} of {}", removed, current);
                    prop_assert!(list.held.is_none() || removed == 0);
                    let opened = |by| list.count(by) as i64;
                    use heygen_sync::catalog::diff::OpenedBy::{Added, Restored};
                    *current += opened(Added) + opened(Restored) - removed;
                }
            }
            let wrong = world
                .lines(
                    "SELECT n.avatar_id, n.version FROM avatar_history AS n JOIN avatar_history AS b
                     ON b.avatar_id = n.avatar_id AND b.version = n.version - 1
                     WHERE (n.opened_by = 'restored') <> (b.closed_by = 'removed')",
                )
                .await;
            prop_assert_eq!(wrong, Vec::<String>::new());
        }
        Ok(())
    });
}
