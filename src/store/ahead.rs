//! What the tables say about the time ahead: when somebody polled last, which link dies next, what
//! waits to be tried again, previews and notices. What follows from it is decided elsewhere.

use std::time::Duration;

use super::{
    conn::{Arg, Conn, Fault},
    open::Store,
    queue::LAST_REFRESH,
    registry::register,
};
use crate::{catalog::catalogue::Catalogue, error::Result, time::Timestamp};

/// What is known of the time ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The last poll of the account's catalogue that was polled longest ago, however it ended; `None`
    /// when one never was.
    pub last_poll: Option<Timestamp>,
    /// When the next link dies of a preview that is not saved, of those that no good poll has
    /// looked at shortly before.
    pub link_dies: Option<Timestamp>,
    /// When a fresh list was last asked for.
    pub last_refresh: Option<Timestamp>,
    /// When the mirror wants to try again what has failed.
    pub retry: Option<Timestamp>,
    /// When a notice that waits may be tried; see [`Store::next_notice`].
    pub notice: Option<Timestamp>,
}

register! {
    /// When an account's catalogue was last polled: (account, catalogue).
    pub const LAST_POLLED = "SELECT started_at FROM polls WHERE account = $1 \
         AND catalogue = $2 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

    /// When the last good poll of an account's catalogue was: (account, catalogue).
    pub const LAST_WELL = "SELECT max(observed_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed'";

    /// When the next link of an unsaved preview dies: (later than this).
    pub const NEXT_DEATH = "SELECT min(expires_at) FROM assets \
         WHERE state <> 'mirrored' AND state IN ('pending', 'failed') AND expires_at > $1";

    /// When what has failed may be tried again.
    pub const NEXT_RETRY = "SELECT min(next_attempt_at) FROM assets \
         WHERE state = 'failed' AND next_attempt_at IS NOT NULL";
}

impl Store {
    /// What lies ahead of these accounts and catalogues at `now`. A link counts from `lead` before its
    /// end, unless a good poll of each has looked at it since.
    pub async fn ahead(
        &mut self,
        polled: &[(String, Catalogue)],
        lead: Duration,
        now: Timestamp,
    ) -> Result<Ahead> {
        let read = ahead(&mut self.conn, polled, lead, now).await;
        read.map_err(|fault| self.trouble("read", &fault))
    }
}

async fn ahead(
    conn: &mut Conn,
    polled: &[(String, Catalogue)],
    lead: Duration,
    now: Timestamp,
) -> Result<Ahead, Fault> {
    let (mut last, mut well) = (vec![], vec![]);
    for (account, catalogue) in polled {
        let args = [account.as_str().into(), catalogue.as_str().into()];
        last.push(time(conn, LAST_POLLED, &args).await?);
        well.push(time(conn, LAST_WELL, &args).await?);
    }
    // `None` is less than any time: a catalogue without a poll counts as the oldest.
    let last_well = well.into_iter().min().flatten();
    let after = last_well.map_or(now, |last| last.plus(lead).max(now));
    Ok(Ahead {
        last_poll: last.into_iter().min().flatten(),
        link_dies: time(conn, NEXT_DEATH, &[after.into()]).await?,
        last_refresh: time(conn, LAST_REFRESH, &[]).await?,
        retry: time(conn, NEXT_RETRY, &[]).await?,
        notice: None,
    })
}

async fn time(
    conn: &mut Conn,
    sql: &'static str,
    args: &[Arg<'_>],
) -> Result<Option<Timestamp>, Fault> {
    conn.row(sql, args).await?.map_or(Ok(None), |row| row.time(0))
}
