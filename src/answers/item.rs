//! An item with its history.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::{
    schema::{ItemFields, parsed},
    state::IdState,
};
use crate::{
    catalog::{item::Fields, kind::Kind, learned, value::Value},
    error::Result,
    ids::{LookupScope, RequestedId, check},
    store::{Store, browse::items::FullItem, query::Version},
    time::Timestamp,
};

/// The most versions of an item that are shown; older ones are left out.
const VERSIONS: usize = 300;

/// An item in its last known state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Item {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// The account.
    pub account: String,
    /// The number of its version.
    pub version: i64,
    /// The start of this version.
    pub valid_from: Timestamp,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// When it was first found missing; null while it is listed.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// Its values.
    pub fields: ItemFields,
    /// Fields and values that have no column; null if there are none.
    #[schema(value_type = Option<BTreeMap<String, serde_json::Value>>)]
    pub extra: Json,
}

/// An item with its state and its versions.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemHistory {
    /// Its state.
    #[serde(flatten)]
    pub state: IdState,
    /// The permanent addresses of its previews, by field.
    pub links: BTreeMap<String, Option<String>>,
    /// Its newest 300 versions, oldest first.
    pub history: Vec<HistoryVersion>,
    /// Whether it has older versions.
    pub older_left_out: bool,
    /// Its values; null for an unknown id.
    pub fields: Option<ItemFields>,
    /// Fields and values that have no column; null if there are none.
    #[schema(value_type = Option<BTreeMap<String, serde_json::Value>>)]
    pub extra: Json,
}

/// A version of an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryVersion {
    /// 1, 2, 3 …
    pub version: i64,
    /// Its start.
    pub valid_from: Timestamp,
    /// Its end; null while it is open.
    pub valid_to: Option<Timestamp>,
    /// Why it began: `added`, `changed`, `restored` or `learned`.
    pub opened_by: String,
    /// Why it ended: `changed`, `removed` or `learned`.
    pub closed_by: Option<String>,
    /// The poll that opened it.
    pub opened_poll: i64,
    /// The poll that closed it.
    pub closed_poll: Option<i64>,
    /// The last poll that still showed the state before.
    pub opened_after: Option<Timestamp>,
    /// The last poll that still showed this state.
    pub closed_after: Option<Timestamp>,
    /// The differences from the version before, by field: old and new value. Null for the first version shown.
    #[schema(value_type = Option<BTreeMap<String, Vec<serde_json::Value>>>)]
    pub changes: Option<BTreeMap<String, [Json; 2]>>,
}

/// Returns the item with this id in every account and kind that knows it; if none does, an unknown one.
pub async fn item(store: &mut Store, id: &str, scope: &LookupScope) -> Result<Vec<ItemHistory>> {
    let requested = vec![RequestedId { id: id.to_owned(), ..RequestedId::default() }];
    let states = check(store, requested, scope).await?;
    let versions = store.versions(id, scope.kind, scope.account.as_deref()).await?;
    let of = |state: IdState| {
        let is_own = |version: &&Version| {
            state.kind == Some(version.kind) && state.account.as_ref() == Some(&version.account)
        };
        let own: Vec<&Version> = versions.iter().filter(is_own).collect();
        let shown = &own[own.len().saturating_sub(VERSIONS)..];
        let before = [None].into_iter().chain(shown.iter().copied().map(Some));
        let last = shown.last();
        let links = last.iter().flat_map(|last| {
            let fields = last.kind.previews.iter().map(|preview| preview.field);
            fields.map(move |field| (field.to_owned(), last.fields.text(field).map(str::to_owned)))
        });
        ItemHistory {
            links: links.collect(),
            history: shown.iter().zip(before).map(|(one, before)| version(one, before)).collect(),
            older_left_out: own.len() > shown.len(),
            fields: last.map(|last| ItemFields::of(last.kind, &last.fields)),
            extra: last.map_or(Json::Null, |last| extra(last.kind, &last.fields)),
            state,
        }
    };
    Ok(states.into_iter().map(|verdict| of(verdict.into())).collect())
}

fn version(version: &Version, before: Option<&Version>) -> HistoryVersion {
    HistoryVersion {
        version: version.version,
        valid_from: version.valid_from,
        valid_to: version.valid_to,
        opened_by: version.opened_by.as_str().into(),
        closed_by: version.closed_by.clone(),
        opened_poll: version.opened_poll,
        closed_poll: version.closed_poll,
        opened_after: version.opened_after,
        closed_after: version.closed_after,
        changes: before.map(|before| differences(&before.fields, &version.fields)),
    }
}

/// Returns the differences by field: before and after.
fn differences(before: &Fields, after: &Fields) -> BTreeMap<String, [Json; 2]> {
    let json = |value: Option<Value<'_>>| parsed(value.map(|value| value.to_json()).as_deref());
    let changed = learned::differences(before, after).into_iter();
    changed.map(|(field, old, new)| (field.to_string(), [json(old), json(new)])).collect()
}

/// Returns the values that have no column, or do not fit it.
pub(super) fn extra(kind: Kind, fields: &Fields) -> Json {
    parsed(fields.extra(kind).as_deref())
}

impl From<FullItem> for Item {
    fn from(item: FullItem) -> Self {
        Self {
            kind: item.kind,
            name: item.fields.name(item.kind).map(str::to_owned),
            version: item.version,
            valid_from: item.valid_from,
            first_seen_at: item.first_seen_at,
            changed_at: item.changed_at,
            missing_since: item.missing_since,
            removed_at: item.removed_at,
            fields: ItemFields::of(item.kind, &item.fields),
            extra: extra(item.kind, &item.fields),
            id: item.id,
            account: item.account,
        }
    }
}
