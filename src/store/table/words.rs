//! The words of our own that columns hold. No CHECK of the databases has them: a further word
//! rebuilds no table.

use crate::catalog::{
    catalogue::Catalogue,
    kind::{Kind, Role},
};

/// How a poll ends.
pub const OUTCOMES: [&str; 3] = ["succeeded", "held", "failed"];
/// What starts a poll.
pub const TRIGGERS: [&str; 4] = ["manual", "schedule", "file", "refresh"];
/// What happens to an item, as the change feed tells it.
pub const CHANGES: [&str; 4] = ["added", "changed", "removed", "restored"];
/// What opens a version.
pub const OPENED_BY: [&str; 4] = ["added", "changed", "restored", "learned"];
/// What closes a version.
pub const CLOSED_BY: [&str; 3] = ["changed", "removed", "learned"];
/// What happens to a field of a list.
pub const SCHEMA_CHANGES: [&str; 3] = ["appeared", "vanished", "retyped"];
/// How an item stands.
pub const ITEM_STATES: [&str; 3] = ["listed", "missing", "removed"];
/// How the mirror stands to an asset.
pub const ASSET_STATES: [&str; 5] = ["pending", "mirrored", "failed", "gone", "skipped"];

/// The words that a column of a table or view may hold; empty where it may hold any text.
pub(super) fn of(table: &str, column: &str) -> Vec<&'static str> {
    match (table, column) {
        ("notices", "kind") => vec![],
        (_, "kind") => Kind::ALL.map(Kind::as_str).into(),
        (_, "catalogue") => Catalogue::ALL.map(Catalogue::as_str).into(),
        (_, "role") => Role::ALL.map(Role::as_str).into(),
        (_, "trigger") => TRIGGERS.into(),
        (_, "outcome") => OUTCOMES.into(),
        (_, "opened_by") => OPENED_BY.into(),
        (_, "closed_by") => CLOSED_BY.into(),
        ("schema_changes", "change") => SCHEMA_CHANGES.into(),
        (_, "change") => CHANGES.into(),
        ("items", "state") => ITEM_STATES.into(),
        (_, "state") => ASSET_STATES.into(),
        _ => vec![],
    }
}
