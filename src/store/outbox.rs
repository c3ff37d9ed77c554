//! The outbox: the table `notices`, one row for each message and receiver, written in the transaction
//! of the poll it tells of. Each receiver has its own order: its rows that are not delivered.
//!
//! A sender claims a receiver's oldest notice that waits, and with it the right to send: its
//! `next_attempt_at` moves into the future, so that a second sender finds nothing to do and the
//! order holds. A sender that dies leaves a claim that expires, and the notice is sent again. What
//! a notice says and how it travels is not known here.

use std::{collections::BTreeMap, time::Duration};

use super::{
    conn::{Arg, Conn, Fault},
    open::Store,
    registry::register,
    report::Report,
    statements,
};
use crate::{catalog::catalogue::Catalogue, error::Result, time::Timestamp};

/// The longest that a notice is put off after a try.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// What is put off for longer was put off by a clock that was ahead, and is due: else one wrong
/// time would stop the queue for as long as that clock was ahead.
const FARTHEST: Duration = LONGEST_PAUSE.saturating_mul(2);

register! {
    /// Polls of an account's catalogue that failed in a row, up to its last: (account, catalogue).
    pub const FAILING = "SELECT count(*), min(started_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND poll_id > coalesce((SELECT max(g.poll_id) \
              FROM polls AS g WHERE g.account = $1 AND g.catalogue = $2 \
              AND g.outcome <> 'failed'), 0)";

    /// The poll since which an account's catalogue has had no good one: the last good one, else its first:
    /// (account, catalogue).
    pub const SINCE = "SELECT poll_id, CASE WHEN outcome = 'failed' THEN started_at \
         ELSE observed_at END, digest, outcome <> 'failed' FROM polls WHERE poll_id = coalesce(\
         (SELECT max(g.poll_id) FROM polls AS g WHERE g.account = $1 AND g.catalogue = $2 \
          AND g.outcome <> 'failed'), \
         (SELECT min(f.poll_id) FROM polls AS f WHERE f.account = $1 AND f.catalogue = $2))";

    /// Who was told that no good poll has come since this one: (poll).
    pub const TOLD_STALE = "SELECT receiver FROM notices WHERE poll_id = $1 AND kind = 'stale'";

    /// How often each field of an account's lists has changed since a time, the first read of its list
    /// not counted: (account, time).
    pub const FIELDS = "WITH first AS (SELECT kind, min(poll_id) AS poll_id FROM schema_changes \
         WHERE account = $1 GROUP BY kind) \
         SELECT s.kind, s.field, count(*) FILTER (WHERE p.observed_at > $2 AND s.poll_id > first.poll_id) \
         FROM schema_changes AS s JOIN first ON first.kind = s.kind \
         JOIN polls AS p ON p.poll_id = s.poll_id WHERE s.account = $1 GROUP BY s.kind, s.field";

    /// What was told of the API's ends: (account).
    pub const ENDS =
        "SELECT receiver, body FROM notices WHERE account = $1 AND kind = 'api_ending'";

    /// When an account's last poll began: (account).
    pub const LAST_BEGUN =
        "SELECT started_at FROM polls WHERE account = $1 ORDER BY poll_id DESC LIMIT 1";

    /// The number of the last notice.
    pub const LAST_NOTICE = "SELECT coalesce(max(notice_id), 0) FROM notices";

    /// A new notice: (number, poll, account, receiver, kind, body, when).
    pub const PUT = "INSERT INTO notices (notice_id, poll_id, account, receiver, kind, body, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

    /// Claims a receiver's oldest that waits, if it may be tried: (now, until when nobody else may, what
    /// no clock that is right puts it off to, receiver).
    pub const CLAIM = "UPDATE notices SET next_attempt_at = $2, attempts = attempts + 1 \
         WHERE notice_id = (SELECT min(w.notice_id) FROM notices AS w \
              WHERE w.receiver = $4 AND w.delivered_at IS NULL) \
         AND delivered_at IS NULL \
         AND (next_attempt_at IS NULL OR next_attempt_at <= $1 OR next_attempt_at > $3) \
         RETURNING notice_id, body, attempts";

    /// A receiver has it: (number, when).
    pub const ACCEPTED = "UPDATE notices SET delivered_at = $2, next_attempt_at = NULL, \
         last_error = NULL WHERE notice_id = $1 AND delivered_at IS NULL";

    /// It was not accepted: (number, not again before, why).
    pub const NOT_ACCEPTED = "UPDATE notices SET next_attempt_at = $2, last_error = $3 \
         WHERE notice_id = $1 AND delivered_at IS NULL";

    /// What waits for each receiver: how many, since when, and why the last try failed.
    pub const WAITING = "SELECT receiver, count(*), min(created_at), max(last_error) FROM notices \
         WHERE delivered_at IS NULL GROUP BY receiver ORDER BY receiver";

    /// When a receiver's oldest notice that waits may be tried: (receiver).
    pub const NEXT = "SELECT coalesce(next_attempt_at, created_at) FROM notices \
         WHERE receiver = $1 AND delivered_at IS NULL ORDER BY notice_id LIMIT 1";
}

/// Within this time before a poll, changes of a field count as repeated.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// What stood before the poll that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// How many polls of the same catalogue failed in a row, up to the last.
    pub failed: i64,
    /// When the first of them began.
    pub since: Option<Timestamp>,
    /// The poll since which there was no good one, where a receiver was told so.
    pub stale: Option<Since>,
    /// The fields that the account's lists are known to have had, (kind, name), and how often each
    /// changed within a day before; only where the poll changes one.
    pub fields: BTreeMap<(String, String), i64>,
    /// What was told of the API's ends: (receiver, message as JSON).
    pub ends: Vec<(String, String)>,
}

/// A notice to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The receiver's name.
    pub receiver: String,
    /// What it tells; one of a kind for each poll and receiver.
    pub kind: &'static str,
    /// The message, as JSON.
    pub body: String,
}

/// The poll since which a catalogue has had no good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// Its number.
    pub poll_id: i64,
    /// When it was observed, or began where it failed.
    pub at: Timestamp,
    /// Its digest.
    pub digest: Option<String>,
    /// Whether it is a good one; else the catalogue's first.
    pub good: bool,
    /// The receivers that were told so.
    pub told: Vec<String>,
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

/// What waits in the outbox for one receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The receiver's name.
    pub receiver: String,
    /// How many notices.
    pub count: i64,
    /// When the oldest was written.
    pub since: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

impl Store {
    /// Claims a receiver's oldest notice until `until`; `None` when nothing waits, when the oldest
    /// may not be tried yet, or when another sender has it.
    pub async fn claim_notice(
        &mut self,
        receiver: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Claimed>> {
        let claimed = claim(&mut self.conn, receiver, now, until).await;
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

    /// What waits in the outbox, for each receiver that has something waiting.
    pub async fn notices_waiting(&mut self) -> Result<Vec<Waiting>> {
        let waiting = waiting(&mut self.conn).await;
        waiting.map_err(|fault| self.trouble("read", &fault))
    }

    /// When the first of these receivers may be sent its oldest notice, as seen at `now`; `None` when
    /// nothing waits for them.
    pub async fn next_notice(
        &mut self,
        receivers: &[&str],
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let next = next(&mut self.conn, receivers, now).await;
        next.map_err(|fault| self.trouble("read", &fault))
    }

    /// The poll since which a catalogue has had no good one; `None` when it was never polled.
    pub async fn since(&mut self, account: &str, catalogue: Catalogue) -> Result<Option<Since>> {
        let since = since(&mut self.conn, account, catalogue.as_str()).await;
        since.map_err(|fault| self.trouble("read", &fault))
    }

    /// Writes that no good poll has come since `since`, to each receiver once.
    pub async fn put_stale(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        since: &Since,
        now: Timestamp,
        drafts: Vec<Draft>,
    ) -> Result<()> {
        let of = Of { poll_id: since.poll_id, account, at: Some(now) };
        let put = put_stale(&mut self.conn, catalogue, of, drafts).await;
        if put.is_err() {
            // A connection that cannot even roll back has nothing to lose.
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        put.map_err(|fault| self.trouble("write", &fault))
    }

    /// When the account's last poll began, of any catalogue.
    pub async fn last_begun(&mut self, account: &str) -> Result<Option<Timestamp>> {
        let row = self.conn.row(LAST_BEGUN, &[account.into()]).await;
        let at = row.and_then(|row| row.map_or(Ok(None), |row| row.time(0)));
        at.map_err(|fault| self.trouble("read", &fault))
    }
}

/// When the oldest notice may be tried that is put off until `at`, as seen at `now`.
fn due(at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now.plus(FARTHEST) { now } else { at }
}

/// What stands before the poll is written.
pub(super) async fn before(conn: &mut Conn, report: &Report) -> Result<Before, Fault> {
    let (account, catalogue) = (report.row.account.as_str(), report.row.catalogue.as_str());
    let mut before = Before::default();
    if let Some(row) = conn.row(FAILING, &[account.into(), catalogue.into()]).await? {
        (before.failed, before.since) = (row.some_int(0)?, row.time(1)?);
    }
    let since = since(conn, account, catalogue).await?;
    before.stale = since.filter(|since| !since.told.is_empty());
    let diff = report.diff.as_ref().filter(|diff| !diff.baseline);
    let has_news = diff.is_some_and(|diff| diff.lists.iter().any(|list| !list.schema.is_empty()));
    if let Some(observed_at) = report.row.observed_at.filter(|_| has_news) {
        let args = [account.into(), observed_at.minus(RECENT).into()];
        for row in conn.rows(FIELDS, &args).await? {
            before.fields.insert((row.some_text(0)?, row.some_text(1)?), row.some_int(2)?);
        }
    }
    for row in conn.rows(ENDS, &[account.into()]).await? {
        before.ends.push((row.some_text(0)?, row.json(1)?.unwrap_or_default().to_owned()));
    }
    Ok(before)
}

/// The poll that a notice tells of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub poll_id: i64,
    pub account: &'a str,
    /// When the notice is written.
    pub at: Option<Timestamp>,
}

/// Writes notices. Numbers follow the order of commits, since whoever writes a poll, or this, keeps
/// other writers out.
pub(super) async fn put(conn: &mut Conn, of: Of<'_>, drafts: Vec<Draft>) -> Result<(), Fault> {
    if drafts.is_empty() {
        return Ok(());
    }
    let last = conn.row(LAST_NOTICE, &[]).await?;
    let mut number = last.map_or(Ok(0), |row| row.some_int(0))?;
    for Draft { receiver, kind, body } in drafts {
        number += 1;
        let args = [
            number.into(),
            of.poll_id.into(),
            of.account.into(),
            receiver.as_str().into(),
            kind.into(),
            Arg::Json(Some(body.into())),
            of.at.into(),
        ];
        conn.execute(PUT, &args).await?;
    }
    Ok(())
}

async fn put_stale(
    conn: &mut Conn,
    catalogue: Catalogue,
    of: Of<'_>,
    mut drafts: Vec<Draft>,
) -> Result<(), Fault> {
    conn.execute(conn.engine().begin_writing(), &[]).await?;
    if let Some(server) = conn.engine().server() {
        conn.execute(server.lock_polls, &[]).await?;
    }
    // Another process may have polled or told it meanwhile.
    let now = since(conn, of.account, catalogue.as_str()).await?;
    let told = now.filter(|now| now.poll_id == of.poll_id).map(|now| now.told);
    drafts.retain(|draft| told.as_ref().is_some_and(|told| !told.contains(&draft.receiver)));
    put(conn, of, drafts).await?;
    conn.execute(statements::COMMIT, &[]).await.map(drop)
}

async fn since(conn: &mut Conn, account: &str, catalogue: &str) -> Result<Option<Since>, Fault> {
    let row = conn.row(SINCE, &[account.into(), catalogue.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let (poll_id, at) = (row.some_int(0)?, row.time(1)?);
    let Some(at) = at else { return Ok(None) };
    let (digest, good) = (row.text(2)?, row.bool(3)?.unwrap_or(false));
    let mut told = vec![];
    for row in conn.rows(TOLD_STALE, &[poll_id.into()]).await? {
        told.push(row.some_text(0)?);
    }
    Ok(Some(Since { poll_id, at, digest, good, told }))
}

async fn next(
    conn: &mut Conn,
    receivers: &[&str],
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let mut all = vec![];
    for receiver in receivers {
        let row = conn.row(NEXT, &[(*receiver).into()]).await?;
        all.extend(row.map_or(Ok(None), |row| row.time(0))?);
    }
    Ok(all.into_iter().map(|at| due(at, now)).min())
}

async fn claim(
    conn: &mut Conn,
    receiver: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Claimed>, Fault> {
    let args = [now.into(), until.into(), now.plus(FARTHEST).into(), receiver.into()];
    let row = conn.row(CLAIM, &args).await?;
    row.map(|row| {
        Ok(Claimed {
            notice_id: row.some_int(0)?,
            body: row.json(1)?.unwrap_or_default().to_owned(),
            attempts: row.some_int(2)?,
        })
    })
    .transpose()
}

async fn waiting(conn: &mut Conn) -> Result<Vec<Waiting>, Fault> {
    let rows = conn.rows(WAITING, &[]).await?;
    let one = |row: &super::conn::Row| {
        Ok(Waiting {
            receiver: row.some_text(0)?,
            count: row.some_int(1)?,
            since: row.time(2)?,
            last_error: row.text(3)?,
        })
    };
    rows.iter().map(one).collect()
}
