//! A whole database → an empty one, of the same engine or the other: every table, every row.
//!
//! The source is read at one moment; the target gets everything in one transaction or nothing. It
//! does not know what the rows mean: it knows which column is a time, which is JSON, and the order
//! in which the tables refer to each other.

use std::{borrow::Cow, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    bulk::{Bulk, Column},
    conn::{Conn, Engine, Fault, Row},
    exact,
    location::Location,
    open::Store,
    statements,
};
use crate::{
    catalog::{seal::exact_json, value::Value},
    error::{Error, Result},
    time::Timestamp,
};

/// Rows that travel together, at most.
const ROWS: usize = 2_000;
/// Bytes of text that travel together, about: what a copy holds in memory is twice this.
const BYTES: usize = 4 << 20;
/// How long the source may keep the target's transaction waiting.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A boolean.
    Bool,
    /// A time.
    Time,
    /// JSON.
    Json,
}

/// A table, as far as a copy must know it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns with what they hold, in the table's order.
    pub columns: &'static [(&'static str, Holds)],
    /// The columns that put its rows in the order in which they are written.
    order: &'static str,
}

/// How many rows of a table were copied.
pub type Copied = (&'static str, u64);

/// Copies all of `source` into `target`, which must be empty; gives the rows of each table.
///
/// Meanwhile nobody else can write to the target, and what others write to the source after the
/// beginning is not in the copy. [`crate::error::Kind::Busy`] when the target is being polled.
pub async fn copy(source: &Location, target: &Location, now: Timestamp) -> Result<Vec<Copied>> {
    if source.is_same_as(target) {
        return Err(Error::usage(format!("{source} cannot be copied onto itself")));
    }
    let mut from = Store::open_to_read(source).await?;
    from.begin_reading().await?;
    let mut to = Store::open_to_write(target).await?;
    let copied = fill(&mut from, &mut to, now).await;
    if copied.is_err() {
        // A connection that cannot even roll back has nothing to lose: its end is a rollback.
        let _ = to.conn.execute(statements::ROLLBACK, &[]).await;
    }
    let copied = copied?;
    from.end_reading().await?;
    from.close().await?;
    to.close().await?;
    Ok(copied)
}

async fn fill(from: &mut Store, to: &mut Store, now: Timestamp) -> Result<Vec<Copied>> {
    let accounts = from.conn.rows(ACCOUNTS, &[]).await;
    let accounts = accounts.and_then(|rows| rows.iter().map(|row| row.some_text(0)).collect());
    let accounts: Vec<String> = accounts.map_err(|fault| from.trouble("read", &fault))?;
    take(&mut to.conn).await.map_err(|fault| to.trouble("lock", &fault))?;
    // Whoever would poll meanwhile leaves at once with a clear word instead of waiting.
    let locks = to.lock_more(&accounts, now).await?;
    to.refuse_rows().await?;
    let mut copied = vec![];
    for table in &TABLES {
        let rows = fill_table(from, to, table).await?;
        copied.push((table.name, rows));
    }
    to.conn.execute(statements::COMMIT, &[]).await.map_err(|fault| to.trouble("write", &fault))?;
    drop(locks);
    Ok(copied)
}

/// Begins the transaction that keeps all other writers out.
async fn take(conn: &mut Conn) -> Result<(), Fault> {
    match conn.engine() {
        Engine::Sqlite => drop(conn.execute(statements::BEGIN_SQLITE, &[]).await?),
        Engine::Postgres => {
            conn.execute(statements::BEGIN_POSTGRES, &[]).await?;
            let deadline = DEADLINE.as_millis().to_string();
            conn.execute(statements::IDLE_DEADLINE, &[deadline.into()]).await?;
            conn.execute(LOCK_ALL, &[]).await?;
        }
    }
    Ok(())
}

impl Store {
    /// A target that holds anything is left alone: two histories cannot become one.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] where a table has a row.
    pub async fn refuse_rows(&mut self) -> Result<()> {
        for table in &TABLES {
            let row = self.conn.row(any(table), &[]).await;
            if row.map_err(|fault| self.trouble("read", &fault))?.is_some() {
                return Err(Error::usage(format!(
                    "{} is not empty (table {}): two histories cannot become one; name a new file, \
                     database or schema",
                    self.location(),
                    table.name
                )));
            }
        }
        Ok(())
    }
}

async fn fill_table(from: &mut Store, to: &mut Store, table: &'static Table) -> Result<u64> {
    let Store { location: source, conn } = from;
    let rows = conn.stream(all_rows(table), &[]);
    let mut rows = rows.map_err(|fault| super::fault::trouble(source, "read", &fault))?;
    let mut batch = Batch::new(table);
    let mut copied = 0;
    loop {
        let row = rows.try_next().await;
        let row = row.map_err(|fault| super::fault::trouble(source, "read", &fault))?;
        let last = row.is_none();
        if let Some(row) = row {
            let added = batch.add(&row);
            added.map_err(|fault| super::fault::trouble(source, "read", &fault))?;
            copied += 1;
        }
        if last || batch.is_full() {
            let full = std::mem::replace(&mut batch, Batch::new(table));
            let written = full.into_bulk().insert(&mut to.conn, table.name).await;
            written.map_err(|fault| to.trouble("write", &fault))?;
        }
        if last {
            return Ok(copied);
        }
    }
}

/// Rows on their way, column by column.
struct Batch {
    table: &'static Table,
    columns: Vec<Column<'static>>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn new(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(|(_, holds)| match holds {
            Holds::Text => Column::Text(vec![]),
            Holds::Int => Column::Int(vec![]),
            Holds::Bool => Column::Bool(vec![]),
            Holds::Time => Column::Time(vec![]),
            Holds::Json => Column::Json(vec![]),
        });
        Self { table, columns: columns.collect(), rows: 0, bytes: 0 }
    }

    fn add(&mut self, row: &Row) -> Result<(), Fault> {
        for (at, column) in self.columns.iter_mut().enumerate() {
            match column {
                Column::Text(all) => {
                    let text = row.text(at)?;
                    self.bytes += text.as_ref().map_or(0, String::len);
                    all.push(text.map(Cow::Owned));
                }
                Column::Json(all) => {
                    let json = row.json(at)?.map(|json| canonical(row, at, &json)).transpose()?;
                    self.bytes += json.as_ref().map_or(0, String::len);
                    all.push(json.map(Cow::Owned));
                }
                Column::Int(all) => all.push(row.int(at)?),
                Column::Bool(all) => all.push(row.bool(at)?),
                Column::Time(all) => all.push(exact_time(row, at)?),
                Column::All(_) => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    fn into_bulk(self) -> Bulk<'static> {
        let names = self.table.columns.iter().map(|(name, _)| *name);
        let columns = names.zip(self.columns);
        columns.fold(Bulk::new(self.rows), |bulk, (name, column)| bulk.column(name, column))
    }
}

/// A time as it stands; one that this program would not have written must not be mended on its way,
/// or the copy would pass where its source does not.
fn exact_time(row: &Row, at: usize) -> Result<Option<Timestamp>, Fault> {
    let time = row.time(at)?;
    match time.map(|time| time.to_string()) == exact::time(row, at)? {
        true => Ok(time),
        false => Err(row.spoiled(at, "is not a time as this program writes it (see `verify`)")),
    }
}

/// What an engine rendered is not what the other one should keep; nor is it mended.
fn canonical(row: &Row, at: usize, json: &str) -> Result<String, Fault> {
    let value = Value::decode(json.trim(), 1).map_err(|_| row.spoiled(at, "is nested too deep"))?;
    let value = value.to_json();
    match value == exact_json(json) {
        true => Ok(value),
        false => Err(row.spoiled(at, "is not JSON as this program writes it (see `verify`)")),
    }
}

/// The accounts of a database.
const ACCOUNTS: &str = "SELECT account FROM accounts ORDER BY account";

/// Keeps all writers out, readers not. `polls` first, as a poll takes it.
const LOCK_ALL: &str = "LOCK TABLE polls, accounts, avatars, talking_photos, avatar_history, \
     talking_photo_history, field_changes, schema_changes, assets, asset_versions, notices \
     IN SHARE ROW EXCLUSIVE MODE";

fn any(table: &Table) -> SqlStr {
    AssertSqlSafe(format!("SELECT 1 FROM {} LIMIT 1", table.name)).into_sql_str()
}

fn all_rows(table: &Table) -> SqlStr {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let (columns, name, order) = (columns.join(", "), table.name, table.order);
    AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY {order}")).into_sql_str()
}

/// Every statement of this file for an engine, by name.
pub fn all(engine: Engine) -> Vec<(String, SqlStr)> {
    let mut all = vec![("copy ACCOUNTS".to_owned(), ACCOUNTS.into_sql_str())];
    for table in &TABLES {
        all.push((format!("copy any {}", table.name), any(table)));
        all.push((format!("copy all {}", table.name), all_rows(table)));
    }
    if engine == Engine::Postgres {
        all.push(("copy LOCK_ALL".to_owned(), LOCK_ALL.into_sql_str()));
    }
    all
}

/// Builds a table's columns: text unless said otherwise.
macro_rules! columns {
    (@one $name:ident) => { (stringify!($name), Holds::Text) };
    (@one $name:ident $holds:ident) => { (stringify!($name), Holds::$holds) };
    ($($name:ident $(: $holds:ident)?),* $(,)?) => { &[$(columns!(@one $name $($holds)?)),*] };
}

/// Every table, those that others refer to first; a test compares them with both schemas.
pub const TABLES: [Table; 11] = [
    Table {
        name: "accounts",
        columns: columns![account, last_poll_id: Int, polls: Int, digest],
        order: "account",
    },
    Table {
        name: "polls",
        columns: columns![
            poll_id: Int, account, trigger, api_version, source, started_at: Time,
            observed_at: Time, finished_at: Time, outcome, avatars_listed: Int,
            talking_photos_listed: Int, added: Int, changed: Int, removed: Int, restored: Int,
            learned: Int, missing: Int, duplicates: Int, rejected: Int, held: Int, held_reason,
            policy: Json, http_status: Int, request_id, response_bytes: Int, response_sha256,
            warning, superseded: Bool, error, host, tool_version, digest,
        ],
        order: "poll_id",
    },
    Table {
        name: "avatars",
        columns: columns![
            account, avatar_id, avatar_name, gender, preview_image_url, preview_video_url,
            premium: Bool, type, tags: Json, default_voice_id, extra: Json, version: Int,
            valid_from: Time, first_seen_at: Time, changed_at: Time, missing_since: Time,
            removed_at: Time,
        ],
        order: "account, avatar_id",
    },
    Table {
        name: "talking_photos",
        columns: columns![
            account, talking_photo_id, talking_photo_name, preview_image_url, extra: Json,
            version: Int, valid_from: Time, first_seen_at: Time, changed_at: Time,
            missing_since: Time, removed_at: Time,
        ],
        order: "account, talking_photo_id",
    },
    Table {
        name: "avatar_history",
        columns: columns![
            account, avatar_id, version: Int, valid_from: Time, valid_to: Time, opened_by,
            closed_by, opened_poll: Int, closed_poll: Int, opened_after: Time,
            closed_after: Time, avatar_name, gender, preview_image_url, preview_video_url,
            premium: Bool, type, tags: Json, default_voice_id, extra: Json,
        ],
        order: "account, avatar_id, version",
    },
    Table {
        name: "talking_photo_history",
        columns: columns![
            account, talking_photo_id, version: Int, valid_from: Time, valid_to: Time, opened_by,
            closed_by, opened_poll: Int, closed_poll: Int, opened_after: Time,
            closed_after: Time, talking_photo_name, preview_image_url, extra: Json,
        ],
        order: "account, talking_photo_id, version",
    },
    Table {
        name: "field_changes",
        columns: columns![
            poll_id: Int, account, kind, item_id, version: Int, field, old_value, new_value,
        ],
        order: "poll_id, account, kind, item_id, version, field",
    },
    Table {
        name: "schema_changes",
        columns: columns![poll_id: Int, account, kind, field, change, json_type, example],
        order: "poll_id, account, kind, field, change",
    },
    Table {
        name: "assets",
        columns: columns![
            url, role, signed_url, expires_at: Time, state, sha256, file, bytes: Int,
            content_type, etag, last_modified, attempts: Int, next_attempt_at: Time,
            mirrored_at: Time, checked_at: Time, last_error,
        ],
        order: "url",
    },
    Table {
        name: "asset_versions",
        columns: columns![
            url, fetched_at: Time, sha256, file, bytes: Int, content_type, pruned_at: Time,
        ],
        order: "url, fetched_at",
    },
    Table {
        name: "notices",
        columns: columns![
            notice_id: Int, poll_id: Int, account, kind, body: Json, created_at: Time,
            attempts: Int, next_attempt_at: Time, delivered_at: Time, last_error,
        ],
        order: "notice_id",
    },
];
