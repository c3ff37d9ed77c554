//! The cost of a poll next to plain inserts of the same rows, in the same run: ratios, not times.
//!
//! `cargo bench --bench poll -- [ITEMS …]` (default 10000 100000). Each round does a cold load, the
//! same answer with new signatures, and an answer with 1 % churn, in a file of its own; next to it,
//! rusqlite inserts the rows of the cold load into the same empty tables (prepared statements, one
//! transaction, synchronous FULL), table by table in key order. The median of the rounds' ratios
//! counts.

#![allow(clippy::expect_used, reason = "a bench that cannot run has nothing to say")]

mod catalogue;

use std::{io::Cursor, path::Path, time::Instant};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    poll::{Request, Source, poll},
    store::{Location, Store},
    time::{Clock, Timestamp},
};
use rusqlite::types::Value;

use catalogue::catalogue;

const ROUNDS: usize = 5;

/// The tables that a cold load fills, parents first.
const TABLES: [&str; 8] = [
    "accounts",
    "polls",
    "avatars",
    "talking_photos",
    "avatar_history",
    "talking_photo_history",
    "schema_changes",
    "assets",
];

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    println!("| items | plain inserts | cold load | same again | 1 % churn |");
    println!("|---|---|---|---|---|");
    for items in sizes {
        println!("{}", row(items));
    }
}

/// Returns a row of the table: the floor's time for scale, then ratios to it.
fn row(items: usize) -> String {
    let mut rounds: Vec<[f64; 4]> = (0..ROUNDS).map(|_| round(items)).collect();
    let mut median = |at: usize| {
        rounds.sort_by(|a, b| a[at].total_cmp(&b[at]));
        rounds[ROUNDS / 2][at]
    };
    let [floor, cold, same, churn] = [0, 1, 2, 3].map(&mut median);
    format!("| {items} | {:.0} ms | {cold:.2} × | {same:.2} × | {churn:.2} × |", floor * 1000.0)
}

/// Returns the seconds of the floor, then the ratios of the three polls to it.
fn round(items: usize) -> [f64; 4] {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("subject.db");
    let polls = [catalogue(items, 0, 0), catalogue(items, 1, 0), catalogue(items, 1, items / 100)];
    let times = polls.map(|body| timed_poll(&file, body));
    let floor = plain_inserts(folder.path(), items);
    [floor, times[0] / floor, times[1] / floor, times[2] / floor]
}

fn timed_poll(file: &Path, body: Vec<u8>) -> f64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = Location::parse(&file.display().to_string()).expect("a location");
    let removals = Removals { after_polls: None, min_count: 20, max_share: 0.2 };
    let started = Instant::now();
    runtime.block_on(async {
        let mut store = Store::open_to_write(&location).await.expect("opens");
        let source = Source::Saved { name: "bench".into(), file: Box::new(Cursor::new(body)) };
        let request = Request {
            account: "default",
            catalogue: None,
            trigger: "file",
            removals: &removals,
            mirror: false,
            accepted: Accepted::None,
            observed_at: None,
            archive: None,
            deadline: std::time::Duration::from_secs(600),
            patience: std::time::Duration::ZERO,
            notify: &[],
            key_expires_at: None,
        };
        let clock = Clock::new(|| Timestamp::from(chrono::Utc::now()));
        let report = poll(&mut store, &clock, &request, source).await.expect("polls");
        assert_eq!(report.row.outcome, "succeeded", "{:?}", report.error);
        store.close().await.expect("closes");
    });
    started.elapsed().as_secs_f64()
}

/// Inserts the rows of a cold load, without any of the work that determined them.
fn plain_inserts(folder: &Path, items: usize) -> f64 {
    let cold = folder.join("cold.db");
    timed_poll(&cold, catalogue(items, 0, 0));
    let source = rusqlite::Connection::open(&cold).expect("opens");
    let rows = TABLES.map(|table| (table, rows_of(&source, table)));
    let plain = folder.join("plain.db");
    let location = Location::parse(&plain.display().to_string()).expect("a location");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        Store::open_to_write(&location).await.expect("opens").close().await.expect("closes");
    });
    let mut target = rusqlite::Connection::open(&plain).expect("opens");
    target.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").expect("pragmas");
    let started = Instant::now();
    let transaction = target.transaction().expect("begins");
    for (table, rows) in &rows {
        let Some(width) = rows.first().map(Vec::len) else { continue };
        let marks = vec!["?"; width].join(", ");
        let sql = format!("INSERT INTO {table} VALUES ({marks})");
        let mut insert = transaction.prepare(&sql).expect("prepares");
        for row in rows {
            insert.execute(rusqlite::params_from_iter(row)).expect("inserts");
        }
    }
    transaction.commit().expect("commits");
    drop(target);
    started.elapsed().as_secs_f64()
}

fn rows_of(source: &rusqlite::Connection, table: &str) -> Vec<Vec<Value>> {
    let mut read = source.prepare(&format!("SELECT * FROM {table}")).expect("prepares");
    let width = read.column_count();
    let rows = read.query_map([], |row| (0..width).map(|at| row.get(at)).collect());
    rows.expect("reads").map(|row| row.expect("a row")).collect()
}
