//! A running gallery of the small demo, on either database, and its answers.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use heygen_sync::{
    config::Removals,
    store::{Location, Store},
    time::{Clock, Timestamp},
    web::{self, App, GallerySettings, security::Access},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, oneshot};

use crate::{
    demo::{self, Size},
    patience::Patience,
    postgres::{TestDatabase, database},
};

const TINY: Size = Size { avatars: 140, photos: 70, polls: 24, pictures: 4 };

/// A gallery that stops when this value is dropped.
pub struct Site {
    base: String,
    client: reqwest::Client,
    location: Location,
    files: PathBuf,
    polled: Mutex<Timestamp>,
    _stop: oneshot::Sender<()>,
    _home: Option<TempDir>,
    _database: Option<TestDatabase>,
    _patience: Patience,
}

/// Starts the demo on SQLite and on PostgreSQL.
pub async fn both() -> [Site; 2] {
    seeded(async |location, files| demo::seed(location, files, TINY).await).await
}

/// Starts the account polled over v3, with people and voices, on both.
pub async fn people() -> [Site; 2] {
    seeded(async |location, files| demo::people::seed(location, files, 1).await).await
}

async fn seeded(seed: impl AsyncFn(&Location, &Path)) -> [Site; 2] {
    let home = tempfile::tempdir().unwrap();
    let sqlite = Location::Sqlite(home.path().join("demo.db"));
    let files = home.path().join("mirror");
    let server = database().await;
    let postgres = Location::parse(server.url()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other_files = other.path().join("mirror");
    seed(&sqlite, &files).await;
    seed(&postgres, &other_files).await;
    let mut first = Site::start(sqlite, files).await;
    first._home = Some(home);
    let mut second = Site::start(postgres, other_files).await;
    second._home = Some(other);
    second._database = Some(server);
    [first, second]
}

/// Starts a demo of some thousand items in a SQLite file.
pub async fn large() -> Site {
    let home = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(home.path().join("demo.db"));
    let files = home.path().join("mirror");
    demo::seed(&location, &files, Size { avatars: 2_400, photos: 900, ..TINY }).await;
    let mut site = Site::start(location, files).await;
    site._home = Some(home);
    site
}

/// Starts a gallery of a database without a poll.
pub async fn empty() -> Site {
    let home = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(home.path().join("empty.db"));
    Store::open_to_write(&location).await.unwrap().close().await.unwrap();
    let mut site = Site::start(location, home.path().join("mirror")).await;
    site._home = Some(home);
    site
}

impl Site {
    pub async fn of_file(path: &Path) -> Self {
        Self::start(Location::Sqlite(path.to_owned()), path.with_extension("files")).await
    }

    /// Starts a gallery of any database, with this clock and the files of this folder.
    pub async fn of(location: Location, files: &Path, clock: Clock) -> Self {
        Self::start_with(location, files.to_owned(), clock, |_| {}).await
    }

    /// Starts another gallery of the same database.
    pub async fn beside(&self, edit: impl FnOnce(&mut GallerySettings)) -> Self {
        Self::start_with(self.location.clone(), self.files.clone(), demo::clock(), edit).await
    }

    /// Starts another gallery of the same database, with this clock.
    pub async fn at(&self, clock: Clock) -> Self {
        Self::start_with(self.location.clone(), self.files.clone(), clock, |_| {}).await
    }

    async fn start(location: Location, files: PathBuf) -> Self {
        Self::start_with(location, files, demo::clock(), |_| {}).await
    }

    async fn start_with(
        location: Location,
        files: PathBuf,
        clock: Clock,
        edit: impl FnOnce(&mut GallerySettings),
    ) -> Self {
        let guard = Access { token: None, behind_proxy: false, hosts: vec![] };
        let mut settings = GallerySettings::new(guard, demo::blobs(&files));
        edit(&mut settings);
        let app = App::new(location.clone(), settings, clock);
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, address) = oneshot::channel();
        tokio::spawn(web::serve(
            app,
            "127.0.0.1:0".parse().unwrap(),
            |address| told.send(address).unwrap(),
            async {
                let _ = stopped.await;
            },
        ));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self {
            _patience: Patience::begin(),
            base: format!("http://{}", address.await.unwrap()),
            client,
            location,
            files,
            polled: Mutex::new(Timestamp::parse("2026-11-23T06:00:00Z").unwrap()),
            _stop: stop,
            _home: None,
            _database: None,
        }
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn files(&self) -> &Path {
        &self.files
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn get_if(&self, path: &str, tag: &str) -> Answer {
        self.get_with(path, "if-none-match", tag).await
    }

    pub async fn get_range(&self, path: &str, range: &str) -> Answer {
        self.get_with(path, "range", range).await
    }

    pub async fn get_with(&self, path: &str, header: &str, value: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base)).header(header, value)).await
    }

    pub async fn send(&self, method: &str, path: &str, host: Option<&str>) -> Answer {
        let mut request =
            self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        Answer::of(request).await
    }

    /// Polls a list of exactly these avatars, (id, name); nothing is removed at once.
    pub async fn poll(&self, avatars: &[(&str, &str)]) {
        self.poll_of("default", avatars).await;
    }

    /// Like [`Site::poll`], for any account.
    pub async fn poll_of(&self, account: &str, avatars: &[(&str, &str)]) {
        let records = avatars
            .iter()
            .map(|(id, name)| json!({"avatar_id": id, "avatar_name": name, "gender": "female"}))
            .collect();
        self.poll_records(account, records, 99).await;
    }

    /// Polls a list of exactly these avatars; a removal is due after `after_polls` polls.
    pub async fn poll_records(&self, account: &str, records: Vec<Value>, after_polls: u32) {
        let mut at = self.polled.lock().await;
        *at = at.plus(Duration::from_secs(60));
        let body = json!({"error": null, "data": {"avatars": records, "talking_photos": []}});
        let mut store = Store::open_to_write(&self.location).await.unwrap();
        let removals = Removals { after_polls: Some(after_polls), min_count: 20, max_share: 0.2 };
        demo::poll_of(account, &mut store, *at, body.to_string().into_bytes(), &removals).await;
        store.close().await.unwrap();
    }

    /// Changes the database directly.
    pub async fn run(&self, sql: &str) {
        demo::run(&self.location, sql.into()).await;
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    /// Writes to a row as the mirror does.
    pub async fn mirror_write(&self) {
        let sql = "UPDATE assets SET checked_at = '2026-11-23T07:00:00.000Z' WHERE state = 'gone'";
        demo::run(&self.location, sql.into()).await;
    }

    /// Gives every preview a signed link.
    pub async fn sign_everything(&self) {
        let sql = "UPDATE assets SET expires_at = '2026-11-24T00:00:00.000Z', \
             signed_url = url || '?Expires=1&Signature=secret&Key-Pair-Id=K'";
        demo::run(&self.location, sql.into()).await;
    }

    /// Returns the day of the first poll.
    pub async fn first_day(&self) -> String {
        let polls = self.get("/polls.ndjson").await.rows();
        let last = polls.as_array().unwrap().last().unwrap().clone();
        last["observed_at"].as_str().unwrap()[..10].to_owned()
    }
}

/// An HTTP response.
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        Self { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the rows of an export in ndjson.
    pub fn rows(&self) -> Value {
        self.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    }

    /// Returns the size after compression, in bytes.
    pub fn zipped(&self) -> usize {
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        gzip.write_all(&self.bytes).unwrap();
        gzip.finish().unwrap().len()
    }

    /// Returns the number beside the heading.
    pub fn total(&self) -> usize {
        let after = self.text.split("<h1>").nth(1).unwrap();
        let number = after.split("<span class=\"n\">").nth(1).unwrap().split('<').next().unwrap();
        number.replace(',', "").parse().unwrap()
    }

    fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = String> + 'a {
        self.text.match_indices(attribute).map(move |(at, _)| {
            let value = self.text[at + attribute.len()..].split('"').next().unwrap();
            value.replace("&#38;", "&").replace("&amp;", "&")
        })
    }

    /// Returns the addresses of the page's links.
    pub fn links(&self) -> Vec<String> {
        self.values("<a href=\"").filter(|href| href.starts_with('/')).collect()
    }

    /// Returns the addresses of the pictures.
    pub fn sources(&self) -> Vec<String> {
        self.values("<img src=\"").collect()
    }

    pub fn css(&self) -> String {
        self.values("<link rel=\"stylesheet\" href=\"").next().unwrap()
    }

    /// Returns the unselected choices of the facets: the link, and the promised count.
    pub fn choices(&self) -> Vec<(String, usize)> {
        let facets = self.text.split("class=\"groups\"").nth(1).unwrap();
        let facets = facets.split("</section>").next().unwrap();
        let each = facets.split("<li><a href=\"").skip(1).filter_map(|choice| {
            let (href, rest) = choice.split_once('"')?;
            let text = rest.split("</a>").next()?;
            if rest.starts_with(" aria-current") {
                return None;
            }
            let count = text.split("<span class=\"n\">").nth(1)?.split('<').next()?;
            Some((href.replace("&#38;", "&"), count.replace(',', "").parse().ok()?))
        });
        each.collect()
    }
}
