//! A second, simple implementation of the rules of history, from the contract alone: what the tables
//! must contain after a poll. Everything is counted and compared one by one, without optimisation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    MAX_SHARE, MIN_COUNT,
    edits::{Entry, KINDS},
};

/// Values by field name; without nulls in the tables.
pub type Fields = BTreeMap<String, Value>;

/// A version: id, number, opened by, closed by (empty while open), values.
pub type Version = (String, u32, String, String, Fields);

#[derive(Clone, Debug, Default)]
pub struct Item {
    pub fields: Fields,
    pub version: u32,
    pub removed: bool,
    /// The number of consecutive good polls that did not list it.
    pub missing: u32,
    /// The poll that last listed it.
    last_listed: u64,
}

#[derive(Clone, Debug, Default)]
struct Field {
    carried: bool,
    types: String,
    appeared: u64,
}

#[derive(Clone, Debug, Default)]
pub struct List {
    pub items: BTreeMap<String, Item>,
    fields: BTreeMap<String, Field>,
    versions: Vec<Version>,
}

#[derive(Clone, Debug, Default)]
pub struct Counts {
    listed: i64,
    added: i64,
    changed: i64,
    removed: i64,
    restored: i64,
    learned: i64,
    missing: i64,
    duplicates: i64,
    rejected: i64,
    held: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub lists: [List; 2],
    pub counts: Counts,
    changes: Vec<[String; 7]>,
    schema: Vec<[String; 5]>,
}

impl Counts {
    pub fn in_order(&self) -> [i64; 10] {
        let Self {
            listed,
            added,
            changed,
            removed,
            restored,
            learned,
            missing,
            duplicates,
            rejected,
            held,
        } = *self;
        [listed, added, changed, removed, restored, learned, missing, duplicates, rejected, held]
    }
}

impl Oracle {
    /// Applies a good poll.
    pub fn poll(
        &mut self,
        poll: u64,
        told: &[Vec<Entry>; 2],
        after_polls: u32,
        accepted: Option<u64>,
    ) {
        self.counts = Counts::default();
        let mut due = vec![];
        for (at, entries) in told.iter().enumerate() {
            let current = self.lists[at].items.values().filter(|item| !item.removed).count();
            self.count(entries);
            self.list(poll, at, entries);
            let gone = self.lists[at].missed(entries, after_polls);
            let unusable = entries.iter().any(|entry| matches!(entry, Entry::Unusable));
            let most = (MAX_SHARE * current as f64).max(MIN_COUNT as f64);
            let held = entries.is_empty() || unusable || gone.len() as f64 > most;
            due.push((at, gone, held));
        }
        let held: usize =
            due.iter().filter(|(.., held)| *held).map(|(_, gone, _)| gone.len()).sum();
        let through = accepted.is_some_and(|most| held as u64 <= most);
        for (at, gone, held) in due {
            if held && !through {
                self.counts.held += gone.len() as i64;
            } else {
                self.counts.removed += gone.len() as i64;
                gone.iter().for_each(|id| self.lists[at].remove(id));
            }
        }
        let missing = |list: &List| {
            list.items.values().filter(|item| item.missing > 0 && !item.removed).count()
        };
        self.counts.missing = self.lists.iter().map(missing).sum::<usize>() as i64;
    }

    fn count(&mut self, entries: &[Entry]) {
        let ids: Vec<&String> = entries.iter().filter_map(Entry::id).collect();
        let distinct: BTreeSet<&String> = ids.iter().copied().collect();
        self.counts.listed += distinct.len() as i64;
        self.counts.duplicates += (ids.len() - distinct.len()) as i64;
        let bad = entries.iter().filter(|entry| !matches!(entry, Entry::Good(..)));
        self.counts.rejected += bad.count() as i64;
    }

    fn list(&mut self, poll: u64, at: usize, entries: &[Entry]) {
        let kept = self.lists[at].kept(at, entries);
        for (field, change, types) in self.lists[at].carry(poll, at, &kept) {
            let kind = KINDS[at].kind.to_owned();
            self.schema.push([poll.to_string(), kind, field, change, types]);
        }
        for (id, record) in kept {
            let (by, changes) = self.lists[at].see(poll, KINDS[at].id, &id, &record);
            match by {
                "added" => self.counts.added += 1,
                "changed" => self.counts.changed += 1,
                "restored" => self.counts.restored += 1,
                "learned" => self.counts.learned += 1,
                _ => {}
            }
            let version = self.lists[at].items[&id].version.to_string();
            for (field, old, new) in changes {
                let kind = KINDS[at].kind.to_owned();
                let row = [
                    poll.to_string(),
                    kind,
                    id.clone(),
                    version.clone(),
                    field,
                    cell(&old),
                    cell(&new),
                ];
                self.changes.push(row);
            }
        }
        for id in entries.iter().filter_map(Entry::id) {
            if let Some(item) = self.lists[at].items.get_mut(id).filter(|item| !item.removed) {
                (item.missing, item.last_listed) = (0, poll);
            }
        }
    }

    pub fn changes_sorted(&self) -> Vec<String> {
        let mut rows = self.changes.clone();
        rows.sort_by_key(|row| {
            (row[0].parse::<u64>().unwrap(), row[1].clone(), row[2].clone(), row[4].clone())
        });
        rows.iter().map(|row| row.join("|")).collect()
    }

    pub fn schema_sorted(&self) -> Vec<String> {
        let mut rows = self.schema.clone();
        rows.sort_by_key(|row| (row[0].parse::<u64>().unwrap(), row[1].clone(), row[2].clone()));
        rows.iter().map(|row| row.join("|")).collect()
    }
}

impl List {
    /// Rule 6: returns one record for each id.
    fn kept(&self, at: usize, entries: &[Entry]) -> BTreeMap<String, Fields> {
        let mut copies: BTreeMap<String, Vec<Fields>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for entry in entries {
            if let Entry::Good(id, fields, _) = entry {
                let mut fields = fields.clone();
                fields.insert(KINDS[1 - at].id.into(), Value::String(id.clone()));
                names.extend(fields.keys().cloned());
                copies.entry(id.clone()).or_default().push(fields);
            }
        }
        let choose = |(id, mut copies): (String, Vec<Fields>)| {
            copies.sort_by_key(|copy| serde_json::to_string(copy).unwrap());
            let stored = self.items.get(&id).map(|item| &item.fields);
            let equal = |copy: &&Fields| {
                stored.is_some_and(|stored| {
                    names.iter().all(|name| known(copy, name) == stored.get(name))
                })
            };
            let best = copies.iter().find(equal).unwrap_or(&copies[0]).clone();
            (id, best)
        };
        copies.into_iter().map(choose).collect()
    }

    /// Rule 4: updates which fields the list carries; returns (field, change, types).
    fn carry(
        &mut self,
        poll: u64,
        at: usize,
        kept: &BTreeMap<String, Fields>,
    ) -> Vec<(String, String, String)> {
        if kept.is_empty() {
            return vec![];
        }
        let mut seen: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        seen.entry(KINDS[at].id.into()).or_default().insert("string");
        for (name, value) in kept.values().flatten() {
            seen.entry(name.clone()).or_default().extend(json_type(value));
        }
        let mut rows = vec![];
        for (name, types) in &seen {
            let types = types.iter().copied().collect::<Vec<_>>().join("|");
            let field = self.fields.entry(name.clone()).or_default();
            let change = match field.carried {
                false => "appeared",
                true if !types.is_empty() && types != field.types => "retyped",
                true => continue,
            };
            if change == "appeared" {
                (field.carried, field.appeared) = (true, poll);
            }
            if !types.is_empty() {
                field.types = types;
            }
            rows.push((name.clone(), change.to_owned(), or_null(&field.types)));
        }
        for (name, field) in self
            .fields
            .iter_mut()
            .filter(|(name, field)| field.carried && !seen.contains_key(*name))
        {
            field.carried = false;
            rows.push((name.clone(), "vanished".into(), or_null(&field.types)));
        }
        rows
    }

    /// Rules 4 and 9: applies a record to its item; returns how, and the changed fields.
    fn see(
        &mut self,
        poll: u64,
        own_id: &str,
        id: &str,
        record: &Fields,
    ) -> (&'static str, Vec<(String, Value, Value)>) {
        let Some(item) = self.items.get_mut(id) else {
            let fields = record.iter().filter(|(_, value)| !value.is_null());
            let fields: Fields =
                fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            self.versions.push((id.into(), 1, "added".into(), String::new(), fields.clone()));
            let item = Item { fields, version: 1, last_listed: poll, ..Item::default() };
            self.items.insert(id.into(), item);
            return ("added", vec![]);
        };
        let (mut learned, mut changes) = (false, vec![]);
        for (name, field) in
            self.fields.iter().filter(|(name, field)| field.carried && *name != own_id)
        {
            let old = item.fields.get(name).cloned().unwrap_or(Value::Null);
            let new = record.get(name).cloned().unwrap_or(Value::Null);
            if old == new {
                continue;
            }
            let retyped = !old.is_null() && !new.is_null() && json_type(&old) != json_type(&new);
            if field.appeared > item.last_listed || retyped {
                learned = true;
            } else {
                changes.push((name.clone(), old, new.clone()));
            }
            match new {
                Value::Null => drop(item.fields.remove(name)),
                new => drop(item.fields.insert(name.clone(), new)),
            }
        }
        let by = match (item.removed, changes.is_empty(), learned) {
            (true, ..) => "restored",
            (false, false, _) => "changed",
            (false, true, true) => "learned",
            (false, true, false) => return ("", vec![]),
        };
        if by != "restored" {
            let open = self.versions.iter_mut().rfind(|version| version.0 == id).unwrap();
            open.3 = by.into();
        }
        (item.version, item.removed) = (item.version + 1, false);
        self.versions.push((
            id.into(),
            item.version,
            by.into(),
            String::new(),
            item.fields.clone(),
        ));
        (by, changes)
    }

    /// Rule 8: counts the items that are not listed; returns those whose removal is due.
    fn missed(&mut self, entries: &[Entry], after_polls: u32) -> Vec<String> {
        let listed: BTreeSet<&String> = entries.iter().filter_map(Entry::id).collect();
        let mut due = vec![];
        for (id, item) in
            self.items.iter_mut().filter(|(id, item)| !item.removed && !listed.contains(id))
        {
            item.missing += 1;
            if item.missing >= after_polls {
                due.push(id.clone());
            }
        }
        due
    }

    fn remove(&mut self, id: &str) {
        self.items.get_mut(id).unwrap().removed = true;
        self.versions.iter_mut().rfind(|version| version.0 == id).unwrap().3 = "removed".into();
    }

    pub fn versions_sorted(&self) -> Vec<Version> {
        let mut all = self.versions.clone();
        all.sort_by_key(|version| (version.0.clone(), version.1));
        all
    }
}

impl Entry {
    fn id(&self) -> Option<&String> {
        match self {
            Self::Good(id, ..) | Self::Deep(id) => Some(id),
            Self::Unusable => None,
        }
    }
}

fn known<'f>(fields: &'f Fields, name: &str) -> Option<&'f Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn json_type(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
        Value::Object(_) => Some("object"),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "∅".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn or_null(types: &str) -> String {
    if types.is_empty() { "∅".into() } else { types.into() }
}
