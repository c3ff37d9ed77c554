//! The archive: each answer that was a catalogue, kept beside what `polls` says of it.
//!
//! - [`envelope`]: what is said of a poll
//!
//! After a poll has been committed, [`Archive::keep`] puts the answer without its signatures under
//! its hash, and then an envelope under the poll's number. Nothing is ever written over. It knows
//! neither how a list is polled nor what a replay makes of the files.

pub mod envelope;

use std::{
    io::{self, Read},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use self::envelope::{Entry, Envelope, FORMAT, Stored};
use crate::{
    catalog::stripped::Bodies,
    error::{Error, Result},
    mirror::{Blobs, blob::Spool, workspace::Workspace},
    store::{Store, lock::hex},
};

/// How hard texts are compressed: to a tenth, at 50 MB a second and more.
const LEVEL: i32 = 6;
/// No text is longer, in bytes: what unpacks to more was not written by us.
const MOST: u64 = 4 << 30;
/// Envelopes that are read side by side.
const AT_ONCE: usize = 16;

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

    /// Keeps the answer of the poll with this number, and what the database says of it and of those
    /// that failed right before it.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`]: the poll stands, and is not in the archive.
    pub async fn keep(&self, store: &mut Store, poll: i64, bodies: Bodies) -> Result<()> {
        let file = envelope::file(poll);
        if self.blobs.size(&file).await?.is_some() {
            return Err(Error::storage(format!(
                "{} holds another poll {poll} already, so it belongs to another database; set \
                 archive.store to one of its own",
                self.shown()
            )));
        }
        let rows = store.archived(poll).await?.into_iter();
        let mut entries: Vec<Entry> = rows.map(Entry::from).collect();
        let Some(entry) = entries.pop() else {
            return Err(Error::storage(format!("poll {poll} is gone from the database")));
        };
        let first = entries.first().unwrap_or(&entry).row.poll_id;
        self.look_back(first - 1).await?;
        let workspace = Arc::new(self.blobs.workspace()?);
        let answer = self.keep_answer(bodies, &workspace).await?;
        let envelope =
            Envelope { format: FORMAT.into(), poll: entry, answer, failed_before: entries };
        let json = serde_json::to_vec_pretty(&envelope).map_err(Error::unforeseen)?;
        self.put(json, &file, &workspace).await
    }

    /// Says so once when the poll before is lacking: a replay will end there.
    async fn look_back(&self, before: i64) -> Result<()> {
        if before > 0 && self.blobs.size(&envelope::file(before)).await?.is_none() {
            tracing::error!(
                "poll {before} is not in {}: a replay will end before it; what follows is kept all \
                 the same",
                self.shown()
            );
        }
        Ok(())
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

fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = vec![];
    zstd::Decoder::new(packed)?.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// On a thread where it keeps nobody waiting.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unforeseen)?
}

impl From<(crate::store::row::PollRow, Option<String>)> for Entry {
    fn from((row, previous_digest): (crate::store::row::PollRow, Option<String>)) -> Self {
        Self { previous_digest, row }
    }
}
