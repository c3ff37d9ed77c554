//! The rows of `polls` that an archive stores: a committed poll and the failed polls before it.

use super::{
    open::Store,
    record::RowType,
    registry::register,
    row::{GOOD, PollRow},
    table::POLLS,
};
use crate::error::Result;

register! {
    /// A poll and those before it since the last one that did not fail, each with the digest of its
    /// account's previous poll: (poll).
    fn archived() {
        format!(
            "SELECT {}, (SELECT b.digest FROM polls AS b \
                  WHERE b.account = p.account AND b.poll_id < p.poll_id \
                  ORDER BY b.poll_id DESC LIMIT 1) AS previous_digest FROM polls AS p \
             WHERE p.poll_id <= $1 AND p.poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g \
                  WHERE g.poll_id < $1 AND g.{GOOD}), 0) ORDER BY p.poll_id",
            POLLS.list("p.")
        )
    }
}

impl Store {
    /// Returns the rows of the polls that failed since the last poll before `poll` that did not fail, then
    /// the row of `poll` itself; each with the digest of the previous poll of its account.
    pub async fn archived(&mut self, poll: i64) -> Result<Vec<(PollRow, Option<String>)>> {
        self.all(archived(), &[poll.into()], |row| {
            Ok((PollRow::read(row)?, row.text("previous_digest")?))
        })
        .await
    }
}
