//! Every SQL text of the store is one that both engines take, and none is left out of the list.

use std::collections::BTreeSet;

use heygen_sync::store::{ahead, audit, conn, export, figures, ids, outbox, queue, statements};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::{postgres::database, schema::engine};

const SOURCES: [&str; 5] = [
    include_str!("../../src/store/statements.rs"),
    include_str!("../../src/store/queue.rs"),
    include_str!("../../src/store/ahead.rs"),
    include_str!("../../src/store/figures.rs"),
    include_str!("../../src/store/outbox.rs"),
];

/// Those of all rooms of the store.
pub fn every(engine: conn::Engine) -> Vec<(String, sqlx::SqlStr)> {
    let all = shared(engine).into_iter().chain(ids::all(engine));
    all.chain(audit::statements()).chain(export::all()).collect()
}

/// Those of [`SOURCES`].
fn shared(engine: conn::Engine) -> Vec<(String, sqlx::SqlStr)> {
    let (ahead, figures) = (ahead::all(), figures::all(engine));
    [statements::all(engine), queue::all(engine), ahead, figures, outbox::all()].concat()
}

/// How a statement that reads or writes rows begins; what begins otherwise is a part of one or
/// guards a transaction.
pub const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    let engine::Engine::Sqlite(mut connection, _home) = engine::sqlite().await else { panic!() };
    for (name, sql) in every(conn::Engine::Sqlite) {
        let prepared = connection.prepare(sql).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn postgres_prepares_every_statement() {
    let engine::Engine::Postgres(mut connection, _home) = engine::postgres().await else {
        panic!()
    };
    for (name, sql) in every(conn::Engine::Postgres) {
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

#[test]
fn every_statement_that_is_declared_is_listed() {
    let engines = [conn::Engine::Sqlite, conn::Engine::Postgres];
    let all = engines.into_iter().flat_map(shared);
    let first = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = all.map(|(name, _)| first(&name)).collect();
    let declared: BTreeSet<String> = declared().collect();
    assert!(declared.len() > 10, "{declared:?}");
    // Some rooms build theirs from parts, and list them all the same.
    assert!(declared.is_subset(&listed), "{:?}", declared.difference(&listed));
}

/// The names of the constants and functions that hold a statement.
fn declared() -> impl Iterator<Item = String> {
    let parts = SOURCES.into_iter().flat_map(|source| source.split("\npub ").skip(1));
    parts.filter(|part| holds_statement(part)).filter_map(|part| {
        let rest = part.strip_prefix("const ").or_else(|| part.strip_prefix("fn "))?;
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        (name != "all").then(|| name.to_owned())
    })
}

fn holds_statement(part: &str) -> bool {
    let code = part.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    VERBS.iter().any(|verb| code.contains(&format!("\"{verb}")))
}
