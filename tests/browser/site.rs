//! A running gallery for the browser, and its pages.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use heygen_sync::{
    config::{Mirror, Removals},
    mirror::{guard, request::Requests},
    store::{Location, Store},
    time::Timestamp,
    web::{
        self, App, GallerySettings,
        previews::{PreviewFolder, Previews, longest},
        security::Access,
    },
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    demo::{self, ANNIE, Size},
    patience::Patience,
    postgres::{TestDatabase, database},
};

/// A gallery that stops when this value is dropped.
pub struct Site {
    pub base: String,
    /// The URL of the same gallery with the mirror off.
    off: String,
    /// The URL of a gallery with an account polled over v3.
    people: String,
    /// The URL of that gallery with the mirror off.
    people_off: String,
    location: Location,
    files: PathBuf,
    _stop: [oneshot::Sender<()>; 4],
    _home: tempfile::TempDir,
    _database: Option<TestDatabase>,
    _patience: Patience,
}

/// Returns previews on demand with a cache of `bytes`, in memory or in a folder, from CDNs on this machine.
pub fn previews(bytes: u64, folder: Option<&Path>) -> Previews {
    let mirror = Mirror {
        allowed_hosts: vec!["127.0.0.1".into()],
        requests_per_second: 1_000,
        ..Mirror::default()
    };
    let limit = (longest(bytes), "the cache");
    let requests = Requests::new(&mirror, Arc::new(guard::System), limit, &demo::clock()).unwrap();
    let folder = folder.map(|folder| PreviewFolder::open(folder, bytes).unwrap());
    Previews::new(requests, bytes, folder)
}

impl Site {
    /// Starts a gallery with the small demo in a SQLite file.
    pub async fn sqlite() -> Self {
        Self::of(None, demo::SMALL).await
    }

    /// Starts a gallery with the small demo in a PostgreSQL database.
    pub async fn postgres() -> Self {
        Self::of(Some(database().await), demo::SMALL).await
    }

    pub async fn of(server: Option<TestDatabase>, size: Size) -> Self {
        let ground = Ground::new(server);
        demo::seed(&ground.location, &ground.files, size).await;
        ground.serve(None, size).await
    }

    /// Starts a gallery with these polls of avatars, each at its time, without mirrored files;
    /// `previews` fetches previews.
    pub async fn of_polls(
        server: Option<TestDatabase>,
        polls: &[(&str, Vec<Value>)],
        previews: Option<Previews>,
    ) -> Self {
        let ground = Ground::new(server);
        let mut store = Store::open_to_write(&ground.location).await.unwrap();
        let removals = Removals { after_polls: Some(1), min_count: 20, max_share: 0.2 };
        for (at, avatars) in polls {
            let body = json!({"error": null, "data": {"avatars": avatars, "talking_photos": []}});
            let at = Timestamp::parse(at).unwrap();
            demo::poll_at(&mut store, at, body.to_string().into_bytes(), &removals).await;
        }
        store.close().await.unwrap();
        ground.serve(previews, demo::SMALL).await
    }

    pub fn url(&self, path: &str) -> String {
        match path.split_once(':') {
            Some(("off", path)) => format!("{}{path}", self.off),
            Some(("people", path)) => format!("{}{path}", self.people),
            Some(("people-off", path)) => format!("{}{path}", self.people_off),
            _ => format!("{}{path}", self.base),
        }
    }

    /// Deletes every mirrored file.
    pub fn lose_files(&self) {
        std::fs::remove_dir_all(&self.files).unwrap();
    }

    /// Polls a list of exactly these avatars: (id, name).
    pub async fn poll(&self, avatars: &[(&str, &str)]) {
        self.poll_of("default", avatars).await;
    }

    /// Like [`Site::poll`], for any account.
    pub async fn poll_of(&self, account: &str, avatars: &[(&str, &str)]) {
        let records: Vec<Value> = avatars
            .iter()
            .map(|(id, name)| json!({"avatar_id": id, "avatar_name": name, "gender": "female"}))
            .collect();
        let body = json!({"error": null, "data": {"avatars": records, "talking_photos": []}});
        let mut store = Store::open_to_write(&self.location).await.unwrap();
        let removals = Removals { after_polls: Some(99), min_count: 20, max_share: 0.2 };
        let at = Timestamp::parse("2026-11-23T07:00:00Z").unwrap();
        demo::poll_of(account, &mut store, at, body.to_string().into_bytes(), &removals).await;
        store.close().await.unwrap();
    }

    /// Returns the path of the first item in a list.
    async fn first(&self, list: &str, question: &str, id: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = self.url(&format!("{list}.ndjson{question}"));
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        let first = text.lines().next().unwrap_or("null");
        let row: Value = serde_json::from_str(first).unwrap();
        let id = row[id].as_str().unwrap_or_else(|| panic!("{list}{question} has none"));
        format!("{list}/{}", heygen_sync::web::route::id_to_path(id))
    }

    /// Returns every kind of page, including those of single items that differ from demo to demo.
    pub async fn pages(&self) -> Vec<(&'static str, String)> {
        let mut all = pages();
        all.push(("removed", self.first("/avatars", "?listed=removed", "avatar_id").await));
        all.push(("photo", self.first("/talking-photos", "", "talking_photo_id").await));
        all
    }
}

/// The location of a site's database and files.
struct Ground {
    location: Location,
    files: PathBuf,
    home: tempfile::TempDir,
    database: Option<TestDatabase>,
    patience: Patience,
}

impl Ground {
    /// Uses the database of a server, or a SQLite file without one.
    fn new(server: Option<TestDatabase>) -> Self {
        let patience = Patience::begin();
        let home = tempfile::tempdir().unwrap();
        let location = match &server {
            Some(server) => Location::parse(server.url()).unwrap(),
            None => Location::Sqlite(home.path().join("demo.db")),
        };
        let files = home.path().join("mirror");
        Self { location, files, home, database: server, patience }
    }

    /// Starts the galleries, with one of people beside them.
    async fn serve(self, previews: Option<Previews>, size: Size) -> Site {
        let Self { location, files, home, database, patience } = self;
        let previews = previews.map(Arc::new);
        let (base, stop) = serve(&location, Some(&files), previews).await;
        let (off, stop_off) = serve(&location, None, None).await;
        let other = Location::Sqlite(home.path().join("people.db"));
        demo::people::seed(&other, &files, size.pictures as u64 / 12).await;
        let (people, stop_people) = serve(&other, Some(&files), None).await;
        let (people_off, stop_people_off) = serve(&other, None, None).await;
        Site {
            base,
            off,
            people,
            people_off,
            location,
            files,
            _stop: [stop, stop_off, stop_people, stop_people_off],
            _home: home,
            _database: database,
            _patience: patience,
        }
    }
}

/// Starts a gallery. Returns its URL and the sender that stops it.
async fn serve(
    location: &Location,
    files: Option<&Path>,
    previews: Option<Arc<Previews>>,
) -> (String, oneshot::Sender<()>) {
    let guard = Access { token: None, behind_proxy: false, hosts: vec![] };
    let mut settings = GallerySettings::new(guard, files.and_then(demo::blobs));
    settings.previews = previews;
    let app = App::new(location.clone(), settings, demo::clock());
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
    (format!("http://{}", address.await.unwrap()), stop)
}

/// Returns every kind of page: its name and its path.
pub fn pages() -> Vec<(&'static str, String)> {
    let annie = format!("/avatars/{ANNIE}");
    vec![
        ("overview", "/".into()),
        ("avatars", "/avatars".into()),
        ("table", "/avatars?view=table&gender=female&premium=no".into()),
        ("talking-photos", "/talking-photos".into()),
        ("past", "/avatars?as_of=2026-11-19&gender=female".into()),
        ("nothing", "/avatars?q=nobody&gender=male".into()),
        ("item", annie.clone()),
        ("compare", format!("{annie}?from=1&to=3")),
        ("changes", "/changes".into()),
        ("polls", "/polls".into()),
        ("poll", "/polls/21".into()),
        ("timeline", "/timeline?by=day".into()),
        ("search", "/search?q=annie+front".into()),
        ("unknown", "/avatars/nobody".into()),
        ("refused", "/avatars?gendre=female".into()),
        ("long", format!("/avatars?{}=1", "gendre".repeat(60))),
        ("long-id", format!("/avatars/{}?account=default", "id".repeat(400))),
        ("chosen", "/avatars?none=type&gender=zzz".into()),
        ("before", "/avatars?as_of=2020-01-01".into()),
        ("mirror-off", "off:/avatars".into()),
        ("mirror-off-item", format!("off:{annie}")),
        ("people", "people:/people".into()),
        ("people-table", "people:/people?view=table".into()),
        ("person", format!("people:/people/{}", demo::people::annie())),
        ("look", format!("people:/avatars/{}", demo::people::LOOK)),
        ("looks", format!("people:/avatars?person={}", demo::people::annie())),
        ("voices", "people:/voices".into()),
        ("voice", format!("people:/voices/{}", demo::people::voice())),
        ("people-past", "people:/people?as_of=2026-11-22".into()),
    ]
}
