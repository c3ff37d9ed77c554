//! The roles of docs/postgres.md, whose SQL is run as documented. The analyst reads every view and
//! writes nothing.

use heygen_sync::{store::Location, time::Clock};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    gallery::{previews::live, site::Site},
    home::Home,
    postgres::{OwnServer, own_server},
};

const TABLES: [&str; 16] = [
    "accounts",
    "polls",
    "avatars",
    "talking_photos",
    "avatar_groups",
    "voices",
    "avatar_history",
    "talking_photo_history",
    "avatar_group_history",
    "voice_history",
    "field_changes",
    "schema_changes",
    "assets",
    "asset_versions",
    "notices",
    "search_names",
];
const VIEWS: [&str; 9] = [
    "current_avatars",
    "current_talking_photos",
    "current_avatar_groups",
    "current_voices",
    "items",
    "changes",
    "daily_changes",
    "fields",
    "expiring_assets",
];
/// The columns that could contain a working signed link.
const CREDENTIALS: [&str; 9] = [
    "assets.signed_url",
    "expiring_assets.signed_url",
    "current_avatars.preview_image_link",
    "current_avatars.preview_video_link",
    "current_talking_photos.preview_image_link",
    "current_talking_photos.preview_video_link",
    "current_avatar_groups.preview_image_link",
    "current_avatar_groups.preview_video_link",
    "current_voices.preview_audio_link",
];

/// Returns the block of SQL after `<!-- sql: name -->`.
fn documented(name: &str) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/postgres.md"));
    let text = text.unwrap();
    let (_, rest) = text.split_once(&format!("<!-- sql: {name} -->\n```sql\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Creates a catalogue with the documented poller, and its server.
async fn catalogue() -> (OwnServer, Home) {
    let server = own_server().await;
    let mut admin = connect(&server.socket_url("postgres")).await;
    run(&mut admin, "CREATE DATABASE catalogue").await.unwrap();
    let mut admin = connect(&server.socket_url("catalogue")).await;
    run(&mut admin, &documented("poller")).await.unwrap();
    let mut home = Home::sqlite().await;
    home.database = by(&server, "heygen");
    home.heygen.add_avatar("a", |_| ());
    home.heygen.add_photo("p");
    assert_eq!(home.sync(&[]).0, 0);
    let mut admin = connect(&by(&server, "postgres")).await;
    run(&mut admin, &documented("analyst role")).await.unwrap();
    let mut poller = connect(&by(&server, "heygen")).await;
    run(&mut poller, &documented("analyst")).await.unwrap();
    (server, home)
}

fn by(server: &OwnServer, role: &str) -> String {
    server.socket_url("catalogue").replace("user=postgres", &format!("user={role}"))
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(sql.to_owned())).await.map(drop)
}

/// Returns every column of our tables and views as `table.column`, and whether the role may read it.
async fn columns(connection: &mut PgConnection) -> Vec<(String, bool)> {
    let sql = "SELECT it.relname || '.' || col.attname,
                   has_column_privilege(it.oid, col.attnum, 'SELECT')
               FROM pg_class AS it
               JOIN pg_attribute AS col ON col.attrelid = it.oid AND col.attnum > 0
               WHERE it.relnamespace = 'heygen'::regnamespace AND it.relkind IN ('r', 'v')
               ORDER BY 1";
    sqlx::query_as(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn an_analyst_reads_everything_but_the_signed_links() {
    let (server, _home) = catalogue().await;
    let mut analyst = connect(&by(&server, "heygen_analyst")).await;
    let all = columns(&mut analyst).await;
    assert!(all.len() > 150, "{}", all.len());
    for (column, readable) in &all {
        assert_eq!(*readable, !CREDENTIALS.contains(&column.as_str()), "{column}");
    }
    // Not only the privileges: each column is really read.
    for table in TABLES.iter().chain(&VIEWS) {
        let own = all
            .iter()
            .filter(|(column, readable)| *readable && column.split('.').next() == Some(*table));
        let own: Vec<_> = own.map(|(column, _)| column.as_str()).collect();
        run(&mut analyst, &format!("SELECT {} FROM {table}", own.join(", "))).await.unwrap();
    }
    let refused = run(&mut analyst, "SELECT signed_url FROM assets").await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}

#[tokio::test]
async fn an_analyst_looks_at_the_gallery_without_live_previews() {
    let (server, home) = catalogue().await;
    for (role, is_shown) in [("heygen", true), ("heygen_analyst", false)] {
        let location = Location::parse(&by(&server, role)).unwrap();
        let site = Site::of(location, home.folder(), Clock::system()).await;
        let page = live(&site).await.get("/avatars").await;
        assert_eq!(page.sources().len(), usize::from(is_shown), "{}", page.text);
    }
}

#[tokio::test]
async fn a_viewer_reads_all_columns_of_all_views() {
    let (server, _home) = catalogue().await;
    let mut poller = connect(&by(&server, "heygen")).await;
    run(&mut poller, &documented("viewer")).await.unwrap();
    let mut viewer = connect(&by(&server, "heygen_analyst")).await;
    for table in TABLES.iter().chain(&VIEWS) {
        run(&mut viewer, &format!("SELECT * FROM {table}")).await.unwrap();
    }
}

#[tokio::test]
async fn an_analyst_cannot_write() {
    let (server, mut home) = catalogue().await;
    home.database = by(&server, "heygen_analyst");
    for verb in [&["status"][..], &["changes"], &["history", "a"], &["check"]] {
        let ran = home.run(verb);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let mut poller = connect(&by(&server, "heygen")).await;
    run(&mut poller, &documented("viewer")).await.unwrap();
    let mut analyst = connect(&by(&server, "heygen_analyst")).await;
    for table in TABLES {
        for sql in [
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("INSERT INTO {table} SELECT * FROM {table}"),
            format!("DROP TABLE {table} CASCADE"),
            format!("LOCK TABLE {table} IN EXCLUSIVE MODE"),
        ] {
            assert!(run(&mut analyst, &sql).await.is_err(), "{sql}");
        }
    }
    assert!(run(&mut analyst, "UPDATE avatars SET avatar_name = 'x'").await.is_err());
    assert!(run(&mut analyst, "CREATE TABLE heygen.own (id bigint)").await.is_err());
    let refused = home.run(&["sync"]);
    assert_eq!(refused.code, 74, "{refused:?}");
    assert!(refused.stderr.contains("permission denied"), "{refused:?}");
}
