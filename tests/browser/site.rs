//! A running gallery for the browser, and its pages.

use std::path::PathBuf;

use heygen_sync::{
    store::Location,
    web::{self, App, Settings, security::Guard},
};
use tokio::sync::oneshot;

use crate::{
    demo::{self, ANNIE, Size},
    postgres::{TestDatabase, database},
};

/// A gallery that ends with this value.
pub struct Site {
    pub base: String,
    _stop: oneshot::Sender<()>,
    _home: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Site {
    /// The small demo in a SQLite file.
    pub async fn sqlite() -> Self {
        Self::of(None, demo::SMALL).await
    }

    /// The small demo in a PostgreSQL database.
    pub async fn postgres() -> Self {
        Self::of(Some(database().await), demo::SMALL).await
    }

    pub async fn of(server: Option<TestDatabase>, size: Size) -> Self {
        let home = tempfile::tempdir().unwrap();
        let location = match &server {
            Some(server) => Location::parse(server.url()).unwrap(),
            None => Location::Sqlite(home.path().join("demo.db")),
        };
        let files: PathBuf = home.path().join("mirror");
        demo::seed(&location, &files, size).await;
        let guard = Guard { token: None, behind_proxy: false, hosts: vec![] };
        let app = App::new(location, Settings::new(guard, demo::blobs(&files)), demo::clock());
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
        let base = format!("http://{}", address.await.unwrap());
        Self { base, _stop: stop, _home: home, _database: server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Every kind of page: its name, its path.
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
        ("unknown", "/avatars/nobody".into()),
        ("refused", "/avatars?gendre=female".into()),
    ]
}
