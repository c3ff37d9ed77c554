//! The cost of a page of the gallery, at 7,000 and at 100,000 items with history, on both databases:
//! the 95th percentile of 100 answers next to a plain SELECT of 60 rows with the same columns over an
//! open connection in the same run, and the memory before and after 500 requests, 16 at a time. What is
//! over its budget is marked; more than six queries or growing memory fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/demo/mod.rs"]
mod demo;
#[path = "../tests/it/postgres/mod.rs"]
#[allow(dead_code, unused_imports)] // The tests use the rest.
mod postgres;

use std::time::{Duration, Instant};

use heygen_sync::{
    config::Removals,
    store::{Location, Store},
    time::Timestamp,
    web::{self, App, GallerySettings, security::Access},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::sync::oneshot;

const POLLS: usize = 12;
/// The maximum of the 95th percentile, in milliseconds, by the number of items.
const BUDGETS: [(usize, f64); 2] = [(7_000, 30.0), (100_000, 250.0)];
/// How much the memory may grow during 16 concurrent requests, in MB.
const GROWTH: u64 = 128;

/// A kind of page: its name, and the path of the nth request.
type Page = (&'static str, Box<dyn Fn(usize) -> String>);

#[tokio::main]
async fn main() {
    println!(
        "{:>9} {:>8}  {:<34} {:>8} {:>7} {:>7} {:>8} {:>9} {:>8}",
        "engine", "items", "page", "first ms", "p50 ms", "p95 ms", "x plain", "bytes", "queries"
    );
    // Numbers on the command line are sizes that replace the default ones.
    let asked: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if asked.is_empty() { BUDGETS.map(|(items, _)| items).to_vec() } else { asked };
    for items in sizes {
        let home = tempfile::tempdir().unwrap();
        let sqlite = Location::Sqlite(home.path().join("bench.db"));
        measure("sqlite", &sqlite, items).await;
        let server = postgres::database().await;
        measure("postgres", &Location::parse(server.url()).unwrap(), items).await;
    }
}

/// A connection that stays open, for the plain SELECT.
enum Plain {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Plain {
    async fn open(location: &Location) -> Self {
        match location {
            Location::Sqlite(path) => {
                let url = format!("sqlite://{}", path.display());
                Self::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
            Location::Postgres { options, .. } => {
                Self::Postgres(PgConnection::connect_with(options).await.unwrap())
            }
        }
    }

    /// Reads the 60 rows of a page of the list, with all that a tile shows.
    async fn page(&mut self, nth: usize) -> usize {
        let head = match self {
            Self::Sqlite(_) => "substr(i.avatar_name, 1, 200)",
            Self::Postgres(_) => "left(i.avatar_name, 200)",
        };
        let sql = AssertSqlSafe(format!(
            "SELECT i.avatar_id, i.avatar_name, i.gender, i.premium, i.first_seen_at, i.changed_at, \
             i.missing_since, i.removed_at, i.preview_image_url, a.state, a.sha256, w.sha256 \
             FROM avatars AS i LEFT JOIN assets AS a ON a.url = i.preview_image_url \
             LEFT JOIN assets AS w ON w.url = i.preview_video_url \
             WHERE i.account = 'default' AND i.removed_at IS NULL \
             ORDER BY {head}, i.avatar_id LIMIT 60 OFFSET {}",
            nth % 20 * 60
        ));
        match self {
            Self::Sqlite(conn) => sqlx::query(sql).fetch_all(conn).await.unwrap().len(),
            Self::Postgres(conn) => sqlx::query(sql).fetch_all(conn).await.unwrap().len(),
        }
    }
}

/// The times of 100 answers.
struct Times(Vec<Duration>);

impl Times {
    fn ms(&mut self, percent: usize) -> f64 {
        self.0.sort();
        self.0[self.0.len() * percent / 100].as_secs_f64() * 1000.0
    }
}

/// Returns a time that no other of a hundred requests names, so that no answer is cached.
fn past(nth: usize) -> String {
    format!("2026-11-{:02}T{:02}:{:02}:00Z", 13 + nth % 9, 6 + nth / 10, nth % 60)
}

/// As [`past`], but before the first poll.
fn before(nth: usize) -> String {
    format!("2026-11-01T{:02}:{:02}:00Z", nth % 24, nth % 60)
}

fn pages(items: usize) -> Vec<Page> {
    let last = items / 2 / 60;
    // As many pages as the search has at any size.
    let found = (items / 1_250).clamp(1, 80);
    vec![
        ("list, facets kept", Box::new(|nth| format!("/avatars?page={}", nth % 20 + 1))),
        (
            "last page, facets kept",
            Box::new(move |nth| format!("/avatars?page={}", last - nth % 10)),
        ),
        ("list by another search each time", Box::new(|nth| format!("/avatars?q=name+{nth}"))),
        (
            "the same search, facets kept",
            Box::new(move |nth| format!("/avatars?q=name+1&page={}", nth % found + 1)),
        ),
        (
            "list of one tag and gender",
            Box::new(|nth| format!("/avatars?tag=t{}&gender=female&q=n{}", nth % 9, nth)),
        ),
        (
            "list as of a past day, each time",
            Box::new(|nth| format!("/avatars?as_of={}", past(nth))),
        ),
        (
            "talking photos by another search",
            Box::new(|nth| format!("/talking-photos?q=photo+{nth}")),
        ),
        ("search of all kinds, each time", Box::new(|nth| format!("/search?q=name+{nth}"))),
        ("search without a match, each time", Box::new(|nth| format!("/search?q=zq{nth}"))),
        ("an item", Box::new(|nth| format!("/avatars/id{nth}"))),
        ("a talking photo", Box::new(|nth| format!("/talking-photos/{nth:032x}"))),
        ("overview", Box::new(|_| "/".into())),
        ("overview of a past day, each time", Box::new(|nth| format!("/?as_of={}", past(nth)))),
        ("changes", Box::new(|_| "/changes".into())),
        ("changes of a span, each time", Box::new(|nth| format!("/changes?from={}", before(nth)))),
        (
            "changes of a kind and field",
            Box::new(|nth| {
                format!(
                    "/changes?kind=avatar&change=changed&field=avatar_name&from={}",
                    before(nth)
                )
            }),
        ),
        ("changes of a kind", Box::new(|nth| format!("/changes?kind=avatar&from={}", before(nth)))),
        ("changes of one item", Box::new(|nth| format!("/changes?id=id{nth}"))),
        ("timeline", Box::new(|_| "/timeline?by=day".into())),
        ("polls", Box::new(|_| "/polls".into())),
        ("a poll", Box::new(|nth| format!("/polls/{}", nth % POLLS + 1))),
    ]
}

async fn measure(engine: &str, location: &Location, items: usize) {
    fill(location, items).await;
    let (told, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let guard = Access { token: None, behind_proxy: false, hosts: vec![] };
    let files = tempfile::tempdir().unwrap();
    let settings = GallerySettings::new(guard, demo::blobs(files.path()));
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
    let mut plain = Plain::open(location).await;
    let mut times = Times(vec![]);
    for nth in 0..100 {
        let began = Instant::now();
        assert_eq!(plain.page(nth).await, 60);
        times.0.push(began.elapsed());
    }
    let (plain_p50, plain_p95) = (times.ms(50), times.ms(95));
    println!(
        "{engine:>9} {items:>8}  {:<43} {plain_p50:>7.1} {plain_p95:>7.1} {:>8} {:>9} {:>8}",
        "(a plain SELECT, connection open)", "1.0", "", 1
    );
    let budget = BUDGETS.iter().find(|(size, _)| *size >= items).map_or(f64::MAX, |(_, ms)| *ms);
    let pages = pages(items);
    for (name, path) in &pages {
        let (mut times, mut bytes, mut queries) = (Times(vec![]), 0, 0);
        for nth in 0..100 {
            let began = Instant::now();
            let answer = client.get(format!("{base}{}", path(nth))).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}", path(nth));
            let asked = answer.headers()["x-queries"].to_str().unwrap().parse::<u32>().unwrap();
            queries = queries.max(asked);
            bytes = answer.bytes().await.unwrap().len();
            times.0.push(began.elapsed());
        }
        // Caching by the first answer must not hide its cost.
        let first = times.0[0].as_secs_f64() * 1000.0;
        let (p50, p95) = (times.ms(50), times.ms(95));
        let over =
            if p95.max(first) > budget { format!("  over {budget} ms") } else { String::new() };
        println!(
            "{engine:>9} {items:>8}  {name:<34} {first:>8.1} {p50:>7.1} {p95:>7.1} {:>8.1} {bytes:>9} {queries:>8}{over}",
            p95 / plain_p95
        );
        assert!(queries <= 6, "{name}");
    }
    let before = resident();
    let mut peak = before;
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..500 {
        if running.len() >= 16 {
            running.join_next().await;
            peak = peak.max(resident());
        }
        let request = client.get(format!("{base}{}", pages[nth % pages.len()].1(nth % 100)));
        running.spawn(async move { request.send().await.unwrap().bytes().await.unwrap().len() });
    }
    while running.join_next().await.is_some() {}
    println!(
        "{engine:>9} {items:>8}  500 requests, 16 at a time: {before} MB before, {peak} MB at most, {} MB after",
        resident()
    );
    assert!(peak < before + GROWTH, "the memory grew by more than {GROWTH} MB");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

/// Returns the memory of this process, in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Fills it with half avatars, half talking photos; each poll changes, adds and removes some.
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
    // Each content, as fetched after the first poll.
    let fetched = match location.file() {
        Some(_) => "'2026-11-12T06:00:00.000Z'",
        None => "'2026-11-12T06:00:00.000Z'::timestamptz",
    };
    let sql = format!(
        "INSERT INTO asset_versions (url, fetched_at, sha256, file, bytes) \
         SELECT url, {fetched}, sha256, file, bytes FROM assets WHERE file IS NOT NULL"
    );
    demo::run(location, sql).await;
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
