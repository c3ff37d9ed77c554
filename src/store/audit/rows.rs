//! The rows that `verify` reads, each cell exactly as it is stored.

use crate::{
    catalog::{
        kind::Kind,
        seal::{Cells, Line},
    },
    store::conn::Arg,
};

/// A row of `accounts`.
#[derive(Clone, Debug)]
pub struct Head {
    /// The account.
    pub account: String,
    /// Its latest poll.
    pub last_poll_id: Option<i64>,
    /// How many polls it has.
    pub polls: i64,
    /// The digest of its latest poll.
    pub digest: Option<String>,
}

/// A row of `polls`.
#[derive(Clone, Debug)]
pub struct AuditPoll {
    /// Its number.
    pub poll_id: i64,
    /// Its account.
    pub account: String,
    /// Its digest.
    pub digest: Option<String>,
    /// All its other columns, as covered by the digest.
    pub line: Line<'static>,
}

/// A row that a poll wrote, or half of one: the opening or the closing of a version.
#[derive(Clone, Debug)]
pub struct Written {
    /// The row's account.
    pub account: String,
    /// The poll.
    pub poll_id: i64,
    /// The part that the digest covers.
    pub line: Line<'static>,
}

/// A row of a history.
#[derive(Clone, Debug)]
pub struct Version {
    /// The item.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// The start of the version.
    pub valid_from: Option<String>,
    /// The end of the version.
    pub valid_to: Option<String>,
    /// Why it was opened.
    pub opened_by: String,
    /// Why it was closed.
    pub closed_by: Option<String>,
    /// The poll that opened it.
    pub opened_poll: i64,
    /// The poll that closed it.
    pub closed_poll: Option<i64>,
    /// When the last poll that showed the previous state was observed.
    pub opened_after: Option<String>,
    /// When the last poll that showed this state was observed.
    pub closed_after: Option<String>,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of the table of a kind, without `missing_since`.
#[derive(Clone, Debug)]
pub struct Current {
    /// The item.
    pub id: String,
    /// Its current version.
    pub version: i64,
    /// The start of the current version.
    pub valid_from: Option<String>,
    /// When it was first seen.
    pub first_seen_at: Option<String>,
    /// When it was last added, changed or restored.
    pub changed_at: Option<String>,
    /// When it was removed.
    pub removed_at: Option<String>,
    /// Whether its fingerprint belongs to another state.
    pub wrong_fingerprint: bool,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of `field_changes`.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The poll that observed the change.
    pub poll_id: i64,
    /// The item.
    pub item_id: String,
    /// The version that the change opened.
    pub version: i64,
    /// The field.
    pub field: String,
    /// Its value before.
    pub old_value: Option<String>,
    /// Its value after.
    pub new_value: Option<String>,
}

/// Items of one account and kind whose ids are in a range.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// The account.
    pub account: &'a str,
    /// The kind.
    pub kind: Kind,
    /// The first id.
    pub from: String,
    /// The first id after the range; `None` if there is none.
    pub to: Option<String>,
}

impl Span<'_> {
    pub(super) fn args(&self) -> Vec<Arg<'_>> {
        let mut args = vec![self.account.into(), self.from.as_str().into()];
        args.extend(self.to.as_deref().map(Arg::from));
        args
    }
}
