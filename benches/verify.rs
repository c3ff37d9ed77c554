//! The cost of `verify` next to one SELECT of the same rows, on SQLite: a ratio, and the memory.
//!
//! `cargo bench --bench verify -- [VERSIONS …]` (default 100000 1000000). The history is created by
//! polls that rename every tenth item, so most items have several versions. Both read every column of
//! every version; the memory is the peak of this process before and after verifying.
#![allow(clippy::expect_used, missing_docs)]

use std::{
    io::Cursor,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    poll::{Request, Source, poll},
    store::{Location, Store},
    time::{Clock, Timestamp},
    verify::verify,
};

/// The number of polls that rename, after the first.
const POLLS: usize = 40;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100_000, 1_000_000] } else { sizes };
    println!("| versions | one SELECT | verify | ratio | peak memory before | after |");
    println!("|---|---|---|---|---|---|");
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for versions in sizes {
        let file = folder.path().join(format!("{versions}.db"));
        runtime.block_on(history(&file, versions));
        forget_peak();
        let select = one_select(&file);
        let before = peak();
        let started = Instant::now();
        let read = runtime.block_on(verified(&file));
        let took = started.elapsed().as_secs_f64();
        println!(
            "| {read} | {select:.2} s | {took:.2} s | {:.1} × | {before} MiB | {} MiB |",
            took / select,
            peak()
        );
    }
}

/// Creates the history: each poll renames one item in ten, so 40 polls make five versions of each.
async fn history(file: &Path, versions: usize) {
    let items = versions * 10 / (POLLS + 10);
    let location = Location::parse(&file.display().to_string()).expect("a location");
    let mut store = Store::open_to_write(&location).await.expect("opens");
    let millis = Arc::new(AtomicI64::new(1_795_413_429_123));
    let clock =
        Clock::new(move || Timestamp::from_millis(millis.fetch_add(1000, Ordering::Relaxed)));
    let removals = Removals { after_polls: None, min_count: 20, max_share: 0.2 };
    for round in 0..=POLLS {
        let source = Source::Saved {
            name: "bench".into(),
            file: Box::new(Cursor::new(catalogue(items, round))),
        };
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
        let report = poll(&mut store, &clock, &request, source).await.expect("polls");
        assert_eq!(report.row.outcome, "succeeded");
    }
    store.close().await.expect("closes");
}

/// Returns the catalogue; each item's name contains how often it was renamed by `round`.
fn catalogue(items: usize, round: usize) -> Vec<u8> {
    let mut body = String::from("{\"error\":null,\"data\":{\"avatars\":[");
    for index in 0..items {
        let renamed = (round + 10 - index % 10 - 1) / 10;
        let comma = if index == 0 { "" } else { "," };
        let id = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        body.push_str(&format!(
            "{comma}{{\"avatar_id\":\"Avatar_{id:016x}_public\",\"avatar_name\":\"Name {renamed} of {index}\",\
             \"gender\":\"female\",\"preview_image_url\":\"https://files2.heygen.ai/avatar/v3/{id:032x}/1.webp\",\
             \"preview_video_url\":\"https://files2.heygen.ai/avatar/v3/{id:032x}/1.mp4\",\
             \"premium\":false,\"type\":null,\"tags\":[\"AVATAR_IV\"],\"default_voice_id\":null}}"
        ));
    }
    body.push_str("],\"talking_photos\":[]}}");
    body.into_bytes()
}

fn one_select(file: &Path) -> f64 {
    let source = rusqlite::Connection::open(file).expect("opens");
    let started = Instant::now();
    let mut read = source.prepare("SELECT * FROM avatar_history").expect("prepares");
    let width = read.column_count();
    let mut rows = read.query([]).expect("reads");
    let mut bytes = 0;
    while let Some(row) = rows.next().expect("a row") {
        for at in 0..width {
            bytes += row.get_ref(at).ok().and_then(|cell| cell.as_str().ok()).map_or(0, str::len);
        }
    }
    assert!(bytes > 0);
    started.elapsed().as_secs_f64()
}

async fn verified(file: &Path) -> u64 {
    let location = Location::parse(&file.display().to_string()).expect("a location");
    let mut store = Store::open_to_read(&location).await.expect("opens");
    let report = verify(&mut store, None, &|_| ()).await.expect("reads");
    assert_eq!(report.findings.found(), 0, "{:?}", report.findings.kept());
    report.versions
}

/// Resets the measured peak, where Linux allows it.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Returns the peak memory of this process, in MiB; 0 if it is unknown.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
