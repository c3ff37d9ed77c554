//! Counts how many items each choice would show. Items are counted once, by the combination of their
//! values of all facets; these counts are summed for each facet.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    facets::{self, Facet, FacetCount, FacetValues},
    filter::ItemFilter,
    reading::Reading,
    scope::{ItemsSql, Moments, Scope},
    sql::Sql,
};
use crate::{
    error::Result,
    store::conn::{Fault, Row},
};

/// The maximum number of combinations of values that are counted; if there are more, facets of texts
/// are not counted.
const CELLS: usize = 6_000;

/// The maximum number of different texts that are counted for a facet of arrays.
const TEXTS: usize = 200;

/// The counts of a list's facets.
#[derive(Clone, Debug, Default)]
pub struct FacetCounts {
    /// The number of items that match all choices together.
    pub total: i64,
    /// The facets of the kind and their counts.
    pub facets: Vec<(&'static Facet, FacetCount)>,
}

/// One combination of values and its number of items.
struct CubeCell {
    /// In the order of the counted facets.
    values: Vec<CubeValue>,
    /// The indexes of the facets whose choices exclude the items.
    misfits: Vec<usize>,
    items: i64,
}

enum CubeValue {
    /// The known choices that apply: bit n is set if choice n applies.
    Bits(i64),
    Text(Option<String>),
}

/// The items to count, and the choices that are made.
struct Question<'a> {
    scope: &'a Scope,
    filter: &'a ItemFilter,
    moments: &'a Moments,
}

impl Reading {
    /// Returns the counts of the list's facets.
    pub async fn facets(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
    ) -> Result<FacetCounts> {
        let question = Question { scope, filter, moments };
        let all: Vec<&'static Facet> = facets::of(scope.kind).collect();
        let counted =
            |facet: &&'static Facet| facet.counted && !matches!(facet.values, FacetValues::Texts);
        let mut counted: Vec<&'static Facet> = all.iter().copied().filter(counted).collect();
        let mut cells = self.cells(&question, &counted).await?;
        if cells.len() > CELLS {
            counted.retain(|facet| matches!(facet.values, FacetValues::Known(_)));
            cells = self.cells(&question, &counted).await?;
        }
        let shown = cells.iter().filter(|cell| cell.misfits.is_empty());
        let total: i64 = shown.map(|cell| cell.items).sum();
        let mut texts = match total {
            0 => BTreeMap::new(),
            _ => self.texts(&question, &all).await?,
        };
        let count = |facet: &'static Facet| {
            let place = counted.iter().position(|known| std::ptr::eq(*known, facet));
            let count = place.map(|place| count_of(&cells, counted[place], place));
            (facet, count.or_else(|| texts.remove(facet.param)).unwrap_or_default())
        };
        Ok(FacetCounts { total, facets: all.into_iter().map(count).collect() })
    }

    async fn cells(
        &mut self,
        question: &Question<'_>,
        counted: &[&'static Facet],
    ) -> Result<Vec<CubeCell>> {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, question.scope);
        let text = cells_sql(&mut sql, &items, question, counted);
        self.ask(text, &sql.args, |row| cell(row, counted, question.filter)).await
    }

    /// Returns the counts of the facets of arrays, by parameter.
    async fn texts(
        &mut self,
        question: &Question<'_>,
        all: &[&'static Facet],
    ) -> Result<BTreeMap<&'static str, FacetCount>> {
        let facets = all.iter().copied().filter(|facet| matches!(facet.values, FacetValues::Texts));
        // Each facet is counted with the choices of the other facets.
        let others: Vec<(&'static Facet, ItemFilter)> = facets
            .map(|facet| {
                let mut others = question.filter.clone();
                others.choose(facet, vec![]);
                (facet, others)
            })
            .collect();
        if others.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, question.scope);
        let parts: Vec<String> = others
            .iter()
            .map(|(facet, others)| texts_sql(&mut sql, &items, question.moments, facet, others))
            .collect();
        let rows = self.ask(parts.join(" UNION ALL "), &sql.args, |row| {
            Ok((row.some_text(0)?, row.some_text(1)?, row.some_int(2)?))
        });
        let mut found: BTreeMap<&'static str, FacetCount> = BTreeMap::new();
        for (param, text, items) in rows.await? {
            if let Some((facet, _)) = others.iter().find(|(facet, _)| facet.param == param) {
                let count = found.entry(facet.param).or_default();
                count.values.push((Some(text), items));
                count.different += 1;
            }
        }
        Ok(found)
    }
}

/// Returns the SQL of the items grouped by the counted facets. The choices of these facets are not
/// applied here; they are compared with the values of each cell.
fn cells_sql<'a>(
    sql: &mut Sql<'a>,
    items: &ItemsSql,
    question: &Question<'a>,
    counted: &[&'static Facet],
) -> String {
    let Question { filter, moments, .. } = question;
    let is_counted = |facet: &Facet| counted.iter().any(|known| std::ptr::eq(*known, facet));
    let mut conditions = filter.beside_facets(sql, items);
    for facet in facets::of(items.kind).filter(|facet| !is_counted(facet)) {
        conditions.extend(facet.condition(sql, items, moments, filter.chosen(facet)));
    }
    let join = counted.iter().map(|facet| facet.join(items)).find(|join| !join.is_empty());
    let places: Vec<String> = (1..=counted.len()).map(|place| place.to_string()).collect();
    let mut parts = vec![];
    for (nth, part) in items.parts.iter().enumerate() {
        // The first part has most of the items.
        let pictured = if nth == 0 { &items.pictured_of_most } else { &items.pictured };
        let items = ItemsSql { pictured_of_most: pictured.clone(), ..items.clone() };
        let dimensions = counted.iter().enumerate().filter_map(|(at, facet)| {
            let dimension = facet.dimension(sql, &items, moments)?;
            Some(format!("{dimension} AS d{at}"))
        });
        let dimensions: Vec<String> = dimensions.collect();
        parts.push(format!(
            "SELECT {}, count(*) AS items FROM {}{} WHERE {} GROUP BY {}",
            dimensions.join(", "),
            items.from,
            join.unwrap_or_default(),
            std::iter::once(part).chain(&conditions).cloned().collect::<Vec<_>>().join(" AND "),
            places.join(", "),
        ));
    }
    // Materialised so that PostgreSQL plans it without the limit, for which it would sort all items.
    format!(
        "WITH cells AS MATERIALIZED ({}) SELECT * FROM cells LIMIT {}",
        parts.join(" UNION ALL "),
        CELLS + 1
    )
}

/// Returns the SQL of the texts in a facet's arrays: parameter, text, number of items.
fn texts_sql<'a>(
    sql: &mut Sql<'a>,
    items: &ItemsSql,
    moments: &Moments,
    facet: &Facet,
    others: &'a ItemFilter,
) -> String {
    let (joins, condition) = others.matching(sql, items, moments);
    let texts = sql.engine.each_string("g.texts");
    let (param, column) = (facet.param, facet.column.unwrap_or_default());
    // Most items share their array with others, so each different array is split only once. A text that
    // an array contains twice counts once. SQLite evaluates the conditions in this order, and often no item
    // has an array.
    format!(
        "SELECT * FROM (SELECT '{param}' AS param, d.value AS value, \
           CAST(sum(d.items) AS BIGINT) AS items FROM (SELECT DISTINCT g.texts, g.items, \
             t.value AS value FROM (SELECT i.{column} AS texts, count(*) AS items \
               FROM {from}{joins} WHERE i.{column} IS NOT NULL AND {condition} \
               GROUP BY i.{column}) AS g, {texts}) AS d \
         GROUP BY d.value ORDER BY 3 DESC, 2 LIMIT {TEXTS}) AS {param}_counts",
        from = items.from,
    )
}

fn cell(row: &Row, counted: &[&'static Facet], filter: &ItemFilter) -> Result<CubeCell, Fault> {
    let (mut values, mut misfits) = (vec![], vec![]);
    for (at, facet) in counted.iter().enumerate() {
        let value = match facet.values {
            FacetValues::Known(_) => CubeValue::Bits(row.some_int(at)?),
            FacetValues::Text | FacetValues::Texts => CubeValue::Text(row.text(at)?),
        };
        if !value.fits(facet, filter.chosen(facet)) {
            misfits.push(at);
        }
        values.push(value);
    }
    Ok(CubeCell { values, misfits, items: row.some_int(counted.len())? })
}

impl CubeValue {
    /// Whether items with this value are shown with the chosen values of the facet.
    fn fits(&self, facet: &Facet, chosen: &[String]) -> bool {
        match self {
            Self::Text(text) => {
                chosen.is_empty() || text.as_ref().is_some_and(|text| chosen.contains(text))
            }
            Self::Bits(bits) => {
                let mut wanted = applying(facet, chosen).peekable();
                wanted.peek().is_none() || wanted.any(|bit| bits & (1 << bit) != 0)
            }
        }
    }
}

/// Returns the indexes of the known choices that apply.
fn applying<'a>(facet: &'a Facet, chosen: &'a [String]) -> impl Iterator<Item = usize> + 'a {
    let choices = facet.choices().iter().enumerate();
    choices.filter(move |(_, choice)| facet.applies(chosen, choice.word)).map(|(at, _)| at)
}

/// Returns the count of the facet at an index, from the cells that the choices of all other facets show.
fn count_of(cells: &[CubeCell], facet: &Facet, place: usize) -> FacetCount {
    let shown = cells.iter().filter(|cell| cell.misfits.iter().all(|misfit| *misfit == place));
    let choices = facet.choices();
    let mut without = 0;
    let mut known = vec![0; choices.len()];
    let mut sets = BTreeSet::new();
    let mut texts: BTreeMap<Option<String>, i64> = BTreeMap::new();
    for cell in shown {
        without += cell.items;
        match &cell.values[place] {
            CubeValue::Bits(bits) => {
                sets.insert(*bits);
                let applying = known.iter_mut().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                applying.for_each(|(_, items)| *items += cell.items);
            }
            CubeValue::Text(text) => *texts.entry(text.clone()).or_default() += cell.items,
        }
    }
    let different = sets.len() + texts.len();
    let known = choices.iter().map(|choice| Some(choice.word.to_owned())).zip(known);
    let mut texts: Vec<(Option<String>, i64)> = texts.into_iter().collect();
    texts.sort_by_key(|(text, items)| (text.is_none(), -*items));
    FacetCount { without: Some(without), values: known.chain(texts).collect(), different }
}
