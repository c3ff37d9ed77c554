//! A whole database as text: every row of every table, in the same order on both engines.

use heygen_sync::store::table::TABLES;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::text::{self, Texts};

/// Columns that differ between two runs of one poll: the machine's times, and the digest over them.
const OWN: [&str; 3] = ["started_at", "finished_at", "digest"];

/// Returns every row of every table as `table|a|b|∅`; `url` is as for `--database`, a file with its path.
pub async fn dump(url: &str) -> Vec<String> {
    tables(url, &[]).await
}

/// Like [`dump`], without the columns that differ between two runs of one poll.
pub async fn dump_of_history(url: &str) -> Vec<String> {
    tables(url, &OWN).await
}

async fn tables(url: &str, without: &[&str]) -> Vec<String> {
    let mut all = vec![];
    for table in TABLES.iter() {
        let names = table.columns.iter().map(|column| column.name);
        let names: Vec<_> = names.filter(|name| !without.contains(name)).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
        let mut rows: Vec<_> = rows(url, &sql).await.into_iter().map(text::line).collect();
        rows.sort();
        all.extend(rows.into_iter().map(|row| format!("{}|{row}", table.name)));
    }
    all
}

/// Returns the rows of a query, read on a separate connection.
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

/// Runs statements on a separate connection.
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

/// Returns every cell of a SQLite file as the engine itself quotes it, so that types are told apart.
pub async fn quoted(file: &str) -> Vec<String> {
    let mut all = vec![];
    for table in TABLES.iter() {
        let cells = table.columns.iter().map(|column| format!("quote({})", column.name));
        let cells = cells.collect::<Vec<_>>().join(" || '|' || ");
        let sql = format!("SELECT '{}|' || {cells} AS row FROM {0} ORDER BY 1", table.name);
        all.extend(rows(file, &sql).await.into_iter().map(text::line));
    }
    all
}
