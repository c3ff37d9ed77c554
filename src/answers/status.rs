//! How fresh the copy is.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    store::{Store, status::CatalogueStatus},
    time::Timestamp,
};

/// A catalogue of an account: its last polls and how many items it has.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CatalogueState {
    /// The account.
    pub account: String,
    /// The catalogue.
    pub catalogue: String,
    /// How the last poll ended: `succeeded`, `held` or `failed`.
    pub last_poll_outcome: String,
    /// Why the last poll failed.
    pub last_poll_error: Option<String>,
    /// When the last good poll (one that did not fail) received its list.
    pub last_good_poll_at: Option<Timestamp>,
    /// How many polls have failed since then.
    pub failed_polls_since: i64,
    /// The version of HeyGen's API that was read.
    pub api_version: Option<String>,
    /// How many items there are, by kind.
    pub items: BTreeMap<String, Counts>,
    /// How many removals are held; null if none are.
    pub removals_held: Option<u64>,
    /// Why they are held.
    pub held_reason: Option<String>,
    /// The API's own notice of deprecation.
    pub api_warning: Option<String>,
}

/// How many items of a kind there are.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Counts {
    /// Not removed.
    pub current: i64,
    /// Current items that the last good poll did not list.
    pub missing: i64,
    /// Removed.
    pub removed: i64,
}

/// Returns every catalogue that was ever polled, by account.
pub async fn status(store: &mut Store) -> Result<Vec<CatalogueState>> {
    Ok(store.status().await?.into_iter().map(CatalogueState::from).collect())
}

impl From<CatalogueStatus> for CatalogueState {
    fn from(status: CatalogueStatus) -> Self {
        let counts = status.items.into_iter().map(|(kind, items)| {
            let counts =
                Counts { current: items.current, missing: items.missing, removed: items.removed };
            (kind.as_str().to_owned(), counts)
        });
        let good = status.last_good;
        Self {
            account: status.account,
            catalogue: status.catalogue.as_str().into(),
            last_poll_outcome: status.last.outcome,
            last_poll_error: status.last.error,
            last_good_poll_at: good.as_ref().and_then(|poll| poll.observed_at),
            failed_polls_since: status.failed_since,
            api_version: status.last.api_version,
            items: counts.collect(),
            removals_held: status.held.map(|held| held.count()),
            held_reason: good.and_then(|poll| poll.held_reason),
            api_warning: status.last.warning,
        }
    }
}
