//! The mirror's queue: the table `assets`, read in leases and written in batches.
//!
//! On SQLite a lock file admits one mirror, so that leases are not stored: the one process knows which
//! assets it is processing. On PostgreSQL several mirrors share the queue: a lease moves `next_attempt_at`,
//! no row is locked during a download, and no mirror waits for a lock while it holds one, so that a poll is
//! never the victim of a deadlock. The meaning of a response is decided elsewhere.

pub(super) mod sql;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fs::{File, TryLockError},
    time::Duration,
};

pub use sql::{ALLOWED_HOSTS, LAST_REFRESH, PRUNED};
use sqlx::SqlSafeStr;
use url::Url;

use super::{
    bulk::{Bulk, BulkColumn},
    conn::{Arg, Conn, Fault, Row},
    fault::unusable_lock,
    open::{FILE_MODE, Store, beside},
    statements,
};
use crate::{
    catalog::{record::SignedUrl, value::json_texts},
    error::{Error, Result},
    system::open_lock,
    time::{Clock, Timestamp},
};

/// The state of an asset: the column `assets.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssetState {
    /// It waits to be fetched.
    Pending,
    /// A good copy is in the store.
    Mirrored,
    /// The last fetch failed and is retried.
    Failed,
    /// It can no longer be fetched, or its copy was pruned.
    Gone,
    /// The configuration excludes it.
    Skipped,
}

impl AssetState {
    /// Returns the value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Mirrored => "mirrored",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Skipped => "skipped",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Mirrored, Self::Failed, Self::Gone, Self::Skipped]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A row of `assets`.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// The canonical URL, the key.
    pub url: String,
    /// The signed link; `None` if the API's link is unsigned.
    pub signed_url: Option<SignedUrl>,
    /// When the link stops working; `None` when unsigned or unknown.
    pub expires_at: Option<Timestamp>,
    /// Its state.
    pub state: AssetState,
    /// The SHA-256 of the content fetched last, in hex.
    pub sha256: Option<String>,
    /// Its name within the store; `None` while there is no good copy.
    pub file: Option<String>,
    /// Its size, in bytes.
    pub bytes: Option<i64>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The ETag of the last response with content.
    pub etag: Option<String>,
    /// The Last-Modified of the last response with content.
    pub last_modified: Option<String>,
    /// The number of fetches since the last successful one.
    pub attempts: i64,
    /// Not fetched before this time; `None` means at once if pending or failed, else never.
    pub next_attempt_at: Option<Timestamp>,
    /// When the content was stored.
    pub mirrored_at: Option<Timestamp>,
    /// When it was last fetched or found unchanged.
    pub checked_at: Option<Timestamp>,
    /// Why the last fetch failed.
    pub last_error: Option<String>,
}

impl Asset {
    /// Returns the link to fetch: the signed one if there is one.
    pub fn link(&self) -> &str {
        self.signed_url.as_ref().map_or(self.url.as_str(), SignedUrl::expose)
    }

    /// Whether a good copy is in the store.
    pub fn saved(&self) -> bool {
        self.file.is_some()
    }
}

/// The result for a leased asset: its new row.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The row, with the link that was used: a failure is not written if a poll has replaced the link
    /// meanwhile.
    pub asset: Asset,
    /// Whether the content differs from the last one of the URL; if so, it gets a row in `asset_versions`.
    pub new_content: bool,
    /// Whether the link was refused before its expiry: the expiry is cleared, so that the next list may
    /// replace the link.
    pub distrusted: bool,
    /// Whether its file was stored just now. Otherwise the row is only written if it still has the same
    /// file: another process may have found that file missing meanwhile.
    pub stored: bool,
}

impl From<Asset> for Settled {
    /// A result without new content.
    fn from(asset: Asset) -> Self {
        Self { asset, new_content: false, distrusted: false, stored: false }
    }
}

/// Assets of one host that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The number of assets.
    pub count: u64,
    /// The reason.
    pub why: String,
    /// The host, the only part of their URLs that is reported.
    pub host: String,
    /// When the first of them is retried; `None` if that never happens by itself.
    pub next: Option<Timestamp>,
}

impl Failures {
    /// Groups (URL, why, next attempt), the largest group first.
    pub fn group(all: impl IntoIterator<Item = (String, String, Option<Timestamp>)>) -> Vec<Self> {
        let mut groups: BTreeMap<(String, String), (u64, Option<Timestamp>)> = BTreeMap::new();
        for (url, why, next) in all {
            let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
            // The position at which a body broke off differs each time.
            let why = why.split(" after ").next().unwrap_or_default().to_owned();
            let (count, first) = groups.entry((why, host.unwrap_or_default())).or_default();
            *count += 1;
            *first = [*first, next].into_iter().flatten().min();
        }
        let groups = groups.into_iter();
        let mut groups: Vec<Self> =
            groups.map(|((why, host), (count, next))| Self { count, why, host, next }).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

/// The roles of the assets that are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whether pictures are wanted.
    pub pictures: bool,
    /// Whether videos are wanted.
    pub videos: bool,
    /// Whether samples of voices are wanted.
    pub audio: bool,
}

impl Wanted {
    /// The arguments of the statements, in the order of the fields.
    fn args(self) -> [Arg<'static>; 3] {
        [self.pictures, self.videos, self.audio].map(|wanted| Arg::Bool(Some(wanted)))
    }
}

/// A file that the store must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its name within the store.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its size, in bytes.
    pub bytes: i64,
}

/// The right to process the queue: on SQLite a lock file that the kernel releases with the process.
#[derive(Debug)]
pub struct QueueLock {
    file: Option<File>,
}

impl Drop for QueueLock {
    /// Unlocks explicitly: a process that is just being started may have the file open as well.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

impl QueueLock {
    /// Whether no other mirror shares the queue.
    pub fn is_alone(&self) -> bool {
        self.file.is_some()
    }
}

/// The largest accepted difference between the clocks of hosts that poll one account.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10 * 60);

/// The deadline for removing a few files, long enough for a slow store.
const REMOVING: Duration = Duration::from_secs(30 * 60);

impl Store {
    /// Takes the lock of the queue on SQLite; on PostgreSQL mirrors share the queue.
    ///
    /// # Errors
    /// [`crate::error::Kind::Busy`] while another mirror has the lock.
    pub fn lock_queue(&self) -> Result<QueueLock> {
        let Some(path) = self.location.file() else { return Ok(QueueLock { file: None }) };
        // Not the name of an account's lock, all of which begin with `poll-`.
        let path = beside(path, "mirror-queue");
        let file = open_lock(&path, FILE_MODE);
        let locked = file.map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        match locked {
            Ok(file) => Ok(QueueLock { file: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::busy("another mirror is processing this queue; this one is skipped"))
            }
            Err(TryLockError::Error(fault)) => Err(unusable_lock(&path, &fault)),
        }
    }

    /// Updates the queue for the configuration before it is processed. Assets skipped under other allowed
    /// hosts than `allowed`, which is written as in `last_error`, are due at once; so are those that would
    /// wait beyond `latest`.
    pub async fn tidy_queue(
        &mut self,
        wanted: Wanted,
        allowed: &str,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<()> {
        let roles = wanted.args();
        let conn = &mut self.conn;
        let tidied = async {
            begin_between_polls(conn).await?;
            conn.execute(sql::LEAVE_OUT, &roles).await?;
            conn.execute(sql::TAKE_IN, &roles).await?;
            conn.execute(sql::of_other_hosts(), &[now.into(), allowed.into()]).await?;
            conn.execute(sql::OF_A_WRONG_CLOCK, &[now.into(), latest.into()]).await?;
            conn.execute(sql::ALIVE_AFTER_ALL, &[now.into()]).await?;
            conn.execute(sql::needed_again(), &[]).await?;
            conn.execute(statements::COMMIT, &[]).await
        };
        let tidied = tidied.await;
        self.ended(tidied).await.map(drop)
    }

    /// Returns by how many milliseconds the clock of a PostgreSQL server is ahead of `clock`; 0 if the
    /// difference is larger than `CLOCKS_DIFFER`, and on SQLite.
    pub async fn clock_ahead(&mut self, clock: &Clock) -> Result<i64> {
        let Some(server) = self.conn.engine().server() else { return Ok(0) };
        let row = self.conn.row(server.time, &[]).await;
        let time = row.and_then(|row| row.map_or(Ok(0), |row| row.some_int(0)));
        let time = time.map_err(|fault| self.trouble("read", &fault))?;
        let ahead = time.saturating_sub(clock.now().millis());
        Ok(if ahead.unsigned_abs() <= CLOCKS_DIFFER.as_millis() as u64 { ahead } else { 0 })
    }

    /// Returns the number of assets that are due at `now`.
    pub async fn count_due(&mut self, wanted: Wanted, now: Timestamp) -> Result<u64> {
        let row = self.conn.row(sql::count_due(), &due_args(wanted, now)).await;
        let count = row.and_then(|row| row.map_or(Ok(0), |row| row.some_int(0)));
        count.map(|count| count as u64).map_err(|fault| self.trouble("read", &fault))
    }

    /// Leases up to `most` due assets, soonest expiry first, except those `under_way`. On PostgreSQL no
    /// other mirror gets them before `until`.
    pub async fn lease(
        &mut self,
        wanted: Wanted,
        most: usize,
        under_way: &HashSet<String>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Asset>> {
        let engine = self.conn.engine();
        let mut args = due_args(wanted, now);
        match engine.server() {
            None => args.push(((most + under_way.len()) as i64).into()),
            Some(_) => args.extend([(most as i64).into(), until.into()]),
        }
        let rows = self.conn.rows(sql::lease(engine), &args).await;
        let assets = rows.and_then(|rows| rows.iter().map(asset).collect::<Result<Vec<_>, _>>());
        let mut assets = assets.map_err(|fault| self.trouble("read", &fault))?;
        assets.retain(|asset| !under_way.contains(&asset.url));
        assets.truncate(most);
        // RETURNING keeps no order.
        assets.sort_by(|a, b| urgency(a).cmp(&urgency(b)));
        Ok(assets)
    }

    /// Extends the leases of `urls` to `until`; does nothing on SQLite.
    pub async fn renew_leases<'a>(
        &mut self,
        urls: impl Iterator<Item = &'a String>,
        until: Timestamp,
    ) -> Result<()> {
        let Some(server) = self.conn.engine().server() else { return Ok(()) };
        let args = [json(urls), until.into()];
        let renewed = self.conn.execute(server.renew_leases, &args).await;
        renewed.map(drop).map_err(|fault| self.trouble("write", &fault))
    }

    /// Writes the results of some assets, each once, all or nothing. Returns those of their files that were
    /// pruned at some time, perhaps after they had been stored; `None` while a poll writes some of the
    /// assets, or another process removes files: waiting for either could cause deadlocks and let leases
    /// expire.
    pub async fn settle(&mut self, settled: &[Settled]) -> Result<Option<Vec<String>>> {
        let written = settle(&mut self.conn, settled).await;
        if !matches!(written, Ok(Some(_))) {
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        match written {
            Err(fault) if is_held(&fault) => Ok(None),
            written => written.map_err(|fault| self.trouble("write", &fault)),
        }
    }

    /// Returns the current links of `urls`, each with its URL.
    pub async fn links_of<'a>(
        &mut self,
        urls: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<(String, Option<SignedUrl>)>> {
        let sql = sql::links_of(self.conn.engine());
        let rows = self.conn.rows(sql, &[json(urls)]).await;
        let links = rows.and_then(|rows| {
            let link = |row: &Row| Ok((row.some_text(0)?, row.text(1)?.map(SignedUrl::new)));
            rows.iter().map(link).collect()
        });
        links.map_err(|fault| self.trouble("read", &fault))
    }

    /// Returns when a fresh list was last requested for the mirror.
    pub async fn last_refresh(&mut self) -> Result<Option<Timestamp>> {
        let row = self.conn.row(sql::LAST_REFRESH, &[]).await;
        let time = row.and_then(|row| row.map_or(Ok(None), |row| row.time(0)));
        time.map_err(|fault| self.trouble("read", &fault))
    }

    /// Returns every file that the store must contain, by name.
    pub async fn known_files(&mut self) -> Result<Vec<KnownFile>> {
        self.files(sql::KNOWN_FILES, &[]).await
    }

    /// Returns the files that neither a current item nor a version valid at `since` or later needs.
    pub async fn prunable(&mut self, since: Timestamp) -> Result<Vec<KnownFile>> {
        self.files(sql::prunable(), &[since.into()]).await
    }

    async fn files(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Vec<KnownFile>> {
        let rows = self.conn.rows(sql, args).await;
        let files = rows.and_then(|rows| rows.iter().map(known_file).collect());
        files.map_err(|fault| self.trouble("read", &fault))
    }

    /// Queues the assets that lost these files and all that failed, and marks as pruned what can no longer
    /// be fetched. Returns how many lost their file.
    pub async fn queue_again(&mut self, files: &[String], now: Timestamp) -> Result<u64> {
        let engine = self.conn.engine();
        let args = [json(files.iter()), now.into()];
        let conn = &mut self.conn;
        let done = async {
            begin_between_polls(conn).await?;
            conn.execute(sql::mark_lost(engine), &args).await?;
            let queued = conn.execute(sql::queue_again(engine), &args[..1]).await?;
            conn.execute(sql::TRY_AGAIN, &[]).await?;
            conn.execute(statements::COMMIT, &[]).await?;
            Ok(queued)
        };
        let done = done.await;
        self.ended(done).await
    }

    /// Restores those of `files` that were once fetched from a URL; returns their names.
    pub async fn take_back(&mut self, files: &[String]) -> Result<Vec<String>> {
        if files.is_empty() {
            return Ok(vec![]);
        }
        let engine = self.conn.engine();
        let args = [json(files.iter())];
        let conn = &mut self.conn;
        let done = async {
            conn.execute(engine.begin_writing(), &[]).await?;
            if let Some(server) = engine.server() {
                // Waits until no files are being removed, since a removed file cannot be restored.
                conn.rows(server.lock_files_shared, &[]).await?;
            }
            keep_polls_out(conn).await?;
            let known = conn.rows(sql::once_behind(engine), &args).await?;
            conn.execute(sql::take_back(engine), &args).await?;
            conn.execute(sql::restore_copies(engine), &args).await?;
            conn.execute(statements::COMMIT, &[]).await?;
            known.iter().map(|row| row.some_text(0)).collect()
        };
        let done = done.await;
        self.ended(done).await
    }

    /// Queues the assets that lost these files.
    pub async fn lose(&mut self, files: &[String]) -> Result<()> {
        let engine = self.conn.engine();
        let conn = &mut self.conn;
        let done = async {
            begin_between_polls(conn).await?;
            conn.execute(sql::queue_again(engine), &[json(files.iter())]).await?;
            conn.execute(statements::COMMIT, &[]).await
        };
        let done = done.await;
        self.ended(done).await.map(drop)
    }

    /// Marks as pruned the files that are still [`Store::prunable`].
    pub async fn mark_pruned(&mut self, since: Timestamp, now: Timestamp) -> Result<()> {
        let engine = self.conn.engine();
        let conn = &mut self.conn;
        let done = async {
            begin_removing(conn).await?;
            keep_polls_out(conn).await?;
            let rows = conn.rows(sql::prunable(), &[since.into()]).await?;
            let files: Vec<String> =
                rows.iter().map(|row| row.some_text(0)).collect::<Result<_, _>>()?;
            let args = [json(files.iter()), now.into()];
            conn.execute(sql::mark_pruned(engine), &args).await?;
            conn.execute(sql::mark_gone(engine), &args[..1]).await?;
            conn.execute(statements::COMMIT, &[]).await
        };
        let done = done.await;
        self.ended(done).await.map(drop)
    }

    /// Returns those of `files` that no row refers to, and on PostgreSQL keeps mirrors from recording any
    /// file until [`Store::end_removing`] or the end of the process.
    pub async fn begin_removing(&mut self, files: &[String]) -> Result<Vec<String>> {
        let engine = self.conn.engine();
        let args = [json(files.iter())];
        let conn = &mut self.conn;
        let done = async {
            if engine.server().is_some() {
                begin_removing(conn).await?;
            }
            let rows = conn.rows(sql::unnamed(engine), &args).await?;
            rows.iter().map(|row| row.some_text(0)).collect()
        };
        let done = done.await;
        self.ended(done).await
    }

    /// Ends the transaction of [`Store::begin_removing`], so that mirrors continue.
    pub async fn end_removing(&mut self) -> Result<()> {
        if self.conn.engine().server().is_none() {
            return Ok(());
        }
        let ended = self.conn.execute(statements::ROLLBACK, &[]).await;
        ended.map(drop).map_err(|fault| self.trouble("write", &fault))
    }

    async fn ended<T>(&mut self, done: Result<T, Fault>) -> Result<T> {
        if done.is_err() {
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        done.map_err(|fault| self.trouble("write", &fault))
    }
}

fn due_args(wanted: Wanted, now: Timestamp) -> Vec<Arg<'static>> {
    std::iter::once(now.into()).chain(wanted.args()).collect()
}

/// Returns the sort key of an asset, for the same order as in `sql::lease`.
fn urgency(asset: &Asset) -> (bool, bool, Option<Timestamp>, &str) {
    (asset.saved(), asset.signed_url.is_none(), asset.expires_at, &asset.url)
}

fn json<'a>(texts: impl Iterator<Item = &'a String>) -> Arg<'static> {
    Arg::Json(Some(Cow::Owned(json_texts(texts))))
}

fn asset(row: &Row) -> Result<Asset, Fault> {
    let state = AssetState::parse(&row.some_text(3)?);
    Ok(Asset {
        url: row.some_text(0)?,
        signed_url: row.text(1)?.map(SignedUrl::new),
        expires_at: row.time(2)?,
        state: state.ok_or_else(|| row.spoiled(3, "is no state"))?,
        sha256: row.text(4)?,
        file: row.text(5)?,
        bytes: row.int(6)?,
        content_type: row.text(7)?,
        etag: row.text(8)?,
        last_modified: row.text(9)?,
        attempts: row.some_int(10)?,
        next_attempt_at: row.time(11)?,
        mirrored_at: row.time(12)?,
        checked_at: row.time(13)?,
        last_error: row.text(14)?,
    })
}

fn known_file(row: &Row) -> Result<KnownFile, Fault> {
    Ok(KnownFile {
        file: row.some_text(0)?,
        sha256: row.text(1)?.unwrap_or_default(),
        bytes: row.int(2)?.unwrap_or_default(),
    })
}

/// Begins a transaction that may write rows of `assets` in any order: polls write none meanwhile.
async fn begin_between_polls(conn: &mut Conn) -> Result<(), Fault> {
    conn.execute(conn.engine().begin_writing(), &[]).await?;
    keep_polls_out(conn).await
}

/// Keeps polls from writing until the open transaction ends, which on SQLite it does anyway.
async fn keep_polls_out(conn: &mut Conn) -> Result<(), Fault> {
    match conn.engine().server() {
        None => Ok(()),
        Some(server) => conn.execute(server.lock_polls, &[]).await.map(drop),
    }
}

/// Returns whether the fault is a lock of another transaction that was not waited for.
fn is_held(fault: &Fault) -> bool {
    fault.as_database_error().is_some_and(|fault| fault.code().as_deref() == Some("55P03"))
}

async fn begin_removing(conn: &mut Conn) -> Result<(), Fault> {
    let engine = conn.engine();
    conn.execute(engine.begin_writing(), &[]).await?;
    if let Some(server) = engine.server() {
        // Files are removed meanwhile, which takes time: no timeout of the server may end the transaction.
        conn.expect_progress(REMOVING).await?;
        conn.rows(server.lock_files, &[]).await?;
    }
    Ok(())
}

async fn settle(conn: &mut Conn, settled: &[Settled]) -> Result<Option<Vec<String>>, Fault> {
    let engine = conn.engine();
    conn.execute(engine.begin_writing(), &[]).await?;
    if let Some(server) = engine.server() {
        // Before any row is locked.
        let free = conn.row(server.try_lock_files_shared, &[]).await?;
        if free.map_or(Ok(None), |row| row.bool(0))? != Some(true) {
            return Ok(None);
        }
        let urls = json(settled.iter().map(|settled| &settled.asset.url));
        conn.execute(server.hold_assets, &[urls]).await?;
    }
    let news: Vec<&Settled> = settled.iter().filter(|settled| settled.new_content).collect();
    update_assets(conn, settled).await?;
    insert_versions(conn, &news).await?;
    let doubtful = match engine.server() {
        // Pruning takes the lock of the queue, too.
        None => vec![],
        Some(_) => pruned_among(conn, settled).await?,
    };
    conn.execute(statements::COMMIT, &[]).await?;
    Ok(Some(doubtful))
}

async fn pruned_among(conn: &mut Conn, settled: &[Settled]) -> Result<Vec<String>, Fault> {
    let files: Vec<&String> = settled.iter().filter_map(|one| one.asset.file.as_ref()).collect();
    if files.is_empty() {
        return Ok(vec![]);
    }
    let rows = conn.rows(sql::once_pruned(conn.engine()), &[json(files.into_iter())]).await?;
    rows.iter().map(|row| row.some_text(0)).collect()
}

async fn update_assets(conn: &mut Conn, settled: &[Settled]) -> Result<(), Fault> {
    let rows = || settled.iter().map(|settled| &settled.asset);
    let text = |of: fn(&Asset) -> Option<&str>| {
        BulkColumn::Text(rows().map(|asset| of(asset).map(Cow::Borrowed)).collect())
    };
    let time = |of: fn(&Asset) -> Option<Timestamp>| BulkColumn::Time(rows().map(of).collect());
    let good = rows().map(|asset| Some(asset.saved())).collect();
    let distrusted = settled.iter().map(|settled| Some(settled.distrusted)).collect();
    let stored = settled.iter().map(|settled| Some(settled.stored)).collect();
    Bulk::new(settled.len())
        .texts("url", rows().map(|asset| asset.url.as_str()))
        .column("link", text(|asset| asset.signed_url.as_ref().map(SignedUrl::expose)))
        .texts("state", rows().map(|asset| asset.state.as_str()))
        .column("sha256", text(|asset| asset.sha256.as_deref()))
        .column("file", text(|asset| asset.file.as_deref()))
        .column("bytes", BulkColumn::Int(rows().map(|asset| asset.bytes).collect()))
        .column("content_type", text(|asset| asset.content_type.as_deref()))
        .column("etag", text(|asset| asset.etag.as_deref()))
        .column("last_modified", text(|asset| asset.last_modified.as_deref()))
        .column("attempts", BulkColumn::Int(rows().map(|asset| Some(asset.attempts)).collect()))
        .column("next_attempt_at", time(|asset| asset.next_attempt_at))
        .column("mirrored_at", time(|asset| asset.mirrored_at))
        .column("checked_at", time(|asset| asset.checked_at))
        .column("last_error", text(|asset| asset.last_error.as_deref()))
        .column("good", BulkColumn::Bool(good))
        .column("distrusted", BulkColumn::Bool(distrusted))
        .column("stored", BulkColumn::Bool(stored))
        .update(
            conn,
            "assets",
            "state = d.state, sha256 = d.sha256, file = d.file, bytes = d.bytes, \
             content_type = d.content_type, etag = d.etag, last_modified = d.last_modified, \
             attempts = d.attempts, next_attempt_at = d.next_attempt_at, \
             mirrored_at = d.mirrored_at, checked_at = d.checked_at, last_error = d.last_error, \
             expires_at = CASE WHEN d.distrusted THEN NULL ELSE t.expires_at END",
            "t.url = d.url AND (d.good OR t.signed_url IS NOT DISTINCT FROM d.link) \
             AND (d.stored OR t.file IS NOT DISTINCT FROM d.file)",
        )
        .await
}

async fn insert_versions(conn: &mut Conn, news: &[&Settled]) -> Result<(), Fault> {
    let rows = || news.iter().map(|settled| &settled.asset);
    let types = rows().map(|asset| asset.content_type.as_deref().map(Cow::Borrowed)).collect();
    Bulk::new(news.len())
        .texts("url", rows().map(|asset| asset.url.as_str()))
        .column("fetched_at", BulkColumn::Time(rows().map(|asset| asset.mirrored_at).collect()))
        .texts("sha256", rows().map(|asset| asset.sha256.as_deref().unwrap_or_default()))
        .texts("file", rows().map(|asset| asset.file.as_deref().unwrap_or_default()))
        .column("bytes", BulkColumn::Int(rows().map(|asset| asset.bytes).collect()))
        .column("content_type", BulkColumn::Text(types))
        .insert_new(conn, "asset_versions")
        .await
}
