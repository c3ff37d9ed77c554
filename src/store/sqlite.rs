//! SQLite: how statements run, how values are read and written, and its own SQL.
//!
//! sqlx passes each statement and each row to a worker thread and back, which costs many times as much as
//! the row itself. So `rusqlite` works on sqlx's handle, within sqlx's transactions, on the caller's
//! thread; both link the same SQLite. `scripts/count-instructions` measures what a poll costs.

use std::{
    borrow::Cow, error::Error as StdError, ops::Range, path::Path, sync::Arc, time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use rusqlite::{Connection, Statement, ffi, limits::Limit, types::ValueRef};
use sqlx::{
    Arguments as _, Column as _, ConnectOptions, Connection as _, Row as _, SqlSafeStr, SqlStr,
    TypeInfo as _, ValueRef as _,
    error::{DatabaseError, ErrorKind},
    migrate::{MigrateError, Migrator},
    sqlite::{
        LockedSqliteHandle, SqliteArguments, SqliteConnectOptions, SqliteConnection,
        SqliteJournalMode, SqliteSynchronous,
    },
};

use super::{
    bulk::{Around, Bulk, BulkColumn},
    dialect::{Dialect, MIGRATIONS},
    file_image::{self, FileStamp},
    value::{Arg, At, Fault, bad_value},
};
use crate::{
    catalog::{cell::Cell, seal::exact_json},
    time::Timestamp,
    words::hex,
};

/// An open database.
#[derive(Debug)]
pub struct Client {
    conn: SqliteConnection,
    /// The number of locks of its handle since the worker was last waited for.
    unread: u64,
}

/// The number of locks after which the worker is waited for. Each lock of the handle is a command to sqlx's
/// worker, which reads it when it has time. Once 50 are unread, sqlx waits for the worker with the handle
/// locked, while the worker waits for the handle.
const UNREAD: u64 = 32;

/// The SQL that is specific to SQLite.
#[derive(Debug)]
pub struct Sqlite;

/// A row, read as a whole.
#[derive(Debug)]
pub struct Row {
    names: Arc<[String]>,
    values: Vec<SqliteValue>,
    /// All its texts and blobs, concatenated.
    bytes: Vec<u8>,
}

/// A value as SQLite stores it; texts and blobs are ranges of the row's `bytes`.
#[derive(Clone, Debug, PartialEq)]
enum SqliteValue {
    Null,
    Int(i64),
    Real(f64),
    Text(Range<usize>),
    Bytes(Range<usize>),
}

impl Client {
    /// Opens a file for writing.
    pub async fn open(path: &Path) -> Result<Self, Fault> {
        Ok(Self::of(options(path, true).connect().await?))
    }

    /// Opens a file for reading: a copy of it in memory if SQLite could not read the file in place.
    pub(super) async fn open_to_read(path: &Path) -> Result<(Self, Option<FileStamp>), Fault> {
        if let Some((image, stamp)) = file_image::take(path).await.map_err(Fault::Io)? {
            let mut conn = options(Path::new(":memory:"), false).connect().await?;
            conn.deserialize(None, image, true).await?;
            return Ok((Self::of(conn), Some(stamp)));
        }
        Ok((Self::of(options(path, false).connect().await?), None))
    }

    fn of(conn: SqliteConnection) -> Self {
        Self { conn, unread: 0 }
    }

    /// Locks the handle: sqlx's worker does not use it as long as the guard lives.
    async fn locked(&mut self) -> Result<LockedSqliteHandle<'_>, Fault> {
        if self.unread >= UNREAD {
            self.conn.ping().await?;
            self.unread = 0;
        }
        self.unread += 1;
        self.conn.lock_handle().await
    }

    /// Closes the connection; SQLite then writes its write-ahead log back into the file.
    pub async fn close(self) -> Result<(), Fault> {
        self.conn.close().await
    }

    /// Runs all migrations. The opening lock keeps other processes out; each step is a transaction.
    pub async fn migrate(&mut self, migrator: &Migrator) -> Result<(), MigrateError> {
        migrator.run_direct(None, &mut self.conn, false).await
    }

    /// Makes the connection read-only and aborts a query once `in_time` returns false: it would otherwise
    /// continue after its future was dropped.
    pub async fn interrupt_unless(
        &mut self,
        in_time: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Fault> {
        let mut handle = self.locked().await?;
        handle.set_progress_handler(20_000, in_time);
        drop(handle);
        // Memory-mapped reads avoid a copy of each page.
        let pragmas = "PRAGMA query_only = 1; PRAGMA mmap_size = 1073741824; \
                       PRAGMA cache_size = -8000";
        self.batch(pragmas.into_sql_str()).await
    }

    /// Makes statements fail that build a value of more than `bytes`: building it is a single step, and
    /// [`Self::interrupt_unless`] only checks between steps.
    pub async fn limit_values(&mut self, bytes: i32) -> Result<(), Fault> {
        let limit = |conn: &Connection| conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, bytes);
        self.lend(|conn| limit(conn).map(drop).map_err(fault)).await
    }

    /// Calls `run` with the handle as a `rusqlite` connection; `run` must not leave a transaction open.
    #[allow(unsafe_code)]
    pub async fn lend<T>(
        &mut self,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut handle = self.locked().await?;
        // SAFETY: the guard keeps sqlx's worker off the handle until `run` has ended, the borrowed
        // connection does not outlive it and does not close it (`from_handle`), and both crates are
        // built on the same libsqlite3-sys.
        let lent = unsafe { Connection::from_handle(handle.as_raw_handle().as_ptr()) };
        let lent = lent.map_err(fault)?;
        run(&lent)
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub async fn execute(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64, Fault> {
        self.lend(|conn| {
            let mut statement = conn.prepare(sql.as_str()).map_err(fault)?;
            bind_all(&mut statement, args)?;
            // A statement that returns rows (such as a PRAGMA) is run to its end.
            let mut rows = statement.raw_query();
            while rows.next().map_err(fault)?.is_some() {}
            drop(rows);
            Ok(conn.changes())
        })
        .await
    }

    /// Runs several statements without arguments.
    pub async fn batch(&mut self, sql: SqlStr) -> Result<(), Fault> {
        self.lend(|conn| conn.execute_batch(sql.as_str()).map_err(fault)).await
    }

    /// Calls `each` with each row of a query.
    pub async fn each(
        &mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
        each: &mut impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.lend(|conn| {
            let mut statement = conn.prepare(sql.as_str()).map_err(fault)?;
            let names: Arc<[String]> =
                statement.column_names().into_iter().map(str::to_owned).collect();
            bind_all(&mut statement, args)?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(fault)? {
                let mut own = Row::new(names.clone());
                for at in 0..names.len() {
                    own.push(row.get_ref(at).map_err(fault)?);
                }
                each(own)?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the rows of a query as a stream, for a reader that waits between them.
    pub fn stream<'c>(
        &'c mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
    ) -> Result<BoxStream<'c, Result<Row, Fault>>, Fault> {
        let mut bound = SqliteArguments::default();
        for arg in args {
            let added = match arg {
                Arg::Text(text) | Arg::Json(text) => bound.add(text.as_deref().map(str::to_owned)),
                Arg::Int(number) => bound.add(*number),
                Arg::Bool(yes) => bound.add(*yes),
                Arg::Time(time) => bound.add(time.map(|time| time.to_string())),
            };
            added.map_err(Fault::Encode)?;
        }
        let rows = sqlx::query_with(sql, bound).fetch(&mut self.conn);
        Ok(rows.map(|row| row.and_then(|row| Row::of_sqlx(&row))).boxed())
    }

    /// Writes the rows, one by one.
    pub async fn write(&mut self, rows: &Bulk<'_>, around: Around<'_>) -> Result<(), Fault> {
        let sql = match around {
            Around::Insert(head, tail) => {
                let places: Vec<String> =
                    (1..=rows.columns.len()).map(|at| format!("?{at}")).collect();
                format!("{head}VALUES ({}){tail}", places.join(", "))
            }
            Around::Update(head, on) => with_places(format!("{head} WHERE {on}"), rows),
        };
        self.lend(|conn| {
            let mut statement = conn.prepare(&sql).map_err(fault)?;
            // Values that are the same in every row are bound once.
            for (at, (_, column)) in (1..).zip(&rows.columns) {
                if let BulkColumn::All(value) = column {
                    bind(&mut statement, at, value)?;
                }
            }
            for row in 0..rows.rows {
                for (at, (_, column)) in (1..).zip(&rows.columns) {
                    bind_cell(&mut statement, at, column, row)?;
                }
                statement.raw_execute().map_err(fault)?;
            }
            Ok(())
        })
        .await
    }
}

/// Returns the statement with parameters instead of the columns of `d`: for a subquery `d`, SQLite would
/// build a table for each row.
fn with_places(sql: String, rows: &Bulk<'_>) -> String {
    let mut names: Vec<_> = rows.columns.iter().map(|(name, _)| *name).zip(1..).collect();
    // The longest names first, since one may be the beginning of another.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.iter().fold(sql, |sql, (name, at)| sql.replace(&format!("d.{name}"), &format!("?{at}")))
}

/// Binds the arguments by the numbers in `$1`, `$2` …: SQLite numbers these in the order of first use.
fn bind_all(statement: &mut Statement<'_>, args: &[Arg<'_>]) -> Result<(), Fault> {
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse().ok());
        let arg = number.and_then(|number: usize| args.get(number.checked_sub(1)?));
        if let Some(arg) = arg {
            bind(statement, at, arg)?;
        }
    }
    Ok(())
}

fn bind(statement: &mut Statement<'_>, at: usize, arg: &Arg<'_>) -> Result<(), Fault> {
    let bound = match arg {
        Arg::Text(text) | Arg::Json(text) => statement.raw_bind_parameter(at, text.as_deref()),
        Arg::Int(number) => statement.raw_bind_parameter(at, number),
        Arg::Bool(yes) => statement.raw_bind_parameter(at, yes),
        Arg::Time(time) => statement.raw_bind_parameter(at, time.map(|time| time.to_string())),
    };
    bound.map_err(fault)
}

fn bind_cell(
    statement: &mut Statement<'_>,
    at: usize,
    column: &BulkColumn<'_>,
    row: usize,
) -> Result<(), Fault> {
    let bound = match column {
        BulkColumn::Text(all) | BulkColumn::Json(all) => {
            statement.raw_bind_parameter(at, all[row].as_deref())
        }
        BulkColumn::Int(all) => statement.raw_bind_parameter(at, all[row]),
        BulkColumn::Bool(all) => statement.raw_bind_parameter(at, all[row]),
        BulkColumn::Time(all) => {
            statement.raw_bind_parameter(at, all[row].map(|time| time.to_string()))
        }
        BulkColumn::All(_) => Ok(()),
    };
    bound.map_err(fault)
}

impl Row {
    fn new(names: Arc<[String]>) -> Self {
        Self { values: Vec::with_capacity(names.len()), names, bytes: Vec::with_capacity(256) }
    }

    fn push(&mut self, value: ValueRef<'_>) {
        let start = self.bytes.len();
        self.values.push(match value {
            ValueRef::Null => SqliteValue::Null,
            ValueRef::Integer(number) => SqliteValue::Int(number),
            ValueRef::Real(number) => SqliteValue::Real(number),
            ValueRef::Text(text) => SqliteValue::Text(start..start + text.len()),
            ValueRef::Blob(bytes) => SqliteValue::Bytes(start..start + bytes.len()),
        });
        if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn of_sqlx(row: &sqlx::sqlite::SqliteRow) -> Result<Self, Fault> {
        let names = row.columns().iter().map(|column| column.name().to_owned()).collect();
        let mut own = Self::new(names);
        for at in 0..row.len() {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                own.push(ValueRef::Null);
                continue;
            }
            let value = match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => decode(raw).map(ValueRef::Integer),
                "REAL" => decode(raw).map(ValueRef::Real),
                "TEXT" => decode(raw).map(ValueRef::Text),
                _ => decode(raw).map(ValueRef::Blob),
            };
            let fault = |source| Fault::ColumnDecode { index: at.to_string(), source };
            own.push(value.map_err(fault)?);
        }
        Ok(own)
    }

    /// Returns the row as an object by column; blobs are hex.
    pub fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Fault> {
        let json = |value: &SqliteValue| match value {
            SqliteValue::Null => serde_json::Value::Null,
            SqliteValue::Int(number) => (*number).into(),
            SqliteValue::Real(number) => (*number).into(),
            SqliteValue::Text(place) => String::from_utf8_lossy(self.bytes(place)).into(),
            SqliteValue::Bytes(place) => hex(self.bytes(place)).into(),
        };
        Ok(self.names.iter().cloned().zip(self.values.iter().map(json)).collect())
    }

    /// The position of a column.
    pub fn place(&self, at: impl At) -> Result<usize, Fault> {
        at.place(&self.names).ok_or_else(|| bad_value(at, "is not there"))
    }

    fn value(&self, at: impl At) -> Result<&SqliteValue, Fault> {
        self.values.get(self.place(at)?).ok_or_else(|| bad_value(at, "is not there"))
    }

    /// The text, or `None` for NULL.
    pub fn str(&self, at: impl At) -> Result<Option<&str>, Fault> {
        match self.value(at)? {
            SqliteValue::Null => Ok(None),
            SqliteValue::Text(place) => match std::str::from_utf8(self.bytes(place)) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(bad_value(at, "is not text")),
            },
            _ => Err(bad_value(at, "is not text")),
        }
    }

    fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// The whole number, or `None` for NULL.
    pub fn int(&self, at: impl At) -> Result<Option<i64>, Fault> {
        match self.value(at)? {
            SqliteValue::Null => Ok(None),
            SqliteValue::Int(number) => Ok(Some(*number)),
            _ => Err(bad_value(at, "is not a whole number")),
        }
    }

    /// The boolean, or `None` for NULL.
    pub fn bool(&self, at: impl At) -> Result<Option<bool>, Fault> {
        Ok(self.int(at)?.map(|number| number != 0))
    }

    /// The time, or `None` for NULL.
    pub fn time(&self, at: impl At) -> Result<Option<Timestamp>, Fault> {
        let text = self.str(at).map_err(|_| bad_value(at, "is not a time"))?;
        let time =
            text.map(|text| Timestamp::parse(text).ok_or_else(|| bad_value(at, "is not a time")));
        time.transpose()
    }

    /// The JSON as it is stored, or `None` for NULL.
    pub fn json(&self, at: impl At) -> Result<Option<&str>, Fault> {
        self.str(at)
    }

    /// The text exactly as it is stored, or `None` for NULL; bytes that are not text are in hex.
    pub fn exact_text(&self, at: impl At) -> Result<Option<String>, Fault> {
        if let SqliteValue::Bytes(place) | SqliteValue::Text(place) = self.value(at)?
            && self.str(at).is_err()
        {
            let hex = hex(self.bytes(place));
            return Ok(Some(format!("bytes {hex}")));
        }
        Ok(self.str(at)?.map(str::to_owned))
    }

    /// The time exactly as it is stored, or `None` for NULL.
    pub fn exact_time(&self, at: impl At) -> Result<Option<String>, Fault> {
        self.exact_text(at)
    }

    /// A boolean for 0 and 1; any other number unchanged.
    pub fn exact_bool(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        Ok(match self.int(at)? {
            None => Cell::Null,
            Some(number @ (0 | 1)) => Cell::Bool(number == 1),
            Some(other) => Cell::Int(other),
        })
    }

    /// JSON if the text is canonical; otherwise the text.
    pub fn exact_json(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        Ok(match self.exact_text(at)? {
            None => Cell::Null,
            Some(raw) if exact_json(&raw) == raw => Cell::Json(Cow::Owned(raw)),
            Some(raw) => Cell::Text(Cow::Owned(raw)),
        })
    }
}

fn decode<'r, T: sqlx::Decode<'r, sqlx::Sqlite>>(
    raw: sqlx::sqlite::SqliteValueRef<'r>,
) -> Result<T, sqlx::error::BoxDynError> {
    T::decode(raw)
}

/// A fault of `rusqlite`, as an error of sqlx.
#[derive(Debug, thiserror::Error)]
#[error("(code: {code}) {message}")]
struct SqliteFault {
    code: i32,
    message: String,
}

fn fault(error: rusqlite::Error) -> Fault {
    let code = error.sqlite_error().map_or(ffi::SQLITE_ERROR, |error| error.extended_code);
    let message = match &error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    Fault::Database(Box::new(SqliteFault { code, message }))
}

impl DatabaseError for SqliteFault {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

fn options(path: &Path, write: bool) -> SqliteConnectOptions {
    // A name that begins with `file:` would be read as a URI, which `./file:` is not.
    let path = match path.is_absolute() || path == Path::new(":memory:") {
        true => path.to_owned(),
        false => Path::new(".").join(path),
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true)
        // Rows that the worker thread may read ahead: with few, the two threads wait for each
        // other at every row.
        .row_buffer_size(1000)
        .disable_statement_logging();
    match write {
        true => options
            // The file already exists, with its permissions.
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // 2 MiB are enough for a poll; a poll that loads a large list sets more.
            .pragma("cache_size", "-2048"),
        false => options.read_only(true),
    }
}

impl Dialect for Sqlite {
    fn migrations(&self) -> [&'static str; MIGRATIONS.len()] {
        [include_str!("../../migrations/sqlite/0001_catalogue.sql")]
    }

    fn is_server(&self) -> bool {
        false
    }

    fn more_cache(&self) -> Option<&'static str> {
        Some("PRAGMA cache_size = -65536")
    }

    fn reading_limits(&self, _: Duration, _: bool) -> Option<String> {
        None
    }

    fn begin_writing(&self) -> &'static str {
        "BEGIN IMMEDIATE"
    }

    fn begin_reading(&self) -> &'static str {
        "BEGIN"
    }

    fn tables(&self) -> &'static str {
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    }

    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &sqlparser::dialect::SQLiteDialect {}
    }

    fn as_object(&self, from: &str) -> String {
        format!("{from}.*")
    }

    fn own_table(&self, name: &str) -> String {
        format!("main.{name}")
    }

    fn size(&self) -> &'static str {
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    }

    fn may_read(&self, _: &str, _: &str) -> String {
        "TRUE".into()
    }

    fn milliseconds(&self, from: &str, to: &str) -> String {
        format!("round((julianday({to}) - julianday({from})) * 86400000)")
    }

    fn day(&self, time: &str) -> String {
        format!("substr({time}, 1, 10)")
    }

    fn no_time(&self) -> &'static str {
        "CAST(NULL AS TEXT)"
    }

    fn head(&self, text: &str) -> String {
        // Spaces, line breaks and other blanks, the same as in the migration's index.
        let blanks = "char(9, 10, 11, 12, 13, 32, 133, 160, 8203, 12288, 65279)";
        format!("nullif(substr(ltrim({text}, {blanks}), 1, 200), '')")
    }

    fn ascii_lower(&self, text: &str) -> String {
        format!("lower({text})")
    }

    fn like(&self, text: &str, pattern: &str) -> String {
        // LIKE itself ignores the case of ASCII letters.
        format!("{text} LIKE {pattern} ESCAPE '\\'")
    }

    fn each_string(&self, json: &str) -> String {
        format!("json_each({json}) AS t")
    }

    fn has_string(&self, json: &str, places: &[String]) -> String {
        format!(
            "EXISTS (SELECT 1 FROM json_each({json}) AS t WHERE t.value IN ({}))",
            places.join(", ")
        )
    }

    fn among(&self, _: &str, _: &str, _: &str, one: &str) -> String {
        one.to_owned()
    }

    fn has_key(&self, json: &str, name: &str) -> String {
        format!("coalesce(json_type({json}, '$.\"{name}\"') IS NOT NULL, FALSE)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_statements_in_a_row_do_not_wait_for_each_other() {
        let conn = options(Path::new(":memory:"), false).connect().await.unwrap();
        let mut client = Client::of(conn);
        let all = async {
            for _ in 0..100_000 {
                client.lend(|_| Ok(())).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(300), all).await.expect("they end");
    }
}
