//! Writes a diff to the tables, in the transaction of the poll's own row (rule 1). Nothing is decided here.

use std::borrow::Cow;

use super::{
    bulk::{AT_ONCE, Bulk, BulkColumn},
    conn::{Arg, Conn, Fault},
    links::write_links,
    lock::Session,
    outbox::{self, Before, Draft, Of},
    report::Report,
    row::PollRow,
    search, server, statements,
    table::EXTRA,
};
use crate::{
    catalog::{
        cell::Cell,
        diff::{Diff, FieldChange, ListDiff, Opened, OpenedBy},
        kind::Kind,
        seal::{Seal, diff_lines},
        value::Value,
    },
    error::{Error, Result},
    time::Timestamp,
};

/// A poll that opens more versions than this is a large load.
const LARGE_LOAD: usize = 20_000;

impl Session<'_> {
    /// Begins to write: no other poll of this database is written until this one ends.
    pub async fn begin_writing(&mut self) -> Result<()> {
        let store = &mut *self.store;
        let engine = store.conn.engine();
        let begin = match store.in_transaction && engine.is_server() {
            true => server::LOCK_POLLS,
            false => engine.begin_writing(),
        };
        let begun = store.conn.execute(begin, &[]).await;
        begun.map_err(|fault| store.storage_error("write", &fault))?;
        store.in_transaction = true;
        Ok(())
    }

    /// Reads the state before the poll of `report`, which is not yet written.
    pub async fn before(&mut self, report: &Report) -> Result<Before> {
        let before = outbox::before(&mut self.store.conn, report).await;
        before.map_err(|fault| self.store.storage_error("read", &fault))
    }

    /// Writes the poll's row and all changes of its diff, and sets the number and the digest of the row.
    /// The links are moved out of the diff.
    ///
    /// # Errors
    /// Fails if the database cannot be written or if a replayed poll differs from its record.
    pub async fn write(&mut self, report: &mut Report) -> Result<()> {
        let written = write(&mut self.store.conn, report).await;
        written.map_err(|fault| self.store.storage_error("write", &fault))?
    }

    /// Writes notices of the poll `row`.
    pub async fn put_notices(&mut self, row: &PollRow, drafts: Vec<Draft>) -> Result<()> {
        let of = Of { poll_id: row.poll_id, account: &row.account, at: row.finished_at };
        let put = outbox::put(&mut self.store.conn, of, drafts).await;
        put.map_err(|fault| self.store.storage_error("write", &fault))
    }

    /// Commits the transaction, which on PostgreSQL also ends the lock.
    pub async fn commit(&mut self) -> Result<()> {
        let committed = self.store.conn.execute(statements::COMMIT, &[]).await;
        committed.map_err(|fault| self.store.storage_error("write", &fault))?;
        self.store.in_transaction = false;
        Ok(())
    }
}

/// Writes a poll. The inner error is that a replayed poll differs from its record.
async fn write(conn: &mut Conn, report: &mut Report) -> Result<Result<()>, Fault> {
    let recorded = (report.row.poll_id, report.row.digest.take());
    let last = conn.one(statements::LAST_POLL_ID, &[], |row| row.some_int(0)).await?;
    report.row.poll_id = last.unwrap_or(0) + 1;
    let of = [report.row.account.as_str().into()];
    let before = conn.one(statements::DIGEST, &of, |row| row.text(0)).await?.flatten();
    report.row.digest = Some(sealed(report, before.as_deref()));
    if let Some(error) = differs(recorded, &report.row) {
        return Ok(Err(error));
    }
    let links = report.diff.as_mut().map(|diff| std::mem::take(&mut diff.links));
    let row = &report.row;
    let head = [row.account.as_str().into(), row.poll_id.into(), Arg::from(row.digest.as_deref())];
    conn.execute(statements::HEAD, &head).await?;
    row.to_bulk().insert(conn, "polls").await?;
    if let (Some(diff), Some(observed_at)) = (&report.diff, row.observed_at) {
        write_links(conn, links.unwrap_or_default()).await?;
        make_room(conn, diff).await?;
        let writer = Writer { account: &row.account, poll_id: row.poll_id, observed_at };
        for list in &diff.lists {
            writer.list(conn, list).await?;
        }
    }
    Ok(Ok(()))
}

/// Returns an error if the row differs from the one that was recorded, if one was.
fn differs((poll_id, digest): (i64, Option<String>), row: &PollRow) -> Option<Error> {
    if poll_id == 0 {
        return None;
    }
    if poll_id != row.poll_id {
        return Some(Error::busy(format!(
            "poll {poll_id} would become poll {}: something else writes to this database",
            row.poll_id
        )));
    }
    let short = |digest: &Option<String>| {
        digest.as_deref().and_then(|digest| digest.get(..12)).unwrap_or("none").to_owned()
    };
    (digest != row.digest).then(|| {
        Error::unforeseen(format!(
            "poll {poll_id} of account '{}' has the digest {}… but was recorded with {}…: its \
             record or its answer was altered, or the version of heygen-sync that polled ({}) \
             decided otherwise",
            row.account,
            short(&row.digest),
            short(&digest),
            row.tool_version.as_deref().unwrap_or("unknown")
        ))
    })
}

/// Enlarges the cache for a large load, which would otherwise spill pages that it needs again.
async fn make_room(conn: &mut Conn, diff: &Diff) -> Result<(), Fault> {
    let rows: usize = diff.lists.iter().map(|list| list.opened.len()).sum();
    match conn.engine().more_cache() {
        Some(more) if rows > LARGE_LOAD => conn.execute(more, &[]).await.map(drop),
        _ => Ok(()),
    }
}

/// Returns the digest of all that the poll is about to write, chained to the account's last digest.
fn sealed(report: &Report, before: Option<&str>) -> String {
    let mut seal = Seal::after(before);
    seal.add(&report.row.line());
    if let (Some(diff), Some(observed_at)) = (&report.diff, report.row.observed_at) {
        diff_lines(diff, report.row.poll_id, observed_at, |line| seal.add(&line));
    }
    seal.finish()
}

/// The values that all rows of a poll share.
struct Writer<'a> {
    account: &'a str,
    poll_id: i64,
    observed_at: Timestamp,
}

impl<'a> Writer<'a> {
    async fn list(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        self.close_versions(conn, list).await?;
        self.put_fingerprints(conn, list).await?;
        self.note_missing(conn, list).await?;
        for added in opened(list, |by| by == OpenedBy::Added).chunks(AT_ONCE) {
            let own = self.own_columns(list.kind, added);
            self.add_items(conn, list.kind, added, own.clone()).await?;
            self.open_versions(conn, list.kind, added, own).await?;
        }
        for known in opened(list, |by| by != OpenedBy::Added).chunks(AT_ONCE) {
            let own = self.own_columns(list.kind, known);
            self.update_items(conn, list.kind, known, own.clone()).await?;
            self.open_versions(conn, list.kind, known, own).await?;
        }
        self.remove_items(conn, list).await?;
        self.field_changes(conn, list).await?;
        self.schema_changes(conn, list).await
    }

    /// Returns the columns that an item's row and its version's row share: account, id, number, the start
    /// of the version, the item's own columns, and `extra` for what they cannot hold.
    fn own_columns(&self, kind: Kind, all: &[&'a Opened]) -> Bulk<'a> {
        let mut rows = Bulk::new(all.len())
            .all("account", self.account)
            .texts(kind.id, all.iter().map(|new| new.id.as_str()))
            .column("version", BulkColumn::Int(all.iter().map(|new| Some(new.version)).collect()))
            .all("valid_from", self.observed_at);
        for column in kind.columns {
            rows = rows.cells(column, all.iter().map(|new| new.fields.cell(column)));
        }
        let extra = all.iter().map(|new| Cell::from(new.fields.extra(kind).map(Cell::json)));
        rows.cells(&EXTRA, extra)
    }

    async fn add_items(
        &self,
        conn: &mut Conn,
        kind: Kind,
        added: &[&'a Opened],
        own: Bulk<'a>,
    ) -> Result<(), Fault> {
        own.all("first_seen_at", self.observed_at)
            .all("changed_at", self.observed_at)
            .column("fingerprint", fingerprints(added))
            .insert(conn, kind.table)
            .await
    }

    async fn update_items(
        &self,
        conn: &mut Conn,
        kind: Kind,
        known: &[&'a Opened],
        own: Bulk<'a>,
    ) -> Result<(), Fault> {
        let columns = kind.columns.iter().map(|column| format!("{0} = d.{0}", column.name));
        let columns: Vec<String> = columns.collect();
        let set = format!(
            "{}, extra = d.extra, version = d.version, valid_from = d.valid_from, \
             fingerprint = d.fingerprint, \
             changed_at = coalesce(d.changed_at, t.changed_at), \
             missing_since = CASE WHEN d.restored THEN NULL ELSE t.missing_since END, \
             removed_at = CASE WHEN d.restored THEN NULL ELSE t.removed_at END",
            columns.join(", ")
        );
        let changed_at =
            known.iter().map(|new| (new.by != OpenedBy::Learned).then_some(self.observed_at));
        let restored = known.iter().map(|new| Some(new.by == OpenedBy::Restored));
        own.column("changed_at", BulkColumn::Time(changed_at.collect()))
            .column("restored", BulkColumn::Bool(restored.collect()))
            .column("fingerprint", fingerprints(known))
            .update(conn, kind.table, &set, &on(kind.id))
            .await
    }

    /// Writes new fingerprints of items for which no version is opened.
    async fn put_fingerprints(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        for some in list.fingerprints.chunks(AT_ONCE) {
            self.ids(list.kind, some.iter().map(|(id, _)| id.as_str()))
                .texts("fingerprint", some.iter().map(|(_, fingerprint)| fingerprint.as_str()))
                .update(conn, list.kind.table, "fingerprint = d.fingerprint", &on(list.kind.id))
                .await?;
        }
        Ok(())
    }

    async fn note_missing(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        let since = [(&list.newly_missing, Some(self.observed_at)), (&list.found_again, None)];
        for (ids, missing_since) in since {
            self.ids(list.kind, ids.iter().map(String::as_str))
                .all("missing_since", missing_since)
                .update(conn, list.kind.table, "missing_since = d.missing_since", &on(list.kind.id))
                .await?;
        }
        Ok(())
    }

    async fn remove_items(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        self.ids(list.kind, list.removed.iter().map(|gone| gone.id.as_str()))
            .all("removed_at", self.observed_at)
            .update(conn, list.kind.table, "removed_at = d.removed_at", &on(list.kind.id))
            .await
    }

    /// Rows of (account, id).
    fn ids(&self, kind: Kind, ids: impl Iterator<Item = &'a str>) -> Bulk<'a> {
        let ids: Vec<&str> = ids.collect();
        let account: &'a str = self.account;
        Bulk::new(ids.len()).all("account", account).texts(kind.id, ids.into_iter())
    }

    async fn open_versions(
        &self,
        conn: &mut Conn,
        kind: Kind,
        all: &[&'a Opened],
        own: Bulk<'a>,
    ) -> Result<(), Fault> {
        own.texts("opened_by", all.iter().map(|new| new.by.as_str()))
            .all("opened_poll", self.poll_id)
            .column("opened_after", BulkColumn::Time(all.iter().map(|new| new.after).collect()))
            .insert(conn, kind.history)
            .await?;
        let named = all.iter().map(|new| (new.id.as_str(), new.version, new.fields.name(kind)));
        search::write(conn, kind, self.account, named).await
    }

    /// Closes the versions that new ones replace and those of removed items: the only rows of history that
    /// a poll updates, and only their four empty cells.
    async fn close_versions(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        let all = list.closed();
        let id = list.kind.id;
        Bulk::new(all.len())
            .texts(id, all.iter().map(|closed| closed.id))
            .column(
                "version",
                BulkColumn::Int(all.iter().map(|closed| Some(closed.version)).collect()),
            )
            .texts("closed_by", all.iter().map(|closed| closed.by))
            .column(
                "closed_after",
                BulkColumn::Time(all.iter().map(|closed| closed.after).collect()),
            )
            .all("account", self.account)
            .all("valid_to", self.observed_at)
            .all("closed_poll", self.poll_id)
            .update(
                conn,
                list.kind.history,
                "valid_to = d.valid_to, closed_by = d.closed_by, closed_poll = d.closed_poll, \
                 closed_after = d.closed_after",
                &format!("{} AND t.version = d.version AND t.valid_to IS NULL", on(id)),
            )
            .await
    }

    async fn field_changes(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        let all: Vec<_> = list
            .opened
            .iter()
            .flat_map(|new| new.changes.iter().map(move |change| (new, change)))
            .collect();
        for some in all.chunks(AT_ONCE) {
            self.some_field_changes(list.kind, some).insert(conn, "field_changes").await?;
        }
        Ok(())
    }

    fn some_field_changes(&self, kind: Kind, all: &[(&'a Opened, &'a FieldChange)]) -> Bulk<'a> {
        fn cell<'a>(value: &'a Option<Value<'static>>) -> Option<Cow<'a, str>> {
            value.as_ref().map(|value| Cow::Borrowed(value.as_cell()))
        }
        let old = all.iter().map(|(_, change)| cell(&change.old));
        let new = all.iter().map(|(_, change)| cell(&change.new));
        Bulk::new(all.len())
            .all("poll_id", self.poll_id)
            .all("account", self.account)
            .all("kind", kind.as_str())
            .texts("item_id", all.iter().map(|(new, _)| new.id.as_str()))
            .column(
                "version",
                BulkColumn::Int(all.iter().map(|(new, _)| Some(new.version)).collect()),
            )
            .texts("field", all.iter().map(|(_, change)| change.field.as_ref()))
            .column("old_value", BulkColumn::Text(old.collect()))
            .column("new_value", BulkColumn::Text(new.collect()))
    }

    async fn schema_changes(&self, conn: &mut Conn, list: &'a ListDiff) -> Result<(), Fault> {
        let all = &list.schema;
        let types = all.iter().map(|row| row.types.to_column().map(Cow::Owned)).collect();
        let examples = all.iter().map(|row| row.example.as_deref().map(Cow::Borrowed)).collect();
        Bulk::new(all.len())
            .all("poll_id", self.poll_id)
            .all("account", self.account)
            .all("kind", list.kind.as_str())
            .texts("field", all.iter().map(|row| row.field.as_ref()))
            .texts("change", all.iter().map(|row| row.change.as_str()))
            .column("json_type", BulkColumn::Text(types))
            .column("example", BulkColumn::Text(examples))
            .insert(conn, "schema_changes")
            .await
    }
}

fn opened(list: &ListDiff, wanted: impl Fn(OpenedBy) -> bool) -> Vec<&Opened> {
    list.opened.iter().filter(|new| wanted(new.by)).collect()
}

/// Returns the column of the items' fingerprints.
fn fingerprints<'a>(all: &[&'a Opened]) -> BulkColumn<'a> {
    let fingerprint = |new: &&Opened| Some(Cow::Owned(new.fingerprint?.to_column(&new.fields)));
    BulkColumn::Text(all.iter().map(fingerprint).collect())
}

fn on(id: &str) -> String {
    format!("t.account = d.account AND t.{id} = d.{id}")
}
