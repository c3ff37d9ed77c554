//! One connection, two engines: the same SQL text with `$1` and the same arguments run on either,
//! and rows read back as the same Rust values.
//!
//! This is the only file that knows how a time, a boolean or JSON travels to an engine. It knows
//! nothing of tables.
//!
//! On PostgreSQL every statement runs within a transaction, its own if none is open: with arguments
//! it takes two round trips, and a pooler that hands out servers by the transaction could answer
//! the second from another server, or from another client's statement. For the same reason no
//! statement has a name (`persistent(false)`: a cache of no capacity is not enough).

use std::{borrow::Cow, fmt, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use serde_json::value::RawValue;
use sqlx::{
    Arguments, Column as _, ColumnIndex, Connection, Decode, Postgres, Row as _, SqlSafeStr,
    SqlStr, Sqlite, Type,
    postgres::{PgArguments, PgConnection, PgRow},
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
    types::Json,
};

use super::{record::JsonText, statements};
use crate::time::Timestamp;

/// A fault of the engine or of the connection to it.
pub type Fault = sqlx::Error;

/// An open connection.
#[derive(Debug)]
pub enum Conn {
    /// To a SQLite file.
    Sqlite(SqliteConnection),
    /// To a PostgreSQL server.
    Postgres(Server),
}

/// A connection to a PostgreSQL server that knows whether a transaction is open.
#[derive(Debug)]
pub struct Server {
    pub(super) conn: PgConnection,
    open: bool,
}

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// An argument of a statement.
#[derive(Clone, Debug)]
pub enum Arg<'a> {
    /// Text.
    Text(Option<Cow<'a, str>>),
    /// A whole number.
    Int(Option<i64>),
    /// A double.
    Real(f64),
    /// A boolean.
    Bool(Option<bool>),
    /// A time.
    Time(Option<Timestamp>),
    /// Canonical JSON.
    Json(Option<Cow<'a, str>>),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }
}

impl From<Option<Timestamp>> for Arg<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Time(time)
    }
}

impl Conn {
    /// Which engine is behind it.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement; gives the number of rows it touched.
    pub async fn execute(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<u64, Fault> {
        match self {
            Self::Sqlite(conn) => {
                let done = sqlx::query_with(sql, sqlite_arguments(args)?).execute(conn).await?;
                Ok(done.rows_affected())
            }
            Self::Postgres(server) if args.is_empty() => server.plain(sql.into_sql_str()).await,
            Self::Postgres(server) => {
                let args = postgres_arguments(args)?;
                let own = server.begin_own().await?;
                let query = sqlx::query_with(sql, args).persistent(false);
                let done = query.execute(&mut server.conn).await;
                server.end_own(own, done.map(|done| done.rows_affected())).await
            }
        }
    }

    /// Runs several statements without arguments, one after the other. Like [`Self::execute`] it
    /// knows a transaction by the first word, so none begins in the middle of a batch.
    pub async fn batch(&mut self, sql: impl SqlSafeStr) -> Result<(), Fault> {
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
            Self::Postgres(server) => server.plain(sql.into_sql_str()).await.map(drop),
        }
    }

    /// Hands each row of a query to `each`, as it comes.
    pub async fn each(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        mut each: impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match self {
            Self::Sqlite(conn) => {
                let mut rows = sqlx::query_with(sql, sqlite_arguments(args)?).fetch(conn);
                while let Some(row) = rows.try_next().await? {
                    each(Row::Sqlite(row))?;
                }
            }
            Self::Postgres(server) => {
                let args = postgres_arguments(args)?;
                let own = server.begin_own().await?;
                let read = server.each(sql.into_sql_str(), args, &mut each).await;
                server.end_own(own, read).await?;
            }
        }
        Ok(())
    }

    /// The rows of a query as they come, for a reader that waits between them. On PostgreSQL a
    /// transaction must be open.
    pub fn stream<'c>(
        &'c mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<BoxStream<'c, Result<Row, Fault>>, Fault> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(conn) => {
                let rows = sqlx::query_with(sql, sqlite_arguments(args)?).fetch(conn);
                rows.map_ok(Row::Sqlite).boxed()
            }
            Self::Postgres(server) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?).persistent(false);
                query.fetch(&mut server.conn).map_ok(Row::Postgres).boxed()
            }
        })
    }

    /// All rows of a query that has few.
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

    /// The only row of a query that has at most one.
    pub async fn row(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Ends the connection in good order.
    pub async fn close(self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(conn) => conn.close().await,
            Self::Postgres(server) => server.conn.close().await,
        }
    }
}

impl Server {
    /// A connection on which nothing has begun.
    pub(super) fn new(conn: PgConnection) -> Self {
        Self { conn, open: false }
    }

    async fn each(
        &mut self,
        sql: SqlStr,
        args: PgArguments,
        each: &mut impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rows = sqlx::query_with(sql, args).persistent(false).fetch(&mut self.conn);
        while let Some(row) = rows.try_next().await? {
            each(Row::Postgres(row))?;
        }
        Ok(())
    }

    /// Statements without arguments, in one round trip.
    async fn plain(&mut self, sql: SqlStr) -> Result<u64, Fault> {
        let begins = sql.as_str().split_whitespace().next() == Some("BEGIN");
        // `ROLLBACK TO` a savepoint leaves the transaction open.
        let ends = matches!(sql.as_str().trim(), "COMMIT" | "ROLLBACK");
        if begins && self.open {
            // Left open by a caller that was cut short.
            sqlx::raw_sql("ROLLBACK").execute(&mut self.conn).await?;
        }
        // However a COMMIT ends, its transaction has ended.
        self.open = (self.open || begins) && !ends;
        let done = sqlx::raw_sql(sql).execute(&mut self.conn).await;
        self.open &= !begins || done.is_ok();
        done.map(|done| done.rows_affected())
    }

    /// Begins a transaction for one call where none is open, and tells whether it did.
    pub(super) async fn begin_own(&mut self) -> Result<bool, Fault> {
        if self.open {
            return Ok(false);
        }
        self.plain(statements::BEGIN_POSTGRES.into_sql_str()).await.map(|_| true)
    }

    /// Ends what [`Self::begin_own`] began, as `result` asks for.
    pub(super) async fn end_own<T>(
        &mut self,
        own: bool,
        result: Result<T, Fault>,
    ) -> Result<T, Fault> {
        match (own, &result) {
            (false, _) => {}
            (true, Ok(_)) => drop(self.plain("COMMIT".into_sql_str()).await?),
            // The fault itself is what the caller must hear of.
            (true, Err(_)) => drop(self.plain("ROLLBACK".into_sql_str()).await),
        }
        result
    }
}

/// PostgreSQL counts microseconds from 2000-01-01: that day, in Unix milliseconds.
pub(super) const POSTGRES_EPOCH: i64 = 946_684_800_000;

/// A row.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// A column of a row: its name or its position.
pub trait At: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + fmt::Display + Copy {}

impl<T: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + fmt::Display + Copy> At for T {}

impl Row {
    /// A value of a type that both engines have.
    fn get<'r, T>(&'r self, at: impl At) -> Result<T, Fault>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(at),
            Self::Postgres(row) => row.try_get(at),
        }
    }

    /// Text, or null.
    pub fn text(&self, at: impl At) -> Result<Option<String>, Fault> {
        self.get(at)
    }

    /// Text that the schema says is not null.
    pub fn some_text(&self, at: impl At) -> Result<String, Fault> {
        self.get(at)
    }

    /// A whole number, or null.
    pub fn int(&self, at: impl At) -> Result<Option<i64>, Fault> {
        self.get(at)
    }

    /// A whole number that the schema says is not null.
    pub fn some_int(&self, at: impl At) -> Result<i64, Fault> {
        self.get(at)
    }

    /// A boolean, or null.
    pub fn bool(&self, at: impl At) -> Result<Option<bool>, Fault> {
        self.get(at)
    }

    /// A boolean that the schema says is not null.
    pub fn some_bool(&self, at: impl At) -> Result<bool, Fault> {
        self.get(at)
    }

    /// A time, or null.
    pub fn time(&self, at: impl At) -> Result<Option<Timestamp>, Fault> {
        match self {
            Self::Sqlite(row) => {
                let text: Option<&str> = row.try_get(at)?;
                text.map(|text| {
                    Timestamp::parse(text).ok_or_else(|| self.spoiled(at, "is not a time"))
                })
                .transpose()
            }
            Self::Postgres(row) => {
                // Not as chrono reads it: `infinity` is none of its times.
                let micros: Option<i64> = row.try_get_unchecked(at)?;
                let time = micros.map(|micros| {
                    let millis = micros.div_euclid(1000).saturating_add(POSTGRES_EPOCH);
                    let time = Timestamp::from_millis(millis);
                    let ours = time.millis() == millis;
                    ours.then_some(time).ok_or_else(|| self.spoiled(at, "is not a time"))
                });
                time.transpose()
            }
        }
    }

    /// A time that the schema says is not null.
    pub fn some_time(&self, at: impl At) -> Result<Timestamp, Fault> {
        self.time(at)?.ok_or_else(|| self.spoiled(at, "is null"))
    }

    /// JSON as the engine renders it, or null: to be made canonical by the caller.
    pub fn json(&self, at: impl At) -> Result<Option<String>, Fault> {
        match self {
            Self::Sqlite(row) => row.try_get(at),
            Self::Postgres(row) => {
                let json: Option<Json<Box<RawValue>>> = row.try_get(at)?;
                Ok(json.map(|Json(raw)| raw.get().to_owned()))
            }
        }
    }

    /// JSON made canonical, or null.
    pub fn json_text(&self, at: impl At) -> Result<Option<JsonText>, Fault> {
        Ok(self.json(at)?.map(|json| JsonText::canonical(&json)))
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Sqlite(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
            Self::Postgres(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
        }
    }

    /// A fault for a value that this program would never have written.
    pub fn spoiled(&self, at: impl fmt::Display, what: &str) -> Fault {
        Fault::ColumnDecode { index: at.to_string(), source: what.to_owned().into() }
    }
}

fn sqlite_arguments(args: &[Arg<'_>]) -> Result<SqliteArguments, Fault> {
    let mut bound = SqliteArguments::default();
    bound.reserve(args.len(), 0);
    for arg in args {
        add_sqlite(&mut bound, arg)?;
    }
    Ok(bound)
}

/// Adds one argument in SQLite's form: times and JSON as text.
pub(super) fn add_sqlite(bound: &mut SqliteArguments, arg: &Arg<'_>) -> Result<(), Fault> {
    let added = match arg {
        // An Arc<str> travels to sqlx's worker as it is: one allocation, where &str makes two.
        Arg::Text(text) | Arg::Json(text) => bound.add(text.as_deref().map(Arc::<str>::from)),
        Arg::Int(number) => bound.add(*number),
        Arg::Real(number) => bound.add(*number),
        Arg::Bool(yes) => bound.add(*yes),
        Arg::Time(time) => bound.add(time.map(|time| Arc::<str>::from(time.to_string()))),
    };
    added.map_err(Fault::Encode)
}

fn postgres_arguments(args: &[Arg<'_>]) -> Result<PgArguments, Fault> {
    let mut bound = PgArguments::default();
    for arg in args {
        add_postgres(&mut bound, arg)?;
    }
    Ok(bound)
}

/// Adds one argument in PostgreSQL's form.
pub(super) fn add_postgres(bound: &mut PgArguments, arg: &Arg<'_>) -> Result<(), Fault> {
    let added = match arg {
        Arg::Text(text) => bound.add(text.as_deref()),
        Arg::Int(number) => bound.add(*number),
        Arg::Real(number) => bound.add(*number),
        Arg::Bool(yes) => bound.add(*yes),
        Arg::Time(time) => bound.add(time.map(Timestamp::to_chrono)),
        Arg::Json(json) => {
            let raw = json.as_deref().map(|json| RawValue::from_string(json.to_owned()));
            let raw = raw.transpose().map_err(|fault| Fault::Encode(fault.into()))?;
            bound.add(raw.map(Json))
        }
    };
    added.map_err(Fault::Encode)
}
