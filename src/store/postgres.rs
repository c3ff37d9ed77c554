//! PostgreSQL: how statements run, how values are read and written, and its own SQL.
//!
//! A statement with arguments always runs within a transaction, its own if none is open, since it takes two
//! round trips: a pooler that assigns servers by the transaction could answer the second from another
//! server, or from another client's statement. For the same reason no statement has a name
//! (`persistent(false)`: a cache without capacity is not enough).

use std::{borrow::Cow, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use serde_json::value::RawValue;
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Row as _, SqlSafeStr, SqlStr,
    migrate::{MigrateError, Migrator},
    postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow},
    types::Json,
};

use super::{
    bulk::{Around, Bulk, BulkColumn},
    dialect::{Dialect, MIGRATIONS},
    host,
    value::{Arg, At, Fault, bad_value},
};
use crate::{
    catalog::{cell::Cell, seal::exact_json},
    time::Timestamp,
};

/// The most rows that one statement writes, which bounds the memory.
const ROWS: usize = 1_000;

/// Begins a writing transaction, such as a poll's lock from before the request to the commit. The isolation
/// level is independent of the server's default: a poll that waited must read what was committed meanwhile.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Takes the lock of a migration, so that other migrations of the same database wait.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('heygen-sync migrations'), \
     hashtext(current_schema()))";

/// A connection to a server that knows whether a transaction is open.
#[derive(Debug)]
pub struct Client {
    conn: PgConnection,
    open: bool,
}

/// The SQL that is specific to PostgreSQL.
#[derive(Debug)]
pub struct Postgres;

/// A row.
#[derive(Debug)]
pub struct Row(PgRow);

impl Client {
    /// Connects; no transaction is open.
    pub async fn open(options: &PgConnectOptions) -> Result<Self, Fault> {
        let options = options
            .clone()
            .application_name(&host::application_name())
            // Poolers refuse this setting, and no double is read as text.
            .extra_float_digits(None)
            // Named statements do not survive a pooler in transaction mode.
            .statement_cache_capacity(0)
            .disable_statement_logging();
        Ok(Self { conn: options.connect().await?, open: false })
    }

    /// Closes the connection. Errors are ignored: the server already has all that was committed.
    pub async fn close(self) -> Result<(), Fault> {
        let _ = self.conn.close().await;
        Ok(())
    }

    /// Runs all migrations in one transaction; concurrent migrations wait for it.
    pub async fn migrate(&mut self, migrator: &Migrator) -> Result<(), MigrateError> {
        let mut transaction = self.conn.begin().await?;
        sqlx::raw_sql(MIGRATION_LOCK).execute(&mut *transaction).await?;
        // sqlx names the statements of its migrator: behind a pooler they would outlive the connection, and
        // those of an earlier attempt may still exist.
        sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *transaction).await?;
        migrator.run_direct(None, &mut *transaction, false).await?;
        sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Does nothing: the server's timeout ends long queries.
    pub async fn interrupt_unless(
        &mut self,
        _: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Does nothing: the server's timeout ends long queries at any step.
    pub async fn limit_values(&mut self, _: i32) -> Result<(), Fault> {
        Ok(())
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub async fn execute(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64, Fault> {
        if args.is_empty() {
            return self.plain(sql).await;
        }
        let args = arguments(args)?;
        let began = self.begin_own().await?;
        let done = sqlx::query_with(sql, args).persistent(false).execute(&mut self.conn).await;
        self.end_own(began, done.map(|done| done.rows_affected())).await
    }

    /// Runs several statements without arguments. Like [`Self::execute`], it recognises `BEGIN` only as the
    /// first word of `sql`.
    pub async fn batch(&mut self, sql: SqlStr) -> Result<(), Fault> {
        self.plain(sql).await.map(drop)
    }

    /// Calls `each` with each row of a query.
    pub async fn each(
        &mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
        each: &mut impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let args = arguments(args)?;
        let began = self.begin_own().await?;
        let read = self.read(sql, args, each).await;
        self.end_own(began, read).await
    }

    async fn read(
        &mut self,
        sql: SqlStr,
        args: PgArguments,
        each: &mut impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rows = sqlx::query_with(sql, args).persistent(false).fetch(&mut self.conn);
        while let Some(row) = rows.try_next().await? {
            each(Row(row))?;
        }
        Ok(())
    }

    /// Returns the rows of a query as a stream, for a reader that waits between them. A transaction must be
    /// open.
    pub fn stream<'c>(
        &'c mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
    ) -> Result<BoxStream<'c, Result<Row, Fault>>, Fault> {
        let query = sqlx::query_with(sql, arguments(args)?).persistent(false);
        Ok(query.fetch(&mut self.conn).map_ok(Row).boxed())
    }

    /// Writes the rows, `ROWS` per statement.
    pub async fn write(&mut self, rows: &Bulk<'_>, around: Around<'_>) -> Result<(), Fault> {
        let source = source(rows);
        let sql = match around {
            Around::Insert(head, tail) => format!("{head}{source}{tail}"),
            Around::Update(head, on) => format!("{head} FROM ({source}) AS d WHERE {on}"),
        };
        for start in (0..rows.rows).step_by(ROWS) {
            let values = values(rows, start..(start + ROWS).min(rows.rows))?;
            let began = self.begin_own().await?;
            let query = sqlx::query_with(AssertSqlSafe(sql.clone()), values).persistent(false);
            let done = query.execute(&mut self.conn).await;
            self.end_own(began, done.map(drop)).await?;
        }
        Ok(())
    }

    /// Runs statements without arguments in one round trip.
    async fn plain(&mut self, sql: SqlStr) -> Result<u64, Fault> {
        let begins = sql.as_str().split_whitespace().next() == Some("BEGIN");
        // `ROLLBACK TO` a savepoint leaves the transaction open.
        let ends = matches!(sql.as_str().trim(), "COMMIT" | "ROLLBACK");
        if begins && self.open {
            // Left open by a caller that was cancelled.
            sqlx::raw_sql("ROLLBACK").execute(&mut self.conn).await?;
        }
        // A COMMIT ends its transaction even if it fails.
        self.open = (self.open || begins) && !ends;
        let done = sqlx::raw_sql(sql).execute(&mut self.conn).await;
        self.open &= !begins || done.is_ok();
        done.map(|done| done.rows_affected())
    }

    /// Begins a transaction for one call if none is open; returns whether it did.
    async fn begin_own(&mut self) -> Result<bool, Fault> {
        if self.open {
            return Ok(false);
        }
        self.plain(BEGIN.into_sql_str()).await.map(|_| true)
    }

    /// Ends the transaction of [`Self::begin_own`]: commits it if `result` is `Ok`, else rolls it back.
    async fn end_own<T>(&mut self, began: bool, result: Result<T, Fault>) -> Result<T, Fault> {
        match (began, &result) {
            (false, _) => {}
            (true, Ok(_)) => drop(self.plain("COMMIT".into_sql_str()).await?),
            // The caller gets the original fault, not that of the rollback.
            (true, Err(_)) => drop(self.plain("ROLLBACK".into_sql_str()).await),
        }
        result
    }
}

fn source(rows: &Bulk<'_>) -> String {
    let mut arrays = vec![];
    let mut aliases = vec![];
    let mut selected = vec![];
    for (at, (name, column)) in rows.columns.iter().enumerate() {
        let (sql_type, cast) = sql_type(column);
        match column {
            BulkColumn::All(_) => selected.push(format!("${}::{sql_type} AS {name}", at + 1)),
            _ => {
                arrays.push(format!("${}::{sql_type}[]", at + 1));
                aliases.push(*name);
                selected.push(format!("u.{name}{cast} AS {name}"));
            }
        }
    }
    let (selected, arrays, aliases) = (selected.join(", "), arrays.join(", "), aliases.join(", "));
    format!("SELECT {selected} FROM unnest({arrays}) AS u ({aliases})")
}

fn values(all: &Bulk<'_>, rows: std::ops::Range<usize>) -> Result<PgArguments, Fault> {
    let mut bound = PgArguments::default();
    for (_, column) in &all.columns {
        let added = match column {
            BulkColumn::Text(texts) | BulkColumn::Json(texts) => {
                let texts: Vec<Option<&str>> =
                    texts[rows.clone()].iter().map(Option::as_deref).collect();
                bound.add(texts)
            }
            BulkColumn::Int(all) => bound.add(&all[rows.clone()]),
            BulkColumn::Bool(all) => bound.add(&all[rows.clone()]),
            BulkColumn::Time(all) => {
                let times = all[rows.clone()].iter().map(|time| time.map(Timestamp::to_chrono));
                bound.add(times.collect::<Vec<_>>())
            }
            BulkColumn::All(value) => {
                add(&mut bound, value)?;
                Ok(())
            }
        };
        added.map_err(Fault::Encode)?;
    }
    Ok(bound)
}

/// The type of the parameter, and the cast to the type of the column.
fn sql_type(column: &BulkColumn<'_>) -> (&'static str, &'static str) {
    match column {
        BulkColumn::Text(_) | BulkColumn::All(Arg::Text(_)) => ("text", ""),
        BulkColumn::Int(_) | BulkColumn::All(Arg::Int(_)) => ("bigint", ""),
        BulkColumn::Bool(_) | BulkColumn::All(Arg::Bool(_)) => ("boolean", ""),
        BulkColumn::Time(_) | BulkColumn::All(Arg::Time(_)) => ("timestamptz", ""),
        BulkColumn::Json(_) => ("text", "::jsonb"),
        BulkColumn::All(Arg::Json(_)) => ("jsonb", ""),
    }
}

fn arguments(args: &[Arg<'_>]) -> Result<PgArguments, Fault> {
    let mut bound = PgArguments::default();
    for arg in args {
        add(&mut bound, arg)?;
    }
    Ok(bound)
}

/// Adds one argument in PostgreSQL's form.
fn add(bound: &mut PgArguments, arg: &Arg<'_>) -> Result<(), Fault> {
    let added = match arg {
        Arg::Text(text) => bound.add(text.as_deref()),
        Arg::Int(number) => bound.add(*number),
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

/// The PostgreSQL epoch (2000-01-01) in Unix milliseconds; the server counts microseconds from it.
const EPOCH: i64 = 946_684_800_000;

/// Converts a time of the server; the second value is whether a [`Timestamp`] can represent it.
fn moment(micros: i64) -> (Timestamp, bool) {
    let millis = micros.div_euclid(1000).saturating_add(EPOCH);
    let time = Timestamp::from_millis(millis);
    (time, time.millis() == millis)
}

impl Row {
    /// The position of a column.
    pub fn place(&self, at: impl At) -> Result<usize, Fault> {
        at.index(&self.0)
    }

    /// The text, or `None` for NULL.
    pub fn str(&self, at: impl At) -> Result<Option<&str>, Fault> {
        self.0.try_get(at)
    }

    /// The whole number, or `None` for NULL.
    pub fn int(&self, at: impl At) -> Result<Option<i64>, Fault> {
        self.0.try_get(at)
    }

    /// The boolean, or `None` for NULL.
    pub fn bool(&self, at: impl At) -> Result<Option<bool>, Fault> {
        self.0.try_get(at)
    }

    /// The time, or `None` for NULL. It is read as a number, since chrono cannot represent `infinity`.
    pub fn time(&self, at: impl At) -> Result<Option<Timestamp>, Fault> {
        let micros: Option<i64> = self.0.try_get_unchecked(at)?;
        match micros.map(moment) {
            Some((_, false)) => Err(bad_value(at, "is not a time")),
            time => Ok(time.map(|(time, _)| time)),
        }
    }

    /// The JSON as the server renders it, or `None` for NULL.
    pub fn json(&self, at: impl At) -> Result<Option<&str>, Fault> {
        let json: Option<Json<&RawValue>> = self.0.try_get(at)?;
        Ok(json.map(|Json(raw)| raw.get()))
    }

    /// The object in the only column.
    pub fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Fault> {
        let Json(object) = self.0.try_get(0)?;
        Ok(object)
    }

    /// The text exactly as it is stored, or `None` for NULL.
    pub fn exact_text(&self, at: impl At) -> Result<Option<String>, Fault> {
        Ok(self.str(at)?.map(str::to_owned))
    }

    /// The time as text: in the form of the contract if it is in range and in whole milliseconds, else in a
    /// form that no such time has; `None` for NULL.
    pub fn exact_time(&self, at: impl At) -> Result<Option<String>, Fault> {
        let micros: Option<i64> = self.0.try_get_unchecked(at)?;
        Ok(micros.map(|micros| match moment(micros) {
            (time, true) if micros.rem_euclid(1000) == 0 => time.to_string(),
            _ => format!("{micros} microseconds after 2000-01-01"),
        }))
    }

    /// A boolean.
    pub fn exact_bool(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        Ok(self.bool(at)?.into())
    }

    /// JSON with the keys sorted.
    pub fn exact_json(&self, at: impl At) -> Result<Cell<'static>, Fault> {
        Ok(self.json(at)?.map_or(Cell::Null, |raw| Cell::Json(Cow::Owned(exact_json(raw)))))
    }
}

impl Dialect for Postgres {
    fn migrations(&self) -> [&'static str; MIGRATIONS.len()] {
        [include_str!("../../migrations/postgres/0001_catalogue.sql")]
    }

    fn is_server(&self) -> bool {
        true
    }

    fn more_cache(&self) -> Option<&'static str> {
        None
    }

    /// Also turns off JIT and, for the open transaction, parallel workers: both take longer to start than a
    /// page takes to read.
    fn reading_limits(&self, limit: Duration, transaction: bool) -> Option<String> {
        let millis = limit.as_millis();
        Some(match transaction {
            true => format!(
                "SET LOCAL statement_timeout = {millis}; SET LOCAL jit = off; \
                 SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'"
            ),
            false => format!(
                "SET statement_timeout = {millis}; SET jit = off; \
                 SET default_transaction_read_only = on"
            ),
        })
    }

    fn begin_writing(&self) -> &'static str {
        BEGIN
    }

    fn begin_reading(&self) -> &'static str {
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    }

    fn tables(&self) -> &'static str {
        "SELECT c.relname::text FROM pg_catalog.pg_class AS c \
         WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema()) \
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS \
         (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_class'::regclass \
          AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
    }

    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &sqlparser::dialect::PostgreSqlDialect {}
    }

    fn as_object(&self, from: &str) -> String {
        format!("row_to_json({from})")
    }

    fn own_table(&self, name: &str) -> String {
        name.to_owned()
    }

    fn size(&self) -> &'static str {
        "SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) \
         FROM pg_class AS c WHERE c.relkind = 'r' \
         AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
    }

    fn may_read(&self, table: &str, column: &str) -> String {
        // A subquery, so that it is evaluated once.
        format!("(SELECT has_column_privilege('{table}', '{column}', 'SELECT'))")
    }

    fn milliseconds(&self, from: &str, to: &str) -> String {
        format!("round(extract(epoch FROM {to} - {from}) * 1000)")
    }

    fn day(&self, time: &str) -> String {
        format!("to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
    }

    fn no_time(&self) -> &'static str {
        "CAST(NULL AS TIMESTAMPTZ)"
    }

    fn head(&self, text: &str) -> String {
        // Spaces, line breaks and other blanks, the same as in the migration's index.
        let blanks = r"E'\t\n\x0B\f\r \u0085\u00A0\u200B\u3000\uFEFF'";
        format!("nullif(left(ltrim({text}, {blanks}), 200), '')")
    }

    fn ascii_lower(&self, text: &str) -> String {
        format!("lower(({text}) COLLATE \"C\")")
    }

    fn like(&self, text: &str, pattern: &str) -> String {
        format!("{} LIKE {pattern} ESCAPE '\\'", self.ascii_lower(text))
    }

    fn each_string(&self, json: &str) -> String {
        format!("jsonb_array_elements_text({json}) AS t(value)")
    }

    fn has_string(&self, json: &str, places: &[String]) -> String {
        let each = places.iter().map(|place| format!("jsonb_exists({json}, {place})"));
        format!("({})", each.collect::<Vec<_>>().join(" OR "))
    }

    fn among(&self, column: &str, value: &str, rows: &str, _: &str) -> String {
        format!("{column} IN (SELECT {value} FROM {rows})")
    }

    fn has_key(&self, json: &str, name: &str) -> String {
        format!("coalesce(jsonb_exists({json}, '{name}'), FALSE)")
    }
}
