//! The archive: stores each answer that was a catalogue, with its row of `polls`.
//!
//! - [`envelope`]: the record of a poll
//! - `past`: what the archive contains of earlier polls
//!
//! Before a poll is committed, [`Archive::stage`] stores the answer without its signatures under
//! its hash, and a note of its location under the poll's start and the hash of the response, as
//! they will be in the poll's row. After the commit [`Archive::keep`] stores an envelope under the
//! poll's number and removes the note. If the previous poll has no envelope, because its process
//! ended in between or is not done yet, it is made from the note and the database. Nothing is ever
//! overwritten, and nothing is added to the archive of another database. It knows neither how a
//! list is polled nor how a replay uses the files.

pub mod envelope;
mod past;

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use self::envelope::{Entry, Envelope, Stored};
use crate::{
    catalog::stripped::Bodies,
    error::{Error, Result, io_message},
    mirror::{Blobs, spool::Spool, workspace::Workspace},
    store::{Store, row::PollRow},
    time::Timestamp,
    words::hex,
};

/// The compression level: to a tenth of the size, at 50 MB a second and more.
const LEVEL: i32 = 6;
/// The longest text, in bytes: a longer one was not written by this program.
const MOST: u64 = 4 << 30;
/// The number of envelopes that are read concurrently.
const AT_ONCE: usize = 16;
/// The longest time for which staging an answer may delay its poll: within the margin of the poll's
/// own deadline.
const STAGING: Duration = Duration::from_secs(60);

/// The store of the answers.
pub struct Archive {
    blobs: Blobs,
}

/// Where the search among earlier polls for missing envelopes ends.
enum End {
    /// The database's first poll.
    First,
    /// A poll with an envelope.
    There(i64),
    /// A poll that has none and cannot get one.
    Lacking(i64),
}

impl Archive {
    /// Creates an archive in this store. Nothing is created or requested yet.
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs }
    }

    /// Returns the location for messages.
    pub fn shown(&self) -> &str {
        self.blobs.shown()
    }

    /// Checks whether it can be written to.
    pub async fn probe(&self) -> Result<()> {
        self.blobs.probe().await
    }

    /// Stores an answer, before its poll is committed. `started_at` is the start of the poll,
    /// `sha256` the hash of the response, as they will be in the poll's row.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`], also on a timeout.
    pub async fn stage(
        &self,
        bodies: Bodies,
        started_at: Timestamp,
        sha256: Option<&str>,
    ) -> Result<Stored> {
        let staging = async {
            let workspace = Arc::new(self.blobs.workspace()?);
            let stored = self.keep_answer(bodies, &workspace).await?;
            if let Some(sha256) = sha256 {
                let note = serde_json::to_vec(&stored).map_err(Error::unforeseen)?;
                self.put(note, &envelope::note(started_at, sha256), &workspace).await?;
            }
            Ok(stored)
        };
        let late = |_| {
            Err(Error::storage(format!(
                "writing to the archive {} took longer than {} s",
                self.shown(),
                STAGING.as_secs()
            )))
        };
        tokio::time::timeout(STAGING, staging).await.unwrap_or_else(late)
    }

    /// Stores the database's row of the poll with this number, and of those that failed directly
    /// before it, with its answer; and the same for earlier polls that lack it, if there is a note
    /// on their answers.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`]: the poll is committed, but not in the archive.
    pub async fn keep(&self, store: &mut Store, poll: i64, stored: Stored) -> Result<()> {
        let Some(latest) = Envelope::of(entries(store, poll).await?, stored) else {
            return Err(Error::storage(format!("poll {poll} is no longer in the database")));
        };
        let mut due = vec![latest];
        let end = self.walk_back(store, &mut due).await?;
        if let Some(other) = self.other(store, &end, &due).await? {
            return Err(self.refuse(other, &due).await);
        }
        if let End::Lacking(before) = end {
            tracing::error!(
                "poll {before} is not in {}: a replay will stop before it; later polls are archived \
                 nevertheless",
                self.shown()
            );
        }
        // The oldest first: the next poll finds what is not done.
        for envelope in due.iter().rev() {
            let number = envelope.poll.row.poll_id;
            if !self.put_envelope(envelope).await? {
                return Err(self.refuse(number, &due).await);
            }
            self.forget(&envelope.poll.row).await;
            if number != poll {
                tracing::info!(
                    "poll {number} was missing from {} and is now archived",
                    self.shown()
                );
            }
        }
        Ok(())
    }

    /// Removes the note on a poll's answer. A note that remains takes little space, and has no
    /// meaning without its poll.
    pub async fn forget(&self, row: &PollRow) {
        if let Some(note) = envelope::note_of(row)
            && let Err(error) = self.blobs.remove(&note).await
        {
            tracing::debug!("a note remains in the archive: {error}");
        }
    }

    /// Returns the error of another database's archive. The notes are no longer needed.
    async fn refuse(&self, number: i64, due: &[Envelope]) -> Error {
        for envelope in due {
            self.forget(&envelope.poll.row).await;
        }
        self.of_another_database(number)
    }

    fn of_another_database(&self, number: i64) -> Error {
        Error::storage(format!(
            "{} contains another poll {number}: the archive belongs to another database, or this \
             one was restored from an older copy; set archive.store to a store of its own",
            self.shown()
        ))
    }

    /// Stores an envelope under its number, unless it exists; returns false if it is another
    /// poll's.
    async fn put_envelope(&self, envelope: &Envelope) -> Result<bool> {
        let number = envelope.poll.row.poll_id;
        let file = envelope::file(number);
        if self.blobs.size(&file).await?.is_some() {
            // Stored by another process, which found that it was missing.
            let there = self.envelope(number).await?;
            return Ok(there.poll.row.digest == envelope.poll.row.digest);
        }
        let json = serde_json::to_vec_pretty(envelope).map_err(Error::unforeseen)?;
        self.put(json, &file, &Arc::new(self.blobs.workspace()?)).await.map(|()| true)
    }

    /// Stores an answer, unless the same one exists.
    async fn keep_answer(&self, bodies: Bodies, workspace: &Arc<Workspace>) -> Result<Stored> {
        let text = apart(move || bodies.stripped()).await?.into_bytes();
        let stored = Stored::new(hex(&Sha256::digest(&text)), text.len() as u64);
        if self.blobs.size(&stored.file).await?.is_none() {
            self.put(text, &stored.file, workspace).await?;
        }
        Ok(stored)
    }

    async fn put(&self, text: Vec<u8>, file: &str, workspace: &Arc<Workspace>) -> Result<()> {
        let storage_error = |fault: io::Error| {
            let why = io_message(&fault);
            Error::storage(format!("cannot write to the archive {}: {why}", self.shown()))
        };
        let packed = apart(move || zstd::encode_all(&text[..], LEVEL).map_err(Error::unforeseen));
        let packed = packed.await?;
        let mut spool = Spool::new(workspace);
        spool.push(&packed).await.map_err(storage_error)?;
        spool.finish().await.map_err(storage_error)?;
        self.blobs.put(spool, file, "application/zstd").await
    }

    /// Returns all envelopes, in the order of their polls.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] if the store cannot be read, or an envelope is damaged.
    pub async fn envelopes(&self) -> Result<Vec<Envelope>> {
        let numbers = futures_util::stream::iter(self.numbers().await?);
        numbers.map(|number| self.envelope(number)).buffered(AT_ONCE).try_collect().await
    }

    /// Returns the polls that have an envelope, in their order.
    async fn numbers(&self) -> Result<Vec<i64>> {
        let mut numbers = vec![];
        let mut files = self.blobs.list().await;
        while let Some(listed) = files.try_next().await? {
            numbers.extend(envelope::number(&listed.file));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn envelope(&self, number: i64) -> Result<Envelope> {
        let packed = self.packed(&envelope::file(number)).await?;
        self.opened(number, packed).await
    }

    /// Decodes the file of a poll's envelope.
    async fn opened(&self, number: i64, packed: Bytes) -> Result<Envelope> {
        let file = envelope::file(number);
        let text = self.text(&file, packed).await?;
        let envelope: Envelope = serde_json::from_slice(&text)
            .map_err(|fault| self.damaged(&file, format!("it is not an envelope ({fault})")))?;
        match envelope.fault(number) {
            Some(fault) => Err(self.damaged(&file, fault)),
            None => Ok(envelope),
        }
    }

    /// Returns an answer, checked by its hash.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] if it is missing or damaged.
    pub async fn answer(&self, stored: &Stored) -> Result<Vec<u8>> {
        let packed = self.packed(&stored.file).await?;
        let text = self.text(&stored.file, packed).await?;
        match hex(&Sha256::digest(&text)) == stored.sha256 {
            true => Ok(text),
            false => Err(self.damaged(&stored.file, "its hash does not match".into())),
        }
    }

    async fn packed(&self, file: &str) -> Result<Bytes> {
        self.blobs.read(file).await?.ok_or_else(|| {
            Error::storage(format!("{file} is missing from the archive {}", self.shown()))
        })
    }

    async fn text(&self, file: &str, packed: Bytes) -> Result<Vec<u8>> {
        let text = apart(move || unpacked(&packed).map_err(Error::storage)).await;
        text.map_err(|fault| self.damaged(file, fault.message))
    }

    fn damaged(&self, file: &str, why: String) -> Error {
        Error::storage(format!(
            "{file} in the archive {} is damaged: {why}; restore it from a copy",
            self.shown()
        ))
    }
}

/// Returns a poll that did not fail, last, and those that failed directly before it.
async fn entries(store: &mut Store, poll: i64) -> Result<Vec<Entry>> {
    Ok(store.archived(poll).await?.into_iter().map(Entry::from).collect())
}

fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = vec![];
    zstd::Decoder::new(packed)?.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// Runs `work` on a thread that may block.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unforeseen)?
}

impl From<(PollRow, Option<String>)> for Entry {
    fn from((row, previous_digest): (PollRow, Option<String>)) -> Self {
        Self { previous_digest, row }
    }
}
