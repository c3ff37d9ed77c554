//! The mirror's queue: the table `assets`, read in leases and written in batches.
//!
//! On SQLite a lock file admits one mirror, so that leases are not stored: the one process knows which
//! assets it is processing. On PostgreSQL several mirrors share the queue: a lease moves `next_attempt_at`,
//! no row is locked during a download, and no mirror waits for a lock while it holds one, so that a poll is
//! never the victim of a deadlock. The meaning of a response is decided elsewhere.

mod asset;
mod files;
pub(super) mod sql;
mod transaction;

use std::{borrow::Cow, collections::HashSet, fs::TryLockError, time::Duration};

use self::{
    asset::urgency,
    transaction::{begin_between_polls, json},
};
use super::{
    bulk::{Bulk, BulkColumn},
    conn::{Arg, Conn, Fault, Row},
    fault::unusable_lock,
    file::{FILE_MODE, lock_path_beside},
    lock::LockFile,
    open::Store,
    record::RowType,
    server, statements,
};
use crate::{
    catalog::record::SignedUrl,
    error::{Error, Result},
    system::open_lock,
    time::{Clock, Timestamp},
};
pub use asset::{Asset, AssetState, Failures, Settled, Wanted};
pub use files::KnownFile;
pub use sql::{ALLOWED_HOSTS, LAST_REFRESH};

/// The right to process the queue: on SQLite a lock file that the kernel releases with the process.
#[derive(Debug)]
pub struct QueueLock {
    file: Option<LockFile>,
}

impl QueueLock {
    /// Whether no other mirror shares the queue.
    pub fn is_alone(&self) -> bool {
        self.file.is_some()
    }
}

/// The largest accepted difference between the clocks of hosts that poll one account.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10 * 60);

impl Store {
    /// Takes the lock of the queue on SQLite; on PostgreSQL mirrors share the queue.
    ///
    /// # Errors
    /// [`crate::error::Kind::Busy`] while another mirror has the lock.
    pub fn lock_queue(&self) -> Result<QueueLock> {
        let Some(path) = self.location.file() else { return Ok(QueueLock { file: None }) };
        // Not the name of an account's lock, all of which begin with `poll-`.
        let path = lock_path_beside(path, "mirror-queue");
        let file = open_lock(&path, FILE_MODE);
        let locked = file.map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        match locked {
            Ok(file) => Ok(QueueLock { file: Some(LockFile(file)) }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::busy("another mirror is processing this queue; this one is skipped"))
            }
            Err(TryLockError::Error(fault)) => Err(unusable_lock(&path, &fault)),
        }
    }

    /// Updates the queue for the configuration before it is processed. Assets skipped under other allowed
    /// hosts than `allowed`, which is written as in `last_error`, are due at once; so are those that would
    /// wait beyond `latest`.
    pub async fn update_queue(
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
            conn.execute(sql::still_valid(), &[now.into()]).await?;
            conn.execute(sql::needed_again(), &[]).await?;
            conn.execute(statements::COMMIT, &[]).await
        };
        let tidied = tidied.await;
        self.ended(tidied).await.map(drop)
    }

    /// Returns by how many milliseconds the clock of a PostgreSQL server is ahead of `clock`; 0 if the
    /// difference is larger than `CLOCKS_DIFFER`, and on SQLite.
    pub async fn clock_ahead(&mut self, clock: &Clock) -> Result<i64> {
        if !self.conn.engine().is_server() {
            return Ok(0);
        }
        let time = self.one(server::TIME, &[], |row| row.some_int(0)).await?;
        let ahead = time.unwrap_or(0).saturating_sub(clock.now().millis());
        Ok(if ahead.unsigned_abs() <= CLOCKS_DIFFER.as_millis() as u64 { ahead } else { 0 })
    }

    /// Returns the number of assets that are due at `now`.
    pub async fn count_due(&mut self, wanted: Wanted, now: Timestamp) -> Result<u64> {
        let args = due_args(wanted, now);
        let count = self.one(sql::count_due(), &args, |row| row.some_int(0)).await?;
        Ok(count.unwrap_or(0) as u64)
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
        match engine.is_server() {
            false => args.push(((most + under_way.len()) as i64).into()),
            true => args.extend([(most as i64).into(), until.into()]),
        }
        let mut assets = self.all(sql::lease(engine), &args, Asset::read).await?;
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
        if !self.conn.engine().is_server() {
            return Ok(());
        }
        let args = [json(urls), until.into()];
        let renewed = self.conn.execute(server::RENEW_LEASES, &args).await;
        renewed.map(drop).map_err(|fault| self.storage_error("write", &fault))
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
            written => written.map_err(|fault| self.storage_error("write", &fault)),
        }
    }

    /// Returns the current links of `urls`, each with its URL.
    pub async fn links_of<'a>(
        &mut self,
        urls: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<(String, Option<SignedUrl>)>> {
        let sql = sql::links_of(self.conn.engine());
        let link =
            |row: &Row| Ok((row.some_text("url")?, row.text("signed_url")?.map(SignedUrl::new)));
        self.all(sql, &[json(urls)], link).await
    }

    /// Returns when a fresh list was last requested for the mirror.
    pub async fn last_refresh(&mut self) -> Result<Option<Timestamp>> {
        self.time(sql::LAST_REFRESH, &[]).await
    }
}

fn due_args(wanted: Wanted, now: Timestamp) -> Vec<Arg<'static>> {
    std::iter::once(now.into()).chain(wanted.args()).collect()
}

/// Returns whether the fault is a lock of another transaction that was not waited for.
fn is_held(fault: &Fault) -> bool {
    fault.as_database_error().is_some_and(|fault| fault.code().as_deref() == Some("55P03"))
}

async fn settle(conn: &mut Conn, settled: &[Settled]) -> Result<Option<Vec<String>>, Fault> {
    let engine = conn.engine();
    conn.execute(engine.begin_writing(), &[]).await?;
    if engine.is_server() {
        // Before any row is locked.
        let free = conn.one(server::TRY_LOCK_FILES_SHARED, &[], |row| row.bool(0)).await?;
        if free.flatten() != Some(true) {
            return Ok(None);
        }
        let urls = json(settled.iter().map(|settled| &settled.asset.url));
        conn.execute(server::HOLD_ASSETS, &[urls]).await?;
    }
    let news: Vec<&Settled> = settled.iter().filter(|settled| settled.new_content).collect();
    update_assets(conn, settled).await?;
    insert_versions(conn, &news).await?;
    let maybe_pruned = match engine.is_server() {
        // Pruning takes the lock of the queue, too.
        false => vec![],
        true => pruned_among(conn, settled).await?,
    };
    conn.execute(statements::COMMIT, &[]).await?;
    Ok(Some(maybe_pruned))
}

async fn pruned_among(conn: &mut Conn, settled: &[Settled]) -> Result<Vec<String>, Fault> {
    let files: Vec<&String> = settled.iter().filter_map(|one| one.asset.file.as_ref()).collect();
    if files.is_empty() {
        return Ok(vec![]);
    }
    let args = [json(files.into_iter())];
    conn.all(sql::once_pruned(conn.engine()), &args, |row| row.some_text(0)).await
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
