//! A whole database as text: every row of every table, in one order on both engines.

use heygen_sync::store::{
    conn::Engine,
    copy::{self, TABLES},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::text::{self, Texts};

/// Times of the machine that ran it, which two runs do not share, and the digest over them.
const OWN: [&str; 3] = ["started_at", "finished_at", "digest"];

/// Every row of every table as `table|a|b|∅`; `url` as `--database` takes it, a file with its path.
pub async fn dump(url: &str) -> Vec<String> {
    tables(url, &[]).await
}

/// The same without what two runs of one poll do not share.
pub async fn dump_of_history(url: &str) -> Vec<String> {
    tables(url, &OWN).await
}

async fn tables(url: &str, without: &[&str]) -> Vec<String> {
    let mut all = vec![];
    for table in &TABLES {
        let names = table.columns.iter().map(|(name, _)| *name);
        let names: Vec<_> = names.filter(|name| !without.contains(name)).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
        let mut rows: Vec<_> = rows(url, &sql).await.into_iter().map(text::line).collect();
        rows.sort();
        all.extend(rows.into_iter().map(|row| format!("{}|{row}", table.name)));
    }
    all
}

/// The rows of a query, on a connection of their own.
pub async fn rows(url: &str, sql: &str) -> Vec<Texts> {
    if url.starts_with("postgres") {
        let mut server = PgConnection::connect(url).await.unwrap();
        let rows = text::postgres(&mut server, sql).await;
        server.close().await.unwrap();
        rows
    } else {
        let mut file = SqliteConnection::connect(&format!("sqlite://{url}")).await.unwrap();
        let rows = text::sqlite(&mut file, sql).await;
        file.close().await.unwrap();
        rows
    }
}

/// Runs statements on a connection of their own.
pub async fn run(url: &str, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if url.starts_with("postgres") {
        let mut server = PgConnection::connect(url).await.unwrap();
        sql.execute(&mut server).await.unwrap();
        server.close().await.unwrap();
    } else {
        let mut file = SqliteConnection::connect(&format!("sqlite://{url}")).await.unwrap();
        sql.execute(&mut file).await.unwrap();
        file.close().await.unwrap();
    }
}

/// Every cell of a SQLite file as the engine itself quotes it: no form is taken for another.
pub async fn quoted(file: &str) -> Vec<String> {
    let mut all = vec![];
    for table in &TABLES {
        let cells = table.columns.iter().map(|(name, _)| format!("quote({name})"));
        let cells = cells.collect::<Vec<_>>().join(" || '|' || ");
        let sql = format!("SELECT '{}|' || {cells} AS row FROM {0} ORDER BY 1", table.name);
        all.extend(rows(file, &sql).await.into_iter().map(text::line));
    }
    all
}

#[tokio::test]
async fn a_copy_knows_every_table_and_column_of_both_engines() {
    use crate::schema::engine;
    let own: Vec<String> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(|(name, holds)| (table.name, name, holds)))
        .map(|(table, name, holds)| format!("{table}.{name} {holds:?}"))
        .collect();
    let mut server = engine::postgres().await;
    let post = server.texts(
        "SELECT it.relname || '.' || col.attname || ' ' || CASE col.atttypid::regtype::text \
             WHEN 'text' THEN 'Text' WHEN 'bigint' THEN 'Int' WHEN 'boolean' THEN 'Bool' \
             WHEN 'jsonb' THEN 'Json' WHEN 'timestamp with time zone' THEN 'Time' ELSE '?' END \
         FROM pg_class AS it JOIN pg_attribute AS col ON col.attrelid = it.oid AND col.attnum > 0 \
         WHERE it.relnamespace = 'public'::regnamespace AND it.relkind = 'r' \
             AND it.relname <> '_heygen_sync_migrations' ORDER BY it.oid, col.attnum",
    );
    let mut post: Vec<String> = post.await.into_iter().map(text::line).collect();
    let mut own = own;
    own.sort();
    post.sort();
    assert_eq!(own, post);
}

#[tokio::test]
async fn both_engines_prepare_every_statement_of_a_copy() {
    use crate::schema::engine;
    for (_, sql) in copy::all(Engine::Sqlite) {
        assert!(!engine::sqlite().await.refuses(&format!("EXPLAIN {}", sql.as_str())).await);
    }
    let mut server = engine::postgres().await;
    for (name, sql) in copy::all(Engine::Postgres) {
        let sql = match name.contains("LOCK") {
            true => sql.as_str().to_owned(),
            false => format!("EXPLAIN {}", sql.as_str()),
        };
        assert!(!server.refuses(&format!("BEGIN; {sql}; COMMIT")).await, "{name}");
    }
}
