//! The form that filters changes.

use std::collections::BTreeSet;

use chrono::Datelike;

use super::{
    anchor::Anchor, context::PageContext, numbers::WEEK, params::ChangesQuery, timeline::back,
    words,
};
use crate::{catalog::kind::Kind, store::table::words::CHANGES, time::Timestamp};

/// The form above the changes.
pub struct ChangesForm {
    /// The path of the page that it opens.
    pub action: String,
    /// The parameters that it keeps.
    pub hidden: Vec<(&'static str, String)>,
    /// The choices of the kind: value, text, whether chosen.
    pub kinds: Vec<(&'static str, String, bool)>,
    /// The choices of the change: value, text, whether chosen.
    pub changes: Vec<(&'static str, &'static str, bool)>,
    /// The choices of the field: value, text, whether chosen.
    pub fields: Vec<(String, String, bool)>,
    /// The item's id.
    pub id: String,
    /// The start and the end; `None` if they cannot be chosen.
    pub ends: Option<[SpanEnd; 2]>,
    /// Spans of time: a link, and whether it is chosen.
    pub spans: Vec<(Anchor, bool)>,
}

/// An end of the span of time.
pub struct SpanEnd {
    /// A day or an exact time; empty if there is none.
    pub value: String,
    /// The type of its input: one of dates would lose the time of day.
    pub input: &'static str,
}

impl SpanEnd {
    fn of(value: &Option<String>) -> Self {
        let value = value.as_deref().unwrap_or_default().trim().to_owned();
        let input = if value.contains(':') { "text" } else { "date" };
        Self { value, input }
    }
}

/// Returns the form with the chosen values.
pub fn form(
    context: &PageContext<'_>,
    query: &ChangesQuery,
    action: &str,
    with_days: bool,
) -> ChangesForm {
    let filter = &query.filter;
    let change = filter.change.as_deref().unwrap_or("");
    let mut kinds = vec![("", "any".to_owned(), filter.kind.is_none())];
    let option = |kind: Kind| (kind.as_str(), words::plural(kind), filter.kind == Some(kind));
    kinds.extend(context.kinds().map(option));
    ChangesForm {
        action: action.to_owned(),
        hidden: context.viewpoint.pairs(),
        kinds,
        changes: [""]
            .into_iter()
            .chain(CHANGES)
            .map(|value| (value, if value.is_empty() { "any" } else { value }, value == change))
            .collect(),
        fields: fields(context, filter.field.as_deref().unwrap_or("")),
        id: filter.id.clone().unwrap_or_default(),
        ends: with_days.then(|| [&query.from, &query.to].map(SpanEnd::of)),
        spans: if with_days { spans(context, query, action) } else { vec![] },
    }
}

/// Returns the links to all changes, today, 7 days, last month, and since the last poll (to bookmark).
fn spans(context: &PageContext<'_>, query: &ChangesQuery, action: &str) -> Vec<(Anchor, bool)> {
    let today = words::start_of_day(context.reference());
    let this_month = first_of_month(today);
    let last_month = back(this_month, 1);
    let after_poll = context.good.newest.plus(std::time::Duration::from_millis(1));
    let day = |at| Some(words::day(at));
    let mut spans = vec![
        ("All", None, None),
        ("Today", day(today), None),
        ("7 days", day(back(today, WEEK)), None),
        ("Last month", day(first_of_month(last_month)), day(last_month)),
    ];
    if context.viewpoint.as_of.is_none() {
        spans.push(("Since this visit", Some(after_poll.to_string()), None));
    }
    let link = |(text, from, to): (&str, Option<String>, Option<String>)| {
        let is_chosen = query.from == from && query.to == to;
        let query = ChangesQuery { from, to, before: None, ..query.clone() };
        (Anchor::new(context.href(action, &query.pairs()), text), is_chosen)
    };
    spans.into_iter().map(link).collect()
}

fn first_of_month(day: Timestamp) -> Timestamp {
    back(day, i64::from(day.to_chrono().day0()))
}

/// Returns the field's choices (any, those of all kinds, the chosen one): value, text, whether chosen.
fn fields(context: &PageContext<'_>, chosen: &str) -> Vec<(String, String, bool)> {
    let columns = context.kinds().flat_map(|kind| kind.columns);
    let names = columns.map(|column| column.name);
    let mut fields: Vec<&str> = std::iter::once("").chain(names).chain([chosen]).collect();
    let mut seen = BTreeSet::new();
    fields.retain(|field| seen.insert(*field));
    let option = |field: &str| {
        let text = if field.is_empty() { "any".into() } else { words::tile_name(field) };
        (field.to_owned(), text, field == chosen)
    };
    fields.into_iter().map(option).collect()
}
