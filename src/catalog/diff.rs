//! The rules of history: tables before the poll + an answer + a policy → a [`Diff`].
//!
//! The diff is a value: `sync`, `--dry-run`, the daemon, backfills and tests all print or apply the
//! same one. All decisions are made here; the store only carries them out. This module contains no
//! SQL, does not read the clock and does not depend on the order of the list.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    fingerprint::Fingerprint,
    foreign,
    held::HeldSet,
    item::{FieldName, Fields},
    kind::{ByKind, Kind},
    learned::{Circumstances, differences, stored_type},
    links::{LinkWrite, ListedLinks, StoredLinks},
    list::{Answer, List},
    record::Record,
    schema::{self, Carried, Schema, SchemaChange},
    value::Value,
};
use crate::{time::Timestamp, words::counted};

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

/// The conditions for carrying out removals (rule 8).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// A removal is due once its item was missing in this many polls in a row; at least 1.
    pub after_polls: u32,
    /// Up to this many due removals pass the guard, regardless of their share.
    pub min_count: u64,
    /// Due removals up to this share of the current items pass the guard.
    pub max_share: f64,
    /// The held removals that are carried out in this poll.
    pub accepted: Accepted,
}

/// The value of `--accept-removals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Not given: held removals stay held.
    None,
    /// Held removals are carried out if they are at most this many in total.
    UpTo(u64),
    /// This set is removed if the last held poll held it and all of its items are still missing.
    Set(HeldSet),
    /// All held removals are carried out.
    All,
}

/// The poll whose answer is compared.
#[derive(Clone, Debug)]
pub struct PollContext<'a> {
    /// When the response had been received.
    pub observed_at: Timestamp,
    /// The version of the API that answered.
    pub api_version: &'a str,
    /// The conditions for carrying out removals.
    pub policy: &'a Policy,
    /// Whether the mirror is on; unsigned previews are then assets, too.
    pub mirror: bool,
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Restored => "restored",
            Self::Learned => "learned",
        }
    }

    /// Parses a value of the column `opened_by`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Added, Self::Changed, Self::Restored, Self::Learned]
            .into_iter()
            .find(|by| by.as_str() == text)
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

/// Returns whether `answer` has no id in common with the items of `snapshot`, removed ones included
/// (rule 11). An answer of another version of the API is not foreign, unless the last good poll
/// read a file.
pub fn is_foreign(snapshot: &Snapshot, answer: &Answer, poll: &PollContext<'_>) -> bool {
    if answer.lists.iter().any(|list| !list.recognised.ids.is_empty()) {
        return false;
    }
    let comparable = |last: &GoodPoll| last.from_file || last.api_version == poll.api_version;
    let known: Vec<_> = snapshot.lists.values().map(|list| &list.items).collect();
    let is_known = |id: &str| {
        known.iter().any(|items| items.binary_search_by(|item| item.id.as_str().cmp(id)).is_ok())
    };
    let count = known.iter().map(|items| items.len()).sum();
    snapshot.last_good.as_ref().is_some_and(comparable)
        && foreign::has_none_of(answer, count, is_known)
}

/// Computes what `answer` changes in `snapshot`. A foreign answer must only be passed once it was
/// accepted.
pub fn diff(snapshot: &Snapshot, answer: Answer, poll: &PollContext<'_>) -> Diff {
    let replaces_all = is_foreign(snapshot, &answer, poll);
    let nothing = SnapshotList::default();
    let compared = answer.lists.into_iter().map(|list| {
        let before = snapshot.lists.get(&list.kind).unwrap_or(&nothing);
        Comparison { replaces_all, ..Comparison::new(snapshot, before, list, poll) }
    });
    let mut compared: Vec<_> = compared.collect();
    let links = links(&compared, snapshot, poll);
    let (accepted, not_held) = accepted_set(snapshot, &compared, poll.policy.accepted);
    for list in &mut compared {
        let own = accepted.iter().filter(|(kind, _)| *kind == list.list.kind);
        list.let_through = own.map(|(_, id)| *id).collect();
        // Frees the signatures, unless a link to store still refers to them.
        list.list.signatures = Arc::default();
        list.match_items();
    }
    let holds: Vec<Option<Held>> = compared.iter().map(Comparison::hold).collect();
    let held: u64 = holds.iter().flatten().map(|held| held.count).sum();
    let accepted = match poll.policy.accepted {
        _ if replaces_all => true,
        Accepted::None | Accepted::Set(_) => false,
        Accepted::UpTo(most) => held <= most,
        Accepted::All => true,
    };
    let lists = compared.into_iter().zip(holds);
    let lists = lists.map(|(list, held)| list.finish(held.filter(|_| !accepted)));
    let lists = lists.collect();
    let not_held = not_held.filter(|_| !replaces_all);
    Diff { baseline: snapshot.last_good.is_none(), lists, links, not_held }
}

/// Returns the items of the accepted set. If the last held poll did not hold this set, or one of
/// its items is listed again, returns no items, and the set.
fn accepted_set<'a>(
    snapshot: &'a Snapshot,
    compared: &[Comparison<'_>],
    accepted: Accepted,
) -> (Vec<(Kind, &'a str)>, Option<HeldSet>) {
    let Accepted::Set(set) = accepted else { return (vec![], None) };
    let held: Vec<_> = snapshot.held_back().collect();
    let is_missing = |(kind, id): &(Kind, &str)| {
        compared.iter().any(|list| list.list.kind == *kind && !list.lists(id))
    };
    match HeldSet::of(held.iter().copied()) == set && held.iter().all(is_missing) {
        true => (held, None),
        false => (vec![], Some(set)),
    }
}

impl Snapshot {
    /// Returns the items that are not removed.
    fn current(&self) -> impl Iterator<Item = (Kind, &SnapshotItem)> {
        let all = self.lists.iter().flat_map(|(kind, list)| list.items.iter().map(|i| (*kind, i)));
        all.filter(|(_, item)| !item.removed)
    }

    /// Returns the set of all items that are not removed, which a foreign answer would remove.
    pub fn current_set(&self) -> HeldSet {
        HeldSet::of(self.current().map(|(kind, item)| (kind, item.id.as_str())))
    }

    /// Returns the items that the last held poll held and that are still missing.
    fn held_back(&self) -> impl Iterator<Item = (Kind, &str)> {
        let is_held = |item: &SnapshotItem| {
            item.missing_since.is_some_and(|since| self.held_until.is_some_and(|to| since <= to))
        };
        let held = self.current().filter(move |(_, item)| is_held(item));
        held.map(|(kind, item)| (kind, item.id.as_str()))
    }
}

impl Accepted {
    /// Returns whether an answer that has no known id is applied (rule 11).
    pub fn replaces_all(self, snapshot: &Snapshot) -> bool {
        match self {
            Self::None | Self::UpTo(_) => false,
            Self::Set(set) => set == snapshot.current_set(),
            Self::All => true,
        }
    }
}

/// Returns the links to store of all lists together: a picture may be in several lists.
fn links(
    compared: &[Comparison<'_>],
    snapshot: &Snapshot,
    poll: &PollContext<'_>,
) -> Vec<LinkWrite> {
    let dropped = compared.iter().flat_map(|list| &list.dropped);
    let mut links = ListedLinks::new(&snapshot.links, dropped, poll.mirror);
    for list in compared {
        let List { kind, signatures, .. } = &list.list;
        list.kept.iter().for_each(|record| links.keep(*kind, record, signatures));
    }
    for list in compared {
        let signatures = &list.list.signatures;
        list.dropped.iter().for_each(|record| links.compare(record, signatures));
    }
    links.writes(poll.observed_at)
}

/// One list while it is compared with the tables.
struct Comparison<'a> {
    snapshot: &'a Snapshot,
    before: &'a SnapshotList,
    poll: &'a PollContext<'a>,
    list: List,
    /// The kept record of each id that has a decoded record, sorted by id.
    kept: Vec<Record>,
    /// The copies that are not kept.
    dropped: Vec<Record>,
    schema_after: Schema,
    schema_changes: Vec<SchemaChange>,
    opened: Vec<Opened>,
    due: Vec<Removed>,
    /// The ids of the accepted set, whose removals the guard does not check.
    let_through: BTreeSet<&'a str>,
    /// The removals of these ids.
    accepted: Vec<Removed>,
    newly_missing: Vec<String>,
    found_again: Vec<String>,
    missing_before: u64,
    fingerprints: Vec<(String, String)>,
    /// Whether a foreign answer was accepted; every removal is then due at once.
    replaces_all: bool,
}

impl<'a> Comparison<'a> {
    fn new(
        snapshot: &'a Snapshot,
        before: &'a SnapshotList,
        mut list: List,
        poll: &'a PollContext<'a>,
    ) -> Self {
        let records = std::mem::take(&mut list.records);
        let samples = list.recognised.samples.clone();
        let (kept, dropped) = resolve_copies(records, before);
        let mut all: Vec<&Record> = kept.iter().chain(samples.iter()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let example_id = all.first().map(|record| record.id.as_str());
        let carried = Carried::by(all.iter().copied());
        let schema_changes = schema::changes(&before.schema, &carried, list.kind, example_id);
        let mut schema_after = before.schema.clone();
        for change in &schema_changes {
            schema::fold(&mut schema_after, change, poll.observed_at);
        }
        Self {
            snapshot,
            before,
            poll,
            list,
            kept,
            dropped,
            schema_after,
            schema_changes,
            opened: vec![],
            due: vec![],
            let_through: BTreeSet::new(),
            accepted: vec![],
            newly_missing: vec![],
            found_again: vec![],
            missing_before: 0,
            fingerprints: vec![],
            replaces_all: false,
        }
    }

    /// Matches the items with the records, both in the order of their ids.
    fn match_items(&mut self) {
        if self.before.items.is_empty() {
            self.opened.reserve_exact(self.kept.len());
        }
        let mut records = std::mem::take(&mut self.kept).into_iter().peekable();
        for item in &self.before.items {
            while let Some(new) = records.next_if(|record| record.id < item.id) {
                self.add(new);
            }
            match records.next_if(|record| record.id == item.id) {
                Some(record) => self.compare(item, record),
                None if self.list.undecodable.contains(&item.id) => self.keep_state(item),
                None => self.miss(item),
            }
        }
        records.for_each(|new| self.add(new));
    }

    fn add(&mut self, record: Record) {
        self.opened.push(Opened {
            id: record.id,
            version: 1,
            by: OpenedBy::Added,
            after: self.snapshot.last_good.as_ref().map(|poll| poll.observed_at),
            closes: false,
            fields: record.fields,
            changes: vec![],
            fingerprint: record.fingerprint,
        });
    }

    fn compare(&mut self, item: &SnapshotItem, record: Record) {
        if !item.removed {
            self.note_found(item);
        }
        if !item.removed && item.fields == record.fields {
            // A new field with only nulls changes every record, but no item.
            let is_wanted = !item.has_fingerprint || !self.schema_changes.is_empty();
            if let Some(fingerprint) = record.fingerprint.filter(|_| is_wanted) {
                self.fingerprints.push((record.id, fingerprint.to_column(&record.fields)));
            }
            return;
        }
        let last_listed = self.last_listed(item);
        let fields = self.state_after(item, &record);
        let (learned, changed) = self.differences(item, &record, &fields, last_listed);
        let by = match (item.removed, changed.is_empty(), learned) {
            (true, ..) => OpenedBy::Restored,
            (false, false, _) => OpenedBy::Changed,
            (false, true, true) => OpenedBy::Learned,
            (false, true, false) => return,
        };
        let last_seen_before = match by {
            OpenedBy::Restored => self.snapshot.last_good.as_ref(),
            _ => last_listed,
        };
        self.opened.push(Opened {
            id: item.id.clone(),
            version: item.version + 1,
            by,
            after: last_seen_before.map(|poll| poll.observed_at),
            closes: !item.removed,
            fingerprint: record.fingerprint.filter(|_| fields == record.fields),
            fields,
            changes: changed,
        });
    }

    /// Keeps the state of an item that is listed, but whose record could not be decoded.
    fn keep_state(&mut self, item: &SnapshotItem) {
        if !item.removed {
            self.note_found(item);
        }
    }

    fn note_found(&mut self, item: &SnapshotItem) {
        if item.missing_since.is_some() {
            self.found_again.push(item.id.clone());
        }
    }

    fn miss(&mut self, item: &SnapshotItem) {
        if item.removed {
            return;
        }
        match item.missing_since {
            Some(_) => self.missing_before += 1,
            None => self.newly_missing.push(item.id.clone()),
        }
        let accepted = self.let_through.contains(item.id.as_str());
        if accepted || self.is_due(item.missing_since) {
            let removed = Removed {
                id: item.id.clone(),
                version: item.version,
                name: item.fields.name(self.list.kind).map(str::to_owned),
                after: self.last_listed(item).map(|poll| poll.observed_at),
            };
            if accepted { self.accepted.push(removed) } else { self.due.push(removed) }
        }
    }

    /// Returns whether the answer lists an item of this id; only valid before [`Self::match_items`].
    fn lists(&self, id: &str) -> bool {
        self.kept.binary_search_by(|record| record.id.as_str().cmp(id)).is_ok()
            || self.list.undecodable.contains(id)
    }

    /// Returns whether an item was missing in `after_polls` good polls in a row, including this one.
    fn is_due(&self, missing_since: Option<Timestamp>) -> bool {
        let earlier = (self.poll.policy.after_polls.max(1) - 1) as usize;
        if earlier == 0 || self.replaces_all {
            return true;
        }
        match (missing_since, self.snapshot.recent_good.get(earlier - 1)) {
            (Some(since), Some(poll)) => since <= *poll,
            _ => false,
        }
    }

    /// Returns the last good poll that listed the item.
    fn last_listed(&self, item: &SnapshotItem) -> Option<&'a GoodPoll> {
        match item.missing_since {
            None => self.snapshot.last_good.as_ref(),
            Some(since) => self.snapshot.listed_before.get(&since),
        }
    }

    /// Returns the item's new state: carried fields from the record, null if absent there; all
    /// other fields as last known.
    fn state_after(&self, item: &SnapshotItem, record: &Record) -> Fields {
        let unsaid = item.fields.iter().filter(|(name, _)| {
            let carried = self.schema_after.get(*name).is_some_and(|field| field.carried);
            !carried && !record.has(name)
        });
        record.fields.with(unsaid.map(|(name, value)| (name.clone(), value)).collect())
    }

    /// Returns whether a value was learned, and the fields that changed (rule 4).
    fn differences(
        &self,
        item: &SnapshotItem,
        record: &Record,
        after: &Fields,
        last_listed: Option<&GoodPoll>,
    ) -> (bool, Vec<FieldChange>) {
        let mut learned = false;
        let mut changed = vec![];
        for (name, old, new) in differences(&item.fields, after) {
            if self.is_learned(name, old.as_ref(), record, last_listed) {
                learned = true;
            } else {
                let (old, new) = (old.map(Value::into_owned), new.map(Value::into_owned));
                changed.push(FieldChange { field: name.clone(), old, new });
            }
        }
        (learned, changed)
    }

    fn is_learned(
        &self,
        name: &FieldName,
        old: Option<&Value<'_>>,
        record: &Record,
        last_listed: Option<&GoodPoll>,
    ) -> bool {
        let Some(last_listed) = last_listed else { return false };
        let known = self.before.schema.get(name).map(|field| field.types).unwrap_or_default();
        let circumstances = Circumstances {
            last_listed_at: last_listed.observed_at,
            other_version: last_listed.api_version != self.poll.api_version,
            appeared_at: self.schema_after.get(name).map(|field| field.appeared_at),
            never_news: self.list.kind.never_news.contains(&name.as_ref()),
            old: old.map(|old| stored_type(known, old)),
            new: record.json_type(name),
        };
        circumstances.is_learned()
    }

    /// Applies the guard (rule 8): returns how many due removals to hold and why; `None` if they pass.
    fn hold(&self) -> Option<Held> {
        let due = self.due.len() as u64;
        let name = self.list.kind.plural;
        let current = self.before.items.iter().filter(|item| !item.removed).count();
        let current = current + self.list.recognised.ids.len();
        let Policy { min_count, max_share, .. } = self.poll.policy;
        // Slightly more, so that 29 of 100 is not over a share of 0.29 because of rounding.
        let most = (max_share * current as f64 * (1.0 + 1e-9)).floor() as u64;
        let most = most.max(*min_count);
        let reason = if due == 0 {
            return None;
        } else if self.list.is_empty {
            format!("the list of {name} is empty while {current} are current")
        } else if self.list.unusable > 0 {
            format!(
                "{} no usable id and might be any of the missing {name}",
                counted(self.list.unusable, "record has", "records have")
            )
        } else if let Some(why) = &self.list.incomplete {
            format!("the list of {name} may lack records: {why}")
        } else if due > most {
            format!(
                "{due} of {current} {name} would be removed, and the guard passes at most {most}"
            )
        } else {
            return None;
        };
        Some(Held { count: due, reason })
    }

    fn finish(self, held: Option<Held>) -> ListDiff {
        let (mut removed, held_back) = match held.is_some() {
            true => (vec![], self.due),
            false => (self.due, vec![]),
        };
        removed.extend(self.accepted);
        removed.sort_by(|a, b| a.id.cmp(&b.id));
        let missing = self.missing_before + self.newly_missing.len() as u64 - removed.len() as u64;
        ListDiff {
            kind: self.list.kind,
            listed: self.list.listed,
            duplicates: self.list.duplicates,
            rejected: self.list.rejected,
            opened: self.opened,
            removed,
            newly_missing: self.newly_missing,
            found_again: self.found_again,
            missing,
            schema: self.schema_changes,
            held,
            held_back,
            fingerprints: self.fingerprints,
        }
    }
}

/// Keeps one copy of each id and returns the kept and the dropped records (rule 6): the copy equal to
/// the stored state, else the first by the bytes of its canonical JSON. `records` are sorted by id.
fn resolve_copies(mut records: Vec<Record>, before: &SnapshotList) -> (Vec<Record>, Vec<Record>) {
    let mut dropped = vec![];
    if records.windows(2).all(|pair| pair[0].id != pair[1].id) {
        return (records, dropped);
    }
    let mut names = BTreeSet::new();
    for name in records.iter().flat_map(Record::names) {
        if !names.contains(name) {
            names.insert(name.clone());
        }
    }
    records.dedup_by(|copy, first| {
        let same = first.id == copy.id;
        if same {
            let stored = before.items.binary_search_by(|item| item.id.cmp(&copy.id)).ok();
            let stored = stored.map(|at| &before.items[at]);
            // A number stored as text has the same bytes as a string; its type then decides.
            let rank = |copy: &Record| {
                let json = (copy.to_json(), copy.numbers_as_text.clone());
                (!says_stored(copy, stored, &names), json)
            };
            if rank(copy) < rank(first) {
                std::mem::swap(copy, first);
            }
            dropped.push(std::mem::take(copy));
        }
        same
    });
    (records, dropped)
}

/// Returns whether a copy equals the stored state in `names`, all fields of the list's records.
fn says_stored(copy: &Record, stored: Option<&SnapshotItem>, names: &BTreeSet<FieldName>) -> bool {
    let Some(stored) = stored else { return false };
    names.iter().all(|name| copy.fields.get(name) == stored.fields.get(name))
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
