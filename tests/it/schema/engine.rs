//! The two engines, migrated and ready for queries.
//!
//! Everything is returned as text or null, so that one comparison serves both.

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::{
    postgres::{TestDatabase, database},
    text::{self, Texts},
};

/// The name of the table that records which migrations ran.
pub const MIGRATIONS: &str = heygen_sync::store::open::MIGRATIONS_TABLE;

/// Returns the folder of an engine's migrations.
pub fn folder(engine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine)
}

/// A separate, migrated database.
pub enum Engine {
    Sqlite(SqliteConnection, #[allow(dead_code, reason = "kept alive")] TempDir),
    Postgres(PgConnection, #[allow(dead_code, reason = "kept alive")] TestDatabase),
}

/// Creates SQLite and PostgreSQL databases, in this order, both migrated.
pub async fn both() -> [Engine; 2] {
    [sqlite().await, postgres().await]
}

/// Creates a migrated SQLite file with foreign keys on.
pub async fn sqlite() -> Engine {
    let home = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", home.path().join("test.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    migrator("sqlite").await.run(&mut connection).await.unwrap();
    Engine::Sqlite(connection, home)
}

/// Creates a migrated PostgreSQL database.
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

    /// Returns whether one statement is refused.
    pub async fn refuses(&mut self, sql: &str) -> bool {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection, _) => sql.execute(connection).await.is_err(),
            Self::Postgres(connection, _) => sql.execute(connection).await.is_err(),
        }
    }

    /// Returns the rows of a query.
    pub async fn texts(&mut self, sql: &str) -> Vec<Texts> {
        match self {
            Self::Sqlite(connection, _) => text::sqlite(connection, sql).await,
            Self::Postgres(connection, _) => text::postgres(connection, sql).await,
        }
    }

    /// Returns `columns` of a table or view as lines `a|b|∅`, in the order of the engine.
    pub async fn lines(&mut self, table: &str, columns: &[&str]) -> Vec<String> {
        let rows = self.texts(&format!("SELECT {} FROM {table}", columns.join(", "))).await;
        rows.into_iter().map(text::line).collect()
    }
}
