//! The contents of the tables before a poll.

use std::collections::BTreeMap;

use crate::{
    catalog::{
        held::HeldSet,
        item::Fields,
        kind::{ByKind, Kind},
        links::StoredLinks,
        schema::Schema,
    },
    time::Timestamp,
};

/// What the tables contain before the poll, for one catalogue of one account.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The catalogue's last poll that did not fail; `None` before the baseline.
    pub last_good: Option<GoodPoll>,
    /// `observed_at` of the catalogue's last good polls, newest first, at least `after_polls - 1`
    /// of them if there are that many.
    pub recent_good: Vec<Timestamp>,
    /// The last held poll held the removals of items missing since this time or earlier, unless
    /// they are removed by now; `None` if no poll was held.
    pub held_until: Option<Timestamp>,
    /// For each `missing_since` among the items, the last good poll before it, which is the one
    /// that last listed the item.
    pub listed_before: BTreeMap<Timestamp, GoodPoll>,
    /// All items ever seen, of each kind that was ever listed.
    pub lists: ByKind<SnapshotList>,
    /// The stored links.
    pub links: StoredLinks,
}

/// A poll that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodPoll {
    /// When the response had been received.
    pub observed_at: Timestamp,
    /// The version of the API that answered.
    pub api_version: String,
    /// Whether it read a saved answer.
    pub from_file: bool,
}

/// One list's items before the poll.
#[derive(Debug, Default)]
pub struct SnapshotList {
    /// Every item ever seen, in its last known state, sorted by id, without recognised ones.
    pub items: Vec<SnapshotItem>,
    /// The fields of the list, and whether it carries them.
    pub schema: Schema,
}

/// An item before the poll.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotItem {
    /// Its id.
    pub id: String,
    /// Its last known values.
    pub fields: Fields,
    /// Its last version.
    pub version: i64,
    /// The time of the first poll that did not list it; `None` if it is not missing.
    pub missing_since: Option<Timestamp>,
    /// Whether it is removed.
    pub removed: bool,
    /// Whether a fingerprint is stored with it that this version of the program can read.
    pub has_fingerprint: bool,
}

impl Snapshot {
    /// Returns the items that are not removed.
    pub(super) fn current(&self) -> impl Iterator<Item = (Kind, &SnapshotItem)> {
        let all = self.lists.iter().flat_map(|(kind, list)| list.items.iter().map(|i| (*kind, i)));
        all.filter(|(_, item)| !item.removed)
    }

    /// Returns the set of all items that are not removed, which a foreign answer would remove.
    pub fn current_set(&self) -> HeldSet {
        HeldSet::of(self.current().map(|(kind, item)| (kind, item.id.as_str())))
    }

    /// Returns the items that the last held poll held and that are still missing.
    pub(super) fn held_back(&self) -> impl Iterator<Item = (Kind, &str)> {
        let is_held = |item: &SnapshotItem| {
            item.missing_since.is_some_and(|since| self.held_until.is_some_and(|to| since <= to))
        };
        let held = self.current().filter(move |(_, item)| is_held(item));
        held.map(|(kind, item)| (kind, item.id.as_str()))
    }
}
