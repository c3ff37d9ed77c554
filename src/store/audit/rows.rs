//! The rows that verifying reads, each cell exactly as it stands.

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
    /// The digest of the latest.
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
    /// All its other columns, as they are sealed.
    pub line: Line<'static>,
}

/// A row that a poll wrote, or the half of one.
#[derive(Clone, Debug)]
pub struct Written {
    /// The row's account.
    pub account: String,
    /// The poll.
    pub poll_id: i64,
    /// What is sealed of it.
    pub line: Line<'static>,
}

/// A row of a history.
#[derive(Clone, Debug)]
pub struct Version {
    /// The item.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// Its start.
    pub valid_from: Option<String>,
    /// Its end.
    pub valid_to: Option<String>,
    /// Why it began.
    pub opened_by: String,
    /// Why it ended.
    pub closed_by: Option<String>,
    /// The poll that opened it.
    pub opened_poll: i64,
    /// The poll that closed it.
    pub closed_poll: Option<i64>,
    /// The last poll that showed the state before.
    pub opened_after: Option<String>,
    /// The last poll that showed this state.
    pub closed_after: Option<String>,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of `avatars` or `talking_photos`, without `missing_since`.
#[derive(Clone, Debug)]
pub struct Current {
    /// The item.
    pub id: String,
    /// Its current version.
    pub version: i64,
    /// The start of that.
    pub valid_from: Option<String>,
    /// When it was seen first.
    pub first_seen_at: Option<String>,
    /// When it was last added, changed or restored.
    pub changed_at: Option<String>,
    /// When it was removed.
    pub removed_at: Option<String>,
    /// Whether its fingerprint is that of another state.
    pub wrong_fingerprint: bool,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of `field_changes`.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The poll that saw it.
    pub poll_id: i64,
    /// The item.
    pub item_id: String,
    /// The version that it opened.
    pub version: i64,
    /// The field.
    pub field: String,
    /// Its value before.
    pub old_value: Option<String>,
    /// Its value after.
    pub new_value: Option<String>,
}

/// Items of one account and kind whose ids lie in a range.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// The account.
    pub account: &'a str,
    /// The kind.
    pub kind: Kind,
    /// The first id.
    pub from: String,
    /// The first id that is beyond; `None` for all the rest.
    pub to: Option<String>,
}

impl Span<'_> {
    pub(super) fn args(&self) -> Vec<Arg<'_>> {
        let mut args = vec![self.account.into(), self.from.as_str().into()];
        args.extend(self.to.as_deref().map(Arg::from));
        args
    }
}
