//! One reading: the queries of one page or export, all in one snapshot.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use tokio::sync::OwnedSemaphorePermit;

use super::{scope::Moments, sql};
use crate::{
    catalog::{catalogue::Catalogue, held::HeldSet},
    error::{Error, Result},
    store::{
        conn::{Arg, Conn, Engine, Fault, Row},
        open::{Store, Unreadable, of_another_version},
        record::RowType,
        row::PollRow,
        statements,
    },
    time::Timestamp,
};

/// The maximum time that a page may read.
pub const PAGE_TIME: Duration = Duration::from_secs(8);
/// The maximum time that an export may read.
pub const EXPORT_TIME: Duration = Duration::from_secs(120);

/// A connection for reading.
#[derive(Debug)]
pub(super) struct OpenConn {
    pub(super) store: Store,
    /// Device and inode of the file, by which a replaced file is detected.
    pub(super) file: Option<(u64, u64)>,
    /// When SQLite aborts queries.
    pub(super) deadline: Arc<Mutex<Instant>>,
}

/// The reading of one page: all its queries see the same snapshot.
#[derive(Debug)]
pub struct Reading {
    open: OpenConn,
    idle: Arc<Mutex<Vec<OpenConn>>>,
    queries: u32,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    pub(super) fn new(
        open: OpenConn,
        idle: Arc<Mutex<Vec<OpenConn>>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { open, idle, queries: 0, _permit: permit }
    }

    /// Returns the number of queries that were sent.
    pub fn queries(&self) -> u32 {
        self.queries
    }

    pub(in crate::store) fn conn(&mut self) -> &mut Conn {
        &mut self.open.store.conn
    }

    /// Returns the database within this reading, for queries of other modules.
    pub fn store(&mut self) -> &mut Store {
        self.queries += 1;
        &mut self.open.store
    }

    pub(super) fn engine(&self) -> Engine {
        self.open.store.conn.engine()
    }

    /// Continues on another connection.
    pub(super) fn replace(&mut self, open: OpenConn) {
        self.open = open;
    }

    /// Begins the transaction, which fails after `limit`.
    pub(super) async fn start(&mut self, limit: Duration) -> Result<()> {
        if let Ok(mut deadline) = self.open.deadline.lock() {
            *deadline = Instant::now() + limit;
        }
        let begun = sql::begin(self.conn(), limit).await;
        begun.map_err(|fault| self.storage_error(&fault))
    }

    /// Ends the transaction and keeps the connection for the next reading.
    pub async fn end(self) {
        let Self { mut open, idle, _permit, .. } = self;
        if open.store.conn.execute(statements::ROLLBACK, &[]).await.is_ok()
            && let Ok(mut idle) = idle.lock()
        {
            idle.push(open);
        }
    }

    pub(in crate::store) fn storage_error(&self, fault: &Fault) -> Error {
        self.open.store.storage_error("read", fault)
    }

    /// Like [`Self::ask`], but returns the fault itself.
    pub(super) async fn rows_of<T>(
        &mut self,
        sql: String,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.queries += 1;
        let began = Instant::now();
        let read = self.conn().all(AssertSqlSafe(sql.clone()), args, read).await;
        tracing::trace!(ms = began.elapsed().as_millis() as u64, sql, "query");
        read
    }

    /// Returns the rows of a query, each decoded by `read`.
    pub(super) async fn ask<T>(
        &mut self,
        sql: String,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>> {
        let rows = self.rows_of(sql, args, read).await;
        rows.map_err(|fault| self.storage_error(&fault))
    }

    /// Passes each row to `each`, which completes before the next row is read.
    pub(super) async fn stream<T, F, Fut>(
        &mut self,
        sql: String,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
        each: &mut F,
    ) -> Result<()>
    where
        F: FnMut(T) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        self.queries += 1;
        let streamed = async {
            let mut rows = self.conn().stream(AssertSqlSafe(sql), args)?;
            while let Some(row) = rows.try_next().await? {
                each(read(&row)?).await?;
            }
            Ok(())
        };
        let streamed: Result<(), Fault> = streamed.await;
        streamed.map_err(|fault| self.storage_error(&fault))
    }

    /// Returns the state of the database that every page depends on.
    ///
    /// # Errors
    /// [`Unreadable::OfAnotherVersion`] if the tables were migrated since they were opened.
    pub async fn stamp(&mut self) -> Result<Stamp, Unreadable> {
        let rows = self.ask(sql::STAMP.to_owned(), &[], |row| {
            let (checked, next) = (row.time("checked_at")?, row.time("next_attempt_at")?);
            let mirror = (checked, next, row.some_int("states")?, row.time("pruned_at")?);
            let which = (row.time("finished_at")?, row.text("sha256")?);
            Ok((row.text("account")?, row.int("last_poll")?, mirror, which, row.int("version")?))
        });
        let mut stamp = Stamp::default();
        for (account, poll, mirror, which, version) in rows.await? {
            if let Some(error) =
                of_another_version(self.open.store.location(), version.unwrap_or(0))
            {
                return Err(Unreadable::OfAnotherVersion(error));
            }
            stamp.accounts.extend(account);
            stamp.last_poll = poll.unwrap_or(0);
            stamp.mirror = mirror;
            stamp.which = which;
        }
        Ok(stamp)
    }

    /// Returns the good polls of an account, the last ones as of `at` or now.
    pub async fn good_polls(&mut self, account: &str, at: Option<Timestamp>) -> Result<GoodPolls> {
        let until = at.unwrap_or(Timestamp::from_millis(i64::MAX));
        let args = [account.into(), until.into()];
        let rows = self.ask(sql::good_polls(), &args, |row| {
            let last = row.int("poll_id")?.map(|_| PollRow::read(row)).transpose()?;
            Ok((row.some_text("which")?, row.time("first_at")?, last))
        });
        let mut polls = GoodPolls::default();
        for (catalogue, first, last) in rows.await? {
            polls.firsts.extend(Catalogue::parse(&catalogue).zip(first));
            polls.last.extend(last);
        }
        Ok(polls)
    }

    /// Returns the removals that `poll`, the last good poll of its catalogue, holds; `None` if it holds none.
    /// Its statements are not among [`Self::queries`], which are those of every page.
    pub async fn held(&mut self, poll: &PollRow) -> Result<Option<HeldSet>> {
        self.open.store.held_by(poll).await
    }
}

/// The state that every page depends on: the accounts, the last poll, the last write of the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The accounts, by name.
    pub accounts: Vec<String>,
    /// The number of the last poll of any account.
    pub last_poll: i64,
    /// When the mirror last checked an asset, the latest time of a retry, how many assets are not
    /// mirrored (by state, in one number), and when a stored content was last pruned.
    pub mirror: (Option<Timestamp>, Option<Timestamp>, i64, Option<Timestamp>),
    /// When the last poll ended, and the hash of its response. They distinguish this database from another
    /// with the same number of polls.
    pub which: (Option<Timestamp>, Option<String>),
}

/// The polls of an account that did not fail.
#[derive(Clone, Debug, Default)]
pub struct GoodPolls {
    /// The time of the first one of each catalogue that was ever polled.
    pub firsts: Vec<(Catalogue, Timestamp)>,
    /// The last one of each catalogue, at the requested time.
    pub last: Vec<PollRow>,
}

impl GoodPolls {
    /// Returns the time of the first one of a catalogue; `None` if there is none.
    pub fn first_of(&self, catalogue: Catalogue) -> Option<Timestamp> {
        let known = self.firsts.iter().find(|(one, _)| *one == catalogue);
        known.map(|(_, first)| *first)
    }

    /// Returns the last one of a catalogue; `None` if there is none.
    pub fn last_of(&self, catalogue: Catalogue) -> Option<&PollRow> {
        self.last.iter().find(|poll| poll.catalogue() == catalogue)
    }

    /// Returns the time of the last one of any catalogue; `None` if there is none.
    pub fn newest(&self) -> Option<Timestamp> {
        self.last.iter().filter_map(|poll| poll.observed_at).max()
    }

    /// Returns the moments to which the facets of a catalogue refer after `poll`; `reference` is the start of
    /// a day.
    pub fn moments(&self, poll: &PollRow, reference: Timestamp) -> Moments {
        let at = poll.observed_at.unwrap_or(reference);
        Moments { poll: at, first: self.first_of(poll.catalogue()).unwrap_or(at), reference }
    }

    /// Whether a poll is the first good one of its catalogue.
    pub fn is_first(&self, poll: &PollRow) -> bool {
        !poll.failed() && poll.observed_at == self.first_of(poll.catalogue())
    }
}
