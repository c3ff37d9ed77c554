//! What the gallery asks: pages of the catalogue as it is or was, facets, one item, changes, polls.
//!
//! Every answer is bounded in rows and in time, and a page is read at one point in time. Reading
//! never takes a lock that a poll waits for. It knows no URL of the gallery and no HTML; a signed
//! link is never read here.
//!
//! - [`filter`]: what can be asked of a list
//! - [`items`]: a page of a list, its facets, all of it
//! - [`item`]: one item with its history
//! - [`changes`]: the change feed, poll by poll
//! - [`polls`]: polls, sums by day
//! - [`overview`]: what the front page shows

pub mod changes;
pub mod filter;
pub mod item;
pub mod items;
pub mod overview;
pub mod polls;
mod sql;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::AssertSqlSafe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    conn::{Arg, Conn, Engine, Fault, Row},
    fault::trouble,
    location::Location,
    open::{Standing, Store, of_another_version},
    row::PollRow,
    statements,
};
use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// The longest that a page may read.
pub const PAGE_TIME: Duration = Duration::from_secs(8);
/// The longest that an export may read.
pub const EXPORT_TIME: Duration = Duration::from_secs(120);
/// Connections for pages; two more are kept for exports, so that these never hold up a page.
const CONNECTIONS: usize = 4;
const EXPORTS: usize = 2;

/// Why there is nothing to read.
#[derive(Debug)]
pub enum Unreadable {
    /// No catalogue stands at the place yet.
    NoCatalogue,
    /// The catalogue was written by another version of the program; said for people.
    OfAnotherVersion(Error),
    /// The database is locked, away or too slow; said for people.
    Trouble(Error),
}

impl From<Error> for Unreadable {
    fn from(error: Error) -> Self {
        Self::Trouble(error)
    }
}

/// Reads one database, by a few connections that only read.
#[derive(Debug)]
pub struct Reader {
    location: Location,
    pages: Lane,
    exports: Lane,
}

#[derive(Debug)]
struct Lane {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Open>>>,
}

#[derive(Debug)]
struct Open {
    conn: Conn,
    /// Device and inode of the file, to notice that another one stands there.
    file: Option<(u64, u64)>,
    /// Milliseconds after [`Reader`]'s epoch at which SQLite gives up.
    deadline: Arc<AtomicI64>,
}

impl Lane {
    fn new(width: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(width)), idle: Arc::default() }
    }
}

impl Reader {
    /// For the database at `location`, which is opened when something is asked.
    pub fn new(location: Location) -> Self {
        Self { location, pages: Lane::new(CONNECTIONS), exports: Lane::new(EXPORTS) }
    }

    /// Begins the reading of a page.
    pub async fn page(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.pages, PAGE_TIME).await
    }

    /// Begins the reading of an export.
    pub async fn export(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.exports, EXPORT_TIME).await
    }

    async fn begin(&self, lane: &Lane, limit: Duration) -> Result<Reading, Unreadable> {
        let waited = tokio::time::timeout(PAGE_TIME, lane.permits.clone().acquire_owned()).await;
        let permit = waited.ok().and_then(|permit| permit.ok()).ok_or_else(|| {
            Error::busy("too many are reading at once; try again in a moment".to_owned())
        })?;
        let kept = lane.idle.lock().ok().and_then(|mut idle| idle.pop());
        let kept = kept.filter(|open| open.file == file_id(&self.location));
        let open = match kept {
            Some(open) => open,
            None => self.open().await?,
        };
        let mut reading = Reading {
            open: Some(open),
            idle: lane.idle.clone(),
            location: self.location.clone(),
            queries: 0,
            _permit: permit,
        };
        match reading.start(limit).await {
            Ok(()) => Ok(reading),
            // A kept connection may have died meanwhile: one fresh one is tried.
            Err(_) => {
                reading.open = Some(self.open().await?);
                reading.start(limit).await?;
                Ok(reading)
            }
        }
    }

    async fn open(&self) -> Result<Open, Unreadable> {
        let store = match Store::open_what_stands(&self.location).await? {
            Standing::Nothing => return Err(Unreadable::NoCatalogue),
            Standing::OfAnotherVersion(error) => return Err(Unreadable::OfAnotherVersion(error)),
            Standing::Catalogue(store) => store,
        };
        let mut conn = store.conn;
        let deadline = Arc::new(AtomicI64::new(i64::MAX));
        let prepared = prepare(&mut conn, deadline.clone()).await;
        prepared.map_err(|fault| trouble(&self.location, "read", &fault))?;
        Ok(Open { conn, file: file_id(&self.location), deadline })
    }
}

fn file_id(location: &Location) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata::<&Path>(location.file()?).ok()?;
    Some((file.dev(), file.ino()))
}

fn millis_now() -> i64 {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let elapsed = EPOCH.get_or_init(Instant::now).elapsed();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// A SQLite connection stops by itself at its deadline: a dropped query would run on otherwise.
async fn prepare(conn: &mut Conn, deadline: Arc<AtomicI64>) -> Result<(), Fault> {
    if let Conn::Sqlite(sqlite) = conn {
        let mut handle = sqlite.lock_handle().await?;
        handle
            .set_progress_handler(20_000, move || millis_now() < deadline.load(Ordering::Relaxed));
        drop(handle);
        // Reads come from the page cache of the system, without a copy each.
        conn.batch(
            "PRAGMA query_only = 1; PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -8000",
        )
        .await?;
    }
    Ok(())
}

/// Begins a transaction that only reads; on PostgreSQL with its own limits, and without helpers,
/// which take longer to start than a page takes to read.
async fn begin(conn: &mut Conn, millis: i64) -> Result<(), Fault> {
    conn.execute(statements::begin_reading(conn.engine()), &[]).await?;
    if conn.engine() == Engine::Postgres {
        let limits = format!(
            "SET LOCAL statement_timeout = {millis}; SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'"
        );
        conn.batch(AssertSqlSafe(limits)).await?;
    }
    Ok(())
}

/// The reading of one page: all its answers are of one point in time.
#[derive(Debug)]
pub struct Reading {
    open: Option<Open>,
    idle: Arc<Mutex<Vec<Open>>>,
    location: Location,
    queries: u32,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    /// How many queries were asked.
    pub fn queries(&self) -> u32 {
        self.queries
    }

    pub(in crate::store) fn conn(&mut self) -> Result<&mut Conn, Fault> {
        self.open.as_mut().map(|open| &mut open.conn).ok_or(Fault::PoolClosed)
    }

    fn engine(&self) -> Engine {
        self.open.as_ref().map_or(Engine::Sqlite, |open| open.conn.engine())
    }

    async fn start(&mut self, limit: Duration) -> Result<()> {
        let millis = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        if let Some(open) = &self.open {
            open.deadline.store(millis_now().saturating_add(millis), Ordering::Relaxed);
        }
        let begun = match self.conn() {
            Ok(conn) => begin(conn, millis).await,
            Err(fault) => Err(fault),
        };
        begun.map_err(|fault| self.trouble(&fault))
    }

    /// Ends the reading; its connection serves the next one.
    pub async fn end(mut self) {
        let Some(mut open) = self.open.take() else { return };
        if open.conn.execute(statements::ROLLBACK, &[]).await.is_ok()
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(open);
        }
    }

    pub(in crate::store) fn trouble(&self, fault: &Fault) -> Error {
        trouble(&self.location, "read", fault)
    }

    async fn rows(&mut self, sql: String, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.queries += 1;
        let began = Instant::now();
        let read = match self.conn() {
            Ok(conn) => conn.rows(AssertSqlSafe(sql.clone()), args).await,
            Err(fault) => Err(fault),
        };
        tracing::trace!(ms = began.elapsed().as_millis() as u64, sql, "asked");
        read.map_err(|fault| self.trouble(&fault))
    }

    async fn ask<T>(
        &mut self,
        sql: String,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>> {
        let rows = self.rows(sql, args).await?;
        let read: Result<Vec<T>, Fault> = rows.iter().map(read).collect();
        read.map_err(|fault| self.trouble(&fault))
    }

    /// What every page is stamped with.
    ///
    /// # Errors
    /// [`Unreadable::OfAnotherVersion`] where the tables were migrated since they were opened.
    pub async fn mark(&mut self) -> Result<Mark, Unreadable> {
        let asked = self.ask(sql::MARK.to_owned(), &[], |row| {
            let mirror = (row.time(2)?, row.time(3)?, row.some_int(4)?, row.time(5)?);
            Ok((row.text(0)?, row.int(1)?, mirror, (row.time(6)?, row.text(7)?), row.int(8)?))
        });
        let mut mark = Mark::default();
        for (account, poll, mirror, which, version) in asked.await? {
            if let Some(error) = of_another_version(&self.location, version.unwrap_or(0)) {
                return Err(Unreadable::OfAnotherVersion(error));
            }
            mark.accounts.extend(account);
            mark.last_poll = poll.unwrap_or(0);
            mark.mirror = mirror;
            mark.which = which;
        }
        Ok(mark)
    }

    /// The account's last good poll and the one before it, at `at` or now.
    pub async fn good_polls(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<GoodPoll>> {
        let at = at.unwrap_or(Timestamp::from_millis(i64::MAX));
        let sql = sql::good_polls();
        self.ask(sql, &[account.into(), at.into()], |row| {
            Ok(GoodPoll {
                row: PollRow::read(row, 0)?,
                first: row.time(32)?,
                number: row.some_int(33)?,
            })
        })
        .await
    }
}

/// What the whole gallery hangs on: the accounts, the last poll, the last write of the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The accounts, by name.
    pub accounts: Vec<String>,
    /// The number of the last poll of any account.
    pub last_poll: i64,
    /// When the mirror last checked a picture, the latest time of a new try, how many pictures
    /// and videos are not saved, by their states in one number, and when a kept content was last given up.
    pub mirror: (Option<Timestamp>, Option<Timestamp>, i64, Option<Timestamp>),
    /// When the last poll ended, and what it read: another database may have as many polls.
    pub which: (Option<Timestamp>, Option<String>),
}

/// A poll that did not fail.
#[derive(Clone, Debug)]
pub struct GoodPoll {
    /// Its row.
    pub row: PollRow,
    /// When the account's first good poll was.
    pub first: Option<Timestamp>,
    /// How many good polls the account had up to this one, itself included.
    pub number: i64,
}
