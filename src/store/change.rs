//! The change feed: its rows, which are those of the view `changes`, and their filter.

use serde::Serialize;
use utoipa::ToSchema;

use super::record::record;
use crate::{catalog::kind::Kind, time::Timestamp};

record! {
    /// A change of an item as a whole, or of one of its fields.
    #[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
    #[schema(as = Change)]
    pub struct ChangeRow {
        poll_id: i64 = "poll that saw it" required,
        observed_at: Timestamp = "when that poll's response was received" required,
        previous_poll_at: Option<Timestamp> =
            "observed_at of the last poll with the previous state: the change happened later; \
             null at the baseline",
        account: String = "name of the account: what one API key sees" unsealed required,
        kind: String = "avatar, talking_photo, avatar_group or voice" required,
        #[serde(rename = "id")]
        item_id: String = "id of the item" required,
        name: Option<String> = "name after the poll; the last known if removed",
        change: String = "added, changed, removed or restored" required,
        field: Option<String> =
            "name of the changed field in the API; null in the one row about the whole item",
        old_value: Option<String> = "old value as text; null if null",
        new_value: Option<String> = "new value as text; null if null",
    }
}

/// A filter of changes; a field that is `None` restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangeFilter {
    /// The kind.
    pub kind: Option<Kind>,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: Option<String>,
    /// The changed field.
    pub field: Option<String>,
    /// The id of the item.
    pub id: Option<String>,
    /// Changes observed at this time or later.
    pub since: Option<Timestamp>,
    /// Changes observed before this time.
    pub until: Option<Timestamp>,
}

impl ChangeFilter {
    /// Whether it selects items or fields, not only times and a change.
    pub fn selects_items(&self) -> bool {
        self.kind.is_some() || self.field.is_some() || self.id.is_some()
    }
}
