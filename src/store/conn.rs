//! One connection, two engines: the same SQL text with `$1` and the same arguments run on either,
//! and rows read back as the same Rust values.
//!
//! This is the only file that knows how a time, a boolean or JSON travels to an engine. It knows
//! nothing of tables.

use std::{borrow::Cow, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use serde_json::value::RawValue;
use sqlx::{
    Arguments, Column as _, Connection, Row as _, SqlSafeStr,
    postgres::{PgArguments, PgConnection, PgRow},
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
    types::Json,
};

use crate::time::Timestamp;

/// A fault of the engine or of the connection to it.
pub type Fault = sqlx::Error;

/// An open connection.
#[derive(Debug)]
pub enum Conn {
    /// To a SQLite file.
    Sqlite(SqliteConnection),
    /// To a PostgreSQL server.
    Postgres(PgConnection),
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
            Self::Postgres(conn) => {
                let done = sqlx::query_with(sql, postgres_arguments(args)?).execute(conn).await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Runs several statements without arguments, one after the other.
    pub async fn batch(&mut self, sql: impl SqlSafeStr) -> Result<(), Fault> {
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
            Self::Postgres(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
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
            Self::Postgres(conn) => {
                let mut rows = sqlx::query_with(sql, postgres_arguments(args)?).fetch(conn);
                while let Some(row) = rows.try_next().await? {
                    each(Row::Postgres(row))?;
                }
            }
        }
        Ok(())
    }

    /// The rows of a query, one after the other; none is read before it is asked for.
    pub fn stream<'a>(
        &'a mut self,
        sql: impl SqlSafeStr + 'a,
        args: &[Arg<'_>],
    ) -> Result<BoxStream<'a, Result<Row, Fault>>, Fault> {
        Ok(match self {
            Self::Sqlite(conn) => {
                let rows = sqlx::query_with(sql, sqlite_arguments(args)?).fetch(conn);
                rows.map_ok(Row::Sqlite).boxed()
            }
            Self::Postgres(conn) => {
                let rows = sqlx::query_with(sql, postgres_arguments(args)?).fetch(conn);
                rows.map_ok(Row::Postgres).boxed()
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
            Self::Postgres(conn) => conn.close().await,
        }
    }
}

/// A row.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// Reads the column as the given type on either engine.
macro_rules! get {
    ($row:expr, $at:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($at)?,
            Row::Postgres(row) => row.try_get($at)?,
        }
    };
}

impl Row {
    /// Text, or null.
    pub fn text(&self, at: usize) -> Result<Option<String>, Fault> {
        Ok(get!(self, at))
    }

    /// Text that the schema says is not null.
    pub fn some_text(&self, at: usize) -> Result<String, Fault> {
        Ok(get!(self, at))
    }

    /// A whole number, or null.
    pub fn int(&self, at: usize) -> Result<Option<i64>, Fault> {
        Ok(get!(self, at))
    }

    /// A whole number that the schema says is not null.
    pub fn some_int(&self, at: usize) -> Result<i64, Fault> {
        Ok(get!(self, at))
    }

    /// A boolean, or null.
    pub fn bool(&self, at: usize) -> Result<Option<bool>, Fault> {
        Ok(get!(self, at))
    }

    /// A time, or null.
    pub fn time(&self, at: usize) -> Result<Option<Timestamp>, Fault> {
        match self {
            Self::Sqlite(row) => {
                let text: Option<&str> = row.try_get(at)?;
                text.map(|text| {
                    Timestamp::parse(text).ok_or_else(|| self.spoiled(at, "is not a time"))
                })
                .transpose()
            }
            Self::Postgres(row) => {
                let time: Option<chrono::DateTime<chrono::Utc>> = row.try_get(at)?;
                Ok(time.map(Timestamp::from))
            }
        }
    }

    /// A time that the schema says is not null.
    pub fn some_time(&self, at: usize) -> Result<Timestamp, Fault> {
        self.time(at)?.ok_or_else(|| self.spoiled(at, "is null"))
    }

    /// JSON as the engine renders it, or null: to be made canonical by the caller.
    pub fn json(&self, at: usize) -> Result<Option<String>, Fault> {
        match self {
            Self::Sqlite(row) => row.try_get(at),
            Self::Postgres(row) => {
                let json: Option<Json<Box<RawValue>>> = row.try_get(at)?;
                Ok(json.map(|Json(raw)| raw.get().to_owned()))
            }
        }
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Sqlite(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
            Self::Postgres(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
        }
    }

    /// A fault for a value that this program would never have written.
    pub fn spoiled(&self, at: usize, what: &str) -> Fault {
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
