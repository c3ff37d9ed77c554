//! All changes of a poll, as values.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    catalog::{
        fingerprint::Fingerprint,
        held::HeldSet,
        item::{FieldName, Fields},
        kind::Kind,
        links::LinkWrite,
        schema::SchemaChange,
        value::Value,
    },
    time::Timestamp,
};

/// All changes that a poll makes to items, schema and links.
#[derive(Debug, PartialEq)]
pub struct Diff {
    /// Whether this is the catalogue's first good poll: everything is added, nothing is news.
    pub baseline: bool,
    /// The changes to each list in the answer.
    pub lists: Vec<ListDiff>,
    /// Links to store.
    pub links: Vec<LinkWrite>,
    /// The accepted set if it is no longer held; it then has no effect.
    pub not_held: Option<HeldSet>,
}

/// All changes that a poll makes to one list.
#[derive(Debug, PartialEq)]
pub struct ListDiff {
    /// The kind of its items.
    pub kind: Kind,
    /// The number of distinct ids.
    pub listed: u64,
    /// The number of records beyond the first of their id.
    pub duplicates: u64,
    /// The number of records that could not be read.
    pub rejected: u64,
    /// Versions to open, sorted by id.
    pub opened: Vec<Opened>,
    /// Items to remove, sorted by id.
    pub removed: Vec<Removed>,
    /// Items that went missing in this poll, sorted by id.
    pub newly_missing: Vec<String>,
    /// Missing items that are listed again and were not removed, sorted by id.
    pub found_again: Vec<String>,
    /// The number of items that are missing and not removed, after the poll.
    pub missing: u64,
    /// Fields that appeared, vanished or have other types.
    pub schema: Vec<SchemaChange>,
    /// The number of held removals, and why; `None` if none are held.
    pub held: Option<Held>,
    /// The items of the held removals, sorted by id.
    pub held_back: Vec<Removed>,
    /// The fingerprints to store for unchanged items, as (id, fingerprint), sorted by id.
    pub fingerprints: Vec<(String, String)>,
}

/// A version to open.
#[derive(Debug, PartialEq)]
pub struct Opened {
    /// The item.
    pub id: String,
    /// The new version, 1 for an item never seen before.
    pub version: i64,
    /// Why it opens.
    pub by: OpenedBy,
    /// The time of the last poll that still showed the previous state; `None` at the baseline.
    pub after: Option<Timestamp>,
    /// Whether the previous version is still open and is closed now.
    pub closes: bool,
    /// The item's new state.
    pub fields: Fields,
    /// The changed fields, sorted by name; empty unless changed or restored.
    pub changes: Vec<FieldChange>,
    /// The fingerprint of a record of exactly these fields.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a version opens.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, EnumString, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum OpenedBy {
    /// An item never seen before.
    Added,
    /// A carried value differs.
    Changed,
    /// A removed item is listed again.
    Restored,
    /// Only learned values differ (rule 4).
    Learned,
}

impl OpenedBy {
    /// Returns the value of the column `opened_by`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a value of the column `opened_by`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A changed field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field's name.
    pub field: FieldName,
    /// Its value before; `None` for null.
    pub old: Option<Value<'static>>,
    /// Its value now.
    pub new: Option<Value<'static>>,
}

/// An item to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The item.
    pub id: String,
    /// Its last version, which is closed.
    pub version: i64,
    /// Its last known name.
    pub name: Option<String>,
    /// The time of the last poll that listed it.
    pub after: Option<Timestamp>,
}

/// Due removals that are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The number of removals.
    pub count: u64,
    /// The reason, for people.
    pub reason: String,
}

impl Diff {
    /// Returns the sum of a count over all lists.
    pub fn sum(&self, count: impl Fn(&ListDiff) -> u64) -> u64 {
        self.lists.iter().map(count).sum()
    }

    /// Returns the number of held removals in all lists.
    pub fn held(&self) -> u64 {
        self.sum(|list| list.held.as_ref().map_or(0, |held| held.count))
    }

    /// Returns the set of held removals; `None` if none are held.
    pub fn held_set(&self) -> Option<HeldSet> {
        let items = self
            .lists
            .iter()
            .flat_map(|list| list.held_back.iter().map(|gone| (list.kind, gone.id.as_str())));
        (self.held() > 0).then(|| HeldSet::of(items))
    }

    /// Returns why removals are held, for people; `None` if none are.
    pub fn held_reason(&self) -> Option<String> {
        let reasons: Vec<&str> = self
            .lists
            .iter()
            .filter_map(|list| Some(list.held.as_ref()?.reason.as_str()))
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Returns whether anything was added, changed, removed or restored; learned values do not count.
    pub fn is_news(&self) -> bool {
        self.sum(|list| list.removed.len() as u64) > 0
            || self
                .sum(|list| list.opened.iter().filter(|o| o.by != OpenedBy::Learned).count() as u64)
                > 0
    }
}

/// A version to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<'a> {
    /// The item.
    pub id: &'a str,
    /// The version.
    pub version: i64,
    /// The value of `closed_by`: `changed`, `learned` or `removed`.
    pub by: &'static str,
    /// The time of the last poll that still showed its state.
    pub after: Option<Timestamp>,
}

impl ListDiff {
    /// Returns the versions to close, sorted by id: those that new versions replace, and those of
    /// removed items.
    pub fn closed(&self) -> Vec<Closed<'_>> {
        let replaced = self.opened.iter().filter(|new| new.closes).map(|new| Closed {
            id: &new.id,
            version: new.version - 1,
            by: if new.by == OpenedBy::Learned { "learned" } else { "changed" },
            after: new.after,
        });
        let gone = self.removed.iter().map(|gone| {
            let Removed { id, version, name: _, after } = gone;
            Closed { id, version: *version, by: "removed", after: *after }
        });
        let mut all: Vec<_> = replaced.chain(gone).collect();
        all.sort_by_key(|closed| closed.id);
        all
    }

    /// Counts the versions that were opened for this reason, one for each item.
    pub fn count(&self, by: OpenedBy) -> u64 {
        self.opened.iter().filter(|opened| opened.by == by).count() as u64
    }
}
