//! The files that the assets refer to: which are known, lost, found again and no longer needed.

use std::time::Duration;

use super::{
    sql,
    transaction::{begin_between_polls, json, keep_polls_out},
};
use crate::{
    error::Result,
    store::{
        Store,
        conn::{Conn, Fault, Row},
        server, statements,
    },
    time::Timestamp,
};

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

/// The deadline for removing a few files, long enough for a slow store.
const REMOVING: Duration = Duration::from_secs(30 * 60);

impl Store {
    /// Returns every file that the store must contain, by name.
    pub async fn known_files(&mut self) -> Result<Vec<KnownFile>> {
        self.all(sql::KNOWN_FILES, &[], known_file).await
    }

    /// Returns the files that neither a current item nor a version valid at `since` or later needs.
    pub async fn prunable(&mut self, since: Timestamp) -> Result<Vec<KnownFile>> {
        self.all(sql::prunable(), &[since.into()], known_file).await
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
            conn.execute(sql::try_again(), &[]).await?;
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
            if engine.is_server() {
                // Waits until no files are being removed, since a removed file cannot be restored.
                conn.rows(server::LOCK_FILES_SHARED, &[]).await?;
            }
            keep_polls_out(conn).await?;
            let known = conn.all(sql::once_behind(engine), &args, |row| row.some_text(0)).await?;
            conn.execute(sql::take_back(engine), &args).await?;
            conn.execute(sql::restore_copies(engine), &args).await?;
            conn.execute(statements::COMMIT, &[]).await?;
            Ok(known)
        };
        let done = done.await;
        self.ended(done).await
    }

    /// Queues the assets that lost these files.
    pub async fn requeue_lost(&mut self, files: &[String]) -> Result<()> {
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
            let files = conn.all(sql::prunable(), &[since.into()], |row| row.some_text(0)).await?;
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
            if engine.is_server() {
                begin_removing(conn).await?;
            }
            conn.all(sql::unnamed(engine), &args, |row| row.some_text(0)).await
        };
        let done = done.await;
        self.ended(done).await
    }

    /// Ends the transaction of [`Store::begin_removing`], so that mirrors continue.
    pub async fn end_removing(&mut self) -> Result<()> {
        if !self.conn.engine().is_server() {
            return Ok(());
        }
        let ended = self.conn.execute(statements::ROLLBACK, &[]).await;
        ended.map(drop).map_err(|fault| self.storage_error("write", &fault))
    }
}

fn known_file(row: &Row) -> Result<KnownFile, Fault> {
    Ok(KnownFile {
        file: row.some_text(0)?,
        sha256: row.text(1)?.unwrap_or_default(),
        bytes: row.int(2)?.unwrap_or_default(),
    })
}

async fn begin_removing(conn: &mut Conn) -> Result<(), Fault> {
    let engine = conn.engine();
    conn.execute(engine.begin_writing(), &[]).await?;
    if engine.is_server() {
        // Files are removed meanwhile, which takes time: no timeout of the server may end the transaction.
        conn.expect_progress(REMOVING).await?;
        conn.rows(server::LOCK_FILES, &[]).await?;
    }
    Ok(())
}
