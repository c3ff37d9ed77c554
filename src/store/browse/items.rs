//! A page of a list, its facets, and all of it for an export.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{
    Reading,
    filter::{Filter, Listed, Moments, Picture, Scope, Sort, Span},
    sql::{Items, Sql},
};
use crate::{
    catalog::item::{Fields, Kind},
    error::Result,
    store::{
        conn::{Fault, Row},
        standing::fields,
        statements,
    },
    time::Timestamp,
};

/// What a tile shows.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name, if it is a text.
    pub name: Option<String>,
    /// The gender.
    pub gender: Option<String>,
    /// Whether it is premium.
    pub premium: Option<bool>,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// Since when it is missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// What is known of its picture.
    pub picture: Picture,
    /// The hash of the kept picture.
    pub image: Option<String>,
    /// The hash of the kept video.
    pub video: Option<String>,
}

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
    /// A page of the list: `limit` items after the first `offset`.
    pub async fn tiles(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
        sort: Sort,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Tile>> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope.kind, scope.account.as_str(), scope.at);
        let text = tiles_sql(&mut sql, &items, filter, moments, sort, limit, offset);
        let kind = scope.kind;
        self.ask(text, &sql.args, |row| tile(row, kind)).await
    }

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
        if scope.kind == Kind::Avatar && facets.total > 0 {
            facets.tags = self.tags(scope, filter, moments).await?;
        }
        Ok(facets)
    }

    /// How many items match.
    pub async fn total(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
    ) -> Result<i64> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope.kind, scope.account.as_str(), scope.at);
        let (joins, condition) = matching(&mut sql, &items, filter, moments);
        let text = format!("SELECT count(*) FROM {}{joins} WHERE {condition}", items.from);
        let rows = self.ask(text, &sql.args, |row| row.some_int(0)).await?;
        Ok(rows.into_iter().next().unwrap_or(0))
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

    /// Hands every item that matches to `each`, in order; what `each` gives is sent before the
    /// next is read.
    pub async fn all_items<F, Fut>(
        &mut self,
        scope: &Scope,
        filter: &Filter,
        moments: &Moments,
        sort: Sort,
        mut each: F,
    ) -> Result<()>
    where
        F: FnMut(FullItem) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope.kind, scope.account.as_str(), scope.at);
        let (joins, condition) = matching(&mut sql, &items, filter, moments);
        let text = format!(
            "SELECT {id}, i.version, i.valid_from, {first}, {changed}, {missing}, {removed}, \
             i.extra, {own} FROM {from}{joins} WHERE {condition} ORDER BY {order}",
            id = items.id,
            first = items.first_seen,
            changed = items.changed,
            missing = items.missing,
            removed = items.removed,
            own = statements::columns(scope.kind, "i."),
            from = items.from,
            order = order(&sql, &items, sort),
        );
        let (kind, account) = (scope.kind, scope.account.clone());
        self.stream(text, &sql.args, |row| full_item(row, kind, &account), &mut each).await
    }

    /// Rows as they come, each handed on before the next is read.
    pub(super) async fn stream<T, F, Fut>(
        &mut self,
        sql: String,
        args: &[crate::store::conn::Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Fault>,
        each: &mut F,
    ) -> Result<()>
    where
        F: FnMut(T) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        self.queries += 1;
        let streamed = async {
            let mut rows = self.conn()?.stream(AssertSqlSafe(sql), args)?;
            while let Some(row) = rows.try_next().await? {
                each(read(&row)?).await?;
            }
            Ok(())
        };
        let streamed: Result<(), Fault> = streamed.await;
        streamed.map_err(|fault| self.trouble(&fault))
    }
}

/// An item with all its values.
#[derive(Clone, Debug)]
pub struct FullItem {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The version.
    pub version: i64,
    /// Since when it is so.
    pub valid_from: Timestamp,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// Since when it is missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// Its values.
    pub fields: Fields,
}

fn full_item(row: &Row, kind: Kind, account: &str) -> Result<FullItem, Fault> {
    Ok(FullItem {
        account: account.to_owned(),
        kind,
        id: row.some_text(0)?,
        version: row.some_int(1)?,
        valid_from: row.some_time(2)?,
        first_seen_at: row.some_time(3)?,
        changed_at: row.some_time(4)?,
        missing_since: row.time(5)?,
        removed_at: row.time(6)?,
        fields: fields(row, kind, 8, 7)?,
    })
}

/// The page is found first, by id and version; what hangs on its items is joined to these alone.
fn tiles_sql<'a>(
    sql: &mut Sql<'a>,
    items: &Items,
    filter: &'a Filter,
    moments: &Moments,
    sort: Sort,
    limit: i64,
    offset: i64,
) -> String {
    let (joins, condition) = matching(sql, items, filter, moments);
    let order = order(sql, items, sort);
    let (id, version) = (&items.id, items.version());
    let id_column = items.kind.id_field();
    let key = format!(
        "SELECT {id} AS id, {version} AS version FROM {}{joins} \
        WHERE {condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}",
        items.from
    );
    let video = match items.kind {
        Kind::Avatar if !items.past => " LEFT JOIN assets AS w ON w.url = i.preview_video_url",
        _ => "",
    };
    let video_hash = match (items.past, items.kind) {
        (false, Kind::TalkingPhoto) => "CAST(NULL AS TEXT)",
        _ => &items.video,
    };
    format!(
        "SELECT {id}, {name}, {gender}, {premium}, {first}, {changed}, {missing}, {removed}, \
         CAST({picture} AS BIGINT), {image}, {video_hash} \
         FROM {from} JOIN ({key}) AS k ON i.{id_column} = k.id AND i.version = k.version\
         {assets}{video} WHERE {base} ORDER BY {order}",
        name = items.name,
        gender = items.own("gender", "TEXT"),
        premium = items.own("premium", "BOOLEAN"),
        first = items.first_seen,
        changed = items.changed,
        missing = items.missing,
        removed = items.removed,
        picture = picture_class(items, &items.pictured),
        image = items.picture,
        from = items.from,
        assets = if items.past { "" } else { PICTURE_JOIN },
        base = items.condition,
    )
}

const PICTURE_JOIN: &str = " LEFT JOIN assets AS a ON a.url = i.preview_image_url";

/// The number of the class in [`Picture::CLASSES`].
fn picture_class(items: &Items, pictured: &str) -> String {
    match items.past {
        true => format!(
            "CASE WHEN i.preview_image_url IS NULL THEN 4 WHEN {pictured} THEN 0 ELSE 1 END"
        ),
        false => "CASE WHEN i.preview_image_url IS NULL THEN 4 WHEN a.file IS NOT NULL THEN 0 \
                  WHEN a.state = 'gone' THEN 3 WHEN a.state = 'failed' THEN 2 ELSE 1 END"
            .into(),
    }
}

/// Not kept, and signed: its link will expire.
fn at_risk(items: &Items) -> &'static str {
    match items.past {
        true => "FALSE",
        false => "(a.signed_url IS NOT NULL AND a.file IS NULL AND a.state <> 'gone')",
    }
}

fn order(sql: &Sql<'_>, items: &Items, sort: Sort) -> String {
    let id = &items.id;
    match sort {
        Sort::Name => format!("{} NULLS LAST, {id}", sql.head(&items.name)),
        Sort::Added => format!("{} DESC, {id}", items.first_seen),
        Sort::Changed => format!("{} DESC, {id}", items.changed),
        Sort::Id => id.clone(),
    }
}

/// Search, tags and empty columns, which are no dimension of the cube.
fn base_condition<'a>(sql: &mut Sql<'a>, items: &Items, filter: &'a Filter) -> Vec<String> {
    let mut all = vec![];
    if !filter.q.is_empty() {
        let needle = sql.bind(filter.q.to_ascii_lowercase());
        let name = sql.holds(&items.name, &needle);
        let id = sql.holds(&items.id, &needle);
        all.push(format!("({name} OR {id})"));
    }
    if !filter.tag.is_empty() {
        all.push(sql.has_tag("i.tags", &filter.tag));
    }
    for column in &filter.none {
        let elsewhere = sql.in_extra("i.extra", column);
        all.push(format!("(i.{column} IS NULL AND NOT {elsewhere})"));
    }
    all
}

/// The joins and the condition of the whole filter.
fn matching<'a>(
    sql: &mut Sql<'a>,
    items: &Items,
    filter: &'a Filter,
    moments: &Moments,
) -> (&'static str, String) {
    let mut all = listed_condition(items, filter.listed);
    all.extend(base_condition(sql, items, filter));
    if let Some(span) = filter.new {
        all.push(is_new(sql, items, moments, span));
    }
    if let Some(span) = filter.changed {
        all.push(is_changed(sql, items, moments, span));
    }
    if !filter.gender.is_empty() {
        let gender = items.own("gender", "TEXT");
        all.push(sql.any_of(&gender, &filter.gender));
    }
    if !filter.of_type.is_empty() {
        let of_type = items.own("type", "TEXT");
        all.push(sql.any_of(&of_type, &filter.of_type));
    }
    let premium = items.own("premium", "BOOLEAN");
    let yes_or_no = |yes: &bool| format!("{premium} = {}", if *yes { "TRUE" } else { "FALSE" });
    all.extend(either(filter.premium.iter().map(yes_or_no)));
    let joins = if filter.picture.is_empty() || items.past { "" } else { PICTURE_JOIN };
    let class = picture_class(items, &items.pictured_of_most);
    all.extend(either(filter.picture.iter().map(|picture| {
        match Picture::CLASSES.iter().position(|known| known == picture) {
            Some(number) => format!("({class}) = {number}"),
            None => at_risk(items).to_owned(),
        }
    })));
    (joins, all.join(" AND "))
}

/// One of these, if there are any.
fn either(conditions: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = conditions.collect();
    (!all.is_empty()).then(|| format!("({})", all.join(" OR ")))
}

fn listed_condition(items: &Items, listed: Listed) -> Vec<String> {
    let (removed, missing) = (&items.removed, &items.missing);
    match listed {
        Listed::Now => vec![items.present.clone()],
        Listed::Missing => vec![items.present.clone(), format!("{missing} IS NOT NULL")],
        Listed::Removed => vec![items.condition.clone(), format!("{removed} IS NOT NULL")],
        Listed::All => vec![items.condition.clone()],
    }
}

fn is_new(sql: &mut Sql<'_>, items: &Items, moments: &Moments, span: Span) -> String {
    let (start, first) = (sql.bind(moments.start(span)), sql.bind(moments.first));
    let seen = &items.first_seen;
    format!("({seen} >= {start} AND {seen} > {first})")
}

fn is_changed(sql: &mut Sql<'_>, items: &Items, moments: &Moments, span: Span) -> String {
    let start = sql.bind(moments.start(span));
    let (changed, seen) = (&items.changed, &items.first_seen);
    format!("({changed} >= {start} AND {changed} > {seen})")
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

fn tile(row: &Row, kind: Kind) -> Result<Tile, Fault> {
    let class = usize::try_from(row.some_int(8)?).unwrap_or(1);
    Ok(Tile {
        kind,
        id: row.some_text(0)?,
        name: row.text(1)?,
        gender: row.text(2)?,
        premium: row.bool(3)?,
        first_seen_at: row.some_time(4)?,
        changed_at: row.some_time(5)?,
        missing_since: row.time(6)?,
        removed_at: row.time(7)?,
        picture: Picture::CLASSES.get(class).copied().unwrap_or(Picture::Pending),
        image: row.text(9)?,
        video: row.text(10)?,
    })
}
