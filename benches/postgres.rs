//! The cost of a poll on PostgreSQL next to psql's `\copy` of the same rows, in the same run: ratios,
//! not times.
//!
//! `TEST_DATABASE_URL=postgres://… cargo bench --bench postgres -- [ITEMS …]` (default 10000 100000);
//! the role must be able to create databases, and `psql` be installed. Each round does a cold load, the
//! same answer with new signatures, and an answer with 1 % churn, in a database of its own; next to it,
//! one psql copies the rows of the cold load into the same empty tables from files, in one transaction,
//! in key order. The median of the rounds' ratios counts.

#![allow(clippy::expect_used, reason = "a bench that cannot run has nothing to say")]

mod catalogue;

use std::{io::Cursor, path::Path, process::Command, time::Instant};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    poll::{Request, Source, poll},
    store::{Location, Store, table::TABLES},
    time::{Clock, Timestamp},
};

use catalogue::catalogue;

const ROUNDS: usize = 5;

fn main() {
    let server = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL");
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    println!("| items | \\copy | cold load | same again | 1 % churn |");
    println!("|---|---|---|---|---|");
    for items in sizes {
        println!("{}", row(&server, items));
    }
}

/// Returns a row of the table: the floor's time for scale, then ratios to it.
fn row(server: &str, items: usize) -> String {
    let mut rounds: Vec<[f64; 4]> = (0..ROUNDS).map(|_| round(server, items)).collect();
    let mut median = |at: usize| {
        rounds.sort_by(|a, b| a[at].total_cmp(&b[at]));
        rounds[ROUNDS / 2][at]
    };
    let [floor, cold, same, churn] = [0, 1, 2, 3].map(&mut median);
    format!("| {items} | {:.0} ms | {cold:.2} × | {same:.2} × | {churn:.2} × |", floor * 1000.0)
}

/// Returns the seconds of the floor, then the ratios of the three polls to it.
fn round(server: &str, items: usize) -> [f64; 4] {
    let names = ["heygen_bench_subject", "heygen_bench_floor"];
    for name in names {
        let (drop, create) =
            (format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}"));
        psql(server, &["-c", &drop, "-c", &create]);
    }
    let [subject, floor] = names.map(|name| at_database(server, name));
    let folder = tempfile::tempdir().expect("a folder");
    migrate(&floor);
    migrate(&subject);
    let cold = timed_poll(&subject, catalogue(items, 0, 0));
    let copied = copied(&subject, &floor, folder.path());
    let same = timed_poll(&subject, catalogue(items, 1, 0));
    let churn = timed_poll(&subject, catalogue(items, 1, items / 100));
    for name in names {
        psql(server, &["-c", &format!("DROP DATABASE {name}")]);
    }
    [copied, cold / copied, same / copied, churn / copied]
}

fn at_database(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).expect("a URL");
    url.set_path(name);
    url.into()
}

fn migrate(url: &str) {
    let location = Location::parse(url).expect("a location");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        Store::open_to_write(&location).await.expect("opens").close().await.expect("closes");
    });
}

fn timed_poll(url: &str, body: Vec<u8>) -> f64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = Location::parse(url).expect("a location");
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

/// Copies the rows of `subject` into the empty tables of `floor`; times the second half.
fn copied(subject: &str, floor: &str, folder: &Path) -> f64 {
    let lines = |direction: &dyn Fn(&str, &str, &str) -> String| {
        let lines = TABLES.iter().map(|table| {
            let file = folder.join(table.name).display().to_string();
            direction(table.name, &table.list(""), &file)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let key = |name: &str| match name {
        "polls" => "poll_id",
        "assets" => "url",
        _ => "1, 2",
    };
    let out = lines(&|name, columns, file| {
        format!("\\copy (SELECT {columns} FROM {name} ORDER BY {}) TO '{file}'", key(name))
    });
    let back = lines(&|name, columns, file| format!("\\copy {name} ({columns}) FROM '{file}'"));
    std::fs::write(folder.join("out.sql"), out).expect("writes");
    std::fs::write(folder.join("in.sql"), back).expect("writes");
    let script = |name: &str| folder.join(name).display().to_string();
    psql(subject, &["-f", &script("out.sql")]);
    let started = Instant::now();
    psql(floor, &["-1", "-f", &script("in.sql")]);
    started.elapsed().as_secs_f64()
}

fn psql(url: &str, arguments: &[&str]) {
    let mut command = Command::new("psql");
    command.env("PGOPTIONS", "-c client_min_messages=warning");
    let command = command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", url]);
    assert!(command.args(arguments).status().expect("psql").success(), "{arguments:?}");
}
