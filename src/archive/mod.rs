//! The archive: each answer that was a catalogue, kept beside what `polls` says of it.
//!
//! - [`envelope`]: what is said of a poll
//! - `past`: what the archive has of the polls before
//!
//! Before a poll is committed, [`Archive::stage`] puts the answer without its signatures under its
//! hash, and a note of where it lies under what the poll's row will say of its beginning and of what
//! was received. After the commit [`Archive::keep`] puts an envelope under the poll's number and takes
//! the note away. Who finds that the poll before has no envelope, since its process ended in between
//! or is not done yet, makes it from the note and the database. Nothing is ever written over, and
//! nothing added to what another database has written. It knows neither how a list is polled nor what
//! a replay makes of the files.

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
    mirror::{Blobs, blob::Spool, workspace::Workspace},
    store::{Store, row::PollRow},
    time::Timestamp,
    words::hex,
};

/// How hard texts are compressed: to a tenth, at 50 MB a second and more.
const LEVEL: i32 = 6;
/// No text is longer, in bytes: what unpacks to more was not written by us.
const MOST: u64 = 4 << 30;
/// Envelopes that are read side by side.
const AT_ONCE: usize = 16;
/// An answer on its way into the archive may keep its poll waiting for so long: within the margin
/// of the poll's own deadline.
const STAGING: Duration = Duration::from_secs(60);

/// Where answers are kept.
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
    /// In this store. Nothing is made or asked yet.
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs }
    }

    /// As it is shown to people.
    pub fn shown(&self) -> &str {
        self.blobs.shown()
    }

    /// Whether it can be written to.
    pub async fn probe(&self) -> Result<()> {
        self.blobs.probe().await
    }

    /// Keeps an answer, before its poll is committed. `started_at` is when the poll began, `sha256`
    /// the hash of what was received, as the poll's row will say them.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`], also when it takes too long.
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

    /// Keeps what the database says of the poll with this number, and of those that failed right
    /// before it, beside its answer; and the same for the polls before that lack it, where a note
    /// tells of their answers.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`]: the poll stands, and is not in the archive.
    pub async fn keep(&self, store: &mut Store, poll: i64, stored: Stored) -> Result<()> {
        let Some(latest) = Envelope::of(entries(store, poll).await?, stored) else {
            return Err(Error::storage(format!("poll {poll} is gone from the database")));
        };
        let mut due = vec![latest];
        let end = self.walk_back(store, &mut due).await?;
        if let Some(other) = self.other(store, &end, &due).await? {
            return Err(self.refuse(other, &due).await);
        }
        if let End::Lacking(before) = end {
            tracing::error!(
                "poll {before} is not in {}: a replay will end before it; what follows is kept all \
                 the same",
                self.shown()
            );
        }
        // The oldest first: what is not done then is found again by the next poll.
        for envelope in due.iter().rev() {
            let number = envelope.poll.row.poll_id;
            if !self.put_envelope(envelope).await? {
                return Err(self.refuse(number, &due).await);
            }
            self.forget(&envelope.poll.row).await;
            if number != poll {
                tracing::info!("poll {number} was lacking in {} and is there now", self.shown());
            }
        }
        Ok(())
    }

    /// Takes away the note on a poll's answer. One that stays takes little room, and has no meaning
    /// without its poll.
    pub async fn forget(&self, row: &PollRow) {
        if let Some(note) = envelope::note_of(row)
            && let Err(error) = self.blobs.remove(&note).await
        {
            tracing::debug!("a note stays in the archive: {error}");
        }
    }

    /// What is said when the archive is another database's. Nobody will look for the notes again.
    async fn refuse(&self, number: i64, due: &[Envelope]) -> Error {
        for envelope in due {
            self.forget(&envelope.poll.row).await;
        }
        self.is_another_s(number)
    }

    fn is_another_s(&self, number: i64) -> Error {
        Error::storage(format!(
            "{} holds a poll {number} that is not this database's: it belongs to another one, or this \
             one was restored from an older copy; set archive.store to one of its own",
            self.shown()
        ))
    }

    /// Puts an envelope under its number, unless it is there; false when another poll's is.
    async fn put_envelope(&self, envelope: &Envelope) -> Result<bool> {
        let number = envelope.poll.row.poll_id;
        let file = envelope::file(number);
        if self.blobs.size(&file).await?.is_some() {
            // By another process, which found that it was lacking.
            let there = self.envelope(number).await?;
            return Ok(there.poll.row.digest == envelope.poll.row.digest);
        }
        let json = serde_json::to_vec_pretty(envelope).map_err(Error::unforeseen)?;
        self.put(json, &file, &Arc::new(self.blobs.workspace()?)).await.map(|()| true)
    }

    /// Keeps an answer, unless the same one is there.
    async fn keep_answer(&self, bodies: Bodies, workspace: &Arc<Workspace>) -> Result<Stored> {
        let text = apart(move || bodies.stripped()).await?.into_bytes();
        let stored = Stored::new(hex(&Sha256::digest(&text)), text.len() as u64);
        if self.blobs.size(&stored.file).await?.is_none() {
            self.put(text, &stored.file, workspace).await?;
        }
        Ok(stored)
    }

    async fn put(&self, text: Vec<u8>, file: &str, workspace: &Arc<Workspace>) -> Result<()> {
        let trouble = |fault: io::Error| {
            let why = io_message(&fault);
            Error::storage(format!("cannot write to the archive {}: {why}", self.shown()))
        };
        let packed = apart(move || zstd::encode_all(&text[..], LEVEL).map_err(Error::unforeseen));
        let packed = packed.await?;
        let mut spool = Spool::new(workspace);
        spool.push(&packed).await.map_err(trouble)?;
        spool.finish().await.map_err(trouble)?;
        self.blobs.put(spool, file, "application/zstd").await
    }

    /// Every envelope there is, in the order of their polls.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] for a store that cannot be read, or an envelope that is
    /// damaged.
    pub async fn envelopes(&self) -> Result<Vec<Envelope>> {
        let numbers = futures_util::stream::iter(self.numbers().await?);
        numbers.map(|number| self.envelope(number)).buffered(AT_ONCE).try_collect().await
    }

    /// The polls that have an envelope, in their order.
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

    /// What a file says that is the envelope of a poll.
    async fn opened(&self, number: i64, packed: Bytes) -> Result<Envelope> {
        let file = envelope::file(number);
        let text = self.text(&file, packed).await?;
        let envelope: Envelope = serde_json::from_slice(&text)
            .map_err(|fault| self.damaged(&file, format!("it is no envelope ({fault})")))?;
        match envelope.fault(number) {
            Some(fault) => Err(self.damaged(&file, fault)),
            None => Ok(envelope),
        }
    }

    /// An answer, as its hash says that it was written.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] when it is lacking or damaged.
    pub async fn answer(&self, stored: &Stored) -> Result<Vec<u8>> {
        let packed = self.packed(&stored.file).await?;
        let text = self.text(&stored.file, packed).await?;
        match hex(&Sha256::digest(&text)) == stored.sha256 {
            true => Ok(text),
            false => Err(self.damaged(&stored.file, "its hash is another".into())),
        }
    }

    async fn packed(&self, file: &str) -> Result<Bytes> {
        self.blobs.read(file).await?.ok_or_else(|| {
            Error::storage(format!("{file} is lacking in the archive {}", self.shown()))
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

/// A poll that did not fail, last, and those that failed right before it.
async fn entries(store: &mut Store, poll: i64) -> Result<Vec<Entry>> {
    Ok(store.archived(poll).await?.into_iter().map(Entry::from).collect())
}

fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = vec![];
    zstd::Decoder::new(packed)?.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// On a thread where it keeps nobody waiting.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unforeseen)?
}

impl From<(PollRow, Option<String>)> for Entry {
    fn from((row, previous_digest): (PollRow, Option<String>)) -> Self {
        Self { previous_digest, row }
    }
}
