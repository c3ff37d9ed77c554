//! What a poll has to tell of the fields of the lists. A list that is read for the first time has no
//! news, and a field that keeps changing is told twice and no more until it has rested for a day.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::words::{fitted, short};
use crate::catalog::{
    diff::{Diff, ListDiff},
    schema::{Change, SchemaChange},
};

/// The most changes of a field within a day, the first included, that are told.
const MOST_TIMES: i64 = 2;

/// The changes to tell; `known` is how often each known field changed within a day before.
pub(super) fn entries(diff: &Diff, known: &BTreeMap<(String, String), i64>) -> Vec<Json> {
    let kinds: BTreeSet<&str> = known.keys().map(|(kind, _)| kind.as_str()).collect();
    let lists = diff.lists.iter().filter(|list| kinds.contains(list.kind.as_str()));
    let all = lists.flat_map(|list| list.schema.iter().map(move |change| (list, change)));
    all.filter_map(|(list, change)| entry(list, change, known)).collect()
}

fn entry(
    list: &ListDiff,
    change: &SchemaChange,
    known: &BTreeMap<(String, String), i64>,
) -> Option<Json> {
    let (kind, field) = (list.kind.as_str(), change.field.as_ref());
    let before = known.get(&(kind.to_owned(), field.to_owned())).copied().unwrap_or(0);
    (before < MOST_TIMES).then(|| {
        json!({
            "change": change.change.as_str(),
            "kind": kind,
            "field": short(field),
            "json_type": change.types.to_column(),
            "again": before > 0,
        })
    })
}

/// The text for people; `None` where there is nothing to tell.
pub(super) fn text(whose: &str, entries: &[Json]) -> Option<String> {
    entries.first()?;
    let count = entries.len();
    let lines = entries.iter().map(line);
    let sum = match count {
        1 => format!("{whose}: a field of the API's lists changed"),
        _ => format!("{whose}: {count} fields of the API's lists changed"),
    };
    Some(fitted(&[sum].into_iter().chain(lines).collect::<Vec<_>>()))
}

fn line(entry: &Json) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or("of unknown type").to_owned();
    let (kind, field, types) = (text("kind"), text("field"), text("json_type"));
    let again = match entry["again"].as_bool() {
        Some(true) => "; not told again before it rests for a day",
        _ => "",
    };
    let change = text("change");
    let what = match Change::parse(&change) {
        Some(Change::Vanished) => change,
        Some(Change::Retyped) => format!("is now {types}"),
        _ => format!("{change} ({types})"),
    };
    format!("{kind}: {field} {what}{again}")
}
