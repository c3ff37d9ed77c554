//! The catalogue at any past time, over random histories on both engines.
//!
//! A history is a sequence of polls of random lists, some of which fail; what each poll wrote is
//! noted then and queried again at the end.

mod histories;

use std::{cell::RefCell, time::Duration};

use heygen_sync::{
    catalog::{catalogue::Catalogue, cell::Cell, kind::Kind, schema::FieldEvent},
    store::export::{ItemState, Moment},
    time::Timestamp,
};
use histories::{History, Step, history};
use proptest::test_runner::{Config, FileFailurePersistence, TestError, TestRunner};
use tokio::runtime::Runtime;

use crate::world::{Engine, World, hour};

/// The result of a poll, as the tables contain it.
struct Noted {
    observed_at: Timestamp,
    /// The rows of `avatars` and `talking_photos` that are not removed.
    rows: Vec<String>,
    /// The equivalent answer of the API.
    answer: String,
    /// Whether every item was listed and read, and no number is stored as its text.
    is_ordinary: bool,
}

/// Runs `check` on many histories in one world, and prints the smallest one that fails.
fn for_all(engine: Engine, check: impl AsyncFn(&mut World, &History)) {
    let runtime = Runtime::new().unwrap();
    let world = RefCell::new(runtime.block_on(World::start(engine)));
    let config = Config {
        cases: cases(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_iters: 100,
        ..Config::default()
    };
    let found = TestRunner::new(config).run(&history(), |history| {
        let world = &mut *world.borrow_mut();
        runtime.block_on(async {
            world.start_over().await;
            check(world, &history).await;
        });
        Ok(())
    });
    if let Err(TestError::Fail(why, history)) = found {
        panic!("{why}\n{history:#?}");
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(32)
}

/// Numbers that are stored as text, as an answer may contain them.
const NUMBERS_AS_TEXT: [&str; 2] = [r#":"1e400""#, r#":"1180591620717411303424""#];

/// Counts the items that are neither listed nor removed.
async fn missing(world: &mut World) -> u64 {
    let mut all = 0;
    for kind in Kind::of(Catalogue::Avatars) {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE removed_at IS NULL AND missing_since IS NOT NULL",
            kind.table
        );
        all += world.cell(&sql).await.parse::<u64>().unwrap();
    }
    all
}

/// Polls the history; returns what each good poll wrote.
async fn lived(world: &mut World, history: &History) -> Vec<Noted> {
    world.removals = history.removals.clone();
    let mut noted = vec![];
    for step in &history.steps {
        let report = match step {
            Step::Lists(body) => world.poll_file(body.clone()).await,
            Step::Failure => world.poll_file("<html>").await,
        };
        if report.error.is_none() {
            let observed_at = report.row.observed_at.unwrap();
            let rows = written(world).await;
            let answer = answer(world, observed_at).await;
            let all_read = missing(world).await == 0 && report.row.counts.unwrap().rejected == 0;
            let has_number_text = NUMBERS_AS_TEXT.iter().any(|text| answer.contains(text));
            let is_ordinary = all_read && !has_number_text;
            noted.push(Noted { observed_at, rows, answer, is_ordinary });
        }
    }
    noted
}

/// Returns the items that are not removed, from the tables.
async fn written(world: &mut World) -> Vec<String> {
    let mut rows = vec![];
    for kind in Kind::of(Catalogue::Avatars) {
        let columns = columns(kind);
        let (table, id) = (kind.table, kind.id);
        let sql = format!(
            "SELECT {columns}, first_seen_at, changed_at FROM {table} \
             WHERE removed_at IS NULL ORDER BY {id}"
        );
        rows.extend(world.lines(&sql).await);
    }
    rows
}

fn columns(kind: Kind) -> String {
    let own: Vec<&str> = kind.columns.iter().map(|column| column.name).collect();
    format!("{}, {}, extra, version, valid_from", kind.id, own.join(", "))
}

async fn moment(world: &mut World, time: Timestamp) -> Option<Moment> {
    let account = world.account;
    let store = world.store();
    store.begin_reading().await.unwrap();
    let moment = store.moment(account, Catalogue::Avatars, time).await.unwrap();
    store.end_reading().await.unwrap();
    moment
}

/// Returns what the export reads as of a time, in the form of the tables.
async fn exported(world: &mut World, time: Timestamp) -> Vec<String> {
    let Some(moment) = moment(world, time).await else { return vec![] };
    let store = world.store();
    store.begin_reading().await.unwrap();
    let mut rows = vec![];
    for kind in Kind::of(Catalogue::Avatars) {
        let read = store.items_at(kind, &moment, |item| {
            rows.push(in_words(kind, &item));
            Ok(())
        });
        read.await.unwrap();
    }
    store.end_reading().await.unwrap();
    rows
}

fn in_words(kind: Kind, item: &ItemState) -> String {
    let ItemState { id, version, valid_from, first_seen_at, changed_at, fields } = item;
    let mut cells = vec![id.clone()];
    for column in kind.columns {
        cells.push(match fields.cell(column) {
            Cell::Null => "∅".into(),
            Cell::Bool(yes) => u8::from(yes).to_string(),
            Cell::Int(number) => number.to_string(),
            Cell::Time(time) => time.to_string(),
            Cell::Text(text) | Cell::Json(text) => text.into_owned(),
        });
    }
    cells.push(fields.extra(kind).unwrap_or_else(|| "∅".into()));
    let times = [valid_from, first_seen_at, changed_at].map(Timestamp::to_string);
    cells.push(version.to_string());
    cells.extend(times);
    cells.join("|")
}

async fn answer(world: &mut World, time: Timestamp) -> String {
    let moment = moment(world, time).await.unwrap();
    let store = world.store();
    store.begin_reading().await.unwrap();
    let mut answer = String::new();
    let written = store.answer(&moment, |piece| {
        answer.push_str(piece);
        Ok(())
    });
    written.await.unwrap();
    store.end_reading().await.unwrap();
    answer
}

/// Returns everything that the seal covers: a poll without changes leaves it as it is.
async fn the_past(world: &mut World) -> Vec<String> {
    let mut all = vec![];
    for (table, order) in [
        ("avatar_history", "avatar_id, version"),
        ("talking_photo_history", "talking_photo_id, version"),
        ("field_changes", "poll_id, kind, item_id, field"),
        ("schema_changes", "poll_id, kind, field"),
    ] {
        all.extend(world.lines(&format!("SELECT * FROM {table} ORDER BY {order}")).await);
    }
    all
}

/// Returns the queries of docs/time-travel.md, with their placeholder for the time.
fn documented() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/time-travel.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("<!-- test: both -->\n```sql\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn at(sql: &str, engine: Engine, time: Timestamp) -> String {
    let literal = match engine {
        Engine::Sqlite => format!("'{time}'"),
        Engine::Postgres => format!("TIMESTAMPTZ '{time}'"),
    };
    sql.replace(":at", &literal)
}

/// Returns each good poll's time, a millisecond to either side, and the times in between.
fn times(noted: &[Noted]) -> Vec<Timestamp> {
    let millisecond = Duration::from_millis(1);
    let around = |noted: &Noted| {
        let at = noted.observed_at;
        [at.minus(millisecond), at, at.plus(millisecond), at.plus(Duration::from_secs(1800))]
    };
    noted.iter().flat_map(around).collect()
}

fn as_of_is_what_the_last_good_poll_wrote(engine: Engine) {
    for_all(engine, async |world, history| {
        let noted = lived(world, history).await;
        for time in times(&noted) {
            let last = noted.iter().rfind(|noted| noted.observed_at <= time);
            let found = moment(world, time).await.map(|moment| moment.observed_at);
            assert_eq!(found, last.map(|noted| noted.observed_at));
            let Some(last) = last else { continue };
            assert_eq!(exported(world, time).await, last.rows, "as of {time}");
            assert_eq!(answer(world, time).await, last.answer, "as of {time}");
        }
    });
}

fn the_documented_sql_gives_what_the_export_gives(engine: Engine) {
    let queries = documented();
    for_all(engine, async |world, history| {
        let noted = lived(world, history).await;
        for time in times(&noted) {
            let mut rows = vec![];
            for (kind, sql) in Kind::of(Catalogue::Avatars).zip(&queries) {
                let sql = at(sql, engine, time);
                let sql =
                    format!("SELECT {} FROM ({sql}) AS past ORDER BY {}", columns(kind), kind.id);
                rows.extend(world.lines(&sql).await);
            }
            // Only the export has the first sight and the last change.
            let exported = exported(world, time).await.into_iter();
            let exported: Vec<String> =
                exported.map(|row| row.rsplitn(3, '|').nth(2).unwrap().to_owned()).collect();
            assert_eq!(rows, exported, "as of {time}");
        }
    });
}

fn an_exported_answer_polled_at_once_opens_and_closes_no_version(engine: Engine) {
    for_all(engine, async |world, history| {
        let Some(last) = lived(world, history).await.pop() else { return };
        assert!(!last.answer.contains("Signature"));
        let mut answered = last.answer.clone();
        // The types of fields are settled by the second time at the latest.
        for time in 1..=3 {
            let before = the_past(world).await;
            let report = world.poll_file(answered.clone()).await;
            let (row, diff) = (report.row, report.diff.unwrap());
            assert_eq!(row.outcome, "succeeded");
            for list in &diff.lists {
                assert_eq!((&list.opened, &list.removed), (&vec![], &vec![]));
                assert!(
                    list.schema.iter().all(|row| row.change == FieldEvent::Retyped),
                    "{answered}"
                );
            }
            let again = answer(world, row.observed_at.unwrap()).await;
            if last.is_ordinary || time == 3 {
                assert_eq!(the_past(world).await, before, "{answered}");
                assert_eq!(again, answered, "the same answer again");
            }
            assert_eq!(written(world).await, last.rows);
            answered = again;
        }
    });
}

fn the_other_documented_queries_answer(engine: Engine) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut world = World::start(engine).await;
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"}"#).await;
        world.poll_file("<html>").await;
        let queries = documented();
        assert_eq!(queries.len(), 4);
        let polls = world.lines(&at(&queries[2], engine, hour(4))).await;
        assert_eq!(polls, ["default|avatars|2026-01-01T02:00:00.000Z|1"]);
        let changes = world.lines(&queries[3]).await;
        assert_eq!(changes.len(), 3);
        assert!(changes[2].starts_with("a|changed|gender|x|y|between 2026-01-01"), "{changes:?}");
    });
}

macro_rules! properties {
    ($engine:ident in $module:ident: $($name:ident)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                super::$name(crate::world::Engine::$engine);
            })*
        }
    };
    ($($name:ident)*) => {
        properties! { Sqlite in sqlite: $($name)* }
        properties! { Postgres in postgres: $($name)* }
    };
}

properties! {
    as_of_is_what_the_last_good_poll_wrote
    the_documented_sql_gives_what_the_export_gives
    an_exported_answer_polled_at_once_opens_and_closes_no_version
    the_other_documented_queries_answer
}
