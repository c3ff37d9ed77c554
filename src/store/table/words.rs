//! The words of this program that columns may contain. No CHECK of the databases lists them, so that a new
//! word does not require rebuilding a table.

use strum::VariantArray;

use crate::{
    catalog::{
        catalogue::Catalogue,
        diff::OpenedBy,
        kind::{Kind, Role},
        schema::FieldEvent,
    },
    store::queue::AssetState,
};

/// How a poll ends.
pub const OUTCOMES: [&str; 3] = ["succeeded", "held", "failed"];
/// What starts a poll.
pub const TRIGGERS: [&str; 4] = ["manual", "schedule", "file", "refresh"];
/// What happens to an item, in the change feed.
pub const CHANGES: [&str; 4] = ["added", "changed", "removed", "restored"];
/// What closes a version.
pub const CLOSED_BY: [&str; 3] = ["changed", "removed", "learned"];
/// The states of an item.
pub const ITEM_STATES: [&str; 3] = ["listed", "missing", "removed"];

/// Returns the words of an enum, in the order of its variants.
pub fn words<T: VariantArray + Copy + Into<&'static str>>() -> Vec<&'static str> {
    T::VARIANTS.iter().map(|one| (*one).into()).collect()
}

/// Returns the words that a column of a table or view may contain; empty if it may contain any text.
pub(super) fn of(table: &str, column: &str) -> Vec<&'static str> {
    match (table, column) {
        ("notices", "kind") => vec![],
        (_, "kind") => Kind::ALL.map(Kind::as_str).into(),
        (_, "catalogue") => words::<Catalogue>(),
        (_, "role") => words::<Role>(),
        (_, "trigger") => TRIGGERS.into(),
        (_, "outcome") => OUTCOMES.into(),
        (_, "opened_by") => words::<OpenedBy>(),
        (_, "closed_by") => CLOSED_BY.into(),
        ("schema_changes", "change") => words::<FieldEvent>(),
        (_, "change") => CHANGES.into(),
        ("items", "state") => ITEM_STATES.into(),
        (_, "state") => words::<AssetState>(),
        _ => vec![],
    }
}
