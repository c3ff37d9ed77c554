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
    /// The parameters that are chosen from lists, and their choices.
    pub selects: [(&'static str, Vec<Choice>); 3],
    /// The item's id.
    pub id: String,
    /// The start and the end; `None` if they cannot be chosen.
    pub ends: Option<[SpanEnd; 2]>,
    /// Spans of time: a link, and whether it is chosen.
    pub spans: Vec<(Anchor, bool)>,
}

/// A choice: value, text, whether chosen.
type Choice = (String, String, bool);

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
    let kinds = context.kinds().map(|kind| (kind.as_str(), words::plural(kind)));
    let changes = CHANGES.map(|change| (change, change.to_owned()));
    let fields = fields(context, filter.field.as_deref());
    let fields = fields.into_iter().map(|field| (field, words::tile_name(field)));
    ChangesForm {
        action: action.to_owned(),
        hidden: context.viewpoint.pairs(),
        selects: [
            ("kind", choices(kinds, filter.kind.map(Kind::as_str))),
            ("change", choices(changes, filter.change.as_deref())),
            ("field", choices(fields, filter.field.as_deref())),
        ],
        id: filter.id.clone().unwrap_or_default(),
        ends: with_days.then(|| [&query.from, &query.to].map(SpanEnd::of)),
        spans: if with_days { spans(context, query, action) } else { vec![] },
    }
}

/// Returns the choices of a parameter: any, and each value with its text.
fn choices<'a>(
    values: impl IntoIterator<Item = (&'a str, String)>,
    chosen: Option<&str>,
) -> Vec<Choice> {
    let any = std::iter::once(("", "any".to_owned())).chain(values);
    any.map(|(value, text)| (value.to_owned(), text, value == chosen.unwrap_or(""))).collect()
}

/// Returns the links to all changes, today, 7 days, last month, and after the last poll.
fn spans(context: &PageContext<'_>, query: &ChangesQuery, action: &str) -> Vec<(Anchor, bool)> {
    let today = words::start_of_day(context.reference());
    let this_month = first_of_month(today);
    let last_month = back(this_month, 1);
    let newest = context.polls.newest().unwrap_or(context.now);
    let day = |at| Some(words::day(at));
    let mut spans = vec![
        ("All", None, None),
        ("Today", day(today), None),
        ("7 days", day(back(today, WEEK)), None),
        ("Last month", day(first_of_month(last_month)), day(last_month)),
    ];
    if context.viewpoint.as_of.is_none() {
        let after = newest.plus(std::time::Duration::from_millis(1));
        spans.push(("Since this visit", Some(after.to_string()), None));
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

/// Returns the fields of all kinds, and the chosen one.
fn fields<'a>(context: &PageContext<'_>, chosen: Option<&'a str>) -> Vec<&'a str> {
    let columns = context.kinds().flat_map(|kind| kind.columns);
    let mut fields: Vec<&str> = columns.map(|column| column.name).chain(chosen).collect();
    let mut seen = BTreeSet::new();
    fields.retain(|field| seen.insert(*field));
    fields
}
