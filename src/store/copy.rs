//! Copies a whole database into an empty one, of the same engine or the other: every row of every table.
//!
//! The source is read in one transaction; the target gets all rows in one transaction, or none. The copy
//! does not know what the rows mean, only which column is a time, which is JSON, and the order in which the
//! tables refer to each other.

use std::{borrow::Cow, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    bulk::{Bulk, BulkColumn},
    conn::{Columns, Conn, Fault, Row},
    location::Location,
    open::Store,
    statements,
    table::{POLLS, SEARCH_NAMES, TABLES, Table},
};
use crate::{
    catalog::{seal::exact_json, value::Value},
    error::{Error, Result},
    time::Timestamp,
};

/// The maximum number of rows of a batch.
const ROWS: usize = 2_000;
/// The approximate bytes of text of a batch; a copy needs twice this in memory.
const BYTES: usize = 4 << 20;
/// How long the target's transaction may wait for the source.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// The name of a table and the number of rows copied.
pub type Copied = (&'static str, u64);

/// Copies all of `source` into `target`, which must be empty; returns the number of rows of each table.
///
/// During the copy no other process can write to the target; later writes to the source are not copied.
/// Fails with [`crate::error::Kind::Busy`] if an account of the source is being polled into the target.
pub async fn copy(source: &Location, target: &Location, now: Timestamp) -> Result<Vec<Copied>> {
    let (copied, to) = copy_without(&[], source, target, now).await?;
    to.close().await?;
    Ok(copied)
}

/// Like [`copy`], with NULL in the columns named in `left_out`; also returns the target, still open.
pub(super) async fn copy_without(
    left_out: &[&str],
    source: &Location,
    target: &Location,
    now: Timestamp,
) -> Result<(Vec<Copied>, Store)> {
    if source.is_same_as(target) {
        return Err(Error::usage(format!("{source} cannot be copied onto itself")));
    }
    let mut from = Store::open_to_read(source).await?;
    from.begin_reading().await?;
    let mut to = Store::open_to_write(target).await?;
    let copied = fill(&mut from, &mut to, left_out, now).await;
    if copied.is_err() {
        // A failed ROLLBACK can be ignored: the end of the connection rolls back, too.
        let _ = to.conn.execute(statements::ROLLBACK, &[]).await;
    }
    let copied = copied?;
    from.end_reading().await?;
    from.close().await?;
    Ok((copied, to))
}

async fn fill(
    from: &mut Store,
    to: &mut Store,
    left_out: &[&str],
    now: Timestamp,
) -> Result<Vec<Copied>> {
    let accounts = from.account_names().await?;
    take(&mut to.conn).await.map_err(|fault| to.storage_error("lock", &fault))?;
    // So that a poll of these accounts fails at once instead of waiting.
    let locks = to.lock_more(&accounts, now).await?;
    to.refuse_rows().await?;
    let mut copied = vec![];
    for table in TABLES.iter() {
        let rows = fill_table(from, to, table, left_out).await?;
        copied.push((table.name, rows));
    }
    // Internal, so it is not among the tables that are reported.
    fill_table(from, to, &SEARCH_NAMES, left_out).await?;
    to.conn
        .execute(statements::COMMIT, &[])
        .await
        .map_err(|fault| to.storage_error("write", &fault))?;
    drop(locks);
    Ok(copied)
}

/// Begins the transaction that locks out all other writers.
async fn take(conn: &mut Conn) -> Result<(), Fault> {
    conn.execute(conn.engine().begin_writing(), &[]).await?;
    if conn.engine().is_server() {
        conn.expect_progress(DEADLINE).await?;
        conn.execute(lock_all(), &[]).await?;
    }
    Ok(())
}

impl Store {
    /// Refuses a target that is not empty: two histories cannot be merged.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] if a table has a row.
    pub async fn refuse_rows(&mut self) -> Result<()> {
        for table in TABLES.iter() {
            if self.one(any(table), &[], |_| Ok(())).await?.is_some() {
                return Err(Error::usage(format!(
                    "{} is not empty (table {}): two histories cannot be merged; name a new file, \
                     database or schema",
                    self.location(),
                    table.name
                )));
            }
        }
        Ok(())
    }
}

async fn fill_table(
    from: &mut Store,
    to: &mut Store,
    table: &'static Table,
    left_out: &[&str],
) -> Result<u64> {
    let Store { location: source, conn, .. } = from;
    let rows = conn.stream(all_rows(table, left_out), &[]);
    let mut rows = rows.map_err(|fault| super::fault::storage_error(source, "read", &fault))?;
    let mut batch = Batch::new(table);
    let mut copied = 0;
    loop {
        let row = rows.try_next().await;
        let row = row.map_err(|fault| super::fault::storage_error(source, "read", &fault))?;
        let last = row.is_none();
        if let Some(row) = row {
            let added = batch.add(&row);
            added.map_err(|fault| super::fault::storage_error(source, "read", &fault))?;
            copied += 1;
        }
        if last || batch.is_full() {
            let full = std::mem::replace(&mut batch, Batch::new(table));
            let written = full.into_bulk().insert(&mut to.conn, table.name).await;
            written.map_err(|fault| to.storage_error("write", &fault))?;
        }
        if last {
            return Ok(copied);
        }
    }
}

/// Rows to be written, column by column.
struct Batch {
    table: &'static Table,
    source: Columns,
    columns: Vec<BulkColumn<'static>>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn new(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(|column| BulkColumn::of(column.holds));
        let source = Columns::of(table.columns.iter().map(|column| (column.name, column.holds)));
        Self { table, source, columns: columns.collect(), rows: 0, bytes: 0 }
    }

    fn add(&mut self, row: &Row) -> Result<(), Fault> {
        for (column, &(.., at)) in self.columns.iter_mut().zip(self.source.within(row)?) {
            match column {
                BulkColumn::Text(all) => {
                    let text = row.text(at)?;
                    self.bytes += text.as_ref().map_or(0, String::len);
                    all.push(text.map(Cow::Owned));
                }
                BulkColumn::Json(all) => {
                    let json = row.json(at)?.map(|json| canonical(row, at, json)).transpose()?;
                    self.bytes += json.as_ref().map_or(0, String::len);
                    all.push(json.map(Cow::Owned));
                }
                BulkColumn::Int(all) => all.push(row.int(at)?),
                BulkColumn::Bool(all) => all.push(row.bool(at)?),
                BulkColumn::Time(all) => all.push(exact_time(row, at)?),
                BulkColumn::All(_) => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    fn into_bulk(self) -> Bulk<'static> {
        let names = self.table.columns.iter().map(|column| column.name);
        let columns = names.zip(self.columns);
        columns.fold(Bulk::new(self.rows), |bulk, (name, column)| bulk.column(name, column))
    }
}

/// Returns the time of a cell. Fails for text that this program would not have written: if it were
/// corrected here, the copy would pass `verify`, but its source would not.
fn exact_time(row: &Row, at: usize) -> Result<Option<Timestamp>, Fault> {
    let time = row.time(at)?;
    match time.map(|time| time.to_string()) == row.exact_time(at)? {
        true => Ok(time),
        false => Err(row.bad_value(at, "is not a time as this program writes it (see `verify`)")),
    }
}

/// Makes JSON canonical, since the engines render it differently. Fails for JSON that this program would
/// not have written, instead of correcting it.
fn canonical(row: &Row, at: usize, json: &str) -> Result<String, Fault> {
    let value =
        Value::decode(json.trim(), 1).map_err(|_| row.bad_value(at, "is nested too deep"))?;
    let value = value.to_json();
    match value == exact_json(json) {
        true => Ok(value),
        false => Err(row.bad_value(at, "is not JSON as this program writes it (see `verify`)")),
    }
}

/// Locks out all writers, but no readers. `polls` is locked first, as by a poll.
fn lock_all() -> SqlStr {
    let others = TABLES.iter().map(|table| table.name).filter(|name| *name != POLLS.name);
    let names: Vec<&str> =
        [POLLS.name].into_iter().chain(others).chain([SEARCH_NAMES.name]).collect();
    let names = names.join(", ");
    AssertSqlSafe(format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")).into_sql_str()
}

fn any(table: &Table) -> SqlStr {
    AssertSqlSafe(format!("SELECT 1 FROM {} LIMIT 1", table.name)).into_sql_str()
}

fn all_rows(table: &Table, left_out: &[&str]) -> SqlStr {
    let null = |name| if left_out.contains(&name) { "NULL AS " } else { "" };
    let columns = table.names().into_iter().map(|name| format!("{}{name}", null(name)));
    let columns: Vec<String> = columns.collect();
    let (columns, name, order) = (columns.join(", "), table.name, table.order.join(", "));
    AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY {order}")).into_sql_str()
}
