//! The form that filters changes.

use std::collections::BTreeSet;

use super::{context::PageContext, params::ChangesQuery, words};
use crate::{catalog::kind::Kind, time::Timestamp};

/// The form above the changes.
pub struct ChangesForm {
    /// The path of its page.
    pub action: String,
    /// The parameters that it keeps.
    pub hidden: Vec<(&'static str, String)>,
    /// Value, text, whether chosen.
    pub kinds: Vec<(&'static str, String, bool)>,
    /// Value, text, whether chosen.
    pub changes: Vec<(&'static str, &'static str, bool)>,
    /// Value, text, whether chosen.
    pub fields: Vec<(String, String, bool)>,
    /// The item's id.
    pub id: String,
    /// From and to; `None` if the time cannot be chosen.
    pub days: Option<[String; 2]>,
}

/// The form with the chosen values.
pub fn form(
    context: &PageContext<'_>,
    query: &ChangesQuery,
    action: &str,
    with_days: bool,
) -> ChangesForm {
    let filter = &query.filter;
    let change = filter.change.as_deref().unwrap_or("");
    let day = |text: &Option<String>| {
        let at = text.as_deref().and_then(Timestamp::parse);
        at.map(words::day).unwrap_or_default()
    };
    let mut kinds = vec![("", "any".to_owned(), filter.kind.is_none())];
    let option = |kind: Kind| (kind.as_str(), kind.plural.to_owned(), filter.kind == Some(kind));
    kinds.extend(context.kinds().map(option));
    ChangesForm {
        action: action.to_owned(),
        hidden: context.viewpoint.pairs(),
        kinds,
        changes: ["", "added", "changed", "removed", "restored"]
            .map(|value| (value, if value.is_empty() { "any" } else { value }, value == change))
            .to_vec(),
        fields: fields(context, filter.field.as_deref().unwrap_or("")),
        id: filter.id.clone().unwrap_or_default(),
        days: with_days.then(|| [day(&query.from), day(&query.to)]),
    }
}

/// Any field, those of all kinds, and the chosen one: value, text, whether chosen.
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
