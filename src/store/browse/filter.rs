//! The filter and the order of a list: the chosen values of the facets, the search, the order.

use std::collections::BTreeMap;

use super::{
    facets::{self, FACETS, Facet},
    scope::{ItemsSql, Moments},
    sql::Sql,
};
use crate::{
    catalog::{kind::Kind, search::words},
    store::search,
    time::Timestamp,
};

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// By name, A to Z.
    #[default]
    Name,
    /// Newest first.
    Added,
    /// Last changed first.
    Changed,
    /// By id.
    Id,
}

impl Order {
    /// Whether a position is valid in this order.
    pub fn has(self, place: &Place) -> bool {
        match self {
            Self::Name | Self::Id => true,
            Self::Added | Self::Changed => place.time().is_some(),
        }
    }

    /// Returns the condition for the items after a position in this order.
    pub(super) fn after<'a>(self, sql: &mut Sql<'a>, items: &ItemsSql, place: &'a Place) -> String {
        let beyond = format!("{} > {}", items.id, sql.bind(place.id.as_str()));
        let time = match self {
            Self::Id => return beyond,
            Self::Name => {
                let head = sql.engine.head(&items.name);
                let Some(key) = &place.key else { return format!("({head} IS NULL AND {beyond})") };
                let key = sql.bind(key.as_str());
                return format!(
                    "({head} > {key} OR ({head} = {key} AND {beyond}) OR {head} IS NULL)"
                );
            }
            Self::Added => &items.first_seen,
            Self::Changed => &items.changed,
        };
        let key = sql.bind(place.time().unwrap_or(Timestamp::from_millis(i64::MAX)));
        format!("({time} < {key} OR ({time} = {key} AND {beyond}))")
    }

    /// Returns the SQL that follows ORDER BY.
    pub(super) fn sql(self, sql: &Sql<'_>, items: &ItemsSql) -> String {
        let id = &items.id;
        match self {
            Self::Name => format!("{} NULLS LAST, {id}", sql.engine.head(&items.name)),
            Self::Added => format!("{} DESC, {id}", items.first_seen),
            Self::Changed => format!("{} DESC, {id}", items.changed),
            Self::Id => id.clone(),
        }
    }
}

/// The position of an item in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value that the order compares: the beginning of the name, or a time.
    pub key: Option<String>,
    /// The id of the item.
    pub id: String,
}

impl Place {
    fn time(&self) -> Option<Timestamp> {
        self.key.as_deref().and_then(Timestamp::parse)
    }
}

/// Which items are shown: for each facet with choices, one of them must apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ItemFilter {
    /// The search: words that the name or id must contain.
    pub q: String,
    /// The chosen values, sorted, by the facet's parameter; a facet without choices has no entry.
    chosen: BTreeMap<&'static str, Vec<String>>,
    /// The columns that must be NULL.
    pub none: Vec<String>,
}

impl ItemFilter {
    /// Creates a filter of a search and the columns that must be NULL, without a choice of any facet.
    pub fn new(q: String, none: Vec<String>) -> Self {
        Self { q, none, ..Self::default() }
    }

    /// Returns the folded words of the search.
    pub fn words(&self) -> Vec<String> {
        words(&self.q)
    }

    /// Returns the chosen values of a facet, sorted.
    pub fn chosen(&self, facet: &Facet) -> &[String] {
        self.chosen.get(facet.param).map(Vec::as_slice).unwrap_or_default()
    }

    /// Chooses these values of a facet; its usual value alone counts as no choice.
    pub fn choose(&mut self, facet: &'static Facet, mut values: Vec<String>) {
        values.sort();
        let is_usual = values.len() == 1 && facet.usual == values.first().map(String::as_str);
        match values.is_empty() || is_usual {
            true => drop(self.chosen.remove(facet.param)),
            false => drop(self.chosen.insert(facet.param, values)),
        }
    }

    /// Whether the kind has every column that the filter uses.
    pub fn fits(&self, kind: Kind) -> bool {
        let mut chosen = FACETS.iter().filter(|facet| !self.chosen(facet).is_empty());
        chosen.all(|facet| facet.column.is_none_or(|column| kind.column(column).is_some()))
            && self.none.iter().all(|column| kind.column(column).is_some())
    }

    /// Adds a value to the chosen ones, or removes it; in a facet with a single value it replaces the
    /// chosen one.
    pub fn toggle(&mut self, facet: &'static Facet, value: &str) {
        let mut values = self.chosen(facet).to_vec();
        match values.iter().position(|known| known == value) {
            Some(_) if facet.usual.is_some() => {}
            Some(at) => drop(values.remove(at)),
            None if facet.single => values = vec![value.to_owned()],
            None => values.push(value.to_owned()),
        }
        self.choose(facet, values);
    }

    /// Adds a column to those that must be NULL, or removes it.
    pub fn toggle_none(&mut self, column: &str) {
        match self.none.iter().position(|known| known == column) {
            Some(at) => drop(self.none.remove(at)),
            None => {
                self.none.push(column.to_owned());
                self.none.sort();
            }
        }
    }

    /// Returns the joins and the condition of the whole filter.
    pub(super) fn matching<'a>(
        &'a self,
        sql: &mut Sql<'a>,
        items: &ItemsSql,
        moments: &Moments,
    ) -> (&'static str, String) {
        let mut all = vec![];
        let mut join = "";
        for facet in facets::of(items.kind) {
            let chosen = self.chosen(facet);
            all.extend(facet.condition(sql, items, moments, chosen));
            if !chosen.is_empty() && !facet.join(items).is_empty() {
                join = facet.join(items);
            }
        }
        all.extend(self.beside_facets(sql, items));
        (join, all.join(" AND "))
    }

    /// Returns the conditions of the search and of the columns that must be NULL.
    pub(super) fn beside_facets<'a>(&'a self, sql: &mut Sql<'a>, items: &ItemsSql) -> Vec<String> {
        let mut all = vec![];
        all.extend(search::condition(sql, items.kind, &self.words()));
        for column in &self.none {
            let elsewhere = sql.engine.has_key("i.extra", column);
            all.push(format!("(i.{column} IS NULL AND NOT {elsewhere})"));
        }
        all
    }
}
