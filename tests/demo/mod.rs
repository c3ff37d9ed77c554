//! A made-up catalogue with a history: polled by the program itself, with pictures painted here.
//!
//! The browser tests and the screenshots use it. People, names and numbers are invented.
#![allow(dead_code)] // Each program uses a part of it.

pub mod paint;
pub mod people;

use std::{
    collections::BTreeMap,
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    mirror::Blobs,
    poll::{Request, Source, poll},
    store::{Location, Store},
    time::{Clock, Timestamp},
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// The fixed current time of the demo, and the time of its last poll.
pub const NOW: &str = "2026-11-23T09:30:00.000Z";
const LAST_POLL: &str = "2026-11-23T05:57:09.123Z";
/// The avatar with the longest history.
pub const ANNIE: &str = "Annie_Studio_Pink_Standing_Front_public";

/// The size of a demo.
#[derive(Clone, Copy)]
pub struct Size {
    pub avatars: usize,
    pub photos: usize,
    pub polls: i64,
    pub pictures: usize,
}

/// Large enough for tests.
pub const SMALL: Size = Size { avatars: 480, photos: 90, polls: 24, pictures: 24 };
/// The size that the README shows.
pub const FULL: Size = Size { avatars: 640, photos: 900, polls: 214, pictures: 96 };

const FIRST: [&str; 24] = [
    "Annie", "Bojan", "Brent", "Candace", "Caroline", "Colin", "Conrad", "Diran", "Esmond",
    "Fernando", "Gala", "Ida", "Juan", "Kavya", "Leszek", "Martina", "Noah", "Oxana", "Raul",
    "Silas", "Tuba", "Violante", "Wilma", "Zoya",
];
const WEAR: [&str; 7] = ["Casual", "Office", "Business", "Sport", "Doctor", "Lounge", "Studio"];
const PLACE: [&str; 8] = [
    "Sofa Front",
    "Sofa Side",
    "Standing Front",
    "Standing Side",
    "Sitting Front",
    "Window Sitting",
    "Outdoor",
    "Lobby Side",
];
const TAGS: [&str; 8] =
    ["business", "casual", "outdoor", "studio", "formal", "training", "medical", "sport"];

type Record = Map<String, Value>;

/// The two lists, which change from poll to poll.
struct World {
    avatars: BTreeMap<String, Record>,
    photos: BTreeMap<String, Record>,
    dice: fastrand::Rng,
    made: usize,
}

impl World {
    fn new(size: Size) -> Self {
        let mut world = Self {
            avatars: BTreeMap::new(),
            photos: BTreeMap::new(),
            dice: fastrand::Rng::with_seed(20_260_424),
            made: 0,
        };
        for _ in 0..size.avatars {
            world.add_avatar();
        }
        for at in 0..size.photos {
            world.add_photo(at);
        }
        world.annie();
        world
    }

    fn add_avatar(&mut self) {
        let at = self.made;
        self.made += 1;
        let first = FIRST[at % FIRST.len()];
        let round = at / FIRST.len();
        let (wear, place) =
            (WEAR[(round + at) % WEAR.len()], PLACE[(round / WEAR.len() + at * 3) % PLACE.len()]);
        let number = if round >= WEAR.len() {
            format!(" {}", round / WEAR.len() + 1)
        } else {
            String::new()
        };
        let name = format!("{first} {wear} {place}{number}");
        let id = format!("{}_public", name.replace(' ', "_"));
        let path = format!("https://files2.heygen.ai/avatar/v3/{}_{}", hex(&id), 40_000 + at);
        let mut tags = vec![TAGS[at % 3], TAGS[3 + self.dice.usize(0..5)]];
        tags.truncate(1 + self.dice.usize(0..2));
        let gender = if self.dice.u8(0..100) == 0 { "unknown" } else { gender_of(first) };
        let record = json!({
            "avatar_id": id, "avatar_name": name, "gender": gender,
            "preview_image_url": format!("{path}/preview_target.webp"),
            "preview_video_url": format!("{path}/preview_video_target.mp4"),
            "premium": self.dice.u8(0..4) == 0, "type": null, "tags": tags, "default_voice_id": null,
        });
        if let Value::Object(record) = record {
            self.avatars.insert(id, record);
        }
    }

    fn add_photo(&mut self, at: usize) {
        let id = hex(&format!("photo {at} {}", self.made));
        self.made += 1;
        let first = FIRST[(at * 7) % FIRST.len()];
        let name = format!(
            "{first} {}",
            ["in Blue Shirt", "in Grey Shirt (Front)", "in Yellow Skirt", "at Work"][at % 4]
        );
        let record = json!({
            "talking_photo_id": id, "talking_photo_name": name,
            "preview_image_url": format!("https://files2.heygen.ai/talking_photo/{id}/{}.WEBP", hex(&name)),
        });
        if let Value::Object(record) = record {
            self.photos.insert(id, record);
        }
    }

    fn annie(&mut self) {
        let record = json!({
            "avatar_id": ANNIE, "avatar_name": "Annie Studio Rose Standing Front", "gender": "female",
            "preview_image_url": "https://files2.heygen.ai/avatar/v3/456807b0_51020/preview_talk_1.webp",
            "preview_video_url": "https://files2.heygen.ai/avatar/v3/456807b0_51020/preview_video.mp4",
            "premium": true, "type": null, "tags": ["business", "studio"], "default_voice_id": null,
        });
        if let Value::Object(record) = record {
            self.avatars.insert(ANNIE.into(), record);
        }
    }

    fn set(&mut self, id: &str, field: &str, value: Value) {
        if let Some(record) = self.avatars.get_mut(id) {
            record.insert(field.into(), value);
        }
    }

    /// Changes the lists before the poll that is `left` polls before the last.
    fn turn(&mut self, left: i64, polls: i64, hidden: &mut Option<Record>) {
        let nth = polls - left;
        // Over the half year, most days add few items.
        let came = match self.dice.u8(0..10) {
            0..=5 => 0,
            6..=8 => self.dice.usize(1..4),
            _ => self.dice.usize(4..15),
        };
        (0..came).for_each(|_| self.add_avatar());
        if self.dice.u8(0..5) == 0 {
            let at = self.dice.usize(1_000..9_000);
            self.add_photo(at);
        }
        if self.dice.u8(0..4) == 0 {
            let gone = self.pick();
            self.avatars.remove(&gone);
        }
        if self.dice.u8(0..3) == 0 {
            let id = self.pick();
            self.set(&id, "tags", json!([TAGS[self.made % 8], TAGS[(self.made + 3) % 8]]));
        }
        let when = |share: i64| nth == (polls * share / 100).max(2);
        if when(19) {
            self.set(ANNIE, "avatar_name", json!("Annie Studio Pink Standing Front"));
        }
        if when(40) {
            *hidden = self.avatars.remove(ANNIE);
        }
        if nth == polls * 40 / 100 + 6
            && let Some(mut record) = hidden.take()
        {
            record.insert("premium".into(), json!(false));
            self.avatars.insert(ANNIE.into(), record);
        }
        match left {
            5 => {
                let url = "https://files2.heygen.ai/avatar/v3/456807b0_56040/preview_talk_1.webp";
                self.set(ANNIE, "preview_image_url", json!(url));
            }
            3 => self.mass_change(),
            6 => {
                // More than the guard allows.
                let few: Vec<String> =
                    self.photos.keys().take(self.photos.len() / 3).cloned().collect();
                few.iter().for_each(|id| drop(self.photos.remove(id)));
            }
            2 | 1 => (0..2).for_each(|_| {
                let gone = self.pick();
                self.avatars.remove(&gone);
            }),
            0 => (0..4).for_each(|_| self.add_avatar()),
            _ => {}
        }
    }

    fn mass_change(&mut self) {
        for record in self.avatars.values_mut() {
            if record.get("premium") == Some(&json!(true)) {
                record.insert("premium".into(), json!(false));
            }
        }
        let ids: Vec<String> = self.avatars.keys().step_by(5).cloned().collect();
        ids.iter().for_each(|id| self.set(id, "premium", json!(true)));
        (0..6).for_each(|_| self.add_avatar());
        let colin =
            self.avatars.keys().find(|id| id.starts_with("Colin")).cloned().unwrap_or_default();
        self.set(&colin, "avatar_name", json!("Colin Sweater Sitting Front"));
    }

    fn pick(&mut self) -> String {
        let at = self.dice.usize(0..self.avatars.len());
        let id = self.avatars.keys().filter(|id| *id != ANNIE).nth(at.saturating_sub(1));
        id.cloned().unwrap_or_default()
    }

    fn body(&self) -> Vec<u8> {
        let avatars: Vec<&Record> = self.avatars.values().collect();
        let photos: Vec<&Record> = self.photos.values().collect();
        json!({"error": null, "data": {"avatars": avatars, "talking_photos": photos},
            "warning": {"message": "The v2 list is being retired; the successor is /v3/avatars/looks."}})
        .to_string()
        .into_bytes()
    }
}

fn gender_of(first: &str) -> &'static str {
    match first {
        "Annie" | "Candace" | "Caroline" | "Gala" | "Ida" | "Kavya" | "Martina" | "Oxana"
        | "Tuba" | "Violante" | "Wilma" | "Zoya" => "female",
        _ => "male",
    }
}

/// Returns the first 16 bytes of a hash as 32 lower-case hex digits.
pub fn hex(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the clock of the demo, which always shows [`NOW`].
pub fn clock() -> Clock {
    let now = time(NOW);
    Clock::new(move || now)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Polls a demo into `location`, and writes its files to `files`.
pub async fn seed(location: &Location, files: &Path, size: Size) {
    let mut world = World::new(size);
    let mut store = Store::open_to_write(location).await.expect("opens");
    let removals = Removals { after_polls: Some(4), min_count: 20, max_share: 0.2 };
    let last = time(LAST_POLL);
    let mut hidden = None;
    for left in (0..size.polls).rev() {
        if left < size.polls - 1 {
            world.turn(left, size.polls, &mut hidden);
        }
        let at = last.minus(Duration::from_secs(86_400 * left as u64));
        let body = if left == 4 { b"{\"error\":null}".to_vec() } else { world.body() };
        poll_at(&mut store, at, body, &removals).await;
    }
    store.close().await.expect("closes");
    mirror(location, files, size).await;
}

/// Polls a body, observed at `at`.
pub async fn poll_at(store: &mut Store, at: Timestamp, body: Vec<u8>, removals: &Removals) {
    poll_of("default", store, at, body, removals).await;
}

/// Like [`poll_at`], for any account.
pub async fn poll_of(
    account: &str,
    store: &mut Store,
    at: Timestamp,
    body: Vec<u8>,
    removals: &Removals,
) {
    let source = Source::Saved {
        name: "https://api.heygen.com/v2/avatars".into(),
        file: Box::new(Cursor::new(body)),
    };
    let request = Request {
        account,
        catalogue: None,
        trigger: "schedule",
        removals,
        accepted: Accepted::None,
        observed_at: Some(at),
        mirror: false,
        archive: None,
        deadline: Duration::from_secs(60),
        patience: std::time::Duration::ZERO,
        notify: &[],
        key_expires_at: None,
    };
    poll(store, &Clock::new(move || at), &request, source).await.expect("polls");
}

/// Runs statements on either engine.
pub async fn run(location: &Location, sql: String) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    match location {
        Location::Sqlite(path) => {
            let url = format!("sqlite://{}", path.display());
            let mut conn = SqliteConnection::connect(&url).await.expect("connects");
            sql.execute(&mut conn).await.expect("runs");
            conn.close().await.expect("closes");
        }
        Location::Postgres { options, .. } => {
            let mut conn = PgConnection::connect_with(options).await.expect("connects");
            sql.execute(&mut conn).await.expect("runs");
        }
    }
}

/// Returns all texts of one column.
pub async fn texts(location: &Location, sql: String) -> Vec<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(sql.clone()));
    match location {
        Location::Sqlite(path) => {
            let url = format!("sqlite://{}", path.display());
            let mut conn = SqliteConnection::connect(&url).await.expect("connects");
            query.fetch_all(&mut conn).await.expect("reads")
        }
        Location::Postgres { options, .. } => {
            let mut conn = PgConnection::connect_with(options).await.expect("connects");
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut conn).await.expect("reads")
        }
    }
}

/// Returns the content-addressed store in `files`.
pub fn blobs(files: &Path) -> Option<Arc<Blobs>> {
    let name = files.to_str().expect("a name in UTF-8");
    Some(Arc::new(Blobs::new(name, Path::new(""), std::iter::empty()).expect("a store")))
}

/// Stores bytes as the mirror does; returns the hash and the name.
pub fn keep(files: &Path, bytes: &[u8], end: &str) -> (String, String) {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = format!("sha256/{}/{hash}.{end}", &hash[..2]);
    let path: PathBuf = files.join(&file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
    (hash, file)
}

/// Stores a picture for nearly every URL, as if the mirror had fetched them.
async fn mirror(location: &Location, files: &Path, size: Size) {
    let mut kept = vec![];
    for seed in 0..size.pictures as u64 {
        // Women at even indices, men at odd ones.
        let bytes = paint::portrait(seed, seed % 2 == 0, seed * 3 + 1);
        kept.push((keep(files, &bytes, "png"), bytes.len()));
    }
    let annie = [8, 0].map(|place| {
        let bytes = paint::portrait(4, true, place);
        (keep(files, &bytes, "png"), bytes.len())
    });
    let women = texts(
        location,
        "SELECT preview_image_url FROM avatar_history WHERE gender = 'female'".into(),
    )
    .await;
    let women: std::collections::BTreeSet<String> = women.into_iter().collect();
    let (video, video_file) = keep(files, &paint::video(), "mp4");
    let mut urls = texts(location, union_of("preview_image_url")).await;
    urls.sort_by_key(|url| hex(url));
    let mut rows = vec![];
    for (at, url) in urls.iter().enumerate() {
        let special = url.contains("456807b0");
        let state = match at % 90 {
            7 if !special => "pending",
            31 if !special => "gone",
            53 if !special => "failed",
            _ => "mirrored",
        };
        let half = at % (kept.len() / 2) * 2;
        let ((hash, file), length) = match url {
            url if url.contains("456807b0_51020") => &annie[0],
            url if url.contains("456807b0_56040") => &annie[1],
            url => &kept[half + usize::from(!women.contains(url))],
        };
        rows.push(asset(url, "image", state, hash, file, *length));
    }
    let sql = texts(
        location,
        "SELECT DISTINCT preview_video_url FROM avatar_history WHERE preview_video_url IS NOT NULL"
            .into(),
    )
    .await;
    rows.extend(sql.iter().map(|url| asset(url, "video", "mirrored", &video, &video_file, 600)));
    for some in rows.chunks(200) {
        run(location, format!("BEGIN;{}COMMIT;", some.concat())).await;
    }
}

fn union_of(column: &str) -> String {
    format!(
        "SELECT {column} FROM avatar_history WHERE {column} IS NOT NULL \
         UNION SELECT {column} FROM talking_photo_history WHERE {column} IS NOT NULL"
    )
}

fn asset(url: &str, role: &str, state: &str, hash: &str, file: &str, bytes: usize) -> String {
    let fetched =
        if url.contains("56040") { "2026-11-18T06:10:00.000Z" } else { "2026-04-24T09:40:00.000Z" };
    let kind = match role {
        "image" => "image/png",
        "video" => "video/mp4",
        _ => "audio/x-wav",
    };
    if state != "mirrored" {
        return format!(
            "INSERT INTO assets (url, role, state, checked_at) VALUES ('{url}', '{role}', '{state}', '{fetched}') \
             ON CONFLICT (url) DO UPDATE SET state = '{state}';"
        );
    }
    format!(
        "INSERT INTO assets (url, role, state, sha256, file, bytes, content_type, mirrored_at, checked_at) \
         VALUES ('{url}', '{role}', 'mirrored', '{hash}', '{file}', {bytes}, '{kind}', '{fetched}', '{fetched}') \
         ON CONFLICT (url) DO UPDATE SET state = 'mirrored', sha256 = '{hash}', file = '{file}', \
         bytes = {bytes}, content_type = '{kind}', mirrored_at = '{fetched}', checked_at = '{fetched}';\
         INSERT INTO asset_versions (url, fetched_at, sha256, file, bytes, content_type) \
         VALUES ('{url}', '{fetched}', '{hash}', '{file}', {bytes}, '{kind}');"
    )
}
