//! What the archive has of the polls before one that is to be kept: which of them lack their
//! envelope, and whether those that are there are this database's own. It writes nothing.

use super::{
    Archive, End, entries,
    envelope::{self, Envelope, Stored},
    unpacked,
};
use crate::{
    error::{Error, Result},
    store::Store,
};

impl Archive {
    /// Whether its last envelope is of this database, which is `None` where there is none yet. An
    /// empty archive is anybody's.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] when it is another's, or cannot be read.
    pub async fn is_of(&self, store: Option<&mut Store>) -> Result<()> {
        let Some(last) = self.numbers().await?.pop() else { return Ok(()) };
        let envelope = self.envelope(last).await?;
        let known = match store {
            Some(store) => has(store, &envelope).await?,
            None => false,
        };
        known.then_some(()).ok_or_else(|| self.is_another_s(last))
    }

    /// Adds to `due`, the newest first, the polls before it that lack their envelope, as far as
    /// notes tell of their answers.
    pub(super) async fn walk_back(
        &self,
        store: &mut Store,
        due: &mut Vec<Envelope>,
    ) -> Result<End> {
        while let Some(before) = due.last().map(Envelope::before).filter(|before| *before > 0) {
            if self.is_there(before).await? {
                return Ok(End::There(before));
            }
            match self.noted(store, before).await? {
                Some(envelope) => due.push(envelope),
                // Another process may have come first, and taken the note away.
                None if self.is_there(before).await? => return Ok(End::There(before)),
                None => return Ok(End::Lacking(before)),
            }
        }
        Ok(End::First)
    }

    /// The number of an envelope next to those that are `due` which is not of this database.
    pub(super) async fn other(
        &self,
        store: &mut Store,
        end: &End,
        due: &[Envelope],
    ) -> Result<Option<i64>> {
        let failed = due.iter().any(|envelope| !envelope.failed_before.is_empty());
        let next = match *end {
            // Between it and the last that is due there is room for none.
            End::There(before) if !failed => vec![before],
            End::There(before) | End::Lacking(before) => self.around(before).await?,
            End::First => self.around(0).await?,
        };
        for number in next {
            if let Some(envelope) = self.sound(number).await?
                && !has(store, &envelope).await?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The last envelope up to a poll, and the first after it.
    async fn around(&self, poll: i64) -> Result<Vec<i64>> {
        let numbers = self.numbers().await?;
        let after = numbers.partition_point(|number| *number <= poll);
        let (up_to, after) = numbers.split_at(after);
        Ok(up_to.last().into_iter().chain(after.first()).copied().collect())
    }

    /// An envelope that is there and whole. Of a damaged one nobody can say whose it is; it keeps
    /// nothing from being kept after it.
    async fn sound(&self, number: i64) -> Result<Option<Envelope>> {
        let Some(packed) = self.blobs.read(&envelope::file(number)).await? else {
            return Ok(None);
        };
        match self.opened(number, packed).await {
            Ok(envelope) => Ok(Some(envelope)),
            Err(error) => {
                tracing::error!("{error}");
                Ok(None)
            }
        }
    }

    async fn is_there(&self, poll: i64) -> Result<bool> {
        Ok(self.blobs.size(&envelope::file(poll)).await?.is_some())
    }

    /// The envelope of a poll, by the note that was left before its commit.
    async fn noted(&self, store: &mut Store, poll: i64) -> Result<Option<Envelope>> {
        let entries = entries(store, poll).await?;
        let note = entries.last().and_then(|entry| envelope::note_of(&entry.row));
        let Some(note) = note else { return Ok(None) };
        let Some(packed) = self.blobs.read(&note).await? else { return Ok(None) };
        let stored = super::apart(move || read_note(&packed)).await;
        if let Err(error) = &stored {
            tracing::error!("{note} in the archive {} is damaged: {error}", self.shown());
        }
        Ok(stored.ok().and_then(|stored| Envelope::of(entries, stored)))
    }
}

fn read_note(packed: &[u8]) -> Result<Stored> {
    let text = unpacked(packed).map_err(Error::storage)?;
    serde_json::from_slice(&text)
        .map_err(|fault| Error::storage(format!("it is no note ({fault})")))
}

/// Whether the database has the poll that an envelope is of. The digest seals all of it but the
/// account's name, which may have changed.
async fn has(store: &mut Store, envelope: &Envelope) -> Result<bool> {
    let rows = store.archived(envelope.poll.row.poll_id).await?;
    Ok(rows.last().is_some_and(|(row, _)| row.digest == envelope.poll.row.digest))
}
