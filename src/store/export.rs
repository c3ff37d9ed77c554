//! The catalogue as of any time. Callers must have begun a read transaction ([`Store::begin_reading`]).
//!
//! A state is valid from the good poll that saw it until the next one: as of a time means as of the
//! account's last poll at or before that time that did not fail, its [`Moment`]. Rows are passed on as they
//! arrive, so that memory use does not grow with the history. The output formats are defined elsewhere.

use sqlx::SqlSafeStr;

use super::{
    conn::{Arg, Engine, Fault, Row},
    open::Store,
    query::{Version, version},
    registry::{Argument, register},
    row::good,
    snapshot::{OwnColumns, folded},
    statements,
};
use crate::{
    catalog::{
        answer::{HEAD, ListWriter, TAIL},
        catalogue::Catalogue,
        item::Fields,
        kind::{ByKind, Kind},
        schema::Schema,
        v2::V2_KINDS,
    },
    error::Result,
    time::Timestamp,
};

/// A point in the history of an account's catalogue: its last poll at or before the requested time that did
/// not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The account.
    pub account: String,
    /// The catalogue that the poll read.
    pub catalogue: Catalogue,
    /// The id of the poll.
    pub poll_id: i64,
    /// When the poll had received its response.
    pub observed_at: Timestamp,
    /// The number of polls that failed after it, up to the requested time.
    pub failed: i64,
    /// `observed_at` of the next poll after the requested time that did not fail; `None` if there is none
    /// yet.
    pub next: Option<Timestamp>,
}

/// The state of an item at a moment at which it was not removed.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemState {
    /// Its id.
    pub id: String,
    /// The version that was valid.
    pub version: i64,
    /// When that version began.
    pub valid_from: Timestamp,
    /// When the item was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// The values of its fields.
    pub fields: Fields,
}

/// Which items at a time to read.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// All of them.
    All,
    /// The item with an id.
    One,
    /// The items after an id, up to a limit.
    After,
}

impl Argument for Which {
    fn all(_: Engine) -> Vec<Self> {
        vec![Self::All, Self::One, Self::After]
    }
}

register! {
    /// The last good poll of an account's catalogue at or before a time: (account, catalogue, time).
    const GOOD_AT = concat!("SELECT poll_id, observed_at FROM polls WHERE account = $1 \
         AND catalogue = $2 AND ", good!(), " AND observed_at <= $3 \
         ORDER BY observed_at DESC LIMIT 1");

    /// The next good poll of an account's catalogue after a time: (account, catalogue, time).
    const NEXT_GOOD = concat!("SELECT min(observed_at) FROM polls WHERE account = $1 \
         AND catalogue = $2 AND ", good!(), " AND observed_at > $3");

    /// How many polls of an account's catalogue failed after one time and up to another: (account,
    /// catalogue, both).
    const FAILED_BETWEEN = "SELECT count(*) FROM polls WHERE account = $1 AND catalogue = $2 \
         AND outcome = 'failed' AND coalesce(observed_at, started_at) > $3 \
         AND coalesce(observed_at, started_at) <= $4";

    /// When the first poll began.
    pub(super) const BEGAN = "SELECT started_at FROM polls WHERE poll_id = 1";

    /// The account's schema changes up to a time, oldest first: (account, time).
    const SCHEMA_UNTIL = "SELECT s.kind, s.field, s.change, s.json_type, p.observed_at \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         WHERE s.account = $1 AND p.observed_at <= $2 ORDER BY s.poll_id, s.kind, s.field";

    /// The items that were not removed at a time, by id: (account, time), and for some of them (id) and
    /// (limit). docs/time-travel.md documents the same condition for users.
    fn items_at(kind: Kind, which: Which) {
        let (table, id) = (kind.history, kind.id);
        let (own, limit) = match which {
            Which::All => (String::new(), ""),
            Which::One => (format!(" AND item.{id} = $3"), ""),
            Which::After => (format!(" AND item.{id} > $3"), " LIMIT $4"),
        };
        format!(
            "SELECT item.{id}, item.version, item.valid_from, \
             (SELECT one.valid_from FROM {table} AS one WHERE one.account = item.account \
              AND one.{id} = item.{id} AND one.version = 1) AS first_seen_at, \
             (SELECT max(news.valid_from) FROM {table} AS news WHERE news.account = item.account \
              AND news.{id} = item.{id} AND news.version <= item.version \
              AND news.opened_by <> 'learned') AS changed_at, item.extra, {} \
             FROM {table} AS item WHERE item.account = $1 \
             AND item.valid_from <= $2 AND (item.valid_to IS NULL OR item.valid_to > $2){own} \
             ORDER BY item.{id}{limit}",
            statements::columns(kind, "item.")
        )
    }

    /// How many items were not removed at a time: (account, time).
    fn count_at(kind: Kind) {
        format!(
            "SELECT count(*) FROM {} WHERE account = $1 AND valid_from <= $2 \
             AND (valid_to IS NULL OR valid_to > $2)",
            kind.history
        )
    }

    /// Every version of a kind, by id and version: (account).
    fn all_versions(kind: Kind) {
        let id = kind.id;
        format!(
            "SELECT {} FROM {} WHERE account = $1 ORDER BY {id}, version",
            statements::version_columns(kind, ""),
            kind.history
        )
    }
}

impl Store {
    /// Returns when the first poll began, which permanently identifies a history; `None` before the first
    /// poll.
    pub async fn began_at(&mut self) -> Result<Option<Timestamp>> {
        self.time(BEGAN, &[]).await
    }

    /// Returns the moment of an account's catalogue at `time`; `None` before its first good poll.
    pub async fn moment(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        time: Timestamp,
    ) -> Result<Option<Moment>> {
        let of = || [Arg::from(account), catalogue.as_str().into()].into_iter();
        let args: Vec<Arg<'_>> = of().chain([time.into()]).collect();
        let good = self.one(GOOD_AT, &args, |row| {
            Ok((row.some_int("poll_id")?, row.some_time("observed_at")?))
        });
        let Some((poll_id, observed_at)) = good.await? else { return Ok(None) };
        let bounds: Vec<Arg<'_>> = of().chain([observed_at.into(), time.into()]).collect();
        let failed = self.one(FAILED_BETWEEN, &bounds, |row| row.some_int(0)).await?.unwrap_or(0);
        let next = self.next_good(account, catalogue, time).await?;
        let account = account.to_owned();
        Ok(Some(Moment { account, catalogue, poll_id, observed_at, failed, next }))
    }

    /// Returns the time of the first good poll of an account's catalogue; `None` if there is none yet.
    pub async fn first_good(
        &mut self,
        account: &str,
        catalogue: Catalogue,
    ) -> Result<Option<Timestamp>> {
        self.next_good(account, catalogue, Timestamp::from_millis(i64::MIN)).await
    }

    /// Calls `each` with the items of `kind` that were not removed at `moment`, ordered by id.
    pub async fn items_at(
        &mut self,
        kind: Kind,
        moment: &Moment,
        each: impl FnMut(ItemState) -> Result<()>,
    ) -> Result<()> {
        let args: [Arg<'_>; 2] = [moment.account.as_str().into(), moment.observed_at.into()];
        let own = OwnColumns::of(kind);
        self.each_row(items_at(kind, Which::All), &args, |row| item_state(row, &own), each).await
    }

    /// Returns at most `limit` items after an id that were not removed at `moment`, ordered by id.
    pub async fn items_at_after(
        &mut self,
        kind: Kind,
        moment: &Moment,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ItemState>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args =
            [moment.account.as_str().into(), moment.observed_at.into(), after.into(), limit.into()];
        let own = OwnColumns::of(kind);
        self.all(items_at(kind, Which::After), &args, |row| item_state(row, &own)).await
    }

    /// Returns the number of items that were not removed at `moment`.
    pub async fn count_at(&mut self, kind: Kind, moment: &Moment) -> Result<i64> {
        let args = [moment.account.as_str().into(), moment.observed_at.into()];
        let count = self.one(count_at(kind), &args, |row| row.some_int(0)).await?;
        Ok(count.unwrap_or(0))
    }

    /// Returns the item with this id, if it was not removed at `moment`.
    pub async fn item_at(
        &mut self,
        kind: Kind,
        moment: &Moment,
        id: &str,
    ) -> Result<Option<ItemState>> {
        let account = moment.account.as_str();
        let args = [account.into(), moment.observed_at.into(), id.into()];
        let own = OwnColumns::of(kind);
        self.one(items_at(kind, Which::One), &args, |row| item_state(row, &own)).await
    }

    /// Calls `each` with every version of an account's items of `kind`, ordered by id and version.
    pub async fn all_versions(
        &mut self,
        kind: Kind,
        account: &str,
        each: impl FnMut(Version) -> Result<()>,
    ) -> Result<()> {
        let own = OwnColumns::of(kind);
        self.each_row(all_versions(kind), &[account.into()], |row| version(row, &own), each).await
    }

    /// Calls `each` with each row of a query, decoded by `read`.
    pub(super) async fn each_row<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut stopped = None;
        let done = self.conn.each(sql, args, |row| {
            // An error of the caller's `each` ends the query and is returned unchanged.
            each(read(&row)?).map_err(|error| {
                stopped = Some(error);
                Fault::WorkerCrashed
            })
        });
        match (done.await, stopped) {
            (_, Some(error)) => Err(error),
            (done, None) => done.map_err(|fault| self.storage_error("read", &fault)),
        }
    }

    /// Writes a response like the API's (v2), in pieces that are passed to `each`: the items that were not
    /// removed at `moment`, with the fields that their lists contained and URLs without signatures. A poll
    /// of this response at that moment would open and close no version.
    pub async fn answer(
        &mut self,
        moment: &Moment,
        mut each: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let schemas = self.schemas(moment).await?;
        let nothing = Schema::new();
        each(HEAD)?;
        for (at, kind) in V2_KINDS.into_iter().enumerate() {
            let list = ListWriter::new(kind, schemas.get(&kind).unwrap_or(&nothing));
            each(&list.begin(at == 0))?;
            let mut first = true;
            let mut record = String::new();
            self.items_at(kind, moment, |item| {
                record.clear();
                list.write(&item.id, &item.fields, first, &mut record);
                first = false;
                each(&record)
            })
            .await?;
            each(list.end())?;
        }
        each(TAIL)
    }

    async fn schemas(&mut self, moment: &Moment) -> Result<ByKind<Schema>> {
        let args: [Arg<'_>; 2] = [moment.account.as_str().into(), moment.observed_at.into()];
        let folded = folded(&mut self.conn, SCHEMA_UNTIL, &args).await;
        folded.map_err(|fault| self.storage_error("read", &fault))
    }

    async fn next_good(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        time: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let args = [account.into(), catalogue.as_str().into(), time.into()];
        self.time(NEXT_GOOD, &args).await
    }
}

/// Decodes a row of [`items_at`].
fn item_state(row: &Row, own: &OwnColumns) -> Result<ItemState, Fault> {
    Ok(ItemState {
        id: row.some_text(own.kind.id)?,
        version: row.some_int("version")?,
        valid_from: row.some_time("valid_from")?,
        first_seen_at: row.some_time("first_seen_at")?,
        changed_at: row.some_time("changed_at")?,
        fields: own.fields(row, None)?,
    })
}
