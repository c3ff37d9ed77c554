//! Queries of the commands: the change feed, the versions of an item, the names of accounts.

use sqlx::AssertSqlSafe;

use super::{
    conn::{Arg, Conn, Fault, Row},
    open::Store,
    snapshot::fields,
    statements,
};
use crate::{
    catalog::{diff::OpenedBy, item::Fields, kind::Kind},
    error::{Error, Result},
    time::Timestamp,
};

/// The filter of the change feed; `None` means all.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Seen at this time or later.
    pub since: Option<Timestamp>,
    /// Seen before this time.
    pub until: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: Option<String>,
    /// Of this account.
    pub account: Option<String>,
    /// Of this item.
    pub id: Option<String>,
    /// At most this many, the newest ones.
    pub limit: Option<i64>,
}

/// A row of the view `changes`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeRow {
    /// The poll that observed the change.
    pub poll_id: i64,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// The change happened after this time; `None` at the baseline.
    pub previous_poll_at: Option<Timestamp>,
    /// The account.
    pub account: String,
    /// The kind, as the tables name it.
    pub kind: String,
    /// The item.
    pub item_id: String,
    /// The item's name after the poll; for a removal the last known name.
    pub name: Option<String>,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: String,
    /// The changed field; `None` in a row about the item as a whole.
    pub field: Option<String>,
    /// The field's value before.
    pub old_value: Option<String>,
    /// The field's value after.
    pub new_value: Option<String>,
}

/// A version of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The item.
    pub id: String,
    /// The number of the version: 1, 2, 3 …
    pub version: i64,
    /// The start of the version.
    pub valid_from: Timestamp,
    /// The end of the version; `None` while it is open.
    pub valid_to: Option<Timestamp>,
    /// Why it was opened.
    pub opened_by: OpenedBy,
    /// `changed`, `removed` or `learned`.
    pub closed_by: Option<String>,
    /// The poll that opened it.
    pub opened_poll: i64,
    /// The poll that closed it.
    pub closed_poll: Option<i64>,
    /// When the last poll that still showed the previous state was observed.
    pub opened_after: Option<Timestamp>,
    /// When the last poll that still showed this state was observed.
    pub closed_after: Option<Timestamp>,
    /// The item's values.
    pub fields: Fields,
}

impl ChangeRow {
    /// The columns of the view `changes`, in its order.
    pub const COLUMNS: [&str; 11] = [
        "poll_id",
        "observed_at",
        "previous_poll_at",
        "account",
        "kind",
        "item_id",
        "name",
        "change",
        "field",
        "old_value",
        "new_value",
    ];
}

impl Store {
    /// Calls `each` with the rows of the change feed, oldest first.
    pub async fn changes(
        &mut self,
        filter: &ChangeFilter,
        mut each: impl FnMut(ChangeRow) -> Result<()>,
    ) -> Result<()> {
        let (sql, args) = changes_sql(filter);
        let mut stopped = None;
        let read = self.conn.each(AssertSqlSafe(sql), &args, |row| {
            // An error of `each` ends the reading and is returned unchanged.
            match each(change_row(&row)?) {
                Ok(()) => Ok(()),
                Err(error) => {
                    stopped = Some(error);
                    Err(Fault::WorkerCrashed)
                }
            }
        });
        let read = read.await;
        match stopped {
            Some(error) => Err(error),
            None => read.map_err(|fault| self.storage_error("read", &fault)),
        }
    }

    /// Returns every version of the items with the id `id`, those of each item oldest first.
    pub async fn versions(
        &mut self,
        id: &str,
        kind: Option<Kind>,
        account: Option<&str>,
    ) -> Result<Vec<Version>> {
        let mut all = vec![];
        for kind in Kind::ALL.into_iter().filter(|one| kind.is_none_or(|wanted| wanted == *one)) {
            let read = versions(&mut self.conn, id, kind, account).await;
            all.extend(read.map_err(|fault| self.storage_error("read", &fault))?);
        }
        Ok(all)
    }

    /// Renames an account everywhere. Its lock is held meanwhile, on SQLite also that of the new name.
    pub async fn rename_account(&mut self, old: &str, new: &str, now: Timestamp) -> Result<()> {
        let deadline = std::time::Duration::from_secs(60);
        // The lock of the new name, held until the end of this function; only if locks are files.
        let other = match self.location.file() {
            Some(_) => Some(self.begin_poll(new, now, deadline).await?.into_lock()),
            None => None,
        };
        let mut session = self.begin_poll(old, now, deadline).await?;
        let renamed = session.rename(old, new).await;
        let ended = session.end().await;
        drop(other);
        renamed.and(ended)
    }
}

impl super::Session<'_> {
    async fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        self.begin_writing().await?;
        let renamed = rename(&mut self.store.conn, old, new).await;
        match renamed.map_err(|fault| self.store.storage_error("rename in", &fault))? {
            Some(why) => Err(Error::usage(why)),
            None => self.commit().await,
        }
    }
}

/// Renames an account; returns the reason if that is not possible.
async fn rename(conn: &mut Conn, old: &str, new: &str) -> Result<Option<String>, Fault> {
    if conn.row(statements::ACCOUNT, &[old.into()]).await?.is_none() {
        return Ok(Some(format!(
            "there is no account '{old}' in the database; see: heygen-sync status"
        )));
    }
    if conn.row(statements::ACCOUNT, &[new.into()]).await?.is_some() {
        return Ok(Some(format!(
            "there is an account '{new}' already; two histories cannot be merged"
        )));
    }
    conn.execute(statements::RENAME, &[old.into(), new.into()]).await?;
    Ok(None)
}

/// Builds the query; with a limit, the newest rows are selected in a subquery and then sorted.
fn changes_sql(filter: &ChangeFilter) -> (String, Vec<Arg<'_>>) {
    let ChangeFilter { since, until, kind, change, account, id, limit } = filter;
    let mut conditions: Vec<String> = vec![];
    let mut args: Vec<Arg<'_>> = vec![];
    let mut add = |condition: &str, arg: Option<Arg<'static>>| {
        if let Some(arg) = arg {
            args.push(arg);
            conditions.push(format!("{condition} ${}", args.len()));
        }
    };
    add("observed_at >=", since.map(Arg::from));
    add("observed_at <", until.map(Arg::from));
    add("kind =", kind.map(|kind| kind.as_str().into()));
    add("change =", change.clone().map(Arg::from));
    add("account =", account.clone().map(Arg::from));
    add("item_id =", id.clone().map(Arg::from));
    let matching = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let columns = "poll_id, observed_at, previous_poll_at, account, kind, item_id, name, change, \
                   field, old_value, new_value";
    let forwards = "poll_id, kind, item_id, field NULLS FIRST";
    let rows = format!("SELECT {columns} FROM changes{matching}");
    let sql = match limit {
        None => format!("{rows} ORDER BY {forwards}"),
        Some(limit) => {
            let backwards = "poll_id DESC, kind DESC, item_id DESC, field DESC NULLS LAST";
            format!(
                "SELECT {columns} FROM ({rows} ORDER BY {backwards} LIMIT {limit}) AS newest \
                 ORDER BY {forwards}"
            )
        }
    };
    (sql, args)
}

fn change_row(row: &Row) -> Result<ChangeRow, Fault> {
    Ok(ChangeRow {
        poll_id: row.some_int(0)?,
        observed_at: row.some_time(1)?,
        previous_poll_at: row.time(2)?,
        account: row.some_text(3)?,
        kind: row.some_text(4)?,
        item_id: row.some_text(5)?,
        name: row.text(6)?,
        change: row.some_text(7)?,
        field: row.text(8)?,
        old_value: row.text(9)?,
        new_value: row.text(10)?,
    })
}

async fn versions(
    conn: &mut Conn,
    id: &str,
    kind: Kind,
    account: Option<&str>,
) -> Result<Vec<Version>, Fault> {
    let sql = statements::versions(kind, account.is_some());
    let mut args: Vec<Arg<'_>> = vec![id.into()];
    args.extend(account.map(Arg::from));
    conn.rows(sql, &args).await?.iter().map(|row| version(row, kind)).collect()
}

/// Reads a row of [`statements::version_columns`].
pub(super) fn version(row: &Row, kind: Kind) -> Result<Version, Fault> {
    let opened_by = OpenedBy::parse(&row.some_text(5)?);
    Ok(Version {
        account: row.some_text(0)?,
        kind,
        id: row.some_text(1)?,
        version: row.some_int(2)?,
        valid_from: row.some_time(3)?,
        valid_to: row.time(4)?,
        opened_by: opened_by.ok_or_else(|| row.bad_value(5, "is no reason to open a version"))?,
        closed_by: row.text(6)?,
        opened_poll: row.some_int(7)?,
        closed_poll: row.int(8)?,
        opened_after: row.time(9)?,
        closed_after: row.time(10)?,
        fields: fields(row, kind, 12, 11)?,
    })
}
