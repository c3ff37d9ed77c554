//! Reports changes of the lists' fields. The first reading of a list reports none, and a field that
//! keeps changing is reported at most twice until it has not changed for a day.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::words::{fitted, short};
use crate::catalog::{
    diff::{Diff, ListDiff},
    schema::{FieldEvent, SchemaChange},
};

/// The most changes of a field within a day, the first included, that are reported.
const MOST_TIMES: i64 = 2;

/// Returns the changes to report, for machines and as lines for people; `known` is how often each
/// known field changed within the day before.
pub(super) fn entries(
    diff: &Diff,
    known: &BTreeMap<(String, String), i64>,
) -> (Vec<Json>, Vec<String>) {
    let kinds: BTreeSet<&str> = known.keys().map(|(kind, _)| kind.as_str()).collect();
    let lists = diff.lists.iter().filter(|list| kinds.contains(list.kind.as_str()));
    let all = lists.flat_map(|list| list.schema.iter().map(move |change| (list, change)));
    all.filter_map(|(list, change)| entry(list, change, known)).unzip()
}

fn entry(
    list: &ListDiff,
    change: &SchemaChange,
    known: &BTreeMap<(String, String), i64>,
) -> Option<(Json, String)> {
    let (kind, field) = (list.kind.as_str(), change.field.as_ref());
    let before = known.get(&(kind.to_owned(), field.to_owned())).copied().unwrap_or(0);
    if before >= MOST_TIMES {
        return None;
    }
    let (field, types) = (short(field), change.types.to_column());
    let entry = json!({
        "change": change.change.as_str(),
        "kind": kind,
        "field": field,
        "json_type": types,
        "again": before > 0,
    });
    let types = types.as_deref().unwrap_or("of unknown type");
    let what = match change.change {
        FieldEvent::Appeared => format!("appeared ({types})"),
        FieldEvent::Vanished => "vanished".to_owned(),
        FieldEvent::Retyped => format!("is now {types}"),
    };
    let again =
        if before > 0 { "; not reported again until it is unchanged for a day" } else { "" };
    Some((entry, format!("{kind}: {field} {what}{again}")))
}

/// Returns the text for people; `None` if there is nothing to report.
pub(super) fn text(account_label: &str, mut lines: Vec<String>) -> Option<String> {
    let sum = match lines.len() {
        0 => return None,
        1 => format!("{account_label}: a field of the API's lists changed"),
        count => format!("{account_label}: {count} fields of the API's lists changed"),
    };
    lines.insert(0, sum);
    Some(fitted(&lines))
}
