//! A row of the change feed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{store::query::ChangeRow, time::Timestamp};

/// A change of an item as a whole, or of one of its fields.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Change {
    /// The poll that saw it.
    pub poll_id: i64,
    /// When that poll received its list.
    pub observed_at: Timestamp,
    /// It happened after this time; null at the baseline.
    pub previous_poll_at: Option<Timestamp>,
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: String,
    /// The item.
    pub id: String,
    /// The item's name after the poll; for a removal, the last known one.
    pub name: Option<String>,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: String,
    /// The changed field; null for a change of the item as a whole.
    pub field: Option<String>,
    /// The field's value before, as text.
    pub old_value: Option<String>,
    /// The field's value after, as text.
    pub new_value: Option<String>,
}

impl From<ChangeRow> for Change {
    fn from(row: ChangeRow) -> Self {
        Self {
            poll_id: row.poll_id,
            observed_at: row.observed_at,
            previous_poll_at: row.previous_poll_at,
            account: row.account,
            kind: row.kind,
            id: row.item_id,
            name: row.name,
            change: row.change,
            field: row.field,
            old_value: row.old_value,
            new_value: row.new_value,
        }
    }
}
