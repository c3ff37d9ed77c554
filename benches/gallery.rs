//! What a page of the gallery costs, at 7,000 and at 100,000 items with history, on both databases:
//! the 95th of 100 answers beside a plain SELECT of the same 60 rows in the same run, and the
//! memory before and after 500 requests, 16 at a time.
//!
//! `cargo bench --bench gallery` (PostgreSQL as in the tests).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/demo/mod.rs"]
mod demo;
#[path = "../tests/it/postgres/mod.rs"]
#[allow(dead_code, unused_imports)] // Its other half serves the tests.
mod postgres;

use std::time::{Duration, Instant};

use heygen_sync::{
    config::Removals,
    store::{Location, Store},
    time::Timestamp,
    web::{self, App, Settings, security::Guard},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const POLLS: usize = 12;

/// A kind of page: its name, and the path of the nth request.
type Page = (&'static str, Box<dyn Fn(usize) -> String>);

#[tokio::main]
async fn main() {
    println!(
        "{:>9} {:>8}  {:<34} {:>7} {:>7} {:>9} {:>8}",
        "engine", "items", "page", "p50 ms", "p95 ms", "bytes", "queries"
    );
    for items in [7_000, 100_000] {
        let home = tempfile::tempdir().unwrap();
        let sqlite = Location::Sqlite(home.path().join("bench.db"));
        measure("sqlite", &sqlite, items).await;
        let server = postgres::database().await;
        measure("postgres", &Location::parse(server.url()).unwrap(), items).await;
    }
}

async fn measure(engine: &str, location: &Location, items: usize) {
    fill(location, items).await;
    let (told, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let guard = Guard { token: None, behind_proxy: false, hosts: vec![] };
    let files = tempfile::tempdir().unwrap();
    let settings = Settings::new(guard, demo::blobs(files.path()));
    let app = App::new(location.clone(), settings, demo::clock());
    let server = tokio::spawn(web::serve(
        app,
        "127.0.0.1:0".parse().unwrap(),
        |address| told.send(address).unwrap(),
        async {
            let _ = stopped.await;
        },
    ));
    let base = format!("http://{}", address.await.unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let line = |page: &str, times: &mut Vec<Duration>, bytes: usize, queries: &str| {
        times.sort();
        let ms = |at: usize| times[times.len() * at / 100].as_secs_f64() * 1000.0;
        println!(
            "{engine:>9} {items:>8}  {page:<34} {:>7.1} {:>7.1} {bytes:>9} {queries:>8}",
            ms(50),
            ms(95)
        );
    };
    let last = items / 2 / 60;
    let pages: [Page; 8] = [
        ("list, facets kept", Box::new(|nth| format!("/avatars?page={}", nth % 20 + 1))),
        (
            "last page, facets kept",
            Box::new(move |nth| format!("/avatars?page={}", last - nth % 10)),
        ),
        ("list by another search each time", Box::new(|nth| format!("/avatars?q=name+{nth}"))),
        (
            "list of one tag and gender",
            Box::new(|nth| format!("/avatars?tag=t{}&gender=female&q=n{}", nth % 9, nth)),
        ),
        (
            "list as of a past day, each time",
            Box::new(|nth| {
                format!("/avatars?as_of=2026-11-{:02}T{:02}:00:00Z", 13 + nth % 9, nth / 10)
            }),
        ),
        ("an item", Box::new(|nth| format!("/avatars/id{nth}"))),
        ("overview", Box::new(|_| "/".into())),
        ("changes", Box::new(|_| "/changes".into())),
    ];
    for (name, path) in &pages {
        let (mut times, mut bytes, mut queries) = (vec![], 0, String::new());
        for nth in 0..100 {
            let began = Instant::now();
            let answer = client.get(format!("{base}{}", path(nth))).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}", path(nth));
            queries = answer.headers()["x-queries"].to_str().unwrap().to_owned();
            bytes = answer.bytes().await.unwrap().len();
            times.push(began.elapsed());
        }
        line(name, &mut times, bytes, &queries);
    }
    let mut times = vec![];
    for nth in 0..100 {
        let sql = format!(
            "SELECT avatar_name FROM avatars WHERE account = 'default' AND removed_at IS NULL \
             ORDER BY {} LIMIT 60 OFFSET {}",
            if engine == "sqlite" {
                "substr(avatar_name, 1, 200), avatar_id"
            } else {
                "left(avatar_name, 200), avatar_id"
            },
            nth % 20 * 60
        );
        let began = Instant::now();
        assert_eq!(demo::texts(location, sql).await.len(), 60);
        times.push(began.elapsed());
    }
    line("(a plain SELECT and its connection)", &mut times, 0, "1");
    let before = resident();
    let mut peak = before;
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..500 {
        if running.len() >= 16 {
            running.join_next().await;
            peak = peak.max(resident());
        }
        let request = client.get(format!("{base}{}", pages[nth % 8].1(nth % 100)));
        running.spawn(async move { request.send().await.unwrap().bytes().await.unwrap().len() });
    }
    while running.join_next().await.is_some() {}
    println!(
        "{engine:>9} {items:>8}  500 requests, 16 at a time: {before} MB before, {peak} MB at most, {} MB after",
        resident()
    );
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

/// The memory of this process, in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Half avatars, half talking photos, of which each poll changes, adds and removes some.
async fn fill(location: &Location, items: usize) {
    let mut store = Store::open_to_write(location).await.unwrap();
    let removals = Removals { after_polls: Some(1), min_count: 20, max_share: 0.2 };
    let first = Timestamp::parse("2026-11-12T05:57:00Z").unwrap();
    for poll in 0..POLLS {
        let at = first.plus(Duration::from_secs(86_400 * poll as u64));
        demo::poll_at(&mut store, at, body(items / 2, poll), &removals).await;
    }
    store.close().await.unwrap();
    let hash = "ab".repeat(32);
    for (table, column, role) in [
        ("avatars", "preview_image_url", "image"),
        ("avatars", "preview_video_url", "video"),
        ("talking_photos", "preview_image_url", "image"),
    ] {
        let sql = format!(
            "INSERT INTO assets (url, role, state, sha256, file, bytes, checked_at) \
             SELECT DISTINCT {column}, '{role}', 'mirrored', '{hash}', 'f', 1, '2026-11-23T06:00:00.000Z'{} \
             FROM {table} WHERE {column} IS NOT NULL ON CONFLICT (url) DO NOTHING",
            if location.file().is_some() { "" } else { "::timestamptz" }
        );
        demo::run(location, sql).await;
    }
    demo::run(location, "ANALYZE".into()).await;
}

fn body(half: usize, poll: usize) -> Vec<u8> {
    let host = "https://files2.heygen.ai";
    let new = |at: usize| (at * 7919 + poll * 31) % 100 < 2;
    let avatars: Vec<Value> = (0..half + poll * 20)
        .filter(|at| (at + poll) % 1000 != 3)
        .map(|at| {
            let turn = if new(at) { poll } else { 0 };
            json!({"avatar_id": format!("id{at}"), "avatar_name": format!("Name {} of {at} look {turn}", at % 900),
                "gender": if at % 2 == 0 { "female" } else { "male" }, "premium": at % 5 == 0,
                "preview_image_url": format!("{host}/avatar/v3/{at}_{turn}/preview_target.webp"),
                "preview_video_url": format!("{host}/avatar/v3/{at}/preview_video_target.mp4"),
                "type": null, "tags": [format!("t{}", at % 9), format!("u{}", at % 40)], "default_voice_id": null})
        })
        .collect();
    let photos: Vec<Value> = (0..half)
        .map(|at| {
            json!({"talking_photo_id": format!("{at:032x}"), "talking_photo_name": format!("Photo {at}"),
                "preview_image_url": format!("{host}/talking_photo/{at:032x}/x.WEBP")})
        })
        .collect();
    json!({"error": null, "data": {"avatars": avatars, "talking_photos": photos}})
        .to_string()
        .into_bytes()
}
