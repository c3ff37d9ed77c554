//! Computes from the versions themselves what `field_changes` must contain for a version.

use super::{
    polls::{AllPolls, Facts},
    timeline::Timeline,
};
use crate::{
    catalog::{
        cell::Cell,
        item::Fields,
        json_type::JsonType,
        kind::Kind,
        learned::{Circumstances, Difference, differences, stored_type},
        schema::Types,
        seal::Cells,
        value::Value,
    },
    store::audit::{Changed, Version},
    time::Timestamp,
};

/// A difference between two versions of an item.
#[derive(Debug, PartialEq)]
pub struct Expected {
    /// The field.
    pub field: String,
    /// Its old value, as in `field_changes`.
    pub old: Option<String>,
    /// Its new value.
    pub new: Option<String>,
    /// Whether it is news.
    pub verdict: ChangeVerdict,
}

/// Whether a difference is news (rule 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeVerdict {
    /// It is in `field_changes`.
    Changed,
    /// It is not in `field_changes`.
    Learned,
    /// The tables do not show it: a text that reads as a huge number, in a field that had both.
    Either,
}

/// Returns the differences between `old` and `new`, the version after it.
pub fn expected(
    kind: Kind,
    old: &Version,
    new: &Version,
    polls: &AllPolls,
    timeline: &Timeline,
    account: &str,
) -> Vec<Expected> {
    let poll = polls.get(new.opened_poll);
    let listed =
        old.closed_after.as_deref().and_then(|at| polls.good_at(account, kind.catalogue, at));
    let (before, after) = (fields(kind, &old.own), fields(kind, &new.own));
    let verdict = |field: &str, old: Option<&Value<'_>>, new: Option<&Value<'_>>| {
        verdict(kind, (field, old, new), poll, listed, timeline)
    };
    let expect = |(field, old, new): Difference<'_>| Expected {
        field: field.to_string(),
        verdict: verdict(field, old.as_ref(), new.as_ref()),
        old: old.map(|value| value.into_cell().into_owned()),
        new: new.map(|value| value.into_cell().into_owned()),
    };
    differences(&before, &after).into_iter().map(expect).collect()
}

fn verdict(
    kind: Kind,
    (field, old, new): (&str, Option<&Value<'_>>, Option<&Value<'_>>),
    poll: Option<&Facts>,
    listed: Option<&Facts>,
    timeline: &Timeline,
) -> ChangeVerdict {
    let last_listed_at = listed.and_then(|facts| Timestamp::parse(facts.observed_at.as_deref()?));
    let (Some(poll), Some(listed), Some(last_listed_at)) = (poll, listed, last_listed_at) else {
        // If these are unknown, something else has been found already.
        return ChangeVerdict::Either;
    };
    let known = timeline.before(field, poll.poll_id).map(|field| field.types).unwrap_or_default();
    let now = timeline.after(field, poll.poll_id);
    let circumstances = Circumstances {
        last_listed_at,
        other_version: listed.api_version != poll.api_version,
        appeared_at: now.map(|field| field.appeared_at),
        never_news: kind.never_news.contains(&field),
        old: old.map(|old| stored_type(known, old)),
        new: None,
    };
    let types = now.map(|field| field.types).unwrap_or_default();
    let verdicts = arrived_types(types, new)
        .map(|new| new.map(|new| Circumstances { new: Some(new), ..circumstances }))
        .map(|known| known.unwrap_or(circumstances).is_learned());
    match verdicts {
        [true, true] => ChangeVerdict::Learned,
        [false, false] => ChangeVerdict::Changed,
        _ => ChangeVerdict::Either,
    }
}

/// Returns the types that a value may have arrived with; `types` are its field's in that list.
fn arrived_types(types: Types, new: Option<&Value<'_>>) -> [Option<JsonType>; 2] {
    let Some(new) = new else { return [None, None] };
    let stored = Some(stored_type(types, new));
    // A number that is stored as its text, or a text that looks like one.
    let kept = types.contains(JsonType::Number) && new.as_str().is_some_and(is_kept_number);
    if kept { [stored, Some(JsonType::Number)] } else { [stored, stored] }
}

fn is_kept_number(text: &str) -> bool {
    let number = matches!(text.as_bytes().first(), Some(b'-' | b'0'..=b'9'));
    number && Value::decode(text, 1) == Ok(Value::text(text))
}

/// Returns the state in a row's own columns.
fn fields(kind: Kind, own: &Cells<'static>) -> Fields {
    let mut extra = None;
    let mut cells = vec![];
    for (name, cell) in own {
        let value = match cell {
            Cell::Json(json) if *name == "extra" => {
                extra = Some(json.as_ref());
                None
            }
            Cell::Json(json) => Value::decode(json, 1).ok(),
            Cell::Text(text) => Some(Value::text(text.as_ref())),
            Cell::Bool(yes) => Some(Value::bool(*yes)),
            Cell::Int(number) => Some(Value::int(*number)),
            Cell::Null | Cell::Time(_) => None,
        };
        cells.extend(value.map(|value| (kind.field(name), value)));
    }
    Fields::from_row(kind, cells, extra, None)
}

/// Compares the rows of `field_changes` for the version `new` with the expected ones; returns the
/// field and the reason of each fault.
pub fn compare(
    expected: &[Expected],
    new: &Version,
    mut rows: Vec<Changed>,
) -> Vec<(String, String)> {
    let mut wrong = vec![];
    for one in expected {
        let row = rows.iter().position(|row| row.field == one.field).map(|at| rows.remove(at));
        let what = match (row, one.verdict) {
            (Some(_), ChangeVerdict::Learned) => "was learned, not changed",
            (Some(row), _) if row.old_value != one.old => {
                "old_value is not that of the version before"
            }
            (Some(row), _) if row.new_value != one.new => "new_value is not that of the version",
            (Some(row), _) if row.poll_id != new.opened_poll => {
                "poll_id is not that of the version"
            }
            (None, ChangeVerdict::Changed) => {
                "the row is missing: the version differs in this field"
            }
            _ => continue,
        };
        wrong.push((one.field.clone(), what.to_owned()));
    }
    let too_many = "the version does not differ in this field, or not twice";
    wrong.extend(rows.into_iter().map(|row| (row.field, too_many.to_owned())));
    wrong
}
