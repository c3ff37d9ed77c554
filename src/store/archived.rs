//! The rows of `polls` that an archive stores: a committed poll and the failed polls before it.

use super::{open::Store, record::RowType, row::PollRow, statements};
use crate::error::Result;

impl Store {
    /// Returns the rows of the polls that failed since the last poll before `poll` that did not fail, then
    /// the row of `poll` itself; each with the digest of the previous poll of its account.
    pub async fn archived(&mut self, poll: i64) -> Result<Vec<(PollRow, Option<String>)>> {
        self.all(statements::archived(), &[poll.into()], |row| {
            Ok((PollRow::read(row)?, row.text("previous_digest")?))
        })
        .await
    }
}
