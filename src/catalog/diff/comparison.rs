//! The comparison of one list with the tables.

use std::collections::BTreeSet;

use super::{
    change::{FieldChange, Held, ListDiff, Opened, OpenedBy, Removed},
    policy::{Policy, PollContext},
    snapshot::{GoodPoll, Snapshot, SnapshotItem, SnapshotList},
};
use crate::{
    catalog::{
        item::{FieldName, Fields},
        learned::{Circumstances, differences, stored_type},
        list::List,
        record::Record,
        schema::{self, Carried, Schema, SchemaChange},
        value::Value,
    },
    time::Timestamp,
    words::counted,
};

/// One list while it is compared with the tables.
pub(super) struct Comparison<'a> {
    snapshot: &'a Snapshot,
    before: &'a SnapshotList,
    poll: &'a PollContext<'a>,
    pub(super) list: List,
    /// The kept record of each id that has a decoded record, sorted by id.
    pub(super) kept: Vec<Record>,
    /// The copies that are not kept.
    pub(super) dropped: Vec<Record>,
    schema_after: Schema,
    schema_changes: Vec<SchemaChange>,
    opened: Vec<Opened>,
    due: Vec<Removed>,
    /// The ids of the accepted set, whose removals the guard does not check.
    pub(super) let_through: BTreeSet<&'a str>,
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
    pub(super) fn new(
        snapshot: &'a Snapshot,
        before: &'a SnapshotList,
        mut list: List,
        poll: &'a PollContext<'a>,
        replaces_all: bool,
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
            replaces_all,
        }
    }

    /// Matches the items with the records, both in the order of their ids.
    pub(super) fn match_items(&mut self) {
        if self.before.items.is_empty() {
            self.opened.reserve_exact(self.kept.len());
        }
        let mut records = in_parts(std::mem::take(&mut self.kept)).peekable();
        for item in &self.before.items {
            while let Some(new) = records.next_if(|record| record.id < item.id) {
                self.add(new);
            }
            match records.next_if(|record| record.id == item.id) {
                Some(record) => self.compare(item, record),
                None if self.list.undecodable.contains(&item.id) => self.note_found(item),
                None => self.record_missing(item),
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
        self.note_found(item);
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

    /// Notes an item that is listed again after it was missing. If its record could not be decoded, its
    /// state is kept.
    fn note_found(&mut self, item: &SnapshotItem) {
        if !item.removed && item.missing_since.is_some() {
            self.found_again.push(item.id.clone());
        }
    }

    fn record_missing(&mut self, item: &SnapshotItem) {
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
    pub(super) fn lists(&self, id: &str) -> bool {
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
    pub(super) fn hold(&self) -> Option<Held> {
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

    pub(super) fn finish(self, held: Option<Held>) -> ListDiff {
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

/// Returns the elements in order, and frees their memory part by part, so that a large catalogue is not
/// twice in memory. Most allocators give parts of this size back to the system at once.
fn in_parts<T>(mut all: Vec<T>) -> impl Iterator<Item = T> {
    const PART: usize = 1 << 18;
    let mut parts = vec![];
    while !all.is_empty() {
        parts.push(all.split_off(all.len().saturating_sub(PART)));
        all.shrink_to_fit();
    }
    parts.into_iter().rev().flatten()
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
                (!equals_stored(copy, stored, &names), json)
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
fn equals_stored(
    copy: &Record,
    stored: Option<&SnapshotItem>,
    names: &BTreeSet<FieldName>,
) -> bool {
    let Some(stored) = stored else { return false };
    names.iter().all(|name| copy.fields.get(name) == stored.fields.get(name))
}
