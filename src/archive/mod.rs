//! The archive: each answer that was a catalogue, kept beside what `polls` says of it.
//!
//! - [`envelope`]: what is said of a poll
//!
//! Before a poll is committed, [`Archive::receive`] puts the answer without its signatures under its
//! hash, and under the hash of what was received a note of where it lies. After the commit
//! [`Archive::keep`] puts an envelope under the poll's number and takes the note away. Who finds that
//! the poll before has no envelope, since its process ended in between or is not done yet, makes
//! it from the note and the database. Nothing is ever written over. It knows neither how a list is
//! polled nor what a replay makes of the files.

pub mod envelope;

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use self::envelope::{Entry, Envelope, FORMAT, Stored};
use crate::{
    catalog::stripped::Bodies,
    error::{Error, Result},
    mirror::{Blobs, blob::Spool, workspace::Workspace},
    store::{Store, lock::hex, row::PollRow},
};

/// How hard texts are compressed: to a tenth, at 50 MB a second and more.
const LEVEL: i32 = 6;
/// No text is longer, in bytes: what unpacks to more was not written by us.
const MOST: u64 = 4 << 30;
/// Envelopes that are read side by side.
const AT_ONCE: usize = 16;
/// An answer on its way into the archive may keep its poll waiting for so long: within the margin
/// of the poll's own deadline.
const RECEIVING: Duration = Duration::from_secs(60);

/// Where answers are kept.
pub struct Archive {
    blobs: Blobs,
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

    /// Keeps an answer, before its poll is committed. `sha256` is the hash of what was received, as
    /// the poll's row will say it.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`], also when it takes too long.
    pub async fn receive(&self, bodies: Bodies, sha256: Option<&str>) -> Result<Stored> {
        let receiving = async {
            let workspace = Arc::new(self.blobs.workspace()?);
            let stored = self.keep_answer(bodies, &workspace).await?;
            if let Some(sha256) = sha256 {
                let note = serde_json::to_vec(&stored).map_err(Error::unforeseen)?;
                self.put(note, &envelope::note(sha256), &workspace).await?;
            }
            Ok(stored)
        };
        let late = |_| {
            Err(Error::storage(format!(
                "writing to the archive {} took longer than {} s",
                self.shown(),
                RECEIVING.as_secs()
            )))
        };
        tokio::time::timeout(RECEIVING, receiving).await.unwrap_or_else(late)
    }

    /// Keeps what the database says of the poll with this number, and of those that failed right
    /// before it, beside its answer.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`]: the poll stands, and is not in the archive.
    pub async fn keep(&self, store: &mut Store, poll: i64, stored: Stored) -> Result<()> {
        let entries = entries(store, poll).await?;
        let Some((entry, failed)) = entries.split_last() else {
            return Err(Error::storage(format!("poll {poll} is gone from the database")));
        };
        self.look_back(store, failed.first().unwrap_or(entry).row.poll_id - 1).await?;
        self.put_envelope(entry, failed, stored).await?;
        self.forget(&entry.row).await;
        Ok(())
    }

    /// Takes away the note on a poll's answer. One that stays takes little room, and has no meaning
    /// without its poll.
    pub async fn forget(&self, row: &PollRow) {
        if let Some(sha256) = &row.response_sha256
            && let Err(error) = self.blobs.remove(&envelope::note(sha256)).await
        {
            tracing::debug!("a note stays in the archive: {error}");
        }
    }

    /// Puts an envelope under its number, unless the same one is there.
    async fn put_envelope(&self, entry: &Entry, failed: &[Entry], stored: Stored) -> Result<()> {
        let number = entry.row.poll_id;
        let file = envelope::file(number);
        if self.blobs.size(&file).await?.is_some() {
            return match self.envelope(number).await? {
                // By another process, which found that it was lacking.
                there if there.poll == *entry => Ok(()),
                _ => {
                    self.forget(&entry.row).await;
                    Err(Error::storage(format!(
                        "{} holds another poll {number} already, so it belongs to another database; \
                         set archive.store to one of its own",
                        self.shown()
                    )))
                }
            };
        }
        let envelope = Envelope {
            format: FORMAT.into(),
            poll: entry.clone(),
            answer: stored,
            failed_before: failed.to_vec(),
        };
        let json = serde_json::to_vec_pretty(&envelope).map_err(Error::unforeseen)?;
        self.put(json, &file, &Arc::new(self.blobs.workspace()?)).await
    }

    /// Makes the envelopes that are lacking up to the poll `before`, as far as that can be done.
    /// Says so once when one cannot: a replay will end there.
    async fn look_back(&self, store: &mut Store, before: i64) -> Result<()> {
        let mut before = before;
        while before > 0 && !self.is_there(before).await? {
            match self.made_up_for(store, before).await? {
                Some(earlier) => before = earlier,
                // Another process may have come first, and taken the note away.
                None if self.is_there(before).await? => break,
                None => {
                    tracing::error!(
                        "poll {before} is not in {}: a replay will end before it; what follows is \
                         kept all the same",
                        self.shown()
                    );
                    break;
                }
            }
        }
        Ok(())
    }

    async fn is_there(&self, poll: i64) -> Result<bool> {
        Ok(self.blobs.size(&envelope::file(poll)).await?.is_some())
    }

    /// Makes the envelope of a poll from the note that was left before its commit; the poll before
    /// it that did not fail, or `None` where there is no note.
    async fn made_up_for(&self, store: &mut Store, poll: i64) -> Result<Option<i64>> {
        let entries = entries(store, poll).await?;
        let Some((entry, failed)) = entries.split_last() else { return Ok(None) };
        let Some(sha256) = &entry.row.response_sha256 else { return Ok(None) };
        let note = envelope::note(sha256);
        let Some(packed) = self.blobs.read(&note).await? else { return Ok(None) };
        let stored = apart(move || unpacked(&packed).map_err(Error::storage)).await?;
        let stored = serde_json::from_slice(&stored)
            .map_err(|fault| self.damaged(&note, format!("it is no note ({fault})")))?;
        self.put_envelope(entry, failed, stored).await?;
        self.forget(&entry.row).await;
        tracing::info!("poll {poll} was lacking in {} and is there now", self.shown());
        Ok(Some(failed.first().unwrap_or(entry).row.poll_id - 1))
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
            Error::storage(format!("cannot write to the archive {}: {fault}", self.shown()))
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
        let mut numbers = vec![];
        let mut files = self.blobs.list().await;
        while let Some(listed) = files.try_next().await? {
            numbers.extend(envelope::number(&listed.file));
        }
        numbers.sort_unstable();
        let envelopes = futures_util::stream::iter(numbers).map(|number| self.envelope(number));
        envelopes.buffered(AT_ONCE).try_collect().await
    }

    async fn envelope(&self, number: i64) -> Result<Envelope> {
        let file = envelope::file(number);
        let text = self.text(&file).await?;
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
        let text = self.text(&stored.file).await?;
        match hex(&Sha256::digest(&text)) == stored.sha256 {
            true => Ok(text),
            false => Err(self.damaged(&stored.file, "its hash is another".into())),
        }
    }

    async fn text(&self, file: &str) -> Result<Vec<u8>> {
        let Some(packed) = self.blobs.read(file).await? else {
            return Err(Error::storage(format!(
                "{file} is lacking in the archive {}",
                self.shown()
            )));
        };
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
