//! What the archive contains of the polls before a given one: which of them lack their envelope,
//! and whether the existing ones belong to this database. It writes nothing.

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
    /// Checks that its last envelope belongs to this database, which is `None` if there is none
    /// yet. An empty archive fits any database.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] if it belongs to another one, or cannot be read.
    pub async fn is_of(&self, store: Option<&mut Store>) -> Result<()> {
        let Some(last) = self.numbers().await?.pop() else { return Ok(()) };
        let envelope = self.envelope(last).await?;
        let known = match store {
            Some(store) => has(store, &envelope).await?,
            None => false,
        };
        known.then_some(()).ok_or_else(|| self.of_another_database(last))
    }

    /// Adds to `due`, the newest first, the polls before it that lack their envelope, as far as
    /// there are notes on their answers.
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
                // Another process may have been first, and removed the note.
                None if self.is_there(before).await? => return Ok(End::There(before)),
                None => return Ok(End::Lacking(before)),
            }
        }
        Ok(End::First)
    }

    /// Returns the number of an envelope next to those that are `due` if it is another database's.
    pub(super) async fn other(
        &self,
        store: &mut Store,
        end: &End,
        due: &[Envelope],
    ) -> Result<Option<i64>> {
        let failed = due.iter().any(|envelope| !envelope.failed_before.is_empty());
        let next = match *end {
            // Without failed polls, no envelope can be between it and those that are due.
            End::There(before) if !failed => vec![before],
            End::There(before) | End::Lacking(before) => self.around(before).await?,
            End::First => self.around(0).await?,
        };
        for number in next {
            if let Some(envelope) = self.intact_envelope(number).await?
                && !has(store, &envelope).await?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Returns the last envelope up to a poll, and the first after it.
    async fn around(&self, poll: i64) -> Result<Vec<i64>> {
        let numbers = self.numbers().await?;
        let after = numbers.partition_point(|number| *number <= poll);
        let (up_to, after) = numbers.split_at(after);
        Ok(up_to.last().into_iter().chain(after.first()).copied().collect())
    }

    /// Returns an envelope that exists and is intact. The database of a damaged one is unknown; it
    /// does not prevent later ones from being stored.
    async fn intact_envelope(&self, number: i64) -> Result<Option<Envelope>> {
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

    /// Returns the envelope of a poll, from the note that was written before its commit.
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
        .map_err(|fault| Error::storage(format!("it is not a note ({fault})")))
}

/// Returns whether the database contains the poll of an envelope. The digest covers all of it but
/// the account's name, which may have changed.
async fn has(store: &mut Store, envelope: &Envelope) -> Result<bool> {
    let rows = store.archived(envelope.poll.row.poll_id).await?;
    Ok(rows.last().is_some_and(|(row, _)| row.digest == envelope.poll.row.digest))
}
