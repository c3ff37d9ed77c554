//! Queries of the commands: the change feed, the versions of an item, the names of accounts.

use sqlx::AssertSqlSafe;

use super::{
    browse::{
        changes::{own_conditions, time_conditions},
        sql::Sql,
    },
    change::{ChangeFilter, ChangeRow},
    conn::{Arg, Conn, Fault, Row},
    open::Store,
    record::RowType,
    snapshot::OwnColumns,
    statements,
    table::CHANGES,
};
use crate::{
    catalog::{cell::Cell, diff::OpenedBy, item::Fields, kind::Kind},
    error::{Error, Result},
    time::Timestamp,
};

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

impl Version {
    /// Returns its cells, in the order of the columns of its table.
    pub fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = vec![Cell::text(&self.account), Cell::text(&self.id)];
        cells.extend(self.span());
        cells.extend(self.fields.cells(self.kind));
        cells
    }

    /// Removes its end if that is later than `at`.
    pub fn reopen_after(&mut self, at: Timestamp) {
        if self.valid_to.is_some_and(|end| end > at) {
            (self.valid_to, self.closed_by) = (None, None);
            (self.closed_poll, self.closed_after) = (None, None);
        }
    }

    /// Returns when it was valid, and the polls that opened and closed it.
    pub fn span(&self) -> [Cell<'_>; 9] {
        [
            self.version.into(),
            self.valid_from.into(),
            self.valid_to.into(),
            self.opened_by.as_str().into(),
            self.closed_by.as_deref().into(),
            self.opened_poll.into(),
            self.closed_poll.into(),
            self.opened_after.into(),
            self.closed_after.into(),
        ]
    }
}

impl Store {
    /// Calls `each` with the changes, those of an account if it is given, oldest first; at most the newest
    /// `limit` ones.
    pub async fn changes(
        &mut self,
        account: Option<&str>,
        filter: &ChangeFilter,
        limit: Option<i64>,
        each: impl FnMut(ChangeRow) -> Result<()>,
    ) -> Result<()> {
        let mut sql = Sql::new(self.conn.engine());
        let text = changes_sql(&mut sql, account, filter, limit);
        self.each_row(AssertSqlSafe(text), &sql.args, ChangeRow::read, each).await
    }

    /// Returns every version of the items with the id `id`, those of each item oldest first.
    pub async fn versions(
        &mut self,
        id: &str,
        kind: Option<Kind>,
        account: Option<&str>,
    ) -> Result<Vec<Version>> {
        let mut all = vec![];
        for kind in Kind::only(kind) {
            let mut args: Vec<Arg<'_>> = vec![id.into()];
            args.extend(account.map(Arg::from));
            let sql = statements::versions(kind, account.is_some());
            let own = OwnColumns::of(kind);
            all.extend(self.all(sql, &args, |row| version(row, &own)).await?);
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

/// Returns the SQL of the changes; with a limit, the newest rows are selected in a subquery and then sorted.
fn changes_sql<'a>(
    sql: &mut Sql<'a>,
    account: Option<&'a str>,
    filter: &'a ChangeFilter,
    limit: Option<i64>,
) -> String {
    let mut conditions = String::from("TRUE");
    if let Some(account) = account {
        conditions.push_str(&format!(" AND c.account = {}", sql.bind(account)));
    }
    conditions.push_str(&time_conditions(sql, "c", filter));
    conditions.push_str(&own_conditions(sql, filter));
    let columns = CHANGES.list("c.");
    let rows = format!("SELECT {columns} FROM changes AS c WHERE {conditions}");
    let forwards = "c.poll_id, c.kind, c.item_id, c.field NULLS FIRST";
    match limit {
        None => format!("{rows} ORDER BY {forwards}"),
        Some(limit) => {
            let backwards = "c.poll_id DESC, c.kind DESC, c.item_id DESC, c.field DESC NULLS LAST";
            format!(
                "SELECT {columns} FROM ({rows} ORDER BY {backwards} LIMIT {limit}) AS c \
                 ORDER BY {forwards}"
            )
        }
    }
}

/// Reads a row of [`statements::version_columns`].
pub(super) fn version(row: &Row, own: &OwnColumns) -> Result<Version, Fault> {
    let opened_by = OpenedBy::parse(&row.some_text("opened_by")?)
        .ok_or_else(|| row.bad_value("opened_by", "is no reason to open a version"))?;
    Ok(Version {
        account: row.some_text("account")?,
        kind: own.kind,
        id: row.some_text(own.kind.id)?,
        version: row.some_int("version")?,
        valid_from: row.some_time("valid_from")?,
        valid_to: row.time("valid_to")?,
        opened_by,
        closed_by: row.text("closed_by")?,
        opened_poll: row.some_int("opened_poll")?,
        closed_poll: row.int("closed_poll")?,
        opened_after: row.time("opened_after")?,
        closed_after: row.time("closed_after")?,
        fields: own.fields(row, None)?,
    })
}
