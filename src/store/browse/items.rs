//! A page of a list, its facets, and all of it for an export.

mod facets;

pub use facets::Facets;
use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{
    Reading,
    filter::{Filter, Listed, Moments, Picture, Scope, Sort, Span},
    sql::{Items, Sql},
};
use crate::{
    catalog::{item::Fields, kind::Kind},
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
    let id_column = items.kind.id;
    let key = format!(
        "SELECT {id} AS id, {version} AS version FROM {}{joins} \
        WHERE {condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}",
        items.from
    );
    let video = match items.kind {
        Kind::AVATAR if !items.past => " LEFT JOIN assets AS w ON w.url = i.preview_video_url",
        _ => "",
    };
    let video_hash = match (items.past, items.kind) {
        (false, Kind::TALKING_PHOTO) => "CAST(NULL AS TEXT)",
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
