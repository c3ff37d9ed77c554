//! How many items each choice would show: counted once as a cube, added up for each facet.

use std::collections::BTreeMap;

use super::{PICTURE_JOIN, at_risk, base_condition, is_changed, is_new, matching, picture_class};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        browse::{
            Reading,
            filter::{Filter, Listed, Moments, Picture, Scope, Span},
            sql::{Items, Sql},
        },
        conn::{Fault, Row},
    },
};

/// How many items each choice would show, beside the other facets' choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facets {
    /// The items that all choices together show.
    pub total: i64,
    /// The items shown without the choice of listed, new, changed, gender, premium, type, picture.
    pub without: [i64; 7],
    /// For each of now, missing, removed, all.
    pub listed: [i64; 4],
    /// For each [`Span`].
    pub new: [i64; 3],
    /// For each [`Span`].
    pub changed: [i64; 3],
    /// By gender; `None` is null.
    pub gender: BTreeMap<Option<String>, i64>,
    /// By premium; `None` is null.
    pub premium: BTreeMap<Option<bool>, i64>,
    /// By `type`; `None` is null.
    pub of_type: BTreeMap<Option<String>, i64>,
    /// By state of the picture.
    pub picture: BTreeMap<Picture, i64>,
    /// By tag, most frequent first.
    pub tags: Vec<(String, i64)>,
}

/// So many different combinations of values are counted; with more, free texts are left out.
const CELLS: usize = 6_000;

/// So many tags are counted.
const TAGS: usize = 200;

/// One combination of values and its number of items.
struct CubeCell {
    listed: i64,
    new: i64,
    changed: i64,
    gender: Option<String>,
    premium: Option<bool>,
    of_type: Option<String>,
    picture: i64,
    risk: bool,
    count: i64,
}

/// Which facets' choices count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Facet {
    Listed,
    New,
    Changed,
    Gender,
    Premium,
    Type,
    Picture,
}

impl Facet {
    const ALL: [Self; 7] = [
        Self::Listed,
        Self::New,
        Self::Changed,
        Self::Gender,
        Self::Premium,
        Self::Type,
        Self::Picture,
    ];
}

impl Reading {
    /// The facets of the list.
    pub async fn facets(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
    ) -> Result<Facets> {
        let mut cells = self.cube(scope, filter, moments, true).await?;
        // Where texts have to be left out of the cells, their choices are made in SQL.
        let texts = cells.len() <= CELLS;
        if !texts {
            cells = self.cube(scope, filter, moments, false).await?;
        }
        let mut facets = match texts {
            true => count(&cells, filter),
            false => count(&cells, &Filter { gender: vec![], of_type: vec![], ..filter.clone() }),
        };
        // Where nothing matches, the queries go to the ways out.
        if scope.kind == Kind::AVATAR && facets.total > 0 {
            facets.tags = self.tags(scope, filter, moments).await?;
        }
        Ok(facets)
    }

    async fn cube(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
        texts: bool,
    ) -> Result<Vec<CubeCell>> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope.kind, scope.account.as_str(), scope.at);
        // Choices of free text must count in SQL where the texts themselves are left out.
        let text = cube_sql(&mut sql, &items, filter, moments, texts);
        self.ask(text, &sql.args, cube_cell).await
    }

    async fn tags(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
    ) -> Result<Vec<(String, i64)>> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope.kind, scope.account.as_str(), scope.at);
        let others = Filter { tag: vec![], ..filter.clone() };
        let (joins, condition) = matching(&mut sql, &items, &others, moments);
        let tags = sql.each_tag("g.tags");
        // Most items share their tags with others: these are taken apart once. A tag that stands
        // twice in one list counts once.
        let text = format!(
            "SELECT d.value, CAST(sum(d.items) AS BIGINT) FROM (SELECT DISTINCT g.tags, g.items, \
               t.value AS value FROM (SELECT i.tags AS tags, count(*) AS items \
                 FROM {from}{joins} WHERE {condition} AND i.tags IS NOT NULL GROUP BY i.tags) AS g, \
               {tags}) AS d \
             GROUP BY d.value ORDER BY 2 DESC, 1 LIMIT {TAGS}",
            from = items.from,
        );
        self.ask(text, &sql.args, |row| Ok((row.some_text(0)?, row.some_int(1)?))).await
    }
}

fn cube_sql<'a>(
    sql: &mut Sql<'a>,
    items: &Items,
    filter: &'a Filter,
    moments: &Moments,
    texts: bool,
) -> String {
    let mut condition = base_condition(sql, items, filter);
    let gender = items.own("gender", "TEXT");
    let of_type = items.own("type", "TEXT");
    if !texts {
        if !filter.gender.is_empty() {
            condition.push(sql.any_of(&gender, &filter.gender));
        }
        if !filter.of_type.is_empty() {
            condition.push(sql.any_of(&of_type, &filter.of_type));
        }
    }
    let shown = |column: &str| if texts { column } else { "CAST(NULL AS TEXT)" }.to_owned();
    let new: Vec<String> = Span::ALL.map(|span| is_new(sql, items, moments, span)).into();
    let changed: Vec<String> = Span::ALL.map(|span| is_changed(sql, items, moments, span)).into();
    let cells = |(nth, part): (usize, &String)| {
        // The first part has most of them.
        let pictured = if nth == 0 { &items.pictured_of_most } else { &items.pictured };
        let mut all = vec![part.clone()];
        all.extend(condition.iter().cloned());
        format!(
            "SELECT CAST(CASE WHEN {removed} IS NOT NULL THEN 2 WHEN {missing} IS NOT NULL THEN 1 \
             ELSE 0 END AS BIGINT) AS listed, {new} AS new, {changed} AS changed, \
             {gender} AS gender, {premium} AS premium, {of_type} AS of_type, \
             CAST({picture} AS BIGINT) AS picture, {risk} AS risk, count(*) AS items \
             FROM {from}{join} WHERE {all} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
            removed = items.removed,
            missing = items.missing,
            new = bits(&new),
            changed = bits(&changed),
            gender = shown(&gender),
            premium = items.own("premium", "BOOLEAN"),
            of_type = shown(&of_type),
            picture = picture_class(items, pictured),
            risk = format_args!("coalesce({}, FALSE)", at_risk(items)),
            from = items.from,
            join = if items.past { "" } else { PICTURE_JOIN },
            all = all.join(" AND "),
        )
    };
    let cells: Vec<String> = items.parts.iter().enumerate().map(cells).collect();
    // Planned without the limit, which on PostgreSQL would lead to a sort of all items.
    format!(
        "WITH cells AS MATERIALIZED ({}) SELECT * FROM cells LIMIT {}",
        cells.join(" UNION ALL "),
        CELLS + 1
    )
}

/// Conditions as one number, the first its lowest bit.
fn bits(conditions: &[String]) -> String {
    let each: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(at, one)| format!("CASE WHEN {one} THEN {} ELSE 0 END", 1 << at))
        .collect();
    format!("CAST({} AS BIGINT)", each.join(" + "))
}

fn cube_cell(row: &Row) -> Result<CubeCell, Fault> {
    Ok(CubeCell {
        listed: row.some_int(0)?,
        new: row.some_int(1)?,
        changed: row.some_int(2)?,
        gender: row.text(3)?,
        premium: row.bool(4)?,
        of_type: row.text(5)?,
        picture: row.some_int(6)?,
        risk: row.bool(7)?.unwrap_or(false),
        count: row.some_int(8)?,
    })
}

impl CubeCell {
    /// Whether the choices of all facets but `but` show it.
    fn shown(&self, filter: &Filter, but: Option<Facet>) -> bool {
        let counts = |facet: Facet| but != Some(facet);
        let any = |none: bool, some: bool| none || some;
        (!counts(Facet::Listed) || self.is_listed(filter.listed))
            && (!counts(Facet::New) || filter.new.is_none_or(|span| has(self.new, span)))
            && (!counts(Facet::Changed)
                || filter.changed.is_none_or(|span| has(self.changed, span)))
            && (!counts(Facet::Gender)
                || any(filter.gender.is_empty(), within(&filter.gender, &self.gender)))
            && (!counts(Facet::Type)
                || any(filter.of_type.is_empty(), within(&filter.of_type, &self.of_type)))
            && (!counts(Facet::Premium)
                || any(
                    filter.premium.is_empty(),
                    self.premium.is_some_and(|yes| filter.premium.contains(&yes)),
                ))
            && (!counts(Facet::Picture)
                || any(
                    filter.picture.is_empty(),
                    self.pictures().any(|p| filter.picture.contains(&p)),
                ))
    }

    fn is_listed(&self, listed: Listed) -> bool {
        match listed {
            Listed::Now => self.listed < 2,
            Listed::Missing => self.listed == 1,
            Listed::Removed => self.listed == 2,
            Listed::All => true,
        }
    }

    fn pictures(&self) -> impl Iterator<Item = Picture> {
        let class = usize::try_from(self.picture).ok().and_then(|at| Picture::CLASSES.get(at));
        class.copied().into_iter().chain(self.risk.then_some(Picture::Risk))
    }
}

fn has(bits: i64, span: Span) -> bool {
    bits & (1 << span as i64) != 0
}

fn within(values: &[String], value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|value| values.contains(value))
}

/// The facets of the cells.
fn count(cells: &[CubeCell], filter: &Filter) -> Facets {
    let mut facets = Facets::default();
    for cell in cells {
        if cell.shown(filter, None) {
            facets.total += cell.count;
        }
        for (at, facet) in Facet::ALL.into_iter().enumerate() {
            if cell.shown(filter, Some(facet)) {
                facets.without[at] += cell.count;
            }
        }
        if cell.shown(filter, Some(Facet::Listed)) {
            let all = [Listed::Now, Listed::Missing, Listed::Removed, Listed::All];
            for (at, _) in all.iter().enumerate().filter(|(_, one)| cell.is_listed(**one)) {
                facets.listed[at] += cell.count;
            }
        }
        for span in Span::ALL {
            if has(cell.new, span) && cell.shown(filter, Some(Facet::New)) {
                facets.new[span as usize] += cell.count;
            }
            if has(cell.changed, span) && cell.shown(filter, Some(Facet::Changed)) {
                facets.changed[span as usize] += cell.count;
            }
        }
        if cell.shown(filter, Some(Facet::Gender)) {
            *facets.gender.entry(cell.gender.clone()).or_default() += cell.count;
        }
        if cell.shown(filter, Some(Facet::Premium)) {
            *facets.premium.entry(cell.premium).or_default() += cell.count;
        }
        if cell.shown(filter, Some(Facet::Type)) {
            *facets.of_type.entry(cell.of_type.clone()).or_default() += cell.count;
        }
        if cell.shown(filter, Some(Facet::Picture)) {
            for picture in cell.pictures() {
                *facets.picture.entry(picture).or_default() += cell.count;
            }
        }
    }
    facets
}
