//! The status of catalogues and previews.

use super::{
    conn::{Conn, Fault, Row},
    held::held_by,
    open::Store,
    queue::Failures,
    record::RowType,
    row::PollRow,
    statements,
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

impl Store {
    /// Returns the status of every catalogue that was ever polled, sorted by account.
    pub async fn status(&mut self) -> Result<Vec<CatalogueStatus>> {
        let read = status(&mut self.conn).await;
        read.map_err(|fault| self.storage_error("read", &fault))
    }

    /// Returns the state of the previews.
    pub async fn asset_status(&mut self) -> Result<AssetStatus> {
        let read = asset_status(&mut self.conn).await;
        read.map_err(|fault| self.storage_error("read", &fault))
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

/// The number of items of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// Items that are not removed.
    pub current: i64,
    /// Those of them that are missing.
    pub missing: i64,
    /// Removed items.
    pub removed: i64,
}

/// A schema change of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaNote {
    /// When it was seen.
    pub observed_at: Timestamp,
    /// The kind, as the tables name it.
    pub kind: String,
    /// The field.
    pub field: String,
    /// `appeared`, `vanished` or `retyped`.
    pub change: String,
    /// The JSON types of the field's values.
    pub json_type: Option<String>,
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

async fn status(conn: &mut Conn) -> Result<Vec<CatalogueStatus>, Fault> {
    let mut all = vec![];
    for row in conn.rows(statements::ACCOUNTS, &[]).await? {
        let account = row.some_text(0)?;
        for catalogue in Catalogue::ALL {
            all.extend(catalogue_status(conn, &account, catalogue).await?);
        }
    }
    Ok(all)
}

/// Reads the status of a catalogue; `None` if it was never polled.
async fn catalogue_status(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
) -> Result<Option<CatalogueStatus>, Fault> {
    let of = [account.into(), catalogue.as_str().into()];
    let Some(row) = conn.row(statements::last_poll(), &of).await? else { return Ok(None) };
    let last = PollRow::read(&row)?;
    let last_good = conn.row(statements::last_good_poll(), &of).await?;
    let last_good = last_good.map(|row| PollRow::read(&row)).transpose()?;
    let held = match &last_good {
        Some(poll) => held_by(conn, poll).await?,
        None => None,
    };
    let since = last_good.as_ref().map_or(0, |poll| poll.poll_id);
    let args = [account.into(), catalogue.as_str().into(), since.into()];
    let failed = conn.row(statements::FAILED_SINCE, &args).await?;
    let mut items = ByKind::new();
    for kind in Kind::of(catalogue) {
        if let Some(row) = conn.row(statements::item_counts(kind), &of[..1]).await? {
            let (current, missing) = (row.some_int(0)?, row.some_int(1)?);
            items.insert(kind, ItemCounts { current, missing, removed: row.some_int(2)? });
        }
    }
    let notes = conn.rows(statements::SCHEMA_NEWS, &of).await?;
    let schema_changes = notes.iter().map(schema_note).collect::<Result<_, _>>()?;
    let failed_since = failed.map_or(Ok(0), |row| row.some_int(0))?;
    let account = account.to_owned();
    Ok(Some(CatalogueStatus {
        account,
        catalogue,
        last,
        last_good,
        held,
        failed_since,
        items,
        schema_changes,
    }))
}

fn schema_note(row: &Row) -> Result<SchemaNote, Fault> {
    Ok(SchemaNote {
        observed_at: row.some_time(0)?,
        kind: row.some_text(1)?,
        field: row.some_text(2)?,
        change: row.some_text(3)?,
        json_type: row.text(4)?,
    })
}

async fn asset_status(conn: &mut Conn) -> Result<AssetStatus, Fault> {
    let rows = conn.rows(statements::ASSETS_BY_STATE, &[]).await?;
    let by_state = rows.iter().map(|row| Ok((row.some_text(0)?, row.some_int(1)?)));
    let by_state = by_state.collect::<Result<_, Fault>>()?;
    let next = conn.row(statements::NEXT_EXPIRY, &[]).await?;
    let next_expiry = next.map_or(Ok(None), |row| row.time(0))?;
    let failures = reasons(conn, statements::FAILED_ASSETS).await?;
    let left_out = reasons(conn, statements::LEFT_OUT_ASSETS).await?;
    Ok(AssetStatus { by_state, next_expiry, failures, left_out })
}

async fn reasons(conn: &mut Conn, sql: &'static str) -> Result<Vec<Failures>, Fault> {
    let rows = conn.rows(sql, &[]).await?;
    let reason =
        |row: &Row| Ok((row.some_text(0)?, row.text(1)?.unwrap_or_default(), row.time(2)?));
    let all: Result<Vec<_>, Fault> = rows.iter().map(reason).collect();
    all.map(Failures::group)
}
