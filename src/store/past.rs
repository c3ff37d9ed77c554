//! How the API has answered an account so far, read from the tables for the choice of its version.
//!
//! Polls of saved responses show nothing about the API and are left out.

use std::collections::BTreeSet;

use super::{
    conn::{Conn, Fault, Row},
    open::Store,
    registry::register,
    row::good,
    statements,
};
use crate::{
    catalog::{catalogue::Catalogue, kind::Kind, list::Answer},
    error::Result,
    time::Timestamp,
};

/// How the API has answered an account so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Whether a poll of the API did not fail.
    pub any_good: bool,
    /// Whether one of them read the newer version.
    pub newer_good: bool,
    /// The version that the last poll requested.
    pub last_asked: Option<String>,
    /// The polls that found the older version gone since its last good poll.
    pub superseded: Superseded,
    /// The newest notice of the older version's end that can be parsed.
    pub notice: Option<String>,
    /// Whether any item is current.
    pub any_current: bool,
}

/// Returns whether a notice states when a version of the API ends.
pub type Reads = fn(&str) -> bool;

/// Polls in a row that found a version gone, as far as they count towards leaving it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Superseded {
    /// The number of polls.
    pub polls: i64,
    /// When the first and the last of them began.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// The items that two versions of the API have in common, at the first held poll after a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The number of current items that the previous version had listed.
    pub before: i64,
    /// The number of those that the new version lists, too.
    pub both: i64,
}

register! {
    /// Whether any poll of the API did not fail, and whether any of one version did not: (account,
    /// catalogue, version).
    pub const ANY_GOOD = concat!("SELECT \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND ", good!(), " \
              AND trigger <> 'file'), \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND ", good!(), " \
              AND trigger <> 'file' AND api_version = $3)");

    /// The version that the last poll of the API requested: (account, catalogue).
    pub const LAST_ASKED = "SELECT api_version FROM polls \
         WHERE account = $1 AND catalogue = $2 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

    /// The number of polls that found a version gone since its last good poll, as far as they count, and
    /// when the first and the last of them began: (account, catalogue, version).
    pub const SUPERSEDED = concat!("SELECT count(*), min(started_at), max(started_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND api_version = $3 AND superseded \
         AND trigger IN ('manual', 'schedule') \
         AND poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g WHERE g.account = $1 \
              AND g.catalogue = $2 AND g.api_version = $3 AND g.", good!(), " \
              AND g.trigger <> 'file'), 0)");

    /// The last notice of a version of the API before a poll, unless it has this text: (account, catalogue,
    /// version, poll, text).
    pub const NOTICE = "SELECT poll_id, warning FROM polls WHERE account = $1 \
         AND catalogue = $2 AND api_version = $3 AND poll_id < $4 AND trigger <> 'file' \
         AND warning IS NOT NULL AND warning <> $5 ORDER BY poll_id DESC LIMIT 1";

    /// When the last good poll of another version was observed, and how many held polls of this version
    /// followed it: (account, catalogue, version).
    const SWITCHED = concat!("WITH other AS (SELECT max(poll_id) AS poll_id, \
              max(observed_at) AS observed_at FROM polls \
              WHERE account = $1 AND catalogue = $2 AND api_version <> $3 AND ", good!(), ") \
         SELECT other.observed_at, (SELECT count(*) FROM polls AS h WHERE h.account = $1 \
              AND h.catalogue = $2 AND h.api_version = $3 AND h.outcome = 'held' AND h.poll_id > other.poll_id) FROM other");

    /// The ids of the items that are not removed: (account).
    fn current_ids(kind: Kind) {
        format!(
            "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL",
            kind.id, kind.table
        )
    }

    /// Whether any item of a catalogue is not removed: (account).
    fn any_current(catalogue: Catalogue) {
        let one = |kind: Kind| {
            let table = kind.table;
            format!("EXISTS (SELECT 1 FROM {table} WHERE account = $1 AND removed_at IS NULL)")
        };
        let all: Vec<String> = Kind::of(catalogue).map(one).collect();
        format!("SELECT {}", all.join(" OR "))
    }

    /// The number of items that are not removed and were first seen by a time, and how many of these are
    /// not missing: (account, time).
    fn known_until(kind: Kind) {
        format!(
            "SELECT count(*), count(*) FILTER (WHERE missing_since IS NULL) FROM {} \
             WHERE account = $1 AND removed_at IS NULL AND first_seen_at <= $2",
            kind.table
        )
    }
}

impl Store {
    /// Returns how the API has answered for an account's catalogue, for the choice between the `older`
    /// version and the `newer` one; `reads` returns whether a notice states the end of the older one.
    pub async fn past(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        older: &str,
        newer: &str,
        reads: Reads,
    ) -> Result<Past> {
        self.begin_apart().await?;
        let past = past_of(&mut self.conn, account, catalogue, older, newer, reads).await;
        self.end_apart(past).await
    }

    /// Returns whether a current item of the account is not in `answer`.
    pub async fn lacks_any(&mut self, account: &str, answer: &Answer) -> Result<bool> {
        self.begin_apart().await?;
        let lacks = lacks_any(&mut self.conn, account, answer).await;
        self.end_apart(lacks).await
    }

    /// Returns when the last good poll of the account's catalogue was observed.
    pub async fn last_good(
        &mut self,
        account: &str,
        catalogue: Catalogue,
    ) -> Result<Option<Timestamp>> {
        let args = [account.into(), catalogue.as_str().into(), 1.into()];
        Ok(self.one(statements::RECENT_GOOD, &args, |row| row.time("observed_at")).await?.flatten())
    }

    /// Returns what the account's previous version has in common with `version`, whose last poll was held;
    /// `None` unless that was the first held poll since the version changed.
    pub async fn overlap(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        version: &str,
    ) -> Result<Option<Overlap>> {
        let overlap = overlap(&mut self.conn, account, catalogue, version).await;
        overlap.map_err(|fault| self.storage_error("read", &fault))
    }
}

async fn past_of(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
    older: &str,
    newer: &str,
    reads: Reads,
) -> Result<Past, Fault> {
    let of = catalogue.as_str();
    let of_newer = [account.into(), of.into(), newer.into()];
    let good = |row: &Row| Ok((row.some_bool(0)?, row.some_bool(1)?));
    let good = conn.one(ANY_GOOD, &of_newer, good).await?;
    let (any_good, newer_good) = good.unwrap_or_default();
    let last_asked = conn.one(LAST_ASKED, &of_newer[..2], |row| row.text(0)).await?;
    let of_older = [account.into(), of.into(), older.into()];
    let superseded = |row: &Row| {
        Ok(Superseded { polls: row.some_int(0)?, span: row.time(1)?.zip(row.time(2)?) })
    };
    let superseded = conn.one(SUPERSEDED, &of_older, superseded).await?;
    let notice = notice(conn, account, of, older, reads).await?;
    let any_current = any_current(catalogue);
    let any_current = conn.one(any_current, &of_older[..1], |row| row.some_bool(0)).await?;
    Ok(Past {
        any_good,
        newer_good,
        last_asked: last_asked.flatten(),
        superseded: superseded.unwrap_or_default(),
        notice,
        any_current: any_current.unwrap_or(false),
    })
}

/// Returns the newest notice that `reads` accepts. Most often it is that of the last poll, and then no
/// earlier polls are read.
async fn notice(
    conn: &mut Conn,
    account: &str,
    catalogue: &str,
    version: &str,
    reads: Reads,
) -> Result<Option<String>, Fault> {
    let (mut before, mut text) = (i64::MAX, String::new());
    loop {
        let args =
            [account.into(), catalogue.into(), version.into(), before.into(), text.as_str().into()];
        let Some(row) = conn.row(NOTICE, &args).await? else { return Ok(None) };
        (before, text) = (row.some_int("poll_id")?, row.some_text("warning")?);
        if reads(&text) {
            return Ok(Some(text));
        }
    }
}

async fn lacks_any(conn: &mut Conn, account: &str, answer: &Answer) -> Result<bool, Fault> {
    for list in &answer.lists {
        let listed: BTreeSet<&str> = list.ids().collect();
        for row in conn.rows(current_ids(list.kind), &[account.into()]).await? {
            if !listed.contains(row.some_text(0)?.as_str()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn overlap(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
    version: &str,
) -> Result<Option<Overlap>, Fault> {
    let args = [account.into(), catalogue.as_str().into(), version.into()];
    let switched = conn.row(SWITCHED, &args).await?;
    let Some(row) = switched else { return Ok(None) };
    let (Some(before), 1) = (row.time(0)?, row.int(1)?.unwrap_or(0)) else { return Ok(None) };
    let mut overlap = Overlap { before: 0, both: 0 };
    for kind in Kind::of(catalogue) {
        let args = [account.into(), before.into()];
        if let Some(row) = conn.row(known_until(kind), &args).await? {
            overlap.before += row.some_int(0)?;
            overlap.both += row.some_int(1)?;
        }
    }
    Ok(Some(overlap))
}
