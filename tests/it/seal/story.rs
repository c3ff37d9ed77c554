//! Histories made by polls: a small catalogue that changes and is polled as saved answers.

use std::io::Cursor;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    error::Kind,
    poll::{Report, Request, Source, poll},
    store::{Location, Store},
    time::{Clock, Timestamp},
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::postgres::{TestDatabase, database};

/// A database of one engine, removed with this value.
pub enum Home {
    Sqlite(TempDir),
    Postgres(TestDatabase),
}

impl Home {
    /// Creates a SQLite and a PostgreSQL database.
    pub async fn both() -> [Self; 2] {
        [Self::Sqlite(tempfile::tempdir().unwrap()), Self::Postgres(database().await)]
    }

    /// Returns the value for `database`.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join("heygen.db").display().to_string(),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Returns its location.
    pub fn location(&self) -> Location {
        Location::parse(&self.url()).unwrap()
    }

    /// Opens it for reading.
    pub async fn reader(&self) -> Store {
        Store::open_to_read(&self.location()).await.unwrap()
    }
}

/// Returns a clock that advances by a minute each time it is read.
fn clock() -> Clock {
    let millis = Arc::new(AtomicI64::new(1_795_413_429_123));
    Clock::new(move || Timestamp::from_millis(millis.fetch_add(60_000, Ordering::Relaxed)))
}

/// An open database that is polled.
pub struct Polled {
    store: Store,
    clock: Clock,
}

impl Polled {
    /// Opens a new database in `home`.
    pub async fn new(home: &Home) -> Self {
        let store = Store::open_to_write(&home.location()).await.unwrap();
        Self { store, clock: clock() }
    }

    /// Polls `account` with `body` as its answer.
    pub async fn poll(&mut self, account: &str, body: &str) -> Report {
        let removals = Removals { after_polls: Some(1), min_count: 4, max_share: 0.4 };
        loop {
            let source = Source::Saved {
                name: "saved.json".into(),
                file: Box::new(Cursor::new(body.to_owned())),
            };
            let request = Request {
                account,
                catalogue: None,
                trigger: "file",
                removals: &removals,
                mirror: false,
                accepted: Accepted::None,
                observed_at: None,
                archive: None,
                deadline: Duration::from_secs(60),
                patience: std::time::Duration::ZERO,
                notify: &[],
                key_expires_at: None,
            };
            match poll(&mut self.store, &self.clock, &request, source).await {
                // Another test may be starting a process right now, which has our lock file open as
                // well until its program runs.
                Err(error) if error.kind == Kind::Busy => tokio::task::yield_now().await,
                report => return report.unwrap(),
            }
        }
    }

    /// Closes the database.
    pub async fn close(self) {
        self.store.close().await.unwrap();
    }
}

/// A catalogue of one account that changes at random.
pub struct Catalogue {
    lists: [Vec<Map<String, Value>>; 2],
    gone: [Vec<Map<String, Value>>; 2],
    next: u32,
}

const LISTS: [(&str, &str); 2] =
    [("avatar_id", "avatar_name"), ("talking_photo_id", "talking_photo_name")];

impl Catalogue {
    /// Creates a catalogue with a few items.
    pub fn new(random: &mut fastrand::Rng) -> Self {
        let mut new = Self { lists: [vec![], vec![]], gone: [vec![], vec![]], next: 0 };
        (0..8).for_each(|_| new.add(random));
        new
    }

    /// Returns the answer.
    pub fn body(&self) -> String {
        let [avatars, talking_photos] = &self.lists;
        let data = json!({"avatars": avatars, "talking_photos": talking_photos});
        // `json!` cannot write a number that no machine type holds.
        json!({"error": null, "data": data}).to_string().replace("\"@huge\"", "1e400")
    }

    /// Makes one random change.
    pub fn step(&mut self, random: &mut fastrand::Rng) {
        match random.u8(0..10) {
            0 | 1 => self.add(random),
            2 => self.remove(random),
            3 => self.restore(random),
            4 => self.field(random),
            _ => self.change(random),
        }
    }

    fn add(&mut self, random: &mut fastrand::Rng) {
        let which = random.usize(0..2);
        let (id, name) = LISTS[which];
        self.next += 1;
        let mut item = Map::new();
        item.insert(id.into(), format!("item-{}-é", self.next).into());
        item.insert(name.into(), format!("Name {}", self.next).into());
        item.insert("preview_image_url".into(), format!("https://h/{}.webp", self.next).into());
        if which == 0 {
            item.insert("gender".into(), "unknown".into());
            item.insert("premium".into(), random.bool().into());
            item.insert("tags".into(), json!(["b", "a"]));
        }
        self.lists[which].push(item);
    }

    fn remove(&mut self, random: &mut fastrand::Rng) {
        let which = random.usize(0..2);
        if self.lists[which].len() > 1 {
            let at = random.usize(0..self.lists[which].len());
            let item = self.lists[which].remove(at);
            self.gone[which].push(item);
        }
    }

    fn restore(&mut self, random: &mut fastrand::Rng) {
        let which = random.usize(0..2);
        if let Some(item) = self.gone[which].pop() {
            self.lists[which].push(item);
            self.change(random);
        }
    }

    /// Makes a field of one list appear or vanish.
    fn field(&mut self, random: &mut fastrand::Rng) {
        let which = random.usize(0..2);
        let name = ["zoom", "mood"][random.usize(0..2)];
        let has = self.lists[which].iter().any(|item| item.contains_key(name));
        for item in &mut self.lists[which] {
            match has {
                true => drop(item.remove(name)),
                false => drop(item.insert(name.into(), random.i32(0..9).into())),
            }
        }
    }

    fn change(&mut self, random: &mut fastrand::Rng) {
        let which = random.usize(0..2);
        if self.lists[which].is_empty() {
            return;
        }
        let at = random.usize(0..self.lists[which].len());
        let number = random.i32(0..1000);
        let item = &mut self.lists[which][at];
        let (field, value) = match random.u8(0..8) {
            0 => (LISTS[which].1, json!(format!("Renamed {number}"))),
            1 => ("gender", json!(["male", "female", "unknown"][random.usize(0..3)])),
            2 => ("premium", json!("yes")),
            3 => ("tags", json!([format!("t{number}"), "a"])),
            4 => ("zoom", json!(f64::from(number) / 8.0)),
            5 => ("zoom", json!("@huge")),
            6 => ("nested", json!({"b": [number, null], "a": "x"})),
            _ => ("type", Value::Null),
        };
        item.insert(field.into(), value);
    }
}

/// Makes a history of `polls` polls of two accounts, the same for the same `seed`.
pub async fn history(home: &Home, seed: u64, polls: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut polled = Polled::new(home).await;
    let accounts = ["default", "other"];
    let mut catalogues = accounts.map(|_| Catalogue::new(&mut random));
    for poll in 0..polls {
        let which = usize::from(poll > 2 && random.u8(0..3) == 0);
        if random.u8(0..12) == 0 {
            polled.poll(accounts[which], "{\"error\":null").await;
            continue;
        }
        (0..random.u8(0..4)).for_each(|_| catalogues[which].step(&mut random));
        let report = polled.poll(accounts[which], &catalogues[which].body()).await;
        assert!(report.error.is_none(), "{:?}", report.error);
    }
    polled.close().await;
}
