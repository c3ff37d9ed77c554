//! The times in the tables that decide when work is due: the last poll, the next expiry of a link, and the
//! next retries of previews and notices. The decision itself is made elsewhere.

use std::time::Duration;

use super::{open::Store, queue::LAST_REFRESH, registry::register, row::good};
use crate::{catalog::catalogue::Catalogue, error::Result, time::Timestamp};

/// The times that decide when work is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The start of the last poll, whatever its outcome, of the account's catalogue that was polled longest
    /// ago; `None` if one was never polled.
    pub last_poll: Option<Timestamp>,
    /// The next expiry of a link of an unsaved preview, without the links that a good poll has read shortly
    /// before their expiry.
    pub next_expiry: Option<Timestamp>,
    /// When the last refresh poll began.
    pub last_refresh: Option<Timestamp>,
    /// When the next retry of a failed download is due.
    pub retry: Option<Timestamp>,
    /// When the next delivery of a notice is due ([`Store::next_notice`]); set by the caller.
    pub notice: Option<Timestamp>,
}

register! {
    /// When an account's catalogue was last polled: (account, catalogue).
    pub const LAST_POLLED = "SELECT started_at FROM polls WHERE account = $1 \
         AND catalogue = $2 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

    /// When the last good poll of an account's catalogue was observed: (account, catalogue).
    pub const LAST_GOOD = concat!("SELECT max(observed_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND ", good!());

    /// The next expiry of a link of an unsaved preview: (later than this).
    pub const NEXT_EXPIRY_AFTER = "SELECT min(expires_at) FROM assets \
         WHERE state <> 'mirrored' AND state IN ('pending', 'failed') AND expires_at > $1";

    /// When the next retry of a failed download is due.
    pub const NEXT_RETRY = "SELECT min(next_attempt_at) FROM assets \
         WHERE state = 'failed' AND next_attempt_at IS NOT NULL";
}

impl Store {
    /// Returns the times for these accounts and catalogues at `now`. A link is left out if all of them have
    /// had a good poll since `lead` before its expiry.
    pub async fn ahead(
        &mut self,
        polled: &[(String, Catalogue)],
        lead: Duration,
        now: Timestamp,
    ) -> Result<Ahead> {
        let (mut last, mut good) = (vec![], vec![]);
        for (account, catalogue) in polled {
            let args = [account.as_str().into(), catalogue.as_str().into()];
            last.push(self.time(LAST_POLLED, &args).await?);
            good.push(self.time(LAST_GOOD, &args).await?);
        }
        // `None` is less than any time: a catalogue without a poll counts as the oldest.
        let last_good = good.into_iter().min().flatten();
        let after = last_good.map_or(now, |last| last.plus(lead).max(now));
        Ok(Ahead {
            last_poll: last.into_iter().min().flatten(),
            next_expiry: self.time(NEXT_EXPIRY_AFTER, &[after.into()]).await?,
            last_refresh: self.time(LAST_REFRESH, &[]).await?,
            retry: self.time(NEXT_RETRY, &[]).await?,
            notice: None,
        })
    }
}
