//! The facts of an item as a list: its fields, and what else is known about it.

use super::pictures::{AUDIO, Contents, VIDEO, stored, url};
use crate::{
    catalog::{
        kind::Kind,
        value::{Sort, Value},
    },
    store::{
        browse::{
            facets::{self, Facet, FacetValues},
            item::ItemWithVersions,
        },
        query::Version,
    },
    time::Timestamp,
    web::{
        anchor::Anchor, context::PageContext, diffs::shown, pic::IMAGE, query_pairs::fits_query,
        words,
    },
};

/// A name and a value, as text or as links: to the item it refers to, or to the items with the same value.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) links: Vec<Anchor>,
    pub(super) soft: bool,
}

impl Fact {
    pub(super) fn plain(name: &str, text: String) -> Self {
        Self { name: name.into(), text, links: vec![], soft: false }
    }
}

/// Returns the name of a field on the page: its facet's title, else its column's words, else its API name.
fn label(kind: Kind, field: &str) -> String {
    match (facets::of_column(field), field) {
        (Some(facet), _) => facet.title.into(),
        (None, "image_width") => "Picture width".into(),
        (None, "image_height") => "Picture height".into(),
        (None, "created_at") => "Created".into(),
        (None, "looks_count") => "Looks".into(),
        (None, other) if kind.column(other).is_some() => words::column(other),
        (None, other) => words::tile_name(other),
    }
}

/// Returns the facts of an item at its newest version.
pub(super) fn facts(
    context: &PageContext<'_>,
    kind: Kind,
    item: &ItemWithVersions,
    newest: &Version,
    contents: &Contents,
) -> Vec<Fact> {
    let first = format!(
        "{}, {} ago",
        words::date(item.first_seen_at),
        words::span(item.first_seen_at, context.reference())
    );
    let mut facts =
        vec![Fact::plain("Listed", listed(context, item)), Fact::plain("First seen", first)];
    let is_column = |name: &str| kind.columns.iter().any(|column| column.name == name);
    let columns = kind.columns.iter().map(|column| column.name);
    let mut unknown = vec![];
    let columns = columns.filter(|name| !name.ends_with("_url") && *name != kind.label);
    let (others, own): (Vec<&str>, Vec<&str>) =
        columns.partition(|name| Kind::referred(name).is_some());
    for name in others.into_iter().chain(own) {
        match newest.fields.get(name) {
            Some(value) => facts.push(field_fact(context, kind, name, value, &item.names)),
            None => unknown.push(label(kind, name)),
        }
    }
    if !unknown.is_empty() {
        facts.push(Fact { soft: true, ..Fact::plain("Not known", unknown.join(", ")) });
    }
    let without_column = newest.fields.iter().filter(|(name, _)| !is_column(name));
    for (name, value) in without_column.take(100) {
        facts.push(Fact::plain(&label(kind, name), words::exact(&shown(value.as_cell()))));
    }
    facts.push(Fact::plain("Account", words::exact(&context.account)));
    for (name, field) in [("Picture", IMAGE), ("Preview video", VIDEO), ("Sample", AUDIO)] {
        if is_column(field) {
            let text = stored(context, url(&newest.fields, field).as_deref(), contents);
            facts.push(Fact::plain(name, text));
        }
    }
    facts
}

fn listed(context: &PageContext<'_>, item: &ItemWithVersions) -> String {
    match (item.removed_at, item.missing_since) {
        (Some(at), _) => format!("No, removed {}", words::date_time(at)),
        (None, Some(at)) => format!("Missing since {}", words::date_time(at)),
        (None, None) => {
            let polled = words::today_or_date(context.polled_at(), context.now);
            format!("Yes, last seen {polled} UTC")
        }
    }
}

fn field_fact(
    context: &PageContext<'_>,
    kind: Kind,
    name: &str,
    value: Value<'_>,
    names: &[(&str, String)],
) -> Fact {
    let mut fact = Fact::plain(&label(kind, name), String::new());
    let text = value.as_cell();
    let known = names.iter().find(|(column, _)| *column == name);
    if let Some((other, (_, called))) = Kind::referred(name).zip(known) {
        let called = if called.is_empty() { text } else { called };
        fact.links = vec![Anchor::new(context.item(other, text), words::exact(called))];
        return fact;
    }
    if let Some(at) = text.parse().ok().filter(|_| name == "created_at").and_then(of_seconds) {
        fact.text = words::date_time(at) + " UTC";
        return fact;
    }
    let words: Vec<String> = match value.sort() {
        Sort::Bool => vec![if value.as_bool() == Some(true) { "yes" } else { "no" }.into()],
        Sort::Texts => serde_json::from_str(text).unwrap_or_default(),
        // Other values: a string as it is, anything else as JSON.
        _ => vec![text.to_owned()],
    };
    let facet = facets::of_column(name).filter(|facet| match (&facet.values, value.sort()) {
        (FacetValues::Known(_), sort) => sort == Sort::Bool,
        (FacetValues::Text, sort) => sort == Sort::Text,
        (FacetValues::Texts, sort) => sort == Sort::Texts,
    });
    match facet {
        Some(facet) if words.iter().all(|word| fits_query(word)) => {
            fact.links = words.iter().map(|word| link(context, kind, facet, word)).collect();
        }
        _ => fact.text = words::exact(&words.join(", ")),
    }
    if words.is_empty() {
        fact.text = "none".into();
    }
    if fact.text.is_empty() && fact.links.is_empty() {
        fact.text = "(empty)".into();
        fact.soft = true;
    }
    fact
}

/// Returns the time of these Unix seconds; `None` outside the years 1970 to 2999.
fn of_seconds(seconds: i64) -> Option<Timestamp> {
    (0..32_503_680_000).contains(&seconds).then(|| Timestamp::from_millis(seconds * 1000))
}

/// Returns the link to the items with this value of a facet.
fn link(context: &PageContext<'_>, kind: Kind, facet: &Facet, word: &str) -> Anchor {
    let parameters = [(facet.param, word.to_owned())];
    Anchor::new(context.href(kind.path, &parameters), words::exact(word))
}
