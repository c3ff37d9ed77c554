//! Databases of the first release are upgraded without loss: its rows are in `first-release.sql`,
//! its tables in the migrations with number 1, which are never edited again. Until something is
//! released, `scripts/record-first-release` records both again.

use std::{fmt::Write, path::PathBuf};

use heygen_sync::{
    catalog::column::Holds,
    store::{
        Store,
        open::MIGRATIONS_TABLE,
        table::{SEARCH_NAMES, TABLES, Table},
    },
};
use sqlx::{Connection, PgConnection, SqliteConnection, migrate::Migrator};

use super::{
    story::{Home, Polled, history},
    told, verified,
};
use crate::dump;

const ENGINES: [&str; 2] = ["sqlite", "postgres"];
pub const GROUPS: &str =
    r#"{"data": [{"id": "g", "name": "G", "looks_count": 2}], "has_more": false}"#;
pub const VOICES: &str = r#"{"data": [{"voice_id": "v", "name": "V", "language": "English",
    "type": "public", "support_pause": true}], "has_more": false}"#;

fn recorded() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/seal/first-release.sql").into()
}

/// Returns a migrator with migration number 1 only.
async fn first(engine: &str) -> Migrator {
    let mut migrator = Migrator::new(crate::schema::engine::folder(engine)).await.unwrap();
    migrator.migrations.to_mut().retain(|migration| migration.version == 1);
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator
}

/// Returns the line that fixes the text of an engine's first migration.
async fn fixed(engine: &str) -> String {
    let checksum =
        first(engine).await.migrations[0].checksum.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    format!("-- migrations/{engine}/0001: {checksum}\n")
}

/// Returns every row of a table of a SQLite file as a statement that both engines accept.
async fn statements(file: &str, table: &Table) -> String {
    let cell = |name: &str, holds| match holds {
        Holds::Boolean => {
            format!("CASE {name} WHEN 1 THEN 'TRUE' WHEN 0 THEN 'FALSE' ELSE 'NULL' END")
        }
        _ => format!("quote({name})"),
    };
    let cells = table.columns.iter().map(|column| cell(column.name, column.holds));
    let cells = cells.collect::<Vec<_>>().join(" || ', ' || ");
    let (name, order) = (table.name, table.order.join(", "));
    let rows = dump::rows(file, &format!("SELECT {cells} FROM {name} ORDER BY {order}")).await;
    let into = format!("INSERT INTO {name} ({}) VALUES", table.list(""));
    let rows = rows.into_iter().map(|row| format!("{into} ({});\n", row[0].as_deref().unwrap()));
    rows.collect()
}

async fn record() {
    let home = Home::Sqlite(tempfile::tempdir().unwrap());
    history(&home, 11, 25).await;
    let mut polled = Polled::new(&home).await;
    for body in [GROUPS, VOICES] {
        assert!(polled.poll("other", body).await.error.is_none());
    }
    polled.close().await;
    let mut text = String::new();
    for engine in ENGINES {
        text += &fixed(engine).await;
    }
    for table in TABLES.iter().chain([&*SEARCH_NAMES]) {
        text += &statements(&home.url(), table).await;
    }
    std::fs::write(recorded(), text).unwrap();
}

/// Creates a database of the first release with the recorded rows.
async fn restore(home: &Home) {
    match home {
        Home::Sqlite(_) => {
            let url = format!("sqlite://{}?mode=rwc", home.url());
            let mut file = SqliteConnection::connect(&url).await.unwrap();
            first("sqlite").await.run(&mut file).await.unwrap();
            file.close().await.unwrap();
        }
        Home::Postgres(_) => {
            let mut server = PgConnection::connect(&home.url()).await.unwrap();
            first("postgres").await.run(&mut server).await.unwrap();
            server.close().await.unwrap();
        }
    }
    dump::run(&home.url(), &std::fs::read_to_string(recorded()).unwrap()).await;
}

#[tokio::test]
async fn a_database_of_the_first_release_is_upgraded_verifies_and_is_polled_on() {
    if std::env::var_os("RECORD_FIRST_RELEASE").is_some() {
        record().await;
    }
    let text = std::fs::read_to_string(recorded()).unwrap();
    for engine in ENGINES {
        let migration = "the first migration was edited: add another one instead";
        assert!(text.contains(&fixed(engine).await), "{migration} ({engine})");
    }
    let mut rows = vec![];
    for home in Home::both().await {
        restore(&home).await;
        Store::open_to_write(&home.location()).await.unwrap().close().await.unwrap();
        rows.push(dump::dump(&home.url()).await);
        let report = verified(&home).await;
        assert_eq!((told(&report), report.polls), (vec![], 27));
        let mut polled = Polled::new(&home).await;
        let polled_on = polled.poll("other", &VOICES.replace("\"V\"", "\"W\"")).await;
        assert!(polled_on.error.is_none(), "{:?}", polled_on.error);
        polled.close().await;
        assert_eq!(told(&verified(&home).await), [""; 0]);
    }
    assert_eq!(rows[0], rows[1]);
}
