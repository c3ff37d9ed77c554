//! Both engines accept every SQL statement that the store declares.

use heygen_sync::store::{conn, declared};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::{postgres::database, schema::engine};

/// Returns the declared statements; there are about 190.
fn all(engine: conn::Engine) -> Vec<(String, sqlx::SqlStr)> {
    let all = declared::all(engine);
    assert!(all.len() > 150, "{}", all.len());
    all
}

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    let engine::Engine::Sqlite(mut connection, _home) = engine::sqlite().await else { panic!() };
    for (name, sql) in all(conn::Engine::Sqlite) {
        let prepared = connection.prepare(sql).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn postgres_prepares_every_statement() {
    let engine::Engine::Postgres(mut connection, _home) = engine::postgres().await else {
        panic!()
    };
    for (name, sql) in all(conn::Engine::Postgres) {
        let prepared = connection.prepare(sql).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn preparing_finds_a_statement_that_is_wrong() {
    let server = database().await;
    let mut postgres = PgConnection::connect(server.url()).await.unwrap();
    let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let wrong = || sqlx::SqlSafeStr::into_sql_str("SELECT nothing FROM nowhere");
    assert!(postgres.prepare(wrong()).await.is_err());
    assert!(sqlite.prepare(wrong()).await.is_err());
}
