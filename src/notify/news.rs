//! The entries of a diff's notice, item by item, most important first: watched items that are gone
//! or may no longer work, then other items that are gone, added and changed. A field that changed
//! on many items is reported once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::words::{cell, item, short, step};
use crate::catalog::{
    diff::{Diff, FieldChange, ListDiff, Opened, OpenedBy},
    kind::Kind,
};

/// A field that changed on more items than this is reported once; the text contains at most this
/// many lines of a kind.
const FEW: usize = 5;
/// Fields that decide whether an item can be used: their change on a watched item is reported like
/// its loss.
const VITAL: [&str; 2] = ["status", "supported_api_engines"];
/// The most fields that are reported of one item.
const MOST_FIELDS: usize = 20;

/// One entry of a notice.
pub(super) struct NewsEntry {
    /// The form for machines.
    pub json: Json,
    /// The line for people.
    pub line: String,
    /// Whether a watched item is lost, or may no longer work.
    pub alarm: bool,
    /// Whether it is about a watched item.
    pub watched: bool,
    /// The kind of change, for counting lines.
    what: &'static str,
    kind: Kind,
}

/// Returns all entries of `diff`.
pub(super) fn entries(diff: &Diff, watch: &[String]) -> Vec<NewsEntry> {
    let watch: BTreeSet<&str> = watch.iter().map(String::as_str).collect();
    let mut all = vec![];
    for list in &diff.lists {
        add_gone(&mut all, list, &watch);
    }
    for list in &diff.lists {
        add_arrived(&mut all, list, &watch);
    }
    for list in &diff.lists {
        add_changed(&mut all, list, &watch);
    }
    // The sort is stable: the order within the alarms and within the rest stays.
    all.sort_by_key(|entry| !entry.alarm);
    all
}

/// Adds items that are removed, or missing while removals are held.
fn add_gone(all: &mut Vec<NewsEntry>, list: &ListDiff, watch: &BTreeSet<&str>) {
    for removed in &list.removed {
        let name = removed.name.as_deref();
        all.push(one(list.kind, &removed.id, name, "removed", watch));
    }
    let held = list.held_back.iter().filter(|gone| watch.contains(gone.id.as_str()));
    all.extend(held.map(|gone| one(list.kind, &gone.id, gone.name.as_deref(), "missing", watch)));
}

fn add_arrived(all: &mut Vec<NewsEntry>, list: &ListDiff, watch: &BTreeSet<&str>) {
    let has_arrived = |new: &&Opened| matches!(new.by, OpenedBy::Added | OpenedBy::Restored);
    for new in list.opened.iter().filter(has_arrived) {
        all.push(one(list.kind, &new.id, new.fields.name(list.kind), new.by.as_str(), watch));
    }
}

fn one(
    kind: Kind,
    id: &str,
    name: Option<&str>,
    what: &'static str,
    watch: &BTreeSet<&str>,
) -> NewsEntry {
    let watched = watch.contains(id);
    let alarm = watched && matches!(what, "removed" | "missing");
    let mark = if watched { "watched " } else { "" };
    let json = json!({
        "change": what,
        "kind": kind.as_str(),
        "id": short(id),
        "name": name.map(short),
        "watched": watched,
    });
    let line = match alarm {
        true => format!("! {mark}{} is {what}", item(kind, name, id)),
        false => format!("{mark}{} {what}", item(kind, name, id)),
    };
    NewsEntry { json, line, alarm, watched, what, kind }
}

fn add_changed(all: &mut Vec<NewsEntry>, list: &ListDiff, watch: &BTreeSet<&str>) {
    let opened = || list.opened.iter().filter(|new| new.by == OpenedBy::Changed);
    let mut by_field: BTreeMap<&str, Vec<&FieldChange>> = BTreeMap::new();
    for change in opened().flat_map(|new| &new.changes) {
        by_field.entry(change.field.as_ref()).or_default().push(change);
    }
    by_field.retain(|_, changes| changes.len() > FEW);
    for (field, changes) in &by_field {
        all.push(folded(list.kind, field, changes));
    }
    for new in opened() {
        let is_vital = |change: &FieldChange| {
            watch.contains(new.id.as_str()) && VITAL.contains(&change.field.as_ref())
        };
        let is_single = |change: &&FieldChange| {
            is_vital(change) || !by_field.contains_key(change.field.as_ref())
        };
        let mut single: Vec<_> = new.changes.iter().filter(is_single).collect();
        single.sort_by_key(|change| !is_vital(change));
        if !single.is_empty() {
            all.push(of_item(list.kind, new, &single, watch));
        }
    }
}

/// Creates the entry of one field that changed on many items.
fn folded(kind: Kind, field: &str, changes: &[&FieldChange]) -> NewsEntry {
    let mut json = json!({
        "change": "changed",
        "kind": kind.as_str(),
        "field": short(field),
        "items": changes.len(),
    });
    let mut line = format!("{} {}: {}", changes.len(), kind.plural, short(field));
    let alike = changes.split_first().filter(|(first, rest)| {
        rest.iter().all(|other| other.old == first.old && other.new == first.new)
    });
    match alike {
        Some((first, _)) => {
            let (old, new) = (cell(&first.old), cell(&first.new));
            line += &format!(" {}", step(&old, &new));
            (json["old"], json["new"]) = (json!(old), json!(new));
        }
        None => line += " changed",
    }
    NewsEntry { json, line, alarm: false, watched: false, what: "folded", kind }
}

fn of_item(
    kind: Kind,
    new: &Opened,
    changes: &[&FieldChange],
    watch: &BTreeSet<&str>,
) -> NewsEntry {
    let steps = |change: &&FieldChange| {
        (short(change.field.as_ref()), cell(&change.old), cell(&change.new))
    };
    let steps: Vec<_> = changes.iter().take(MOST_FIELDS).map(steps).collect();
    let mut entry = one(kind, &new.id, new.fields.name(kind), "changed", watch);
    let fields =
        steps.iter().map(|(field, old, new)| json!({"field": field, "old": old, "new": new}));
    entry.json["fields"] = fields.collect();
    if changes.len() > MOST_FIELDS {
        entry.json["more_fields"] = json!(changes.len() - MOST_FIELDS);
    }
    let shown_steps =
        steps.iter().take(3).map(|(field, old, new)| format!("{field} {}", step(old, new)));
    let more = if changes.len() > 3 { ", …" } else { "" };
    entry.line = format!("{}: {}{more}", entry.line, shown_steps.collect::<Vec<_>>().join(", "));
    if entry.watched && changes.iter().any(|change| VITAL.contains(&change.field.as_ref())) {
        entry.alarm = true;
        entry.line.insert_str(0, "! ");
    }
    entry
}

/// Returns the lines for people: many lines of a kind become one.
pub(super) fn lines(entries: &[NewsEntry]) -> Vec<String> {
    let group = |entry: &NewsEntry| (entry.alarm, entry.what, entry.kind.as_str());
    let mut groups: Vec<(&NewsEntry, Vec<&NewsEntry>)> = vec![];
    for entry in entries {
        match groups.iter_mut().find(|(first, _)| group(first) == group(entry)) {
            Some((_, all)) => all.push(entry),
            None => groups.push((entry, vec![entry])),
        }
    }
    groups.iter().flat_map(|(first, all)| group_lines(first, all)).collect()
}

fn group_lines(first: &NewsEntry, all: &[&NewsEntry]) -> Vec<String> {
    let whole = first.alarm || first.what == "folded" || all.len() <= FEW;
    let shown = if whole { all.len() } else { usize::from(first.what == "changed") * FEW };
    let mut lines: Vec<String> = all.iter().take(shown).map(|entry| entry.line.clone()).collect();
    if shown < all.len() {
        let more = if shown > 0 { " more" } else { "" };
        lines.push(format!("{}{more} {} {}", all.len() - shown, first.kind.plural, first.what));
    }
    lines
}
