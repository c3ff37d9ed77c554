//! The held removals of a poll. They are not stored, but derived from the items that are still missing: a
//! removal that was due and not held has been carried out.

use super::{
    conn::{Conn, Fault},
    ids::due_until,
    open::Store,
    record::RowType,
    registry::register,
    row::PollRow,
    table::POLLS,
};
use crate::{
    catalog::{catalogue::Catalogue, held::HeldSet, kind::Kind},
    error::Result,
    time::Timestamp,
};

register! {
    /// The last held poll of an account's catalogue: (account, catalogue).
    fn last_held_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND outcome = 'held' \
             ORDER BY observed_at DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// The ids of the items that are not removed and have been missing since a time or longer: (account,
    /// time).
    fn missing_until(kind: Kind) {
        format!(
            "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL AND missing_since <= $2",
            kind.id, kind.table
        )
    }
}

impl Store {
    /// Returns the removals that `poll`, the last good poll of its catalogue, holds; `None` if it holds
    /// none.
    pub(super) async fn held_by(&mut self, poll: &PollRow) -> Result<Option<HeldSet>> {
        if poll.counts.is_none_or(|counts| counts.held == 0) {
            return Ok(None);
        }
        let Some(until) = self.due_until(poll).await? else { return Ok(None) };
        let mut items = vec![];
        for kind in Kind::of(poll.catalogue()) {
            let args = [poll.account.as_str().into(), until.into()];
            let missing = missing_until(kind);
            items.extend(self.all(missing, &args, |row| Ok((kind, row.some_text(0)?))).await?);
        }
        Ok(Some(HeldSet::of(items.iter().map(|(kind, id)| (*kind, id.as_str())))))
    }
}

/// Returns the latest `missing_since` with which a removal was due at the last held poll of a catalogue;
/// `None` if no poll was held.
pub(super) async fn held_until(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
) -> Result<Option<Timestamp>, Fault> {
    let args = [account.into(), catalogue.as_str().into()];
    match conn.one(last_held_poll(), &args, PollRow::read).await? {
        Some(poll) => due_until(conn, &poll).await,
        None => Ok(None),
    }
}
