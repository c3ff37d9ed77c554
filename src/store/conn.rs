//! The only file that dispatches between the engines: the same SQL text (with `$1`) and the same arguments
//! run on both, and rows are read as the same Rust values.
//!
//! The differences are in [`super::sqlite`] and [`super::postgres`]. A third engine is a third arm of each
//! `match` here, which the compiler enforces. Nothing here depends on the tables.

use std::{fmt, ops::Deref, sync::OnceLock, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migrator},
};

pub use super::value::{Arg, At, Fault, bad_value};
use super::{
    bulk::{Around, Bulk},
    dialect::Dialect,
    file_image::FileStamp,
    json_text::JsonText,
    location::Location,
    postgres::{self, Postgres},
    sqlite::{self, Sqlite},
};
use crate::{
    catalog::{cell::Cell, column::Holds},
    time::Timestamp,
};

/// An open connection.
#[derive(Debug)]
pub enum Conn {
    /// To a SQLite file.
    Sqlite(sqlite::Client),
    /// To a PostgreSQL server.
    Postgres(postgres::Client),
}

/// A row.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(sqlite::Row),
    /// From PostgreSQL.
    Postgres(postgres::Row),
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Dereferences to the SQL of the engine.
impl Deref for Engine {
    type Target = dyn Dialect;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Sqlite => &Sqlite,
            Self::Postgres => &Postgres,
        }
    }
}

/// Evaluates the expression for the engine of the value.
macro_rules! on {
    ($Which:ident, $it:expr, $own:ident => $do:expr) => {
        match $it {
            $Which::Sqlite($own) => $do,
            $Which::Postgres($own) => $do,
        }
    };
}

impl Conn {
    /// Opens a database for writing or for reading. Also returns the stamp of the file if a copy of it in
    /// memory is read.
    pub(super) async fn open(
        location: &Location,
        write: bool,
    ) -> Result<(Self, Option<FileStamp>), Fault> {
        Ok(match location {
            Location::Sqlite(path) if write => {
                (Self::Sqlite(sqlite::Client::open(path).await?), None)
            }
            Location::Sqlite(path) => {
                let (client, copied) = sqlite::Client::open_to_read(path).await?;
                (Self::Sqlite(client), copied)
            }
            Location::Postgres { options, .. } => {
                (Self::Postgres(postgres::Client::open(options).await?), None)
            }
        })
    }

    /// Runs the migrations that are missing in the database.
    pub async fn migrate(&mut self, migrator: &Migrator) -> Result<(), MigrateError> {
        on!(Conn, self, conn => conn.migrate(migrator).await)
    }

    /// Aborts queries once `in_time` returns false. No effect on a server, which has its own timeout.
    pub async fn interrupt_unless(
        &mut self,
        in_time: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Fault> {
        on!(Conn, self, conn => conn.interrupt_unless(in_time).await)
    }

    /// Refuses statements that produce a value of more than `bytes`, if the engine cannot be interrupted
    /// while it produces a value.
    pub async fn limit_values(&mut self, bytes: i32) -> Result<(), Fault> {
        on!(Conn, self, conn => conn.limit_values(bytes).await)
    }

    /// Limits each later statement that reads to `limit`, or only those of the open `transaction`. No effect
    /// on SQLite: see [`Self::interrupt_unless`].
    pub async fn limit_reading(&mut self, limit: Duration, transaction: bool) -> Result<(), Fault> {
        match self.engine().reading_limits(limit, transaction) {
            Some(limits) => self.batch(AssertSqlSafe(limits)).await,
            None => Ok(()),
        }
    }

    /// Returns the engine of the connection.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub async fn execute(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<u64, Fault> {
        on!(Conn, self, conn => conn.execute(sql.into_sql_str(), args).await)
    }

    /// Runs several statements without arguments, one after the other; only the first may begin a
    /// transaction.
    pub async fn batch(&mut self, sql: impl SqlSafeStr) -> Result<(), Fault> {
        on!(Conn, self, conn => conn.batch(sql.into_sql_str()).await)
    }

    /// Calls `each` with each row of a query as it arrives.
    pub async fn each(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        mut each: impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let sql = sql.into_sql_str();
        match self {
            Self::Sqlite(conn) => conn.each(sql, args, &mut |row| each(Row::Sqlite(row))).await,
            Self::Postgres(conn) => conn.each(sql, args, &mut |row| each(Row::Postgres(row))).await,
        }
    }

    /// Returns the rows of a query as a stream, for a reader that awaits between them. On PostgreSQL a
    /// transaction must be open.
    pub fn stream<'c>(
        &'c mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<BoxStream<'c, Result<Row, Fault>>, Fault> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(conn) => conn.stream(sql, args)?.map_ok(Row::Sqlite).boxed(),
            Self::Postgres(conn) => conn.stream(sql, args)?.map_ok(Row::Postgres).boxed(),
        })
    }

    /// Returns all rows of a query, which should be few.
    pub async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let mut rows = vec![];
        self.each(sql, args, |row| {
            rows.push(row);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Returns the rows of a query, each decoded by `read` as it arrives.
    pub async fn all<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        mut read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut all = vec![];
        self.each(sql, args, |row| {
            all.push(read(&row)?);
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// Returns the row of a query that has at most one, decoded by `read`.
    pub async fn one<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.all(sql, args, read).await?.into_iter().next())
    }

    /// Returns the row of a query that has at most one.
    pub async fn row(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Writes many rows: see [`Bulk`].
    pub(super) async fn write(&mut self, rows: &Bulk<'_>, around: Around<'_>) -> Result<(), Fault> {
        on!(Conn, self, conn => conn.write(rows, around).await)
    }

    /// Closes the connection gracefully.
    pub async fn close(self) -> Result<(), Fault> {
        on!(Conn, self, conn => conn.close().await)
    }
}

/// Columns to read from the rows of one statement, with their types. Their names are looked up in its first
/// row only.
#[derive(Debug)]
pub struct Columns {
    wanted: Vec<(&'static str, Holds)>,
    found: OnceLock<Vec<(&'static str, Holds, usize)>>,
}

impl Columns {
    /// Creates the columns with these names.
    pub fn of(wanted: impl IntoIterator<Item = (&'static str, Holds)>) -> Self {
        Self { wanted: wanted.into_iter().collect(), found: OnceLock::new() }
    }

    /// Returns them with their positions; `row` is any row of the statement.
    ///
    /// # Errors
    /// Fails if a column is not there.
    pub fn within(&self, row: &Row) -> Result<&[(&'static str, Holds, usize)], Fault> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let place = |name| on!(Row, row, row => row.place(name));
        let found = self.wanted.iter().map(|(name, holds)| Ok((*name, *holds, place(*name)?)));
        let found = found.collect::<Result<_, Fault>>()?;
        Ok(self.found.get_or_init(|| found))
    }
}

impl Row {
    /// Returns the positions of the columns with these names. They are looked up only while `known` is
    /// `None`, which is then set for the other rows of the statement.
    pub fn places<const N: usize>(
        &self,
        known: &mut Option<[usize; N]>,
        names: [&str; N],
    ) -> Result<[usize; N], Fault> {
        if let Some(known) = known {
            return Ok(*known);
        }
        let mut places = [0; N];
        for (at, name) in places.iter_mut().zip(names) {
            *at = on!(Row, self, row => row.place(name))?;
        }
        Ok(*known.insert(places))
    }

    /// Returns the text, or `None` for NULL.
    pub fn text(&self, at: impl At) -> Result<Option<String>, Fault> {
        Ok(self.str(at)?.map(str::to_owned))
    }

    /// Returns the text of a column that is NOT NULL.
    pub fn some_text(&self, at: impl At) -> Result<String, Fault> {
        self.text(at)?.ok_or_else(|| bad_value(at, "is null"))
    }

    /// Returns the integer, or `None` for NULL.
    pub fn int(&self, at: impl At) -> Result<Option<i64>, Fault> {
        on!(Row, self, row => row.int(at))
    }

    /// Returns the integer of a column that is NOT NULL.
    pub fn some_int(&self, at: impl At) -> Result<i64, Fault> {
        self.int(at)?.ok_or_else(|| bad_value(at, "is null"))
    }

    /// Returns the boolean, or `None` for NULL.
    pub fn bool(&self, at: impl At) -> Result<Option<bool>, Fault> {
        on!(Row, self, row => row.bool(at))
    }

    /// Returns the boolean of a column that is NOT NULL.
    pub fn some_bool(&self, at: impl At) -> Result<bool, Fault> {
        self.bool(at)?.ok_or_else(|| bad_value(at, "is null"))
    }

    /// Returns the time, or `None` for NULL.
    pub fn time(&self, at: impl At) -> Result<Option<Timestamp>, Fault> {
        on!(Row, self, row => row.time(at))
    }

    /// Returns the time of a column that is NOT NULL.
    pub fn some_time(&self, at: impl At) -> Result<Timestamp, Fault> {
        self.time(at)?.ok_or_else(|| bad_value(at, "is null"))
    }

    /// Returns the text, borrowed from the row, or `None` for NULL.
    pub fn str(&self, at: impl At) -> Result<Option<&str>, Fault> {
        on!(Row, self, row => row.str(at))
    }

    /// Returns the JSON as the engine renders it, or `None` for NULL. The caller must make it canonical.
    pub fn json(&self, at: impl At) -> Result<Option<&str>, Fault> {
        on!(Row, self, row => row.json(at))
    }

    /// Returns the JSON made canonical, or `None` for NULL.
    pub fn json_text(&self, at: impl At) -> Result<Option<JsonText>, Fault> {
        Ok(self.json(at)?.map(JsonText::canonical))
    }

    /// Returns the row of [`super::ask`] as an object by column.
    pub(super) fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Fault> {
        on!(Row, self, row => row.object())
    }

    /// Returns the text exactly as stored, or `None` for NULL; bytes that are not text as hex.
    pub fn exact_text(&self, at: impl At) -> Result<Option<String>, Fault> {
        on!(Row, self, row => row.exact_text(at))
    }

    /// Returns the time exactly as stored, or `None` for NULL.
    pub fn exact_time(&self, at: impl At) -> Result<Option<String>, Fault> {
        on!(Row, self, row => row.exact_time(at))
    }

    /// Returns the boolean exactly as stored.
    pub fn exact_bool(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        on!(Row, self, row => row.exact_bool(at))
    }

    /// Returns the JSON exactly as stored; on PostgreSQL except for what JSONB does not preserve.
    pub fn exact_json(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        on!(Row, self, row => row.exact_json(at))
    }

    /// Returns a fault for a value that this program would never have written.
    pub fn bad_value(&self, at: impl fmt::Display, what: &str) -> Fault {
        bad_value(at, what)
    }
}

/// Writing the rows, many with one statement.
impl Bulk<'_> {
    /// Inserts the rows into `table`.
    pub async fn insert(self, conn: &mut Conn, table: &str) -> Result<(), Fault> {
        self.insert_with(conn, table, "").await
    }

    /// Inserts the rows whose key is not in `table` yet.
    pub async fn insert_new(self, conn: &mut Conn, table: &str) -> Result<(), Fault> {
        self.insert_with(conn, table, " ON CONFLICT DO NOTHING").await
    }

    async fn insert_with(self, conn: &mut Conn, table: &str, tail: &str) -> Result<(), Fault> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let head = format!("INSERT INTO {table} ({}) ", names.join(", "));
        conn.write(&self, Around::Insert(&head, tail)).await
    }

    /// Runs `UPDATE table AS t SET set FROM d WHERE on`, where `d` are the rows.
    pub async fn update(
        self,
        conn: &mut Conn,
        table: &str,
        set: &str,
        on: &str,
    ) -> Result<(), Fault> {
        let head = format!("UPDATE {table} AS t SET {set}");
        conn.write(&self, Around::Update(&head, on)).await
    }
}
