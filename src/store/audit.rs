//! Reads the tables for `verify`, in one read transaction and in pieces that fit into memory.
//!
//! Every cell is read exactly as it is stored. Nothing is checked here.

mod rows;
pub(super) mod section;
pub(super) mod sql;

use std::ops::RangeInclusive;

use sqlx::{SqlSafeStr, SqlStr};

pub use rows::{AuditPoll, Changed, Current, Head, Span, Version, Written};
pub use section::Section;

use self::section::own_columns;
use super::{
    conn::{Arg, At, Columns, Fault, Row},
    exact,
    open::Store,
    snapshot::OwnColumns,
    table::POLLS,
};
use crate::{
    catalog::{
        fingerprint::Fingerprint,
        kind::Kind,
        schema::{FieldEvent, SchemaChange, Types},
        seal::Line,
    },
    error::Result,
};

/// The number of polls that are checked together.
const POLLS_AT_ONCE: i64 = 1000;
/// The number of items that are checked together.
const ITEMS: i64 = 2000;

/// A read transaction on the whole database.
#[derive(Debug)]
pub struct Audit<'s> {
    store: &'s mut Store,
}

impl Store {
    /// Begins a read transaction for `verify`.
    pub async fn audit(&mut self) -> Result<Audit<'_>> {
        if let Some(more) = self.conn.engine().more_cache() {
            let done = self.conn.execute(more, &[]).await;
            done.map_err(|fault| self.storage_error("read", &fault))?;
        }
        self.begin_reading().await?;
        Ok(Audit { store: self })
    }
}

impl Audit<'_> {
    /// Ends the transaction.
    pub async fn end(self) -> Result<()> {
        self.store.end_reading().await
    }

    /// Returns the rows of `accounts`.
    pub async fn heads(&mut self) -> Result<Vec<Head>> {
        let head = |row: &Row| {
            Ok(Head {
                account: known_text(row, "account")?,
                last_poll_id: row.int("last_poll_id")?,
                polls: row.some_int("polls")?,
                digest: row.exact_text("digest")?,
            })
        };
        self.store.all(sql::HEADS, &[], head).await
    }

    /// Calls `each` with account, id and `valid_from` of each item whose account is not in `accounts`.
    pub async fn without_account(
        &mut self,
        kind: Kind,
        mut each: impl FnMut(String, String, Option<String>),
    ) -> Result<()> {
        self.each(sql::without_account(kind), &[], |row| {
            let (account, id) = (known_text(&row, "account")?, known_text(&row, kind.id)?);
            each(account, id, row.exact_time("valid_from")?);
            Ok(())
        })
        .await
    }

    /// Returns the first poll of the piece after the one that begins at `from`; `None` if that is the last.
    pub async fn next_polls(&mut self, from: i64) -> Result<Option<i64>> {
        let args = [from.into(), POLLS_AT_ONCE.into()];
        self.store.one(sql::NEXT_POLLS, &args, |row| row.some_int(0)).await
    }

    /// Calls `each` with the polls of a piece, ordered by id.
    pub async fn polls(
        &mut self,
        range: &RangeInclusive<i64>,
        mut each: impl FnMut(AuditPoll),
    ) -> Result<()> {
        let args = [(*range.start()).into(), (*range.end()).into()];
        let sealed = Columns::of(POLLS.sealed().map(|column| (column.name, column.holds)));
        self.each(sql::polls(), &args, |row| {
            each(AuditPoll {
                poll_id: row.some_int("poll_id")?,
                account: known_text(&row, "account")?,
                digest: row.exact_text("digest")?,
                line: Line::new("poll", exact::cells(&row, &sealed)?),
            });
            Ok(())
        })
        .await
    }

    /// Returns the digest of the account's last poll before `poll_id`.
    pub async fn digest_before(&mut self, account: &str, poll_id: i64) -> Result<Option<String>> {
        let args = [account.into(), poll_id.into()];
        let digest = self.store.one(sql::DIGEST_BEFORE, &args, |row| row.exact_text(0));
        Ok(digest.await?.flatten())
    }

    /// Calls `each` with the rows of a section that the polls of a piece wrote, in the order of the seal.
    pub async fn written(
        &mut self,
        section: Section,
        range: &RangeInclusive<i64>,
        mut each: impl FnMut(Written),
    ) -> Result<()> {
        let columns = Columns::of(section.columns());
        let args = [(*range.start()).into(), (*range.end()).into()];
        self.each(section::written(section), &args, |row| {
            each(Written {
                account: known_text(&row, "account")?,
                poll_id: row.some_int("poll")?,
                line: section.line(exact::cells(&row, &columns)?),
            });
            Ok(())
        })
        .await
    }

    /// Returns the account's schema changes of a list with the ids of their polls, oldest first; without
    /// rows whose `change` no poll writes.
    pub async fn schema(&mut self, account: &str, kind: Kind) -> Result<Vec<(i64, SchemaChange)>> {
        let mut rows = vec![];
        let args = [account.into(), kind.as_str().into()];
        self.each(sql::SCHEMA.into_sql_str(), &args, |row| {
            if let Some(change) = FieldEvent::parse(&known_text(&row, "change")?) {
                let field = kind.field(&known_text(&row, "field")?);
                let types = row.exact_text("json_type")?.map(|text| Types::parse(&text));
                let types = types.unwrap_or_default();
                let change = SchemaChange { field, change, types, example: None };
                rows.push((row.some_int("poll_id")?, change));
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Returns the span of items that begins at the id `from`.
    pub async fn span<'a>(
        &mut self,
        account: &'a str,
        kind: Kind,
        from: String,
    ) -> Result<Span<'a>> {
        let args = [account.into(), from.as_str().into(), ITEMS.into()];
        let to = self.store.one(sql::next_items(kind), &args, |row| known_text(row, 0)).await?;
        // An id that is not text is read as hex, which has another order; the span then has no end.
        let to = to.filter(|to| *to > from);
        Ok(Span { account, kind, from, to })
    }

    /// Calls `each` with the history rows of a span, ordered by id and version.
    pub async fn versions(&mut self, span: &Span<'_>, mut each: impl FnMut(Version)) -> Result<()> {
        let own = Columns::of(own_columns(span.kind));
        self.each(sql::versions(span.kind, span.to.is_some()), &span.args(), |row| {
            each(Version {
                id: known_text(&row, span.kind.id)?,
                version: row.some_int("version")?,
                valid_from: row.exact_time("valid_from")?,
                valid_to: row.exact_time("valid_to")?,
                opened_by: known_text(&row, "opened_by")?,
                closed_by: row.exact_text("closed_by")?,
                opened_poll: row.some_int("opened_poll")?,
                closed_poll: row.int("closed_poll")?,
                opened_after: row.exact_time("opened_after")?,
                closed_after: row.exact_time("closed_after")?,
                own: exact::cells(&row, &own)?,
            });
            Ok(())
        })
        .await
    }

    /// Returns the current state of the items of a span, ordered by id.
    pub async fn current(&mut self, span: &Span<'_>) -> Result<Vec<Current>> {
        let sql = sql::current(span.kind, span.to.is_some());
        let own = Columns::of(own_columns(span.kind));
        let state = OwnColumns::of(span.kind);
        let current = |row: &Row| {
            Ok(Current {
                id: known_text(row, span.kind.id)?,
                version: row.some_int("version")?,
                valid_from: row.exact_time("valid_from")?,
                first_seen_at: row.exact_time("first_seen_at")?,
                changed_at: row.exact_time("changed_at")?,
                removed_at: row.exact_time("removed_at")?,
                wrong_fingerprint: wrong_fingerprint(row, &state)?,
                own: exact::cells(row, &own)?,
            })
        };
        self.store.all(sql, &span.args(), current).await
    }

    /// Returns the changed fields of a span, ordered by id, version and field.
    pub async fn changed(&mut self, span: &Span<'_>) -> Result<Vec<Changed>> {
        let mut args = span.args();
        args.insert(1, span.kind.as_str().into());
        let changed = |row: &Row| {
            Ok(Changed {
                poll_id: row.some_int("poll_id")?,
                item_id: known_text(row, "item_id")?,
                version: row.some_int("version")?,
                field: known_text(row, "field")?,
                old_value: row.exact_text("old_value")?,
                new_value: row.exact_text("new_value")?,
            })
        };
        self.store.all(sql::changed(span.to.is_some()), &args, changed).await
    }

    /// Returns the search texts of the versions of a span: id, version, text.
    pub async fn search_texts(&mut self, span: &Span<'_>) -> Result<Vec<(String, i64, String)>> {
        let mut args = span.args();
        args.insert(1, span.kind.as_str().into());
        let text = |row: &Row| {
            let id = known_text(row, "item_id")?;
            Ok((id, row.some_int("version")?, known_text(row, "text")?))
        };
        self.store.all(sql::search_texts(span.to.is_some()), &args, text).await
    }

    async fn each(
        &mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
        each: impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<()> {
        let read = self.store.conn.each(sql, args, each).await;
        read.map_err(|fault| self.store.storage_error("read", &fault))
    }
}

/// Returns the exact text of a column that is never NULL.
fn known_text(row: &Row, at: impl At) -> Result<String, Fault> {
    Ok(row.exact_text(at)?.unwrap_or_default())
}

/// Whether the fingerprint of a row of `sql::current` does not match its other columns. Unreadable columns
/// are detected elsewhere.
fn wrong_fingerprint(row: &Row, own: &OwnColumns) -> Result<bool, Fault> {
    let Some(stored) = row.exact_text("fingerprint")? else { return Ok(false) };
    Ok(own.fields(row, None).is_ok_and(|fields| Fingerprint::contradicts(&stored, &fields)))
}
