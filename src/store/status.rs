//! The status of catalogues and previews.

use super::{
    open::Store,
    queue::Failures,
    record::{RowType, record},
    registry::register,
    row::PollRow,
    statements,
    table::POLLS,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        held::HeldSet,
        kind::{ByKind, Kind},
    },
    error::Result,
    time::Timestamp,
};

register! {
    /// The last poll of an account's catalogue: (account, catalogue).
    fn last_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 \
             ORDER BY poll_id DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// The number of failed polls of a catalogue after one: (account, catalogue, poll).
    const FAILED_SINCE = "SELECT count(*) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND poll_id > $3 AND outcome = 'failed'";

    /// The numbers of current, missing and removed items: (account).
    fn item_counts(kind: Kind) {
        format!(
            "SELECT count(*) FILTER (WHERE removed_at IS NULL) AS current, \
             count(*) FILTER (WHERE removed_at IS NULL AND missing_since IS NOT NULL) AS missing, \
             count(*) FILTER (WHERE removed_at IS NOT NULL) AS removed FROM {} WHERE account = $1",
            kind.table
        )
    }

    /// The newest schema changes of a catalogue's lists, without those of the first poll of each list:
    /// (account, catalogue).
    const SCHEMA_NEWS = "SELECT p.observed_at, s.kind, s.field, s.change, s.json_type \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         WHERE s.account = $1 AND p.catalogue = $2 AND s.poll_id > (SELECT min(f.poll_id) FROM schema_changes AS f \
              WHERE f.account = s.account AND f.kind = s.kind) \
         ORDER BY s.poll_id DESC, s.kind, s.field LIMIT 10";

    /// The number of previews in each state.
    const ASSETS_BY_STATE =
        "SELECT state, count(*) FROM assets GROUP BY state ORDER BY state";

    /// The previews whose download failed and is retried.
    const FAILED_ASSETS =
        "SELECT url, last_error, next_attempt_at FROM assets WHERE state = 'failed' ORDER BY url";

    /// The previews that the configuration leaves out by their host or size.
    const LEFT_OUT_ASSETS = "SELECT url, last_error, next_attempt_at FROM assets \
         WHERE state = 'skipped' AND last_error IS NOT NULL ORDER BY url";

    /// The next expiry of a link whose preview is not saved; only signed links have one, and not every
    /// reader may read the links.
    const NEXT_EXPIRY =
        "SELECT min(expires_at) FROM assets WHERE state IN ('pending', 'failed')";
}

impl Store {
    /// Returns the status of every catalogue that was ever polled, sorted by account.
    pub async fn status(&mut self) -> Result<Vec<CatalogueStatus>> {
        let mut all = vec![];
        for account in self.account_names().await? {
            for catalogue in Catalogue::ALL {
                all.extend(self.catalogue_status(&account, catalogue).await?);
            }
        }
        Ok(all)
    }

    /// Returns the status of a catalogue; `None` if it was never polled.
    async fn catalogue_status(
        &mut self,
        account: &str,
        catalogue: Catalogue,
    ) -> Result<Option<CatalogueStatus>> {
        let of = [account.into(), catalogue.as_str().into()];
        let last = self.one(last_poll(), &of, PollRow::read).await?;
        let Some(last) = last else { return Ok(None) };
        let last_good = self.one(statements::last_good_poll(), &of, PollRow::read).await?;
        let held = match &last_good {
            Some(poll) => self.held_by(poll).await?,
            None => None,
        };
        let since = last_good.as_ref().map_or(0, |poll| poll.poll_id);
        let args = [account.into(), catalogue.as_str().into(), since.into()];
        let failed = self.one(FAILED_SINCE, &args, |row| row.some_int(0)).await?;
        let mut items = ByKind::new();
        for kind in Kind::of(catalogue) {
            let counts = self.one(item_counts(kind), &of[..1], ItemCounts::read).await?;
            items.extend(counts.map(|counts| (kind, counts)));
        }
        Ok(Some(CatalogueStatus {
            account: account.to_owned(),
            catalogue,
            last,
            last_good,
            held,
            failed_since: failed.unwrap_or(0),
            items,
            schema_changes: self.all(SCHEMA_NEWS, &of, SchemaNote::read).await?,
        }))
    }

    /// Returns the state of the previews.
    pub async fn asset_status(&mut self) -> Result<AssetStatus> {
        let by_state =
            self.all(ASSETS_BY_STATE, &[], |row| Ok((row.some_text(0)?, row.some_int(1)?)));
        let by_state = by_state.await?;
        Ok(AssetStatus {
            by_state,
            next_expiry: self.time(NEXT_EXPIRY, &[]).await?,
            failures: self.failures(FAILED_ASSETS).await?,
            left_out: self.failures(LEFT_OUT_ASSETS).await?,
        })
    }

    async fn failures(&mut self, sql: &'static str) -> Result<Vec<Failures>> {
        let all = self.all(sql, &[], |row| {
            let why = row.text("last_error")?.unwrap_or_default();
            Ok((row.some_text("url")?, why, row.time("next_attempt_at")?))
        });
        all.await.map(Failures::group)
    }
}

/// The state of an account's catalogue.
#[derive(Clone, Debug)]
pub struct CatalogueStatus {
    /// The account.
    pub account: String,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Its last poll.
    pub last: PollRow,
    /// Its last poll that did not fail.
    pub last_good: Option<PollRow>,
    /// The removals that the last good poll held.
    pub held: Option<HeldSet>,
    /// Failed polls since the last good one.
    pub failed_since: i64,
    /// The current, missing and removed items of each kind in the catalogue.
    pub items: ByKind<ItemCounts>,
    /// The last schema changes, newest first, without those of the first poll of each list.
    pub schema_changes: Vec<SchemaNote>,
}

record! {
    /// The number of items of a kind.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ItemCounts {
        current: i64 = "items that are not removed",
        missing: i64 = "those of them that are missing",
        removed: i64 = "removed items",
    }
}

record! {
    /// A schema change of a list.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SchemaNote {
        observed_at: Timestamp = "when it was seen",
        kind: String = "the kind, as the tables name it",
        field: String = "the field",
        change: String = "appeared, vanished or retyped",
        json_type: Option<String> = "the JSON types of the field's values",
    }
}

/// The state of the previews.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetStatus {
    /// The number of previews in each state: (state, number), sorted by state.
    pub by_state: Vec<(String, i64)>,
    /// The next expiry of a link whose preview is not saved.
    pub next_expiry: Option<Timestamp>,
    /// Previews whose download failed and is retried.
    pub failures: Vec<Failures>,
    /// Previews that the configuration excludes by their host or size.
    pub left_out: Vec<Failures>,
}
