//! The outbox: the table `notices`, written in the transaction of the poll it tells of, kept until
//! a receiver has accepted it.
//!
//! A sender claims the oldest notice that waits, and with it the right to send: its
//! `next_attempt_at` moves into the future, so that a second sender finds nothing to do and the
//! order holds. A sender that dies leaves a claim that runs out, and the notice is sent again. What
//! a notice says and how it travels is not known here.

use std::time::Duration;

use super::{
    conn::{Conn, Fault},
    open::Store,
    row::PollRow,
};
use crate::{error::Result, time::Timestamp};

/// The longest that a notice is put off after a try.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// What is put off for longer was put off by a clock that was ahead, and is due: else one wrong
/// time would stop the queue for as long as that clock was ahead.
const FARTHEST: Duration = LONGEST_PAUSE.saturating_mul(2);

/// Polls of an account's catalogue that failed in a row, up to its last: (account, catalogue).
pub const FAILING: &str = "SELECT count(*), min(started_at) FROM polls \
     WHERE account = $1 AND catalogue = $2 AND poll_id > coalesce((SELECT max(g.poll_id) \
          FROM polls AS g WHERE g.account = $1 AND g.catalogue = $2 \
          AND g.outcome <> 'failed'), 0)";
/// The number of the last notice.
pub const LAST_NOTICE: &str = "SELECT coalesce(max(notice_id), 0) FROM notices";
/// A new notice: (number, poll, account, kind, body, when).
pub const PUT: &str = "INSERT INTO notices (notice_id, poll_id, account, kind, body, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
/// Claims the oldest that waits, if it may be tried: (now, until when nobody else may, what no clock
/// that is right puts it off to).
pub const CLAIM: &str = "UPDATE notices SET next_attempt_at = $2, attempts = attempts + 1 \
     WHERE notice_id = (SELECT min(w.notice_id) FROM notices AS w WHERE w.delivered_at IS NULL) \
     AND delivered_at IS NULL \
     AND (next_attempt_at IS NULL OR next_attempt_at <= $1 OR next_attempt_at > $3) \
     RETURNING notice_id, body, attempts";
/// A receiver has it: (number, when).
pub const ACCEPTED: &str = "UPDATE notices SET delivered_at = $2, next_attempt_at = NULL, \
     last_error = NULL WHERE notice_id = $1 AND delivered_at IS NULL";
/// It was not accepted: (number, not again before, why).
pub const NOT_ACCEPTED: &str = "UPDATE notices SET next_attempt_at = $2, last_error = $3 \
     WHERE notice_id = $1 AND delivered_at IS NULL";
/// What waits: how many, since when, and why the last try failed.
pub const WAITING: &str = "SELECT count(*), min(created_at), max(last_error) FROM notices \
     WHERE delivered_at IS NULL";

/// The polls of the same catalogue before the poll that is being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// How many polls in a row failed, up to the last.
    pub failed: i64,
    /// When the first of them began.
    pub since: Option<Timestamp>,
}

/// A notice to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it tells; one of a kind for each poll.
    pub kind: &'static str,
    /// The message, as JSON.
    pub body: String,
}

/// A notice that its sender alone may send, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Its number.
    pub notice_id: i64,
    /// The message, as the engine renders its JSON.
    pub body: String,
    /// Tries so far, this one included.
    pub attempts: i64,
}

/// What waits in the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many notices.
    pub count: i64,
    /// When the oldest was written.
    pub since: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

impl Store {
    /// Claims the oldest notice until `until`; `None` when nothing waits, when the oldest may not
    /// be tried yet, or when another sender has it.
    pub async fn claim_notice(
        &mut self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Claimed>> {
        let claimed = claim(&mut self.conn, now, until).await;
        claimed.map_err(|fault| self.trouble("write", &fault))
    }

    /// Notes that a receiver has accepted a notice.
    pub async fn notice_accepted(&mut self, notice_id: i64, at: Timestamp) -> Result<()> {
        let noted = self.conn.execute(ACCEPTED, &[notice_id.into(), at.into()]).await;
        noted.map(drop).map_err(|fault| self.trouble("write", &fault))
    }

    /// Notes that a notice was not accepted, why, and before when it is not tried again.
    pub async fn notice_not_accepted(
        &mut self,
        notice_id: i64,
        again: Timestamp,
        why: &str,
    ) -> Result<()> {
        let args = [notice_id.into(), again.into(), why.into()];
        let noted = self.conn.execute(NOT_ACCEPTED, &args).await;
        noted.map(drop).map_err(|fault| self.trouble("write", &fault))
    }

    /// What waits in the outbox.
    pub async fn notices_waiting(&mut self) -> Result<Waiting> {
        let waiting = waiting(&mut self.conn).await;
        waiting.map_err(|fault| self.trouble("read", &fault))
    }
}

/// When the oldest notice may be tried that is put off until `at`, as seen at `now`.
pub(super) fn due(at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now.plus(FARTHEST) { now } else { at }
}

/// The polls before the poll `row` is written.
pub(super) async fn before(conn: &mut Conn, row: &PollRow) -> Result<Before, Fault> {
    let args = [row.account.as_str().into(), row.catalogue.as_str().into()];
    let row = conn.row(FAILING, &args).await?;
    row.map_or(Ok(Before::default()), |row| {
        Ok(Before { failed: row.some_int(0)?, since: row.time(1)? })
    })
}

/// Writes notices of the poll `row`. Numbers follow the order of commits, since whoever writes a
/// poll keeps other writers out.
pub(super) async fn put(conn: &mut Conn, row: &PollRow, drafts: Vec<Draft>) -> Result<(), Fault> {
    if drafts.is_empty() {
        return Ok(());
    }
    let last = conn.row(LAST_NOTICE, &[]).await?;
    let mut number = last.map_or(Ok(0), |row| row.some_int(0))?;
    for Draft { kind, body } in drafts {
        number += 1;
        let args = [
            number.into(),
            row.poll_id.into(),
            row.account.as_str().into(),
            kind.into(),
            super::conn::Arg::Json(Some(body.into())),
            row.finished_at.into(),
        ];
        conn.execute(PUT, &args).await?;
    }
    Ok(())
}

async fn claim(
    conn: &mut Conn,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Claimed>, Fault> {
    let row = conn.row(CLAIM, &[now.into(), until.into(), now.plus(FARTHEST).into()]).await?;
    row.map(|row| {
        Ok(Claimed {
            notice_id: row.some_int(0)?,
            body: row.json(1)?.unwrap_or_default().to_owned(),
            attempts: row.some_int(2)?,
        })
    })
    .transpose()
}

async fn waiting(conn: &mut Conn) -> Result<Waiting, Fault> {
    let row = conn.row(WAITING, &[]).await?;
    row.map_or(Ok(Waiting::default()), |row| {
        Ok(Waiting { count: row.some_int(0)?, since: row.time(1)?, last_error: row.text(2)? })
    })
}

/// Every statement of this file, by name.
pub fn all() -> Vec<(String, sqlx::SqlStr)> {
    [
        ("FAILING", FAILING),
        ("LAST_NOTICE", LAST_NOTICE),
        ("PUT", PUT),
        ("CLAIM", CLAIM),
        ("ACCEPTED", ACCEPTED),
        ("NOT_ACCEPTED", NOT_ACCEPTED),
        ("WAITING", WAITING),
    ]
    .map(|(name, sql)| (name.to_owned(), sqlx::SqlSafeStr::into_sql_str(sql)))
    .to_vec()
}
