//! The facets of a list. One [`Facet`] contains all of a facet: its parameter, texts, choices and their
//! SQL. The filter, the counts, the URL and the page are derived from [`FACETS`].
//!
//! To add a facet, add an entry to [`FACETS`]. Every kind that has the facet's column has the facet.

use super::{
    picture,
    scope::{ItemsSql, Moments},
    sql::Sql,
};
use crate::{catalog::kind::Kind, time::Timestamp};

/// All facets, in their order on the page and in the URL.
pub static FACETS: [Facet; 17] = [
    Facet {
        single: true,
        usual: Some("now"),
        unrestricted: Some(("all", "Listed or not")),
        offered: listed_offered,
        bits: Some(listed_bits),
        ..Facet::known("listed", "Listed", &LISTED)
    },
    Facet { single: true, ..Facet::known("new", "New", &NEW) },
    Facet { single: true, ..Facet::known("changed", "Changed", &CHANGED) },
    Facet::text("gender", "Gender"),
    Facet { column: Some("premium"), ..Facet::known("premium", "Premium", &PREMIUM) },
    Facet::text("status", "Status"),
    Facet::texts("engine", "Engines", "supported_api_engines"),
    Facet::text("avatar_type", "Avatar type"),
    Facet { param: "orientation", ..Facet::text("preferred_orientation", "Orientation") },
    Facet { param: "person", counted: false, ..Facet::text("group_id", "Person") },
    Facet { param: "voice", counted: false, ..Facet::text("default_voice_id", "Default voice") },
    Facet::text("language", "Language"),
    Facet { column: Some("support_pause"), ..Facet::known("pauses", "Pauses", &PAUSES) },
    Facet { column: Some("support_locale"), ..Facet::known("locales", "Locales", &LOCALES) },
    Facet::text("type", "Type"),
    Facet::texts("tag", "Tags", "tags"),
    Facet {
        column: Some("preview_image_url"),
        offered: if_some_are_stored,
        bits: Some(picture_bits),
        reads_assets: true,
        ..Facet::known("picture", "Picture", &PICTURE)
    },
];

const LISTED: [Choice; 4] = [
    choice("now", "Now", |_, items, _| items.present.clone()),
    Choice {
        past: None,
        ..choice("missing", "Missing, may be removed", |_, items, _| {
            format!("{} AND {} IS NOT NULL", items.present, items.missing)
        })
    },
    choice("removed", "Removed", |_, items, _| {
        format!("{} AND {} IS NOT NULL", items.condition, items.removed)
    }),
    choice("all", "Ever", |_, items, _| items.condition.clone()),
];

const NEW: [Choice; 3] = [
    choice("poll", SINCE_POLL, |sql, items, moments| is_new(sql, items, moments, moments.poll)),
    choice("7d", WEEK, |sql, items, moments| is_new(sql, items, moments, moments.days(7))),
    choice("30d", MONTH, |sql, items, moments| is_new(sql, items, moments, moments.days(30))),
];

const CHANGED: [Choice; 3] = [
    choice("poll", SINCE_POLL, |sql, items, moments| is_changed(sql, items, moments.poll)),
    choice("7d", WEEK, |sql, items, moments| is_changed(sql, items, moments.days(7))),
    choice("30d", MONTH, |sql, items, moments| is_changed(sql, items, moments.days(30))),
];

const SINCE_POLL: &str = "Since last poll";
const WEEK: &str = "Last 7 days";
const MONTH: &str = "Last 30 days";

const PREMIUM: [Choice; 2] = [
    choice("yes", "yes", |_, _, _| "i.premium = TRUE".into()),
    choice("no", "no", |_, _, _| "i.premium = FALSE".into()),
];

const PAUSES: [Choice; 2] = [
    choice("yes", "yes", |_, _, _| "i.support_pause = TRUE".into()),
    choice("no", "no", |_, _, _| "i.support_pause = FALSE".into()),
];

const LOCALES: [Choice; 2] = [
    choice("yes", "yes", |_, _, _| "i.support_locale = TRUE".into()),
    choice("no", "no", |_, _, _| "i.support_locale = FALSE".into()),
];

/// In the order of the numbers of [`picture::class`], then the choice that can apply together with another.
const PICTURE: [Choice; 6] = [
    Choice { past: Some("stored"), ..choice("mirrored", "mirrored", |_, i, _| in_state(i, 0)) },
    Choice { past: Some("not stored"), ..choice("pending", "not yet", |_, i, _| in_state(i, 1)) },
    choice("failed", "could not be fetched", |_, i, _| in_state(i, 2)),
    choice("gone", "gone", |_, i, _| in_state(i, 3)),
    choice("none", "none given", |_, i, _| in_state(i, 4)),
    choice("risk", "at risk: link expires", |_, i, _| picture::at_risk(i).into()),
];

/// A dimension by which a list is filtered.
#[derive(Debug)]
pub struct Facet {
    /// Its parameter in the URL, and its name beside a chosen value.
    pub param: &'static str,
    /// The heading of its choices.
    pub title: &'static str,
    /// Its column; a kind without the column does not have the facet. `None`: every kind has it.
    pub column: Option<&'static str>,
    /// The values that can be chosen.
    pub values: FacetValues,
    /// Whether its values are counted and offered. Ids of other items are not; the pages of those items
    /// link to these choices.
    pub counted: bool,
    /// Whether at most one value can be chosen.
    pub single: bool,
    /// The choice that applies if none is made.
    pub usual: Option<&'static str>,
    /// The choice that shows all items, with the text of the link to it if nothing matches; `None`: no
    /// choice does.
    pub unrestricted: Option<(&'static str, &'static str)>,
    /// For known choices: whether the choice at an index is offered, given the counts of all choices
    /// and whether any is chosen.
    offered: fn(&FacetCount, bool, usize) -> bool,
    /// For known choices: the SQL of a number in which bit n is set if choice n applies. `None`: it is
    /// built from the conditions of the choices.
    bits: Option<fn(&ItemsSql) -> String>,
    /// Whether its SQL reads the row of the picture in `assets`.
    reads_assets: bool,
}

/// How many items each value of a facet would show, together with the choices of the other facets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FacetCount {
    /// The items shown without a choice of this facet; `None` if they were not counted.
    pub without: Option<i64>,
    /// The values and their numbers of items: all known choices, in their order, or the texts that
    /// items have, most frequent first. The value `None` is NULL.
    pub values: Vec<(Option<String>, i64)>,
    /// How many different values, or sets of known choices, the items have.
    pub different: usize,
}

impl FacetCount {
    fn items(&self, at: usize) -> i64 {
        self.values.get(at).map_or(0, |(_, items)| *items)
    }
}

/// The values of a facet that can be chosen.
#[derive(Debug)]
pub enum FacetValues {
    /// One of these.
    Known(&'static [Choice]),
    /// A value of the column, a text.
    Text,
    /// A text of the column's array.
    Texts,
}

/// A known choice: a value that is defined in the code.
#[derive(Debug)]
pub struct Choice {
    /// Its value in the URL.
    pub word: &'static str,
    /// Its text on the page.
    pub text: &'static str,
    /// Its text on a page about a past time; `None` if it is not available for past times.
    pub past: Option<&'static str>,
    condition: Condition,
}

/// The SQL condition of a choice.
type Condition = for<'a> fn(&mut Sql<'a>, &ItemsSql, &Moments) -> String;

const fn choice(word: &'static str, text: &'static str, condition: Condition) -> Choice {
    Choice { word, text, past: Some(text), condition }
}

/// Returns the facets of a kind.
pub fn of(kind: Kind) -> impl Iterator<Item = &'static Facet> {
    FACETS
        .iter()
        .filter(move |facet| facet.column.is_none_or(|column| kind.column(column).is_some()))
}

/// Returns the facet of a column, if there is one.
pub fn of_column(name: &str) -> Option<&'static Facet> {
    FACETS.iter().find(|facet| facet.column == Some(name))
}

/// Whether this value of the parameter is available only for the present.
pub fn is_of_present(param: &str, value: &str) -> bool {
    let facet = FACETS.iter().find(|facet| facet.param == param);
    let choice = facet.and_then(|facet| facet.choice(value));
    choice.is_some_and(|choice| choice.past.is_none())
}

impl Facet {
    const fn known(param: &'static str, title: &'static str, choices: &'static [Choice]) -> Self {
        Self {
            param,
            title,
            column: None,
            values: FacetValues::Known(choices),
            counted: true,
            single: false,
            usual: None,
            unrestricted: None,
            offered: if_any_has_items,
            bits: None,
            reads_assets: false,
        }
    }

    /// Creates a facet of the texts in the column of the same name.
    const fn text(column: &'static str, title: &'static str) -> Self {
        Self { column: Some(column), values: FacetValues::Text, ..Self::known(column, title, &[]) }
    }

    /// Creates a facet of the arrays of texts in a column.
    const fn texts(param: &'static str, title: &'static str, column: &'static str) -> Self {
        Self { column: Some(column), values: FacetValues::Texts, ..Self::known(param, title, &[]) }
    }

    /// Returns the known choices.
    pub fn choices(&self) -> &'static [Choice] {
        match self.values {
            FacetValues::Known(choices) => choices,
            FacetValues::Text | FacetValues::Texts => &[],
        }
    }

    /// Returns the known choice with this word.
    pub fn choice(&self, word: &str) -> Option<&'static Choice> {
        self.choices().iter().find(|choice| choice.word == word)
    }

    /// Whether the known choice at an index is offered.
    pub fn offers(&self, count: &FacetCount, any_chosen: bool, at: usize) -> bool {
        (self.offered)(count, any_chosen, at)
    }

    /// Whether the known choice with this word applies: it is chosen, or it is the usual one and none
    /// is chosen.
    pub(super) fn applies(&self, chosen: &[String], word: &str) -> bool {
        match chosen.is_empty() {
            true => self.usual == Some(word),
            false => chosen.iter().any(|known| known == word),
        }
    }

    /// Returns the condition that an item has one of the chosen values; `None` if all items match.
    pub(super) fn condition<'a>(
        &self,
        sql: &mut Sql<'a>,
        items: &ItemsSql,
        moments: &Moments,
        chosen: &'a [String],
    ) -> Option<String> {
        if let FacetValues::Known(choices) = self.values {
            let wanted = choices.iter().filter(|choice| self.applies(chosen, choice.word));
            let all: Vec<String> =
                wanted.map(|choice| (choice.condition)(sql, items, moments)).collect();
            return match all.len() {
                0 | 1 => all.into_iter().next(),
                _ => Some(format!("(({}))", all.join(") OR ("))),
            };
        }
        let column = format!("i.{}", self.column?);
        match self.values {
            _ if chosen.is_empty() => None,
            FacetValues::Texts => Some(sql.has_text(&column, chosen)),
            _ => Some(sql.any_of(&column, chosen)),
        }
    }

    /// Returns the join that the condition of chosen values or [`Self::dimension`] needs.
    pub(super) fn join(&self, items: &ItemsSql) -> &'static str {
        if self.reads_assets { items.picture_join } else { "" }
    }

    /// Returns the expression by which items are grouped to count them: a number with a bit for each
    /// known choice, or the text. `None` for arrays, which are counted separately.
    pub(super) fn dimension(
        &self,
        sql: &mut Sql<'_>,
        items: &ItemsSql,
        moments: &Moments,
    ) -> Option<String> {
        match (&self.values, self.bits) {
            (FacetValues::Texts, _) => None,
            (FacetValues::Text, _) => self.column.map(|column| format!("i.{column}")),
            (FacetValues::Known(_), Some(bits)) => Some(format!("CAST({} AS BIGINT)", bits(items))),
            (FacetValues::Known(choices), None) => {
                let bit = |(at, choice): (usize, &Choice)| {
                    let condition = (choice.condition)(sql, items, moments);
                    format!("CASE WHEN {condition} THEN {} ELSE 0 END", 1 << at)
                };
                let bits: Vec<String> = choices.iter().enumerate().map(bit).collect();
                Some(format!("CAST({} AS BIGINT)", bits.join(" + ")))
            }
        }
    }
}

/// Offers all choices if any has items or is chosen.
fn if_any_has_items(count: &FacetCount, any_chosen: bool, _: usize) -> bool {
    any_chosen || count.values.iter().any(|(_, items)| *items > 0)
}

/// Offers the choices with items if some pictures are stored and others are not, or if any is chosen.
fn if_some_are_stored(count: &FacetCount, any_chosen: bool, at: usize) -> bool {
    let others = (1..count.values.len()).any(|other| count.items(other) > 0);
    count.items(at) > 0 && (any_chosen || (count.items(0) > 0 && others))
}

/// Offers "now" always, "missing" if any item is missing, "removed" and "ever" if any is removed.
fn listed_offered(count: &FacetCount, _: bool, at: usize) -> bool {
    match at {
        0 => true,
        1 => count.items(1) > 0,
        _ => count.items(2) > 0,
    }
}

/// The bits by index in [`LISTED`]. 12: removed and ever; 11: now, missing and ever; 9: now and ever.
fn listed_bits(items: &ItemsSql) -> String {
    format!(
        "CASE WHEN {} IS NOT NULL THEN 12 WHEN {} IS NOT NULL THEN 11 ELSE 9 END",
        items.removed, items.missing
    )
}

fn is_new(sql: &mut Sql<'_>, items: &ItemsSql, moments: &Moments, start: Timestamp) -> String {
    let (start, first) = (sql.bind(start), sql.bind(moments.first));
    let seen = &items.first_seen;
    format!("({seen} >= {start} AND {seen} > {first})")
}

fn is_changed(sql: &mut Sql<'_>, items: &ItemsSql, start: Timestamp) -> String {
    let start = sql.bind(start);
    let (changed, seen) = (&items.changed, &items.first_seen);
    format!("({changed} >= {start} AND {changed} > {seen})")
}

fn in_state(items: &ItemsSql, state: usize) -> String {
    format!("({}) = {state}", picture::class(items, &items.pictured_of_most))
}

fn picture_bits(items: &ItemsSql) -> String {
    format!(
        "(1 << ({})) + CASE WHEN {} THEN 32 ELSE 0 END",
        picture::class(items, &items.pictured_of_most),
        picture::at_risk(items)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_facet_has_a_parameter_of_its_own() {
        let others = ["account", "as_of", "q", "none", "sort", "view", "page"];
        let mut params: BTreeSet<&str> = others.into_iter().collect();
        for facet in &FACETS {
            assert!(params.insert(facet.param), "{}", facet.param);
        }
    }

    #[test]
    fn the_words_of_a_facet_name_choices_of_it() {
        for facet in &FACETS {
            let words = facet.usual.into_iter().chain(facet.unrestricted.map(|(word, _)| word));
            for word in words {
                assert!(facet.choice(word).is_some(), "{}: {word}", facet.param);
            }
            let words: BTreeSet<&str> = facet.choices().iter().map(|choice| choice.word).collect();
            assert_eq!(words.len(), facet.choices().len(), "{}", facet.param);
        }
    }
}
