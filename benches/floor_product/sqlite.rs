//! A poll of SQLite: prepared statements of rusqlite in one transaction.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rusqlite::{
    Connection, OptionalExtension, Row, Statement, ToSql, Transaction, TransactionBehavior, params,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    diff::{Changed, Diff, Linking, Matching, Stored, baseline},
    list::{Item, Link, Lists, Value, links},
    tables::{self, ACCOUNT, Cell, Counts, Poll, columns, poll_row},
};

/// A poll that writes more items than this uses a larger page cache.
const LARGE: usize = 20_000;

/// The data that the rows of a poll share.
struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    poll_id: i64,
    observed_at: String,
    /// The `observed_at` of the previous poll.
    last: Option<String>,
}

pub fn poll(file: &str, lists: &Lists<'_>, poll: &Poll<'_>) -> Counts {
    let mut connection = Connection::open(file).expect("opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA cache_size = -2048",
        )
        .expect("sets the pragmas");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.expect("begins");
    if !transaction.table_exists(None, "polls").expect("reads the schema") {
        transaction.execute_batch(tables::SQLITE).expect("creates the tables");
    }
    let last_id = transaction.query_row("SELECT max(poll_id) FROM polls", [], |row| row.get(0));
    let poll_id = last_id.map(|last: Option<i64>| last.unwrap_or(0) + 1).expect("reads polls");
    let last = transaction.query_row(
        "SELECT observed_at FROM polls WHERE account = ?1 AND outcome <> 'failed' \
         ORDER BY observed_at DESC LIMIT 1",
        [ACCOUNT],
        |row| row.get(0),
    );
    let last = last.optional().expect("reads polls");
    let writer =
        Writer { transaction: &transaction, poll_id, observed_at: text(poll.observed_at), last };
    let avatars = writer.compare(&lists.avatars);
    let photos = writer.compare(&lists.talking_photos);
    let links = links(lists);
    let (new, renewed) = writer.compare_links(&links, poll.observed_at.timestamp());
    let mut counts = Counts::default();
    counts.add(&avatars);
    counts.add(&photos);
    if counts.added > LARGE {
        transaction.execute_batch("PRAGMA cache_size = -65536").expect("sets the cache");
    }
    writer.poll(poll, lists, &counts);
    writer.diff(&avatars);
    writer.diff(&photos);
    writer.links(&new, &renewed);
    transaction.commit().expect("commits");
    counts
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns the Unix seconds of `2026-11-23T05:57:09.123Z`.
fn seconds(text: &str) -> Option<i64> {
    let number = |from, to| text.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    let time = date.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    Some(time.and_utc().timestamp())
}

/// The first columns of a row are its id and its version.
struct Columns<'r, 'q>(&'r Row<'q>);

impl Stored for Columns<'_, '_> {
    fn is(&self, column: usize, value: Value<'_>) -> bool {
        match (self.0.get_ref(column + 2).expect("a column"), value) {
            (ValueRef::Null, Value::Null) => true,
            (ValueRef::Text(old), Value::Text(new) | Value::Json(new)) => old == new.as_bytes(),
            (ValueRef::Integer(old), Value::Flag(new)) => (old != 0) == new,
            _ => false,
        }
    }

    fn text(&self, column: usize) -> Option<String> {
        match self.0.get_ref(column + 2).expect("a column") {
            ValueRef::Integer(flag) => Some((flag != 0).to_string()),
            other => other.as_str_or_null().expect("text").map(str::to_owned),
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Text(text) | Value::Json(text) => ValueRef::Text(text.as_bytes()),
            Value::Flag(flag) => ValueRef::Integer(flag.into()),
        }))
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Text(text) | Cell::Json(text) => ToSqlOutput::from(*text),
            Cell::Number(number) => ToSqlOutput::from(*number),
            Cell::Time(time) => ToSqlOutput::from(text(*time)),
        })
    }
}

impl Writer<'_> {
    fn prepare(&self, sql: &str) -> Statement<'_> {
        self.transaction.prepare(sql).expect("prepares")
    }

    fn compare<'a, T: Item>(&self, list: &'a [T]) -> Diff<'a, T> {
        if self.last.is_none() {
            return baseline(list);
        }
        let kind = T::KIND;
        let mut read = self.prepare(&format!(
            "SELECT {}, version, {} FROM {} WHERE account = ?1 AND removed_at IS NULL",
            kind.id,
            columns(&kind, str::to_owned),
            kind.table
        ));
        let mut matching = Matching::new(list);
        let mut rows = read.query([ACCOUNT]).expect("reads");
        while let Some(row) = rows.next().expect("reads") {
            let id = row.get_ref(0).expect("an id").as_str().expect("text");
            matching.row(id, row.get(1).expect("a version"), &Columns(row));
        }
        matching.finish()
    }

    fn compare_links<'l, 'a>(
        &self,
        links: &'l [Link<'a>],
        now: i64,
    ) -> (Vec<&'l Link<'a>>, Vec<&'l Link<'a>>) {
        let mut read = self.prepare("SELECT url, expires_at FROM assets");
        let mut linking = Linking::new(links, now);
        let mut rows = read.query([]).expect("reads");
        while let Some(row) = rows.next().expect("reads") {
            let column = |at| row.get_ref(at).expect("a column").as_str_or_null().expect("text");
            linking.row(column(0).expect("a URL"), column(1).and_then(seconds));
        }
        linking.finish()
    }

    fn poll(&self, poll: &Poll<'_>, lists: &Lists<'_>, counts: &Counts) {
        self.prepare(
            "INSERT INTO accounts (account, last_poll_id, polls) VALUES (?1, ?2, 1) \
             ON CONFLICT (account) DO UPDATE \
             SET last_poll_id = excluded.last_poll_id, polls = accounts.polls + 1",
        )
        .execute(params![ACCOUNT, self.poll_id])
        .expect("writes accounts");
        let (names, cells): (Vec<_>, Vec<_>) =
            poll_row(self.poll_id, poll, lists, counts).into_iter().unzip();
        let marks = vec!["?"; names.len()].join(", ");
        self.prepare(&format!("INSERT INTO polls ({}) VALUES ({marks})", names.join(", ")))
            .execute(rusqlite::params_from_iter(cells))
            .expect("writes polls");
    }

    fn diff<T: Item>(&self, diff: &Diff<'_, T>) {
        if self.last.is_none() {
            self.appeared::<T>();
        }
        self.add_items(&diff.added);
        self.change_items(&diff.changed);
        let ended = diff.changed.iter().map(|changed| (changed.item.id(), changed.version));
        self.end::<T>("changed", ended);
        let removed = diff.removed.iter().map(|(id, version)| (id.as_str(), *version));
        self.remove::<T>(removed.clone());
        self.end::<T>("removed", removed);
        self.open("added", diff.added.iter().map(|item| (*item, 1)));
        let opened = diff.changed.iter().map(|changed| (changed.item, changed.version + 1));
        self.open("changed", opened);
    }

    fn appeared<T: Item>(&self) {
        let mut insert = self.prepare(
            "INSERT INTO schema_changes (poll_id, account, kind, field, change) \
             VALUES (?1, ?2, ?3, ?4, 'appeared')",
        );
        let fields = T::KIND.columns.iter().map(|(field, _)| *field);
        for field in fields.chain([T::KIND.id]) {
            let row = params![self.poll_id, ACCOUNT, T::KIND.name, field];
            insert.execute(row).expect("writes schema_changes");
        }
    }

    fn add_items<T: Item>(&self, added: &[&T]) {
        let kind = T::KIND;
        let mut insert = self.prepare(&format!(
            "INSERT INTO {} (account, version, valid_from, first_seen_at, changed_at, {}, {}) \
             VALUES (?1, 1, ?2, ?2, ?2, ?3{})",
            kind.table,
            kind.id,
            columns(&kind, str::to_owned),
            ", ?".repeat(kind.columns.len())
        ));
        bind(&mut insert, 1, ACCOUNT);
        bind(&mut insert, 2, &self.observed_at);
        for item in added {
            bind_item(&mut insert, 3, *item);
            insert.raw_execute().expect("writes an item");
        }
    }

    fn change_items<T: Item>(&self, changed: &[Changed<'_, T>]) {
        let kind = T::KIND;
        let mut update = self.prepare(&format!(
            "UPDATE {} SET ({}) = (?4{}), version = ?3, valid_from = ?2, changed_at = ?2, \
             missing_since = NULL WHERE account = ?1 AND {} = ?{}",
            kind.table,
            columns(&kind, str::to_owned),
            ", ?".repeat(kind.columns.len() - 1),
            kind.id,
            kind.columns.len() + 4
        ));
        let mut insert = self.prepare(
            "INSERT INTO field_changes \
             (poll_id, account, kind, item_id, version, field, old_value, new_value) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        );
        bind(&mut update, 1, ACCOUNT);
        bind(&mut update, 2, &self.observed_at);
        for Changed { item, version, fields } in changed {
            bind(&mut update, 3, version + 1);
            bind_columns(&mut update, 4, *item);
            bind(&mut update, kind.columns.len() + 4, item.id());
            update.raw_execute().expect("changes an item");
            for (at, old) in fields {
                let (field, new) = (kind.columns[*at].0, item.value(*at).text());
                let (poll_id, version) = (self.poll_id, version + 1);
                let row = params![poll_id, ACCOUNT, kind.name, item.id(), version, field, old, new];
                insert.execute(row).expect("writes field_changes");
            }
        }
    }

    fn remove<'a, T: Item>(&self, removed: impl Iterator<Item = (&'a str, i64)>) {
        let mut update = self.prepare(&format!(
            "UPDATE {} SET missing_since = ?2, removed_at = ?2 WHERE account = ?1 AND {} = ?3",
            T::KIND.table,
            T::KIND.id
        ));
        for (id, _) in removed {
            update.execute(params![ACCOUNT, self.observed_at, id]).expect("removes an item");
        }
    }

    fn end<'a, T: Item>(&self, why: &str, versions: impl Iterator<Item = (&'a str, i64)>) {
        let mut update = self.prepare(&format!(
            "UPDATE {} SET valid_to = ?2, closed_by = ?3, closed_poll = ?4, closed_after = ?5 \
             WHERE account = ?1 AND {} = ?6 AND version = ?7",
            T::KIND.history,
            T::KIND.id
        ));
        for (id, version) in versions {
            let (time, poll_id, last) = (&self.observed_at, self.poll_id, &self.last);
            let row = params![ACCOUNT, time, why, poll_id, last, id, version];
            update.execute(row).expect("ends a version");
        }
    }

    fn open<'a, T: Item + 'a>(&self, why: &str, versions: impl Iterator<Item = (&'a T, i64)>) {
        let kind = T::KIND;
        let mut insert = self.prepare(&format!(
            "INSERT INTO {} (account, valid_from, opened_by, opened_poll, opened_after, version, \
             {}, {}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7{})",
            kind.history,
            kind.id,
            columns(&kind, str::to_owned),
            ", ?".repeat(kind.columns.len())
        ));
        bind(&mut insert, 1, ACCOUNT);
        bind(&mut insert, 2, &self.observed_at);
        bind(&mut insert, 3, why);
        bind(&mut insert, 4, self.poll_id);
        bind(&mut insert, 5, &self.last);
        for (item, version) in versions {
            bind(&mut insert, 6, version);
            bind_item(&mut insert, 7, item);
            insert.raw_execute().expect("writes a version");
        }
    }

    fn links(&self, new: &[&Link<'_>], renewed: &[&Link<'_>]) {
        let mut insert = self.prepare(
            "INSERT INTO assets (url, role, signed_url, expires_at) VALUES (?1, ?2, ?3, ?4)",
        );
        for link in new {
            let row = params![link.url, link.role, link.signed, expiry(link)];
            insert.execute(row).expect("writes an asset");
        }
        let mut update =
            self.prepare("UPDATE assets SET signed_url = ?2, expires_at = ?3 WHERE url = ?1");
        for link in renewed {
            update.execute(params![link.url, link.signed, expiry(link)]).expect("renews a link");
        }
    }
}

fn expiry(link: &Link<'_>) -> Option<String> {
    link.expires.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).map(text)
}

/// Binds a value, which is kept for the next execution.
fn bind(statement: &mut Statement<'_>, at: usize, value: impl ToSql) {
    statement.raw_bind_parameter(at, value).expect("binds");
}

fn bind_item(statement: &mut Statement<'_>, first: usize, item: &impl Item) {
    bind(statement, first, item.id());
    bind_columns(statement, first + 1, item);
}

fn bind_columns<T: Item>(statement: &mut Statement<'_>, first: usize, item: &T) {
    for column in 0..T::KIND.columns.len() {
        bind(statement, first + column, item.value(column));
    }
}
