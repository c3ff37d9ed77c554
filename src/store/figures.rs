//! The figures for the metrics, computed from the tables on request: they survive restarts and do not
//! depend on which process polled. The names of the metrics are defined elsewhere.

use super::{
    browse::{Reading, Unreadable},
    conn::{Conn, Engine, Fault, Row},
    open::Store,
    record::{RowType, record},
    registry::register,
    row::{GOOD, good},
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        kind::{ByKind, Kind},
    },
    error::Result,
    time::{DAY, Timestamp},
};

/// All figures of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The figures of each catalogue with a poll, ordered by account.
    pub catalogues: Vec<CatalogueFigures>,
    /// The numbers of previews: (role, state, number).
    pub assets: Vec<(String, String, i64)>,
    /// The number of blobs in the mirror's store.
    pub mirrored_files: i64,
    /// The total size of these blobs, in bytes.
    pub mirrored_bytes: i64,
    /// The number of links of unsaved previews that expire within a day.
    pub expiring_links: i64,
    /// The next expiry of a link of an unsaved preview, which may be more than a day ahead.
    pub next_expiry: Option<Timestamp>,
    /// The figures of each receiver that ever had a notice.
    pub receivers: Vec<ReceiverFigures>,
    /// The size of the database, in bytes.
    pub database_bytes: i64,
}

record! {
    /// The figures of a receiver of notices.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ReceiverFigures {
        receiver: String = "the name of the receiver",
        waiting: i64 = "the number of notices that wait for delivery",
        oldest: Option<Timestamp> = "when the oldest of these was created",
        delivered: i64 = "the number of notices that it accepted",
        attempts: i64 = "the number of delivery attempts",
    }
}

/// The figures of an account's catalogue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogueFigures {
    /// The account.
    pub account: String,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The numbers of polls that succeeded, were held and failed.
    pub polls: [i64; 3],
    /// The numbers of items that all polls added, changed, removed and restored.
    pub changes: [i64; 4],
    /// The total duration of all polls, in milliseconds.
    pub polling_millis: i64,
    /// When the last poll began.
    pub last_poll: Option<Timestamp>,
    /// `observed_at` of the last poll that did not fail.
    pub last_success: Option<Timestamp>,
    /// The number of polls that failed since then.
    pub failed_since: i64,
    /// The number of removals held by the last poll that did not fail.
    pub held: i64,
    /// The size of the response of that poll, in bytes.
    pub response_bytes: i64,
    /// Whether that response contained a notice of deprecation or sunset.
    pub warned: bool,
    /// The numbers of listed, missing and removed items, for each kind that has items.
    pub items: ByKind<[i64; 3]>,
    /// The numbers of list fields that appeared, vanished and changed their type.
    pub schema: [i64; 3],
}

register! {
    /// Sums over the polls of each account's catalogues.
    pub fn poll_sums(engine: Engine) {
        let millis = engine.milliseconds("started_at", "finished_at");
        format!(
            "SELECT account, catalogue, count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded, \
             count(*) FILTER (WHERE outcome = 'held') AS held, \
             count(*) FILTER (WHERE outcome = 'failed') AS failed, \
             CAST(coalesce(sum(added), 0) AS BIGINT) AS added, \
             CAST(coalesce(sum(changed), 0) AS BIGINT) AS changed, \
             CAST(coalesce(sum(removed), 0) AS BIGINT) AS removed, \
             CAST(coalesce(sum(restored), 0) AS BIGINT) AS restored, \
             CAST(coalesce(sum({millis}), 0) AS BIGINT) AS millis, max(started_at) AS last_poll, \
             max(observed_at) FILTER (WHERE {GOOD}) AS last_good \
             FROM polls GROUP BY account, catalogue ORDER BY account, catalogue"
        )
    }

    /// Figures of the last good poll of each account's catalogues, and how many polls failed after it.
    pub const LAST_SUCCESSES = concat!("SELECT p.account, p.catalogue, \
         CAST(coalesce(p.held, 0) AS BIGINT) AS held, \
         CAST(coalesce(p.response_bytes, 0) AS BIGINT) AS response_bytes, \
         CAST(CASE WHEN p.warning IS NULL THEN 0 ELSE 1 END AS BIGINT) AS warned, \
         (SELECT count(*) FROM polls AS f WHERE f.account = p.account \
          AND f.catalogue = p.catalogue AND f.poll_id > p.poll_id \
          AND f.outcome = 'failed') AS failed \
         FROM (SELECT account, catalogue, max(observed_at) AS observed_at FROM polls \
          WHERE ", good!(), " GROUP BY account, catalogue) AS l \
         JOIN polls AS p ON p.account = l.account AND p.catalogue = l.catalogue \
         AND p.observed_at = l.observed_at AND p.", good!());

    /// The numbers of items by account: listed, missing, removed.
    pub fn items_by_state(kind: Kind) {
        format!(
            "SELECT account, \
             count(*) FILTER (WHERE removed_at IS NULL AND missing_since IS NULL) AS listed, \
             count(*) FILTER (WHERE removed_at IS NULL AND missing_since IS NOT NULL) AS missing, \
             count(*) FILTER (WHERE removed_at IS NOT NULL) AS removed FROM {} GROUP BY account",
            kind.table
        )
    }

    /// Changes of the lists' fields by account and catalogue.
    pub const SCHEMA_SUMS = "SELECT p.account, p.catalogue, \
         count(*) FILTER (WHERE change = 'appeared') AS appeared, \
         count(*) FILTER (WHERE change = 'vanished') AS vanished, \
         count(*) FILTER (WHERE change = 'retyped') AS retyped \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         GROUP BY p.account, p.catalogue";

    /// Previews by role and state.
    pub const ASSETS_BY_ROLE = "SELECT role, state, count(*) AS assets FROM assets \
         GROUP BY role, state ORDER BY role, state";

    /// The number of blobs in the store and their total size.
    pub const KEPT_CONTENTS = "SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM \
         (SELECT max(bytes) AS bytes FROM asset_versions WHERE pruned_at IS NULL GROUP BY file) AS kept";

    /// How many links of unsaved previews expire within a day, and the next expiry: (now, a day later).
    pub const EXPIRING = "SELECT count(*) FILTER (WHERE expires_at <= $2), min(expires_at) \
         FROM assets WHERE state <> 'mirrored' AND state IN ('pending', 'failed') AND expires_at > $1";

    /// Notices by receiver: waiting, the oldest of these, delivered, attempts.
    pub const BY_RECEIVER = "SELECT receiver, count(*) FILTER (WHERE delivered_at IS NULL) AS waiting, \
         min(created_at) FILTER (WHERE delivered_at IS NULL) AS oldest, \
         count(delivered_at) AS delivered, CAST(sum(attempts) AS BIGINT) AS attempts \
         FROM notices GROUP BY receiver ORDER BY receiver";
}

impl Store {
    /// Returns all figures, read in one transaction.
    pub async fn figures(&mut self, now: Timestamp) -> Result<Figures> {
        self.begin_reading().await?;
        let read = figures(&mut self.conn, now).await;
        self.end_reading().await?;
        read.map_err(|fault| self.storage_error("read", &fault))
    }
}

impl Reading {
    /// Returns all figures.
    pub async fn figures(&mut self, now: Timestamp) -> Result<Figures, Unreadable> {
        let read = figures(self.conn(), now).await;
        Ok(read.map_err(|fault| self.storage_error(&fault))?)
    }
}

async fn figures(conn: &mut Conn, now: Timestamp) -> Result<Figures, Fault> {
    let engine = conn.engine();
    let mut all = Figures::default();
    for row in conn.rows(poll_sums(engine), &[]).await? {
        all.catalogues.push(catalogue(&row)?);
    }
    for row in conn.rows(LAST_SUCCESSES, &[]).await? {
        if let Some(of) = find(&mut all, &row)? {
            (of.held, of.response_bytes) = (row.some_int("held")?, row.some_int("response_bytes")?);
            (of.warned, of.failed_since) = (row.some_int("warned")? == 1, row.some_int("failed")?);
        }
    }
    for kind in Kind::ALL {
        for row in conn.rows(items_by_state(kind), &[]).await? {
            if let Some(of) = all.of(&row.some_text("account")?, kind.catalogue) {
                let (listed, missing) = (row.some_int("listed")?, row.some_int("missing")?);
                of.items.insert(kind, [listed, missing, row.some_int("removed")?]);
            }
        }
    }
    for row in conn.rows(SCHEMA_SUMS, &[]).await? {
        if let Some(of) = find(&mut all, &row)? {
            let (appeared, vanished) = (row.some_int("appeared")?, row.some_int("vanished")?);
            of.schema = [appeared, vanished, row.some_int("retyped")?];
        }
    }
    previews(conn, &mut all, now).await?;
    Ok(all)
}

async fn previews(conn: &mut Conn, all: &mut Figures, now: Timestamp) -> Result<(), Fault> {
    let engine = conn.engine();
    for row in conn.rows(ASSETS_BY_ROLE, &[]).await? {
        let (role, state) = (row.some_text("role")?, row.some_text("state")?);
        all.assets.push((role, state, row.some_int("assets")?));
    }
    if let Some(row) = conn.row(KEPT_CONTENTS, &[]).await? {
        (all.mirrored_files, all.mirrored_bytes) = (row.some_int(0)?, row.some_int(1)?);
    }
    let day = now.plus(DAY);
    if let Some(row) = conn.row(EXPIRING, &[now.into(), day.into()]).await? {
        (all.expiring_links, all.next_expiry) = (row.some_int(0)?, row.time(1)?);
    }
    all.receivers = conn.all(BY_RECEIVER, &[], ReceiverFigures::read).await?;
    if let Some(row) = conn.row(engine.size(), &[]).await? {
        all.database_bytes = row.some_int(0)?;
    }
    Ok(())
}

fn catalogue(row: &Row) -> Result<CatalogueFigures, Fault> {
    let (account, catalogue) = account_and_catalogue(row)?;
    let int = |name| row.some_int(name);
    let polls = [int("succeeded")?, int("held")?, int("failed")?];
    Ok(CatalogueFigures {
        account,
        catalogue,
        polls,
        changes: [int("added")?, int("changed")?, int("removed")?, int("restored")?],
        polling_millis: int("millis")?,
        last_poll: row.time("last_poll")?,
        last_success: row.time("last_good")?,
        // All failed polls, until the figures of the last good poll are read.
        failed_since: polls[2],
        ..CatalogueFigures::default()
    })
}

/// Returns the account and the catalogue of a row.
fn account_and_catalogue(row: &Row) -> Result<(String, Catalogue), Fault> {
    let catalogue = Catalogue::parse(&row.some_text("catalogue")?)
        .ok_or_else(|| row.bad_value("catalogue", "is no catalogue"))?;
    Ok((row.some_text("account")?, catalogue))
}

fn find<'f>(all: &'f mut Figures, row: &Row) -> Result<Option<&'f mut CatalogueFigures>, Fault> {
    let (account, catalogue) = account_and_catalogue(row)?;
    Ok(all.of(&account, catalogue))
}

impl Figures {
    fn of(&mut self, account: &str, catalogue: Catalogue) -> Option<&mut CatalogueFigures> {
        let mut all = self.catalogues.iter_mut();
        all.find(|of| of.account == account && of.catalogue == catalogue)
    }
}
