//! The words of this program that columns may contain. No CHECK of the databases lists them, so that a new
//! word does not require rebuilding a table.

use crate::catalog::{
    catalogue::Catalogue,
    kind::{Kind, Role},
};

/// How a poll ends.
pub const OUTCOMES: [&str; 3] = ["succeeded", "held", "failed"];
/// What starts a poll.
pub const TRIGGERS: [&str; 4] = ["manual", "schedule", "file", "refresh"];
/// What happens to an item, in the change feed.
pub const CHANGES: [&str; 4] = ["added", "changed", "removed", "restored"];
/// What opens a version.
pub const OPENED_BY: [&str; 4] = ["added", "changed", "restored", "learned"];
/// What closes a version.
pub const CLOSED_BY: [&str; 3] = ["changed", "removed", "learned"];
/// What happens to a field of a list.
pub const SCHEMA_CHANGES: [&str; 3] = ["appeared", "vanished", "retyped"];
/// The states of an item.
pub const ITEM_STATES: [&str; 3] = ["listed", "missing", "removed"];
/// The states of an asset in the mirror.
pub const ASSET_STATES: [&str; 5] = ["pending", "mirrored", "failed", "gone", "skipped"];

/// Returns the words that a column of a table or view may contain; empty if it may contain any text.
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
