//! The floor of a poll: the product's work without its rules, as straightforward code.
//!
//! `floor_product SOURCE DATABASE` reads SOURCE (a file, or a URL with `http://`), decodes it with
//! borrowed strings, parses the expiry of each signed URL, hashes the body, and compares it with
//! the tables of the project's own migrations in DATABASE (`sqlite://FILE` or `postgresql://…`).
//! It writes what differs in one transaction: items, versions, changed fields, assets, and one row
//! of `polls`; SQLite syncs fully. It has no lossless decoding, no schema changes after the first
//! poll, no restored items, no seal, no lock, no TLS and no gzip.
//!
//! `floor_product --lists FOLDER ITEMS` writes the lists that scripts/count-instructions polls.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a floor that cannot run ends with the reason"
)]

#[path = "../catalogue/mod.rs"]
mod catalogue;
mod copied;
mod diff;
mod list;
mod postgres;
mod source;
mod sqlite;
mod tables;

use std::path::Path;

use sha2::{Digest, Sha256};

use list::Answer;
use tables::{Counts, Poll};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--lists", folder, items] => write_lists(Path::new(folder), items.parse().expect("ITEMS")),
        [source, database] => {
            let counts = poll(source, database);
            println!(
                "added={} changed={} removed={}",
                counts.added, counts.changed, counts.removed
            );
        }
        _ => println!("floor_product SOURCE DATABASE | floor_product --lists FOLDER ITEMS"),
    }
}

fn poll(source: &str, database: &str) -> Counts {
    let started_at = chrono::Utc::now();
    let answer = source::read(source);
    let observed_at = chrono::Utc::now();
    let body = answer.body();
    let lists = serde_json::from_slice::<Answer>(body).expect("an answer of the API").data;
    let poll = Poll {
        source,
        started_at,
        observed_at,
        bytes: body.len(),
        sha256: hex(&Sha256::digest(body)),
    };
    match database.starts_with("postgres") {
        true => postgres::poll(database, &lists, &poll),
        false => sqlite::poll(database.trim_start_matches("sqlite://"), &lists, &poll),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a first list, the same items with other signatures, and one with 1 % churn.
fn write_lists(folder: &Path, items: usize) {
    for (name, signing, churn) in [("cold", 0, 0), ("same", 1, 0), ("churn", 2, items / 100)] {
        let body = catalogue::catalogue(items, signing, churn);
        std::fs::write(folder.join(name).with_extension("json"), body).expect("writes the list");
    }
}
