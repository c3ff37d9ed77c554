//! The two engines, migrated and ready to be asked for text.
//!
//! Everything comes back as text or null, so that one comparison serves both. It knows the kinds
//! of columns by their names, which is a rule of the schema and tested beside it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tempfile::TempDir;

use crate::postgres::{TestDatabase, database};

/// What the tests call the table that remembers which migrations ran.
pub const MIGRATIONS: &str = heygen_sync::store::open::MIGRATIONS_TABLE;

/// One row as text; null stays `None`.
pub type Texts = Vec<Option<String>>;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Time,
    Json,
    Boolean,
    Other,
}

/// What the column called `name` holds, by the rule for names.
pub fn holds(name: &str) -> Holds {
    let time = ["_at", "_after", "_since"].iter().any(|end| name.ends_with(end));
    match name {
        "valid_from" | "valid_to" => Holds::Time,
        _ if time => Holds::Time,
        "tags" | "extra" | "policy" | "body" => Holds::Json,
        "premium" => Holds::Boolean,
        _ => Holds::Other,
    }
}

/// The folder of an engine's migrations.
pub fn folder(engine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine)
}

/// A migrated database of its own.
pub enum Engine {
    Sqlite(SqliteConnection, #[allow(dead_code, reason = "kept alive")] TempDir),
    Postgres(PgConnection, #[allow(dead_code, reason = "kept alive")] TestDatabase),
}

/// SQLite and PostgreSQL, in this order, both migrated.
pub async fn both() -> [Engine; 2] {
    [sqlite().await, postgres().await]
}

/// A migrated SQLite file with foreign keys on.
pub async fn sqlite() -> Engine {
    let home = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", home.path().join("test.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    migrator("sqlite").await.run(&mut connection).await.unwrap();
    Engine::Sqlite(connection, home)
}

/// A migrated PostgreSQL database.
pub async fn postgres() -> Engine {
    let server = database().await;
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    migrator("postgres").await.run(&mut connection).await.unwrap();
    Engine::Postgres(connection, server)
}

async fn migrator(engine: &str) -> Migrator {
    let mut migrator = Migrator::new(folder(engine)).await.unwrap();
    migrator.dangerous_set_table_name(MIGRATIONS);
    migrator
}

impl Engine {
    /// Runs statements.
    pub async fn run(&mut self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection, _) => drop(sql.execute(connection).await.unwrap()),
            Self::Postgres(connection, _) => drop(sql.execute(connection).await.unwrap()),
        }
    }

    /// Whether one statement is refused.
    pub async fn refuses(&mut self, sql: &str) -> bool {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection, _) => sql.execute(connection).await.is_err(),
            Self::Postgres(connection, _) => sql.execute(connection).await.is_err(),
        }
    }

    /// The rows of a query whose columns are all text.
    pub async fn texts(&mut self, sql: &str) -> Vec<Texts> {
        macro_rules! fetch {
            ($connection:expr) => {{
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all($connection).await;
                let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
                rows.iter().map(|row| (0..row.len()).map(|i| row.get(i)).collect()).collect()
            }};
        }
        match self {
            Self::Sqlite(connection, _) => fetch!(connection),
            Self::Postgres(connection, _) => fetch!(connection),
        }
    }

    /// `columns` of a table or view as lines `a|b|∅`, in the order in which they come.
    pub async fn lines(&mut self, table: &str, columns: &[&str]) -> Vec<String> {
        let list: Vec<_> = columns.iter().map(|column| self.as_text(column)).collect();
        let rows = self.texts(&format!("SELECT {} FROM {table}", list.join(", "))).await;
        let line = |row: Texts| {
            let cells = row.into_iter().zip(columns).map(|(cell, name)| show(name, cell));
            cells.collect::<Vec<_>>().join("|")
        };
        rows.into_iter().map(line).collect()
    }

    /// The expression that gives `column` as the text that both engines agree on.
    fn as_text(&self, column: &str) -> String {
        match (self, holds(column)) {
            (Self::Sqlite(..), _) => format!("CAST({column} AS TEXT)"),
            (_, Holds::Time) => {
                format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
            }
            (_, Holds::Boolean) => format!("{column}::int::text"),
            _ => format!("{column}::text"),
        }
    }
}

/// A cell for a line: JSON in one form, whatever the engine made of it.
fn show(column: &str, cell: Option<String>) -> String {
    match cell {
        None => "∅".to_owned(),
        Some(text) if holds(column) == Holds::Json => {
            serde_json::from_str::<Value>(&text).unwrap().to_string()
        }
        Some(text) => text,
    }
}
