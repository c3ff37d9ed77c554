//! What an archive keeps of `polls`: a poll's row as it was committed, and what failed before it.

use super::{conn::Fault, open::Store, record::RowType, row::PollRow, statements};
use crate::error::Result;

impl Store {
    /// The row of a poll that did not fail, last, and before it those of the polls that failed
    /// since the one before that did not; each with the digest of its account's poll before.
    pub async fn archived(&mut self, poll: i64) -> Result<Vec<(PollRow, Option<String>)>> {
        let rows = self.conn.rows(statements::archived(), &[poll.into()]).await;
        let read = |row: &super::conn::Row| Ok((PollRow::read(row)?, row.text("previous_digest")?));
        let rows: Result<_, Fault> = rows.and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|fault| self.trouble("read", &fault))
    }
}
