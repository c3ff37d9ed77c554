//! Whether ids are still usable.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::schema::parsed;
use crate::{
    catalog::kind::Kind,
    error::Result,
    ids::{LookupScope, RequestedId, State, Verdict, check, not_usable},
    store::Store,
    time::Timestamp,
};

/// The state of an id in one account and kind, or of an unknown id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IdState {
    /// The id.
    pub id: String,
    /// Its state.
    pub state: State,
    /// Whether the id can be used, judged by this account and kind.
    pub usable: bool,
    /// The kind; null for an unknown id.
    pub kind: Option<Kind>,
    /// The account; null for an unknown id.
    pub account: Option<String>,
    /// Since when it is missing or removed.
    pub since: Option<Timestamp>,
    /// The last known name.
    pub name: Option<String>,
    /// The last known status.
    pub status: Option<String>,
    /// The engines of the API that it supports.
    #[schema(value_type = Option<Vec<String>>)]
    pub supported_api_engines: Json,
    /// Its avatar group.
    pub group_id: Option<String>,
    /// Ids that may be used instead of one that is gone: the listed looks of the same group, else the
    /// listed items of the same name.
    pub instead: Vec<String>,
}

/// The states of the requested ids.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IdStates {
    /// Whether all ids can be used.
    pub all_usable: bool,
    /// The ids that cannot be used.
    pub not_usable: BTreeSet<String>,
    /// For each id, its state in each account and kind that knows it.
    pub states: Vec<IdState>,
}

/// Returns the states of these ids, in their order.
pub async fn check_ids(
    store: &mut Store,
    ids: Vec<String>,
    scope: &LookupScope,
) -> Result<IdStates> {
    let requested =
        ids.into_iter().map(|id| RequestedId { id, ..RequestedId::default() }).collect();
    let verdicts = check(store, requested, scope).await?;
    let not_usable: BTreeSet<String> = not_usable(&verdicts).into_iter().map(Into::into).collect();
    let states = verdicts.into_iter().map(IdState::from).collect();
    Ok(IdStates { all_usable: not_usable.is_empty(), not_usable, states })
}

impl From<Verdict> for IdState {
    fn from(verdict: Verdict) -> Self {
        let Verdict { requested, known, state, since, instead, passes } = verdict;
        let known = known.as_ref();
        let engines = known.and_then(|item| item.supported_api_engines.as_ref());
        Self {
            id: requested.id,
            state,
            usable: passes,
            kind: known.map(|item| item.kind),
            account: known.map(|item| item.account.clone()),
            since,
            name: known.and_then(|item| item.name.clone()),
            status: known.and_then(|item| item.status.clone()),
            supported_api_engines: parsed(engines.map(|engines| engines.0.as_str())),
            group_id: known.and_then(|item| item.group_id.clone()),
            instead,
        }
    }
}
