//! The world of one test: a fake HeyGen, a new database on one of the engines and a clock that only
//! the test moves. Each poll is one hour after the last.
//!
//! [`on_both!`] turns every body into two tests. It is independent of the rules that the tests state.
#![allow(dead_code)] // Each test uses a part of it.

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use heygen_sync::{
    archive::Archive,
    catalog::{api_version::ApiVersion, catalogue::Catalogue, diff::Accepted},
    config::{Api, Notify, Removals, Version},
    error::{Kind, Result},
    heygen::{Client, Settings},
    mirror::{self, Blobs, Summary},
    poll::{Report, Request, Source, dry_run, poll},
    store::{Location, Store},
    time::{Clock, Timestamp},
};
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::{
    fake::{FakeHeyGen, KEY},
    patience::Patience,
    postgres::{TestDatabase, database},
    text::{self, Texts},
};

/// Turns each `async fn a_sentence(world: World) { … }` into one test in `sqlite` and one in
/// `postgres`; once per file. Another axis is another group of modules around `@tests`.
macro_rules! on_both {
    ($(async fn $name:ident($world:ident: $World:ty) $body:block)*) => {
        $(async fn $name(#[allow(unused_mut)] mut $world: $World) $body)*
        mod sqlite { $crate::world::on_both! { @tests Sqlite $($name)* } }
        mod postgres { $crate::world::on_both! { @tests Postgres $($name)* } }
    };
    (@tests $engine:ident $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            super::$name($crate::world::World::start($crate::world::Engine::$engine).await).await;
        })*
    };
}
pub(crate) use on_both;

/// Like [`on_both!`], for each version of the API: four tests of every body. See [`World::of_v3`].
macro_rules! on_all {
    ($(async fn $name:ident($world:ident: $World:ty) $body:block)*) => {
        $crate::world::on_both! { $(async fn $name($world: $World) $body)* }
        mod v3_sqlite { $crate::world::on_all! { @tests Sqlite $($name)* } }
        mod v3_postgres { $crate::world::on_all! { @tests Postgres $($name)* } }
    };
    (@tests $engine:ident $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            let world = $crate::world::World::start($crate::world::Engine::$engine).await;
            super::$name(world.of_v3()).await;
        })*
    };
}
pub(crate) use on_all;

/// The engine of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Both of them.
pub const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// A separate connection, for queries and for changes outside the program.
enum Beside {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The owner of the database, which is removed with it.
enum Home {
    Folder(TempDir),
    Server(TestDatabase),
}

/// The world of one test; see the module. The parts of a request that a test may change are public.
pub struct World {
    pub heygen: FakeHeyGen,
    pub account: &'static str,
    pub catalogue: Catalogue,
    pub removals: Removals,
    pub accepted: Accepted,
    pub version: Version,
    /// Whether polls feed the mirror.
    pub mirror: bool,
    /// The receivers of notices.
    pub notify: Vec<Notify>,
    /// The expiry of the key, as it is passed to polls.
    pub key_expires_at: Option<Timestamp>,
    /// The archive of the answers.
    pub archive: Option<Arc<Archive>>,
    store: Store,
    client: Client,
    beside: Beside,
    now: Arc<AtomicI64>,
    home: Home,
    _patience: Patience,
}

/// All tables with the order of their rows, so that a dump is canonical.
pub const TABLES: [(&str, &str); 15] = [
    ("accounts", "account"),
    ("polls", "poll_id"),
    ("avatars", "account, avatar_id"),
    ("talking_photos", "account, talking_photo_id"),
    ("avatar_groups", "account, group_id"),
    ("voices", "account, voice_id"),
    ("avatar_history", "account, avatar_id, version"),
    ("talking_photo_history", "account, talking_photo_id, version"),
    ("avatar_group_history", "account, group_id, version"),
    ("voice_history", "account, voice_id, version"),
    ("field_changes", "poll_id, kind, item_id, field"),
    ("schema_changes", "poll_id, kind, field"),
    ("assets", "url"),
    ("asset_versions", "url, fetched_at"),
    ("notices", "notice_id"),
];

/// Columns that depend on the bytes of an answer and on who read it, not on its contents; the
/// digest covers all of them.
const INCIDENTAL: [&str; 6] =
    ["source", "request_id", "response_bytes", "response_sha256", "host", "digest"];

/// Returns a response whose lists contain these records, as written.
pub fn body(avatars: &str, photos: &str) -> Vec<u8> {
    format!(r#"{{"error":null,"data":{{"avatars":[{avatars}],"talking_photos":[{photos}]}}}}"#)
        .into_bytes()
}

/// Returns the time `hours` after the start: when the poll with that number was observed.
pub fn hour(hours: u64) -> Timestamp {
    Timestamp::parse("2026-01-01").unwrap().plus(Duration::from_secs(hours * 3600))
}

impl World {
    /// Creates an empty catalogue and an empty database, at midnight of 2026-01-01.
    pub async fn start(engine: Engine) -> Self {
        let patience = Patience::begin();
        let heygen = FakeHeyGen::start();
        let now = Arc::new(AtomicI64::new(hour(0).millis()));
        let home = match engine {
            Engine::Sqlite => Home::Folder(tempfile::tempdir().unwrap()),
            Engine::Postgres => Home::Server(database().await),
        };
        let store = Store::open_to_write(&home.location()).await.unwrap();
        let client = Client::new(&settings(&heygen), KEY.to_owned().into(), clock(&now)).unwrap();
        Self {
            heygen,
            account: "default",
            catalogue: Catalogue::Avatars,
            removals: Removals::default(),
            accepted: Accepted::None,
            version: Version::Fixed(ApiVersion::V2),
            mirror: false,
            notify: vec![],
            key_expires_at: None,
            archive: None,
            store,
            client,
            beside: home.connect().await,
            now,
            home,
            _patience: patience,
        }
    }

    /// Switches to v3: polls read looks with the contents of v2, responses that a test wrote for v2
    /// are sent as pages, and removals are due as soon as on v2.
    pub fn of_v3(mut self) -> Self {
        self.version = Version::Fixed(ApiVersion::V3);
        self.removals.after_polls = Some(1);
        self.heygen.paging(|paging| paging.plain = true);
        self
    }

    /// Returns whether its database is a file.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.home, Home::Folder(_))
    }

    /// Returns whether it uses v3.
    pub fn is_v3(&self) -> bool {
        self.version == Version::Fixed(ApiVersion::V3)
    }

    /// Uses a client with these settings from now on.
    pub fn client(&mut self, edit: impl FnOnce(&mut Settings)) {
        let mut settings = settings(&self.heygen);
        edit(&mut settings);
        self.client = Client::new(&settings, KEY.to_owned().into(), clock(&self.now)).unwrap();
    }

    // The clock

    /// Returns the time of the clock.
    pub fn now(&self) -> Timestamp {
        clock(&self.now).now()
    }

    /// Sets the clock, which may go back.
    pub fn set_clock(&self, to: Timestamp) {
        self.now.store(to.millis(), Ordering::SeqCst);
    }

    /// Advances the clock.
    pub fn pass(&self, time: Duration) {
        self.set_clock(self.now().plus(time));
    }

    // Polls. Another test may be starting a process right now, which has our lock file open as well
    // until its program runs; then the poll is tried again.

    /// Polls the fake an hour later.
    pub async fn poll(&mut self) -> Report {
        self.pass(Duration::from_secs(3600));
        loop {
            match self.poll_now().await {
                Err(error) if error.kind == Kind::Busy => tokio::task::yield_now().await,
                report => return report.unwrap(),
            }
        }
    }

    /// Polls one catalogue of the fake an hour later.
    pub async fn poll_of(&mut self, catalogue: Catalogue) -> Report {
        let own = std::mem::replace(&mut self.catalogue, catalogue);
        let report = self.poll().await;
        self.catalogue = own;
        report
    }

    /// Polls the fake without waiting; an error leaves no row.
    pub async fn poll_now(&mut self) -> Result<Report> {
        let clock = clock(&self.now);
        let source = Source::Api { client: &self.client, version: self.version, progress: &|_| () };
        let request = request(self.account, &self.removals, self.accepted, "manual");
        let (archive, notify) = (self.archive.as_deref(), self.notify.as_slice());
        let (catalogue, key_expires_at) = (Some(self.catalogue), self.key_expires_at);
        let mirror = self.mirror;
        let request = Request { catalogue, mirror, archive, notify, key_expires_at, ..request };
        poll(&mut self.store, &clock, &request, source).await
    }

    /// Polls a response as written, an hour later: a saved one on v2, from the API on v3.
    pub async fn poll_file(&mut self, body: impl Into<Vec<u8>>) -> Report {
        if self.is_v3() {
            self.heygen.replace_body(page(body.into()));
            let report = self.poll().await;
            self.heygen.recover();
            return report;
        }
        self.pass(Duration::from_secs(3600));
        let body = body.into();
        loop {
            match self.backfill(body.clone(), None).await {
                Err(error) if error.kind == Kind::Busy => tokio::task::yield_now().await,
                report => return report.unwrap(),
            }
        }
    }

    /// Polls a saved response without waiting, with the date `observed_at`.
    pub async fn backfill(
        &mut self,
        body: impl Into<Vec<u8>>,
        observed_at: Option<Timestamp>,
    ) -> Result<Report> {
        let clock = clock(&self.now);
        let source = saved(body.into());
        let request = request(self.account, &self.removals, self.accepted, "file");
        let (archive, notify) = (self.archive.as_deref(), self.notify.as_slice());
        let request = Request { observed_at, archive, notify, ..request };
        poll(&mut self.store, &clock, &request, source).await
    }

    /// Returns what [`Self::poll_file`] would do.
    pub async fn dry_run(&mut self, body: impl Into<Vec<u8>>) -> Report {
        self.pass(Duration::from_secs(3600));
        let clock = clock(&self.now);
        let source = match self.is_v3() {
            true => {
                self.heygen.replace_body(page(body.into()));
                Source::Api { client: &self.client, version: self.version, progress: &|_| () }
            }
            false => saved(body.into()),
        };
        let request = request(self.account, &self.removals, self.accepted, "file");
        dry_run(Some(&mut self.store), &clock, &request, source).await.unwrap()
    }

    /// Polls a response with these avatars, as written, and one talking photo.
    pub async fn avatars(&mut self, records: &str) -> Report {
        self.poll_file(body(records, r#"{"talking_photo_id":"p"}"#)).await
    }

    /// Polls a response with one avatar and these talking photos, as written.
    pub async fn photos(&mut self, records: &str) -> Report {
        self.poll_file(body(r#"{"avatar_id":"p"}"#, records)).await
    }

    /// Works the mirror's queue once; the fake sends fresh lists.
    pub async fn work_mirror(
        &mut self,
        settings: &mirror::MirrorSettings,
        blobs: &Arc<Blobs>,
    ) -> Result<Summary> {
        let clock = clock(&self.now);
        let (client, removals, account) = (&self.client, &self.removals, self.account);
        let version = self.version;
        let refresh = async |store: &mut Store| {
            let source = Source::Api { client, version, progress: &|_| () };
            let request = request(account, removals, Accepted::None, "refresh");
            let report = poll(store, &clock, &Request { mirror: true, ..request }, source).await?;
            report.error.map_or(Ok(()), Err)
        };
        let store = &mut self.store;
        mirror::run(store, &clock, settings, blobs.clone(), &|_| (), refresh).await
    }

    /// Returns the program's own connection.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Returns the clock.
    pub fn clock(&self) -> Clock {
        clock(&self.now)
    }

    /// Opens another connection to the same database, for a second poller.
    pub async fn second(&self) -> Store {
        Store::open_to_write(&self.home.location()).await.unwrap()
    }

    /// Opens the database on a separate thread, so that a wait for a lock blocks no test.
    pub async fn opens_apart(&self) {
        let location = self.home.location();
        let runtime = tokio::runtime::Handle::current();
        let open = move || runtime.block_on(Store::open_to_write(&location)).map(drop);
        tokio::task::spawn_blocking(open).await.unwrap().unwrap();
    }

    /// Returns the URL of the PostgreSQL database.
    pub fn url(&self) -> &str {
        match &self.home {
            Home::Server(server) => server.url(),
            Home::Folder(_) => panic!("this world stands on SQLite"),
        }
    }

    // Queries

    /// Returns the rows of a query, as text that is the same on both engines.
    pub async fn query(&mut self, sql: &str) -> Vec<Texts> {
        match &mut self.beside {
            Beside::Sqlite(connection) => text::sqlite(connection, sql).await,
            Beside::Postgres(connection) => text::postgres(connection, sql).await,
        }
    }

    /// Returns the names of a query's columns; none if it returns no row.
    pub async fn names(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut self.beside {
            Beside::Sqlite(connection) => {
                text::names(sqlx::query(sql).fetch_optional(connection).await.unwrap())
            }
            Beside::Postgres(connection) => {
                text::names(sqlx::query(sql).fetch_optional(connection).await.unwrap())
            }
        }
    }

    /// Returns the rows of a query, each as `a|b|∅`.
    pub async fn lines(&mut self, sql: &str) -> Vec<String> {
        self.query(sql).await.into_iter().map(text::line).collect()
    }

    /// Returns the only cell of a query's only row.
    pub async fn cell(&mut self, sql: &str) -> String {
        let lines = self.lines(sql).await;
        assert_eq!(lines.len(), 1, "{sql}: {lines:?}");
        lines.into_iter().next().unwrap()
    }

    /// Runs statements outside the program.
    pub async fn meddle(&mut self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &mut self.beside {
            Beside::Sqlite(connection) => drop(sql.execute(connection).await.unwrap()),
            Beside::Postgres(connection) => drop(sql.execute(connection).await.unwrap()),
        }
    }

    /// Returns all tables as text, without what may differ between databases with the same contents.
    pub async fn dump(&mut self) -> String {
        self.dump_of(&TABLES).await
    }

    /// Returns what polls add up to: every table but `polls` and the heads in `accounts`.
    pub async fn facts(&mut self) -> String {
        self.dump_of(&TABLES[2..]).await
    }

    /// Returns every cell of every table that a replay restores, which excludes links and copies.
    pub async fn everything(&mut self) -> Vec<String> {
        let mut all = vec![];
        for (table, order) in TABLES {
            if ["assets", "asset_versions"].contains(&table) {
                continue;
            }
            let columns = self.columns(table).await.join(", ");
            let rows = self.lines(&format!("SELECT {columns} FROM {table} ORDER BY {order}")).await;
            all.extend(rows.into_iter().map(|row| format!("{table}|{row}")));
        }
        all
    }

    async fn dump_of(&mut self, tables: &[(&str, &str)]) -> String {
        let mut dump = String::new();
        for (table, order) in tables {
            let columns = self.columns(table).await;
            let columns = columns.iter().filter(|name| {
                !(["accounts", "polls"].contains(table) && INCIDENTAL.contains(&name.as_str()))
            });
            let columns = columns.cloned().collect::<Vec<_>>().join(", ");
            let rows = self.lines(&format!("SELECT {columns} FROM {table} ORDER BY {order}")).await;
            dump += &format!("{table}: {columns}\n");
            rows.iter().for_each(|row| dump += &format!("  {row}\n"));
        }
        dump
    }

    /// Returns the columns of a table, in its order, without the internal one.
    pub async fn columns(&mut self, table: &str) -> Vec<String> {
        let sql = match &self.beside {
            Beside::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Beside::Postgres(_) => format!(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass \
                 AND attnum > 0 ORDER BY attnum"
            ),
        };
        let all = self.lines(&sql).await.into_iter();
        all.filter(|name| name != "fingerprint").collect()
    }

    /// Empties the database and sets the clock back, for the next of many cases.
    pub async fn start_over(&mut self) {
        self.set_clock(hour(0));
        // In reverse order, so that references to a row are deleted before it.
        let tables: Vec<_> = TABLES.iter().rev().map(|(table, _)| *table).collect();
        let sql = match &self.beside {
            Beside::Sqlite(_) => tables.iter().map(|t| format!("DELETE FROM {t};")).collect(),
            // The internal table references the accounts.
            Beside::Postgres(_) => format!("TRUNCATE {} CASCADE", tables.join(", ")),
        };
        self.meddle(&sql).await;
    }
}

/// Converts a response for v2 to the only page of v3; what is not a response is returned unchanged.
fn page(body: Vec<u8>) -> Vec<u8> {
    type Lists = BTreeMap<String, Vec<Box<RawValue>>>;
    let envelope = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&body);
    let data = envelope.ok().filter(|all| all.get("error").is_none_or(|e| e.get() == "null"));
    let lists = data.and_then(|all| serde_json::from_str::<Lists>(all.get("data")?.get()).ok());
    let Some(lists) = lists.filter(|lists| lists.len() == 2) else { return body };
    let told = lists.iter().flat_map(|(kind, records)| {
        records.iter().map(move |record| look(record.get(), kind == "talking_photos"))
    });
    let told = told.collect::<Vec<_>>().join(",");
    format!(r#"{{"data":[{told}],"has_more":false,"next_token":null}}"#).into_bytes()
}

/// Converts a record of v2 to a look. An avatar needs no type to be one.
fn look(record: &str, photo: bool) -> String {
    let (id, name) = match photo {
        true => ("\"talking_photo_id\"", "\"talking_photo_name\""),
        false => ("\"avatar_id\"", "\"avatar_name\""),
    };
    let look = record.replace(id, "\"id\"").replace(name, "\"name\"");
    match look.strip_prefix('{').map(str::trim_start).filter(|_| photo) {
        Some("}") => r#"{"avatar_type":"photo_avatar"}"#.into(),
        Some(fields) => format!(r#"{{"avatar_type":"photo_avatar",{fields}"#),
        None => look,
    }
}

impl Home {
    fn location(&self) -> Location {
        match self {
            Self::Folder(folder) => Location::Sqlite(folder.path().join("heygen.db")),
            Self::Server(server) => Location::parse(server.url()).unwrap(),
        }
    }

    async fn connect(&self) -> Beside {
        match self {
            Self::Folder(folder) => {
                let url = format!("sqlite://{}", folder.path().join("heygen.db").display());
                Beside::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
            Self::Server(server) => {
                Beside::Postgres(PgConnection::connect(server.url()).await.unwrap())
            }
        }
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = now.clone();
    Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)))
}

fn settings(heygen: &FakeHeyGen) -> Settings {
    Settings {
        api: Api {
            base_url: heygen.base_url().parse().unwrap(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            max_response: 1 << 24,
            retries: 0,
            retry_time: Duration::from_secs(300),
            ..Api::default()
        },
        backoff: Duration::from_millis(1),
        pace: Duration::ZERO,
    }
}

fn saved(body: Vec<u8>) -> Source<'static> {
    Source::Saved { name: "saved.json".into(), file: Box::new(Cursor::new(body)) }
}

fn request<'r>(
    account: &'r str,
    removals: &'r Removals,
    accepted: Accepted,
    trigger: &'r str,
) -> Request<'r> {
    let deadline = Duration::from_secs(300);
    Request {
        account,
        catalogue: None,
        trigger,
        removals,
        mirror: false,
        accepted,
        observed_at: None,
        archive: None,
        deadline,
        patience: Duration::ZERO,
        notify: &[],
        key_expires_at: None,
    }
}
