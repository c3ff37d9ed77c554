//! Rows of either engine as the same text, so that one expectation serves both.
//!
//! SQLite returns what it stores; the values of PostgreSQL are converted to that form: a time has 24
//! characters, a boolean is 0 or 1, JSON is canonical, NULL is `None`. This is independent of the tables.

use heygen_sync::{catalog::value::Value, time::Timestamp};
use serde_json::value::RawValue;
use sqlx::{
    AssertSqlSafe, Column, PgConnection, Row, SqliteConnection, TypeInfo, ValueRef,
    postgres::PgRow, sqlite::SqliteRow, types::Json,
};

/// One row as text; NULL is `None`.
pub type Texts = Vec<Option<String>>;

/// Returns the rows of a query on SQLite.
pub async fn sqlite(connection: &mut SqliteConnection, sql: &str) -> Vec<Texts> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.iter().map(|row| (0..row.len()).map(|at| sqlite_cell(row, at)).collect()).collect()
}

/// Returns the rows of a query on PostgreSQL.
pub async fn postgres(connection: &mut PgConnection, sql: &str) -> Vec<Texts> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.iter().map(|row| (0..row.len()).map(|at| postgres_cell(row, at)).collect()).collect()
}

/// Returns the names of a row's columns.
pub fn names<R: Row>(row: Option<R>) -> Vec<String> {
    let columns = row.iter().flat_map(|row| row.columns());
    columns.map(|column| column.name().to_owned()).collect()
}

/// Formats a row as `a|b|∅`.
pub fn line(row: Texts) -> String {
    let cells = row.into_iter().map(|cell| cell.unwrap_or_else(|| "∅".to_owned()));
    cells.collect::<Vec<_>>().join("|")
}

fn sqlite_cell(row: &SqliteRow, at: usize) -> Option<String> {
    let raw = row.try_get_raw(at).unwrap();
    match raw.type_info().name() {
        _ if raw.is_null() => None,
        "INTEGER" | "BOOLEAN" => Some(row.get::<i64, _>(at).to_string()),
        "REAL" => Some(row.get::<f64, _>(at).to_string()),
        _ => Some(row.get_unchecked(at)),
    }
}

fn postgres_cell(row: &PgRow, at: usize) -> Option<String> {
    match row.column(at).type_info().name() {
        "BOOL" => row.get::<Option<bool>, _>(at).map(|yes| u8::from(yes).to_string()),
        "INT4" => row.get::<Option<i32>, _>(at).map(|number| number.to_string()),
        "INT8" => row.get::<Option<i64>, _>(at).map(|number| number.to_string()),
        "FLOAT8" => row.get::<Option<f64>, _>(at).map(|number| number.to_string()),
        "TIMESTAMPTZ" => {
            let time: Option<chrono::DateTime<chrono::Utc>> = row.get(at);
            time.map(|time| Timestamp::from(time).to_string())
        }
        "JSONB" => row.get::<Option<Json<Box<RawValue>>>, _>(at).map(|json| canonical(&json)),
        _ => row.get_unchecked(at),
    }
}

/// Returns the form in which SQLite stores it: PostgreSQL renders JSON differently.
fn canonical(json: &RawValue) -> String {
    Value::decode(json.get().trim(), 0).unwrap().to_json()
}
