//! The facets on the page of a list, made from their descriptions: choices, chosen values, and which of
//! them to drop if nothing matches.

use super::{
    anchor::Anchor, context::PageContext, failure::PageFailure, params::GridQuery,
    query_pairs::fits_query, words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        Reading,
        cube::FacetCounts,
        facets::{self, Facet, FacetCount, FacetValues},
        filter::ItemFilter,
        items::{Tile, shown_facets},
    },
};

/// The maximum number of values that a facet of texts offers.
const TEXTS: usize = 120;
/// The number of texts that are shown before "More".
const MANY: usize = 12;
/// The same for a facet of arrays.
const FEW: usize = 4;

/// A facet's choices.
pub struct FacetGroup {
    /// Its heading.
    pub title: &'static str,
    /// The choices that are always shown.
    pub choices: Vec<ChoiceView>,
    /// The choices behind "More".
    pub more: Vec<ChoiceView>,
}

/// A value that can be chosen.
pub struct ChoiceView {
    /// The link that chooses or removes it; `None` if no link can contain the value.
    pub href: Option<String>,
    /// Its text.
    pub text: String,
    /// The number of items.
    pub count: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// The data from which the links of a list's facets are made.
pub struct FacetLinks<'a> {
    /// The page.
    pub context: &'a PageContext<'a>,
    /// The kind of the list.
    pub kind: Kind,
    /// Its parameters.
    pub query: &'a GridQuery,
    /// The items on it.
    pub tiles: &'a [Tile],
}

impl FacetLinks<'_> {
    fn href(&self, edit: impl FnOnce(&mut ItemFilter)) -> String {
        let query = self.query.with(|query| edit(&mut query.filter));
        self.context.href(self.kind.path, &query.pairs())
    }

    fn is_past(&self) -> bool {
        self.context.viewpoint.as_of.is_some()
    }

    /// Returns the choices of all facets that offer any.
    pub fn groups(&self, counts: &FacetCounts) -> Vec<FacetGroup> {
        let groups = counts.facets.iter().map(|(facet, count)| self.group(facet, count));
        groups.filter(|group| !group.choices.is_empty()).collect()
    }

    fn group(&self, facet: &'static Facet, count: &FacetCount) -> FacetGroup {
        let chosen = self.query.filter.chosen(facet);
        // A column that is NULL in every item gets no heading.
        let is_known = count.values.iter().any(|(value, _)| value.is_some());
        let offered = |at: usize, value: &Option<String>| match facet.values {
            FacetValues::Known(_) => {
                let is_chosen = value.as_ref().is_some_and(|value| chosen.contains(value));
                is_chosen || facet.offers(count, !chosen.is_empty(), at)
            }
            FacetValues::Text => at < TEXTS && (is_known || !chosen.is_empty()),
            FacetValues::Texts => true,
        };
        let values = count.values.iter().enumerate();
        let values = values.filter(|(at, (value, _))| offered(*at, value));
        let choices: Vec<ChoiceView> = values
            .map(|(_, (value, items))| self.choice(facet, value.as_deref(), *items))
            .collect();
        let few = match facet.values {
            FacetValues::Known(_) => choices.len(),
            FacetValues::Text => MANY,
            FacetValues::Texts => FEW,
        };
        // If only one choice would be behind "More", it is shown, too.
        let few = if choices.len() == few + 1 { few + 1 } else { few };
        let mut seen = 0;
        let (choices, more) = choices.into_iter().partition(|choice| {
            seen += 1;
            choice.chosen || seen <= few
        });
        FacetGroup { title: facet.title, choices, more }
    }

    fn choice(&self, facet: &'static Facet, value: Option<&str>, items: i64) -> ChoiceView {
        let filter = &self.query.filter;
        let count = words::number(items);
        let Some(value) = value else {
            let column = facet.column.unwrap_or_default();
            return ChoiceView {
                href: Some(self.href(|filter| filter.toggle_none(column))),
                text: "not given".into(),
                count,
                chosen: filter.none.iter().any(|known| known == column),
            };
        };
        let chosen = filter.chosen(facet);
        let usual = chosen.is_empty() && facet.usual == Some(value);
        ChoiceView {
            // A value that no link can contain is still shown and counted.
            href: fits_query(value).then(|| self.href(|filter| filter.toggle(facet, value))),
            text: match value {
                "" => "(empty)".into(),
                value => words::tile_name(self.text(facet, value)),
            },
            count,
            chosen: usual || chosen.iter().any(|known| known == value),
        }
    }

    /// Returns the text of a value.
    fn text<'a>(&self, facet: &Facet, value: &'a str) -> &'a str {
        let known = facet.choice(value);
        known.map_or(value, |choice| match choice.past.filter(|_| self.is_past()) {
            Some(past) => past,
            None => choice.text,
        })
    }

    /// Returns the name of the item whose id is the only chosen value of a facet.
    fn name(&self, facet: &Facet) -> Option<&str> {
        let place = shown_facets().position(|(shown, _)| shown.param == facet.param);
        let is_alone = !facet.counted && self.query.filter.chosen(facet).len() == 1;
        self.tiles.first()?.facts.get(place.filter(|_| is_alone)?)?.as_deref()
    }

    /// Returns each chosen value with the link that removes it.
    pub fn chosen(&self) -> Vec<Anchor> {
        let filter = &self.query.filter;
        let mut chosen = vec![];
        let mut add = |name: &str, value: &str, href: String| {
            let text = format!("{name} {}", words::tile_name(value));
            chosen.push(Anchor::new(href, text.trim()));
        };
        if !filter.q.is_empty() {
            add("search", &filter.q, self.href(|filter| filter.q.clear()));
        }
        for facet in facets::of(self.kind) {
            for value in filter.chosen(facet) {
                let text = match facet.choice(value) {
                    Some(_) => self.text(facet, value).to_lowercase(),
                    None => self.name(facet).unwrap_or(value).to_owned(),
                };
                let mut others = filter.chosen(facet).to_vec();
                others.retain(|other| other != value);
                add(facet.param, &text, self.href(|filter| filter.choose(facet, others)));
            }
        }
        for column in &filter.none {
            add("no", column, self.href(|filter| filter.toggle_none(column)));
        }
        chosen
    }

    /// Returns links that each drop one restriction and contain the number of items; the last drops all.
    pub async fn ways_out(
        &self,
        reading: &mut Reading,
        counts: &FacetCounts,
    ) -> Result<Vec<Anchor>, PageFailure> {
        let filter = &self.query.filter;
        let mut ways: Vec<(String, ItemFilter, Option<i64>)> = vec![];
        let mut add = |text: &str, count, edit: &dyn Fn(&mut ItemFilter)| {
            let mut without = filter.clone();
            edit(&mut without);
            ways.push((text.to_owned(), without, count));
        };
        for (facet, count) in &counts.facets {
            let facet: &'static Facet = facet;
            if filter.chosen(facet).is_empty() {
                continue;
            }
            // Without a choice the usual one applies, so the choice that restricts nothing is made instead.
            let (text, values) = match facet.unrestricted {
                Some((word, text)) => (text.to_owned(), vec![word.to_owned()]),
                None => (format!("Without {}", facet.title.to_lowercase()), vec![]),
            };
            add(&text, count.without, &|filter| filter.choose(facet, values.clone()));
        }
        if !filter.q.is_empty() {
            add("Without the search", None, &|filter| filter.q.clear());
        }
        if !filter.none.is_empty() {
            add("Without empty fields", None, &|filter| filter.none.clear());
        }
        let (scope, moments) = (self.context.scope(self.kind), self.context.moments());
        let mut links = vec![];
        for (text, without, count) in ways {
            let count = match count {
                Some(count) => count,
                None => reading.total(&scope, &without, &moments).await?,
            };
            if count == 0 {
                continue;
            }
            let text = format!("{text} ({})", words::number(count));
            links.push(Anchor::new(self.href(|filter| *filter = without), text));
        }
        links.push(Anchor::new(self.context.href(self.kind.path, &[]), "All items"));
        Ok(links)
    }
}
