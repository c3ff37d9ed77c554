//! A long list is never held in memory twice: the peak memory of a sync of 10,000 looks.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeSet,
    process::{Child, Stdio},
};

use crate::{
    fake::{FakeHeyGen, Kind, Refusal},
    home::Home,
};

const LOOKS: usize = 10_000;

/// Adds looks as v3 has them, with signed previews, half of them talking photos.
fn fill(heygen: &FakeHeyGen) {
    for n in 0..LOOKS / 2 {
        let id = format!("{n:032x}");
        heygen.add_avatar(&id, |_| ());
        heygen.set_signed(Kind::Avatar, &id, true);
        heygen.add_photo(&format!("{:032x}", n + LOOKS));
    }
}

/// Runs a sync over v3 until it ends; returns its peak memory in bytes: when it asked for the last
/// of `requests`, and in all.
fn peaks(home: &Home, requests: usize) -> (usize, usize) {
    let mut command = home.command(&["sync"]);
    let env = [("HEYGEN_SYNC_API__VERSION", "v3"), ("HEYGEN_SYNC_API__RETRIES", "2")];
    let mut child = command.envs(env).stdout(Stdio::null()).spawn().unwrap();
    let (mut reading, mut peak) = (0, 0);
    // The peak only grows, and cannot be read after the process has ended: the last value counts.
    while child.try_wait().unwrap().is_none() {
        let asked = home.heygen.request_count();
        peak = high_water_mark(&child).unwrap_or(peak);
        if reading == 0 && asked >= requests {
            reading = peak;
        }
        std::thread::yield_now();
    }
    assert!(child.wait().unwrap().success());
    (reading, peak)
}

fn high_water_mark(child: &Child) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}

async fn in_less_than_twice_the_lists_size(home: Home, other: Home) {
    // The last reading may be well before the end of the process.
    let empty = (0..3).map(|_| peaks(&other, 1).1).max().unwrap();
    fill(&home.heygen);
    home.heygen.paging(|paging| paging.repeats = 2);
    home.heygen.fail_page(100, Refusal::of(429).header("retry-after", "0"), 1);
    let (reading, full) = peaks(&home, 210);
    let size = home.rows(&["status"])[0].clone();
    let requests = home.heygen.requests();
    let pages: BTreeSet<_> = requests.iter().map(|request| request.query.clone()).collect();
    assert_eq!((pages.len(), requests.len()), (209, 210));
    assert_eq!(
        (size["avatars"].as_i64(), size["talking_photos"].as_i64()),
        (Some(5_000), Some(5_000))
    );
    let list = home.heygen.told_bytes();
    let (reading, full) = (reading - empty, full - empty);
    println!("list {list} bytes; while it was read {reading}, with the first load {full}");
    // Including what the diff, the seal and SQLite need when every item is new.
    assert!(reading.max(full) < 2 * list, "{reading}, {full} bytes for a list of {list}");
}

#[tokio::test]
async fn ten_thousand_looks_come_whole_in_less_than_twice_the_lists_size_into_sqlite() {
    in_less_than_twice_the_lists_size(Home::sqlite().await, Home::sqlite().await).await;
}

#[tokio::test]
async fn ten_thousand_looks_come_whole_in_less_than_twice_the_lists_size_into_postgres() {
    in_less_than_twice_the_lists_size(Home::postgres().await, Home::postgres().await).await;
}
