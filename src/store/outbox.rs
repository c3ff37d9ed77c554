//! The outbox: the table `notices`, one row for each message and receiver, written in the transaction of
//! the poll that it is about. Each receiver has its own queue: its rows that are not delivered.
//!
//! A sender claims a receiver's oldest waiting notice, and with it the right to send: its `next_attempt_at`
//! moves into the future, so that a second sender finds nothing to do and the order is kept. The claim of a
//! sender that crashes expires, and the notice is sent again. The contents of a notice and its delivery are
//! not known here.

use std::{collections::BTreeMap, time::Duration};

use super::{
    conn::{Arg, Conn, Fault, Row},
    open::Store,
    record::{RowType, record},
    registry::register,
    report::Report,
    row::good,
    server, statements,
};
use crate::{
    catalog::catalogue::Catalogue,
    error::Result,
    time::{DAY, Timestamp},
};

/// The longest back-off after an attempt to deliver a notice.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// A notice postponed by more than this is due: its time was set by a clock that was ahead, and would stop
/// the queue until then.
const FARTHEST: Duration = LONGEST_PAUSE.saturating_mul(2);

register! {
    /// The number of polls of an account's catalogue that failed in a row up to its last, and when the
    /// first of them began: (account, catalogue).
    pub const FAILING = concat!("SELECT count(*), min(started_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND poll_id > coalesce((SELECT max(g.poll_id) \
              FROM polls AS g WHERE g.account = $1 AND g.catalogue = $2 \
              AND g.", good!(), "), 0)");

    /// The last good poll of an account's catalogue or, if none was good, its first: (account, catalogue).
    pub const SINCE = concat!("SELECT poll_id, CASE WHEN outcome = 'failed' THEN started_at \
         ELSE observed_at END AS at, digest, ", good!(), " AS good FROM polls WHERE poll_id = coalesce(\
         (SELECT max(g.poll_id) FROM polls AS g WHERE g.account = $1 AND g.catalogue = $2 \
          AND g.", good!(), "), \
         (SELECT min(f.poll_id) FROM polls AS f WHERE f.account = $1 AND f.catalogue = $2))");

    /// The receivers that were notified that no good poll followed this one: (poll).
    pub const NOTIFIED = "SELECT receiver FROM notices WHERE poll_id = $1 AND kind = 'stale'";

    /// The number of schema changes of each field of an account's lists since a time, without those of the
    /// first poll of its list: (account, time).
    pub const FIELDS = "WITH first AS (SELECT kind, min(poll_id) AS poll_id FROM schema_changes \
         WHERE account = $1 GROUP BY kind) \
         SELECT s.kind, s.field, count(*) FILTER (WHERE p.observed_at > $2 AND s.poll_id > first.poll_id) \
         AS changes FROM schema_changes AS s JOIN first ON first.kind = s.kind \
         JOIN polls AS p ON p.poll_id = s.poll_id WHERE s.account = $1 GROUP BY s.kind, s.field";

    /// The notices about the end of the API or of the key: (account).
    pub const ENDS =
        "SELECT receiver, body FROM notices WHERE account = $1 AND kind = 'api_ending'";

    /// When an account's last poll of the API began: (account).
    pub const LAST_BEGUN = "SELECT started_at FROM polls \
         WHERE account = $1 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

    /// The number of the last notice.
    pub const LAST_NOTICE = "SELECT coalesce(max(notice_id), 0) FROM notices";

    /// Inserts a notice: (number, poll, account, receiver, kind, body, when).
    pub const PUT = "INSERT INTO notices (notice_id, poll_id, account, receiver, kind, body, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

    /// Claims a receiver's oldest waiting notice, if it may be tried: (now, end of the claim, the latest
    /// time that a correct clock would set, receiver).
    pub const CLAIM = "UPDATE notices SET next_attempt_at = $2, attempts = attempts + 1 \
         WHERE notice_id = (SELECT min(w.notice_id) FROM notices AS w \
              WHERE w.receiver = $4 AND w.delivered_at IS NULL) \
         AND delivered_at IS NULL \
         AND (next_attempt_at IS NULL OR next_attempt_at <= $1 OR next_attempt_at > $3) \
         RETURNING notice_id, body, attempts";

    /// Marks a notice as delivered: (number, when).
    pub const ACCEPTED = "UPDATE notices SET delivered_at = $2, next_attempt_at = NULL, \
         last_error = NULL WHERE notice_id = $1 AND delivered_at IS NULL";

    /// Records that a notice was not accepted: (number, not again before, why).
    pub const NOT_ACCEPTED = "UPDATE notices SET next_attempt_at = $2, last_error = $3 \
         WHERE notice_id = $1 AND delivered_at IS NULL";

    /// The waiting notices of each receiver: how many, since when, and why the last attempt failed.
    pub const WAITING = "SELECT receiver, count(*) AS count, min(created_at) AS since, \
         max(last_error) AS last_error FROM notices \
         WHERE delivered_at IS NULL GROUP BY receiver ORDER BY receiver";

    /// When a receiver's oldest waiting notice may be tried: (receiver).
    pub const NEXT = "SELECT coalesce(next_attempt_at, created_at) FROM notices \
         WHERE receiver = $1 AND delivered_at IS NULL ORDER BY notice_id LIMIT 1";
}

/// The state before the poll that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// The number of polls of the same catalogue that failed in a row, up to the last.
    pub failed: i64,
    /// When the first of them began.
    pub since: Option<Timestamp>,
    /// The poll after which there was no good one, if a receiver was notified of that.
    pub stale: Option<Since>,
    /// The fields that the account's lists have had, (kind, name), and how often each changed within the
    /// day before; only read if the poll changes one.
    pub fields: BTreeMap<(String, String), i64>,
    /// The notices about the end of the API or of the key: (receiver, message as JSON).
    pub ends: Vec<(String, String)>,
}

/// A notice to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The receiver's name.
    pub receiver: String,
    /// What it is about; at most one notice of a kind for each poll and receiver.
    pub kind: &'static str,
    /// The message, as JSON.
    pub body: String,
}

/// The poll after which a catalogue has had no good one: its last good one or its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// Its number.
    pub poll_id: i64,
    /// When it was observed or, if it failed, when it began.
    pub at: Timestamp,
    /// Its digest.
    pub digest: Option<String>,
    /// Whether it is a good poll; otherwise it is the catalogue's first.
    pub good: bool,
    /// The receivers that were notified of this.
    pub notified: Vec<String>,
}

/// A notice that only the sender that claimed it may send until the claim expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Its number.
    pub notice_id: i64,
    /// The message, as the engine renders its JSON.
    pub body: String,
    /// The number of attempts, including this one.
    pub attempts: i64,
}

record! {
    /// The notices that wait in the outbox for one receiver.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Waiting {
        receiver: String = "the receiver's name",
        count: i64 = "the number of notices",
        since: Option<Timestamp> = "when the oldest was written",
        last_error: Option<String> = "why the last attempt failed",
    }
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
        claimed.map_err(|fault| self.storage_error("write", &fault))
    }

    /// Records that a receiver has accepted a notice.
    pub async fn notice_accepted(&mut self, notice_id: i64, at: Timestamp) -> Result<()> {
        let noted = self.conn.execute(ACCEPTED, &[notice_id.into(), at.into()]).await;
        noted.map(drop).map_err(|fault| self.storage_error("write", &fault))
    }

    /// Records that a notice was not accepted, why, and before when it is not tried again.
    pub async fn notice_not_accepted(
        &mut self,
        notice_id: i64,
        again: Timestamp,
        why: &str,
    ) -> Result<()> {
        let args = [notice_id.into(), again.into(), why.into()];
        let noted = self.conn.execute(NOT_ACCEPTED, &args).await;
        noted.map(drop).map_err(|fault| self.storage_error("write", &fault))
    }

    /// Returns the waiting notices of each receiver that has any.
    pub async fn notices_waiting(&mut self) -> Result<Vec<Waiting>> {
        self.all(WAITING, &[], Waiting::read).await
    }

    /// Returns the earliest time at which one of these receivers may be sent its oldest notice, as seen at
    /// `now`; `None` if nothing waits for them.
    pub async fn next_notice(
        &mut self,
        receivers: &[&str],
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let mut all = vec![];
        for receiver in receivers {
            all.extend(self.time(NEXT, &[(*receiver).into()]).await?);
        }
        Ok(all.into_iter().map(|at| due(at, now)).min())
    }

    /// Returns the poll after which a catalogue has had no good one; `None` if it was never polled.
    pub async fn since(&mut self, account: &str, catalogue: Catalogue) -> Result<Option<Since>> {
        let since = since(&mut self.conn, account, catalogue.as_str()).await;
        since.map_err(|fault| self.storage_error("read", &fault))
    }

    /// Writes the notices that no good poll followed `since`; each receiver gets only one.
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
            // An error of the rollback is ignored: closing the connection rolls back, too.
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        put.map_err(|fault| self.storage_error("write", &fault))
    }

    /// Returns when the account's last poll of the API, for any catalogue, began.
    pub async fn last_begun(&mut self, account: &str) -> Result<Option<Timestamp>> {
        self.time(LAST_BEGUN, &[account.into()]).await
    }
}

/// Returns when a notice that is postponed until `at` may be tried, as seen at `now`.
fn due(at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now.plus(FARTHEST) { now } else { at }
}

/// Reads the state before the poll of `report` is written.
pub(super) async fn before(conn: &mut Conn, report: &Report) -> Result<Before, Fault> {
    let (account, catalogue) = (report.row.account.as_str(), report.row.catalogue.as_str());
    let mut before = Before::default();
    if let Some(row) = conn.row(FAILING, &[account.into(), catalogue.into()]).await? {
        (before.failed, before.since) = (row.some_int(0)?, row.time(1)?);
    }
    let since = since(conn, account, catalogue).await?;
    before.stale = since.filter(|since| !since.notified.is_empty());
    let diff = report.diff.as_ref().filter(|diff| !diff.baseline);
    let has_news = diff.is_some_and(|diff| diff.lists.iter().any(|list| !list.schema.is_empty()));
    if let Some(observed_at) = report.row.observed_at.filter(|_| has_news) {
        // Changes of a field within a day before a poll count as repeated.
        let args = [account.into(), observed_at.minus(DAY).into()];
        for row in conn.rows(FIELDS, &args).await? {
            let field = (row.some_text("kind")?, row.some_text("field")?);
            before.fields.insert(field, row.some_int("changes")?);
        }
    }
    let end = |row: &Row| {
        Ok((row.some_text("receiver")?, row.json("body")?.unwrap_or_default().to_owned()))
    };
    before.ends = conn.all(ENDS, &[account.into()], end).await?;
    Ok(before)
}

/// The poll that a notice is about.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub poll_id: i64,
    pub account: &'a str,
    /// When the notice is written.
    pub at: Option<Timestamp>,
}

/// Writes notices. Their numbers follow the order of commits, since transactions that write polls or
/// notices exclude each other.
pub(super) async fn put(conn: &mut Conn, of: Of<'_>, drafts: Vec<Draft>) -> Result<(), Fault> {
    if drafts.is_empty() {
        return Ok(());
    }
    let last = conn.one(LAST_NOTICE, &[], |row| row.some_int(0)).await?;
    let mut number = last.unwrap_or(0);
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
    if conn.engine().is_server() {
        conn.execute(server::LOCK_POLLS, &[]).await?;
    }
    // Another process may have polled or written these notices meanwhile.
    let now = since(conn, of.account, catalogue.as_str()).await?;
    let notified = now.filter(|now| now.poll_id == of.poll_id).map(|now| now.notified);
    drafts.retain(|draft| {
        notified.as_ref().is_some_and(|notified| !notified.contains(&draft.receiver))
    });
    put(conn, of, drafts).await?;
    conn.execute(statements::COMMIT, &[]).await.map(drop)
}

async fn since(conn: &mut Conn, account: &str, catalogue: &str) -> Result<Option<Since>, Fault> {
    let row = conn.row(SINCE, &[account.into(), catalogue.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let (poll_id, at) = (row.some_int("poll_id")?, row.time("at")?);
    let Some(at) = at else { return Ok(None) };
    let (digest, good) = (row.text("digest")?, row.bool("good")?.unwrap_or(false));
    let notified = conn.all(NOTIFIED, &[poll_id.into()], |row| row.some_text(0)).await?;
    Ok(Some(Since { poll_id, at, digest, good, notified }))
}

async fn claim(
    conn: &mut Conn,
    receiver: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Claimed>, Fault> {
    let args = [now.into(), until.into(), now.plus(FARTHEST).into(), receiver.into()];
    conn.one(CLAIM, &args, |row| {
        Ok(Claimed {
            notice_id: row.some_int("notice_id")?,
            body: row.json("body")?.unwrap_or_default().to_owned(),
            attempts: row.some_int("attempts")?,
        })
    })
    .await
}
