//! The rules of history over random sequences of polls, on both engines.
//!
//! `edits` makes the sequences and their answers; `oracle` computes what must follow, written from
//! the contract alone. PROPTEST_CASES sets more cases than the few of every run.

mod edits;
mod oracle;

use std::{cell::RefCell, collections::BTreeMap};

use heygen_sync::{catalog::diff::Accepted, poll::Report};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::world::{Engine, World, body};
use edits::{Answer, Case, KINDS, KindNames, Step};
use oracle::{Fields, Oracle};

/// Cases of a run unless PROPTEST_CASES is set.
const CASES: u32 = 24;

/// Low limits of the guard, since the lists are short.
const MIN_COUNT: u64 = 1;
const MAX_SHARE: f64 = 0.5;

#[test]
fn the_rules_hold_over_any_sequence_on_sqlite() {
    on(Engine::Sqlite, |runtime, world, case| {
        runtime.block_on(run(world, case, 0));
    });
}

#[test]
fn the_rules_hold_over_any_sequence_on_postgres() {
    on(Engine::Postgres, |runtime, world, case| {
        runtime.block_on(run(world, case, 1));
    });
}

/// The databases may differ only in byte counts, hashes and signatures of the answers.
#[test]
fn the_same_answers_in_any_order_and_signed_anew_give_both_databases_the_same_rows() {
    let runtime = runtime();
    let other = RefCell::new(runtime.block_on(World::start(Engine::Sqlite)));
    on(Engine::Postgres, |runtime, world, case| {
        let other = &mut *other.borrow_mut();
        runtime.block_on(async {
            other.start_over().await;
            for step in &case.answers() {
                step_of(world, case, step, 2).await;
                step_of(other, case, step, 3).await;
            }
            let other = other.dump().await.replace("x3&Key-Pair-Id", "x2&Key-Pair-Id");
            assert_eq!(world.dump().await, other);
        });
    });
}

#[test]
fn recognising_records_changes_no_row_on_sqlite() {
    recognised_or_not(Engine::Sqlite);
}

#[test]
fn recognising_records_changes_no_row_on_postgres() {
    recognised_or_not(Engine::Postgres);
}

/// Polls the same answers twice, also into a second database whose fingerprints are deleted before
/// each poll, so that every record is decoded.
fn recognised_or_not(engine: Engine) {
    let other = RefCell::new(None);
    on(engine, |runtime, world, case| {
        let other = &mut *other.borrow_mut();
        runtime.block_on(async {
            let other = match other {
                Some(other) => other,
                None => other.insert(World::start(engine).await),
            };
            other.start_over().await;
            for step in case.answers().iter().flat_map(|step| [step, step]) {
                step_of(world, case, step, 2).await;
                for table in KINDS.map(|kind| kind.table) {
                    other.meddle(&format!("UPDATE {table} SET fingerprint = NULL")).await;
                }
                step_of(other, case, step, 2).await;
            }
            assert_eq!(world.dump().await, other.dump().await);
        });
    });
}

#[test]
fn polling_twice_adds_nothing_but_a_row_of_polls_on_sqlite() {
    on(Engine::Sqlite, |runtime, world, case| runtime.block_on(twice(world, case)));
}

#[test]
fn polling_twice_adds_nothing_but_a_row_of_polls_on_postgres() {
    on(Engine::Postgres, |runtime, world, case| runtime.block_on(twice(world, case)));
}

async fn twice(world: &mut World, case: &Case) {
    for step in &case.answers() {
        let first = step_of(world, case, step, 0).await;
        world.accepted = Accepted::None;
        let (facts, polls) = (world.facts().await, world.count("polls").await);
        let (body, _) = told(&step.answer, 9);
        let report = world.poll_file(body).await;
        assert_eq!(world.count("polls").await, polls + 1);
        let due = report.row.counts.is_some_and(|counts| counts.removed > 0);
        // Each poll decides anew: items that the first one added lower the share of removals.
        let late = due && (case.after_polls > 1 || first.row.outcome == "held");
        assert!(late || world.facts().await == facts, "{step:?}");
    }
}

/// One poll of a history, for other modules.
pub struct Told {
    pub body: Vec<u8>,
    pub after_polls: u32,
    pub accepted: Option<u64>,
}

/// Returns a random history of `polls` polls, the same at every run.
pub fn history(polls: usize) -> Vec<Told> {
    let mut runner = TestRunner::deterministic();
    let mut all = vec![];
    while all.len() < polls {
        let case = edits::case().new_tree(&mut runner).unwrap().current();
        all.extend(case.answers().into_iter().enumerate().map(|(seed, step)| Told {
            body: told(&step.answer, seed as u64).0,
            after_polls: case.after_polls,
            accepted: step.accepted,
        }));
    }
    all.truncate(polls);
    all
}

/// Tries random cases, each in the same world with an emptied database.
fn on(engine: Engine, test: impl Fn(&Runtime, &mut World, &Case)) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = runtime();
    let world = RefCell::new(runtime.block_on(World::start(engine)));
    let outcome = TestRunner::new(config).run(&edits::case(), |case| {
        let world = &mut *world.borrow_mut();
        runtime.block_on(world.start_over());
        test(&runtime, world, &case);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the answer as bytes, shuffled by `seed`, and whether it fails.
fn told(answer: &Answer, seed: u64) -> (Vec<u8>, bool) {
    match answer {
        Answer::Failed => (b"<html>".to_vec(), true),
        Answer::Lists(lists) => {
            let [avatars, photos] = lists.each_ref().map(|list| edits::mixed(list, seed));
            (body(&avatars, &photos), false)
        }
    }
}

async fn step_of(world: &mut World, case: &Case, step: &Step, seed: u64) -> Report {
    world.removals.after_polls = Some(case.after_polls);
    (world.removals.min_count, world.removals.max_share) = (MIN_COUNT, MAX_SHARE);
    world.accepted = step.accepted.map_or(Accepted::None, Accepted::UpTo);
    world.poll_file(told(&step.answer, seed).0).await
}

/// Polls a whole case, and compares with the oracle after every step.
async fn run(world: &mut World, case: &Case, seed: u64) {
    let mut oracle = Oracle::default();
    let mut past = vec![];
    let mut written: Vec<String> = vec![];
    for (poll, step) in (1..).zip(case.answers()) {
        let facts = world.facts().await;
        let report = step_of(world, case, &step, seed + poll).await;
        let Answer::Lists(lists) = &step.answer else {
            assert_eq!(world.facts().await, facts);
            continue;
        };
        if step.accepted.is_none() {
            check_guard(&report, &oracle);
        }
        oracle.poll(poll, lists, case.after_polls, step.accepted);
        check_tables(world, &oracle).await;
        check_report(&report, &oracle);
        written = check_history(world, written).await;
        past.push((report.row.observed_at.unwrap(), oracle.clone()));
    }
    check_changes(world, &oracle).await;
    check_restored(world).await;
    for (at, oracle) in past {
        check_as_of(world, &at.to_string(), &oracle).await;
    }
}

/// Asserts that the tables of items match the oracle.
async fn check_tables(world: &mut World, oracle: &Oracle) {
    for (kind, list) in KINDS.iter().zip(&oracle.lists) {
        let expected: Vec<_> = list
            .items
            .iter()
            .map(|(id, item)| {
                let missing = item.missing > 0;
                (id.clone(), item.version, item.fields.clone(), missing, item.removed)
            })
            .collect();
        let own = own_columns(world, kind.table).await;
        let sql = format!(
            "SELECT {0}, version, missing_since IS NOT NULL, removed_at IS NOT NULL, {1} FROM {2} ORDER BY {0}",
            kind.id,
            own.join(", "),
            kind.table
        );
        let rows = world.query(&sql).await.into_iter().map(|row| {
            let flag = |at: usize| row[at].as_deref() == Some("1");
            let version = row[1].as_deref().unwrap().parse().unwrap();
            (row[0].clone().unwrap(), version, fields(&own, &row[4..]), flag(2), flag(3))
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected, "{}", kind.table);
    }
}

fn check_report(report: &Report, oracle: &Oracle) {
    let counts = report.row.counts.unwrap();
    let found = [
        counts.listed(heygen_sync::catalog::kind::Kind::AVATAR)
            + counts.listed(heygen_sync::catalog::kind::Kind::TALKING_PHOTO),
        counts.added,
        counts.changed,
        counts.removed,
        counts.restored,
        counts.learned,
        counts.missing,
        counts.duplicates,
        counts.rejected,
        counts.held,
    ];
    assert_eq!(found, oracle.counts.in_order());
    assert_eq!(report.row.outcome == "held", counts.held > 0);
}

/// Asserts that no list loses more than the guard allows, and that a held list loses nothing;
/// `before` is the state before the poll.
fn check_guard(report: &Report, before: &Oracle) {
    let diff = report.diff.as_ref().unwrap();
    for (list, before) in diff.lists.iter().zip(&before.lists) {
        let current = before.items.values().filter(|item| !item.removed).count();
        let most = (MAX_SHARE * current as f64).max(MIN_COUNT as f64);
        assert!(list.removed.len() as f64 <= most, "{} of {current}", list.removed.len());
        assert!(list.held.is_none() || list.removed.is_empty());
    }
}

/// Asserts that `restored` opens a version exactly if `removed` closed the one before it.
async fn check_restored(world: &mut World) {
    for KindNames { history, id, .. } in &KINDS {
        let wrong = format!(
            "SELECT n.{id}, n.version FROM {history} AS n JOIN {history} AS b
             ON b.{id} = n.{id} AND b.version = n.version - 1
             WHERE (n.opened_by = 'restored') <> (b.closed_by = 'removed')"
        );
        assert_eq!(world.lines(&wrong).await, Vec::<String>::new());
    }
}

/// Asserts that a row of history is written once and closed once.
async fn check_history(world: &mut World, before: Vec<String>) -> Vec<String> {
    let mut now = vec![];
    for kind in &KINDS {
        let own = own_columns(world, kind.table).await.join(", ");
        let opening = "version, valid_from, opened_by, opened_poll, opened_after";
        let closing = "version, valid_to, closed_by, closed_poll, closed_after";
        for (columns, rows) in
            [(format!("{opening}, {own}"), "1 = 1"), (closing.into(), "valid_to IS NOT NULL")]
        {
            let sql = format!("SELECT {}, {columns} FROM {} WHERE {rows}", kind.id, kind.history);
            now.extend(world.lines(&sql).await.into_iter().map(|line| format!("{rows}: {line}")));
        }
    }
    for row in &before {
        assert!(now.contains(row), "{row} is gone");
    }
    now
}

/// Asserts that field changes, versions and schema changes are those of the oracle.
async fn check_changes(world: &mut World, oracle: &Oracle) {
    let sql =
        "SELECT poll_id, kind, item_id, version, field, old_value, new_value FROM field_changes
        ORDER BY poll_id, kind, item_id, field";
    assert_eq!(world.lines(sql).await, oracle.changes_sorted());
    for (kind, list) in KINDS.iter().zip(&oracle.lists) {
        let own = own_columns(world, kind.table).await;
        let sql = format!(
            "SELECT {0}, version, opened_by, closed_by, {1} FROM {2} ORDER BY {0}, version",
            kind.id,
            own.join(", "),
            kind.history
        );
        let rows = world.query(&sql).await.into_iter().map(|row| {
            let text = |at: usize| row[at].clone().unwrap_or_default();
            (text(0), text(1).parse().unwrap(), text(2), text(3), fields(&own, &row[4..]))
        });
        assert_eq!(rows.collect::<Vec<_>>(), list.versions_sorted(), "{}", kind.history);
    }
    let sql = "SELECT poll_id, kind, field, change, json_type FROM schema_changes ORDER BY poll_id, kind, field";
    assert_eq!(world.lines(sql).await, oracle.schema_sorted());
}

/// Asserts that the history as of a past poll is what the tables contained then.
async fn check_as_of(world: &mut World, at: &str, oracle: &Oracle) {
    for (kind, list) in KINDS.iter().zip(&oracle.lists) {
        let then = list.items.iter().filter(|(_, item)| !item.removed);
        let expected: Vec<_> = then.map(|(id, item)| (id.clone(), item.fields.clone())).collect();
        let own = own_columns(world, kind.table).await;
        let sql = format!(
            "SELECT {0}, {1} FROM {2} WHERE valid_from <= '{at}' AND (valid_to IS NULL OR valid_to > '{at}') ORDER BY {0}",
            kind.id,
            own.join(", "),
            kind.history
        );
        let rows = world.query(&sql).await.into_iter();
        let rows: Vec<_> =
            rows.map(|row| (row[0].clone().unwrap(), fields(&own, &row[1..]))).collect();
        assert_eq!(rows, expected, "{} at {at}", kind.history);
    }
}

/// Returns the columns of an item's own values, `extra` last.
async fn own_columns(world: &mut World, table: &str) -> Vec<String> {
    let all = world.columns(table).await.into_iter().skip(2);
    let mut own: Vec<String> = all.take_while(|name| name != "extra").collect();
    own.push("extra".into());
    own
}

/// Returns an item's values by the API's names, from columns and `extra`.
fn fields(columns: &[String], cells: &[Option<String>]) -> Fields {
    let mut fields: Fields = BTreeMap::new();
    for (name, cell) in columns.iter().zip(cells) {
        let Some(text) = cell else { continue };
        match name.as_str() {
            "extra" => fields.extend(serde_json::from_str::<Fields>(text).unwrap()),
            "tags" => drop(fields.insert(name.clone(), serde_json::from_str(text).unwrap())),
            "premium" => drop(fields.insert(name.clone(), Value::Bool(text == "1"))),
            _ => drop(fields.insert(name.clone(), Value::String(text.clone()))),
        }
    }
    fields
}
