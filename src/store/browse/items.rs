//! Queries of a list: one page, or all items for an export.

use super::{
    facets::{FACETS, Facet, FacetValues},
    filter::{ItemFilter, Order, Place},
    picture::ItemPreview,
    reading::Reading,
    scope::{ItemsSql, Moments, Scope},
    sql::{self, Sql},
};
use crate::{
    catalog::{cell::Cell, item::Fields, kind::Kind},
    error::Result,
    store::{
        conn::{Fault, Row},
        snapshot::OwnColumns,
        statements,
    },
    time::Timestamp,
};

/// The data of a tile, which shows one item.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name, if it is a text.
    pub name: Option<String>,
    /// The version.
    pub version: i64,
    /// The values of the facets in [`shown_facets`], in the same order.
    pub facts: Vec<Option<String>>,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// When it was first missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// The picture.
    pub image: ItemPreview,
    /// The video or the audio sample; see [`clip`](super::scope::clip).
    pub clip: ItemPreview,
    /// For a group: the number of looks that the API reports.
    pub looks: Option<i64>,
}

/// Returns the facets whose values a tile has: those with a column, except the picture's URL.
pub fn shown_facets() -> impl Iterator<Item = (&'static Facet, &'static str)> {
    FACETS.iter().filter_map(|facet| {
        Some((facet, facet.column.filter(|name| *name != "preview_image_url")?))
    })
}

/// A part of a list in an order.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The order.
    pub order: Order,
    /// The number of items.
    pub limit: i64,
    /// The number of items before it.
    pub offset: i64,
}

impl Reading {
    /// Returns a page of the list.
    pub async fn tiles(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
        page: Slice,
    ) -> Result<Vec<Tile>> {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, scope);
        let text = tiles_sql(&mut sql, &items, filter, moments, &page);
        self.ask(text, &sql.args, tile).await
    }

    /// Returns the number of items that match.
    pub async fn total(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
    ) -> Result<i64> {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, scope);
        let (joins, condition) = filter.matching(&mut sql, &items, moments);
        let text = format!("SELECT count(*) FROM {}{joins} WHERE {condition}", items.from);
        let rows = self.ask(text, &sql.args, |row| row.some_int(0)).await?;
        Ok(rows.into_iter().next().unwrap_or(0))
    }

    /// Passes every item that matches to `each`, in order; `each` completes before the next row is
    /// read.
    pub async fn all_items<F, Fut>(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
        order: Order,
        mut each: F,
    ) -> Result<()>
    where
        F: FnMut(FullItem) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, scope);
        let text = items_sql(&mut sql, &items, filter, moments, order, None);
        let (own, account) = (OwnColumns::of(scope.kind), scope.account.clone());
        self.stream(text, &sql.args, |row| full_item(row, &own, &account), &mut each).await
    }

    /// Returns at most `limit` matching items after a position, each with its position.
    pub async fn items_after(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
        order: Order,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(FullItem, Place)>> {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, scope);
        let text = items_sql(&mut sql, &items, filter, moments, order, after);
        let text = format!("{text} LIMIT {limit}");
        let own = OwnColumns::of(scope.kind);
        self.ask(text, &sql.args, |row| {
            let item = full_item(row, &own, &scope.account)?;
            let key = match order {
                Order::Name => row.text("head")?,
                Order::Added => Some(item.first_seen_at.to_string()),
                Order::Changed => Some(item.changed_at.to_string()),
                Order::Id => None,
            };
            let id = item.id.clone();
            Ok((item, Place { key, id }))
        })
        .await
    }
}

/// Returns the SQL of the items that match, in order, after a position. Its columns are those that
/// [`full_item`] reads, and the beginning of the name (`head`).
fn items_sql<'a>(
    sql: &mut Sql<'a>,
    items: &ItemsSql,
    filter: &'a ItemFilter,
    moments: &Moments,
    order: Order,
    after: Option<&'a Place>,
) -> String {
    let (joins, condition) = filter.matching(sql, items, moments);
    let after = after.map(|place| format!(" AND {}", order.after(sql, items, place)));
    format!(
        "SELECT {id}, i.version, i.valid_from, {first} AS first_seen_at, {changed} AS changed_at, \
         {missing} AS missing_since, {removed} AS removed_at, {head} AS head, i.extra, \
         {column_or_null} FROM {from}{joins} WHERE {condition}{after} ORDER BY {order}",
        id = items.id,
        first = items.first_seen,
        changed = items.changed,
        missing = items.missing,
        removed = items.removed,
        head = sql.engine.head(&items.name),
        column_or_null = statements::columns(items.kind, "i."),
        from = items.from,
        after = after.unwrap_or_default(),
        order = order.sql(sql, items),
    )
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
    /// When the version began.
    pub valid_from: Timestamp,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last added, changed or restored.
    pub changed_at: Timestamp,
    /// When it was first missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// Its values.
    pub fields: Fields,
}

impl FullItem {
    /// Returns its cells, in the order of the columns of its table.
    pub fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = vec![Cell::text(&self.account), Cell::text(&self.id)];
        cells.extend(self.fields.cells(self.kind));
        cells.extend([
            self.version.into(),
            self.valid_from.into(),
            self.first_seen_at.into(),
            self.changed_at.into(),
            self.missing_since.into(),
            self.removed_at.into(),
        ]);
        cells
    }
}

/// Reads an item of an account.
pub(in crate::store) fn full_item(
    row: &Row,
    own: &OwnColumns,
    account: &str,
) -> Result<FullItem, Fault> {
    Ok(FullItem {
        account: account.to_owned(),
        kind: own.kind,
        id: row.some_text(own.kind.id)?,
        version: row.some_int("version")?,
        valid_from: row.some_time("valid_from")?,
        first_seen_at: row.some_time("first_seen_at")?,
        changed_at: row.some_time("changed_at")?,
        missing_since: row.time("missing_since")?,
        removed_at: row.time("removed_at")?,
        fields: own.fields(row, None)?,
    })
}

/// Returns the SQL of a page. Its items are found first, by id and version; only these are joined with
/// their pictures.
pub(super) fn tiles_sql<'a>(
    sql: &mut Sql<'a>,
    items: &ItemsSql,
    filter: &'a ItemFilter,
    moments: &Moments,
    page: &Slice,
) -> String {
    let (joins, condition) = filter.matching(sql, items, moments);
    let order = page.order.sql(sql, items);
    let (id, from) = (&items.id, &items.from);
    let key = format!(
        "SELECT {id} AS id, i.version AS version FROM {from}{joins} \
         WHERE {condition} ORDER BY {order} LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let facts: String = shown_facets()
        .map(|(facet, column)| match facet.values {
            FacetValues::Known(_) => {
                format!(", {} AS {column}", items.column_or_null(column, "BOOLEAN"))
            }
            FacetValues::Text => format!(", {} AS {column}", named(items, column)),
            FacetValues::Texts => {
                format!(", CAST({} AS TEXT) AS {column}", items.column_or_null(column, "TEXT"))
            }
        })
        .collect();
    format!(
        "SELECT '{kind}' AS kind, {id} AS id, {name} AS name, i.version, {first} AS first_seen_at, \
         {changed} AS changed_at, {missing} AS missing_since, {removed} AS removed_at, \
         {image} AS image, {image_live} AS image_live, {clip} AS clip, {clip_live} AS clip_live, \
         {looks} AS looks{facts} \
         FROM {from} JOIN ({key}) AS k ON {id} = k.id AND i.version = k.version\
         {picture_join}{clip_join} WHERE {base} ORDER BY {order}",
        kind = items.kind,
        name = items.name,
        first = items.first_seen,
        changed = items.changed,
        missing = items.missing,
        removed = items.removed,
        image = items.picture,
        image_live = items.picture_live,
        clip = items.clip,
        clip_live = items.clip_live,
        looks = items.column_or_null("looks_count", "BIGINT"),
        picture_join = items.picture_join,
        clip_join = items.clip_join,
        base = items.condition,
    )
}

/// Returns the SQL of the value of a text column; for the id of another item, its last known name if it
/// has one.
fn named(items: &ItemsSql, column: &str) -> String {
    match Kind::referred(column).filter(|_| items.kind.column(column).is_some()) {
        Some(other) => {
            let name = sql::name_of(other, "i.account", &format!("i.{column}"));
            format!("coalesce(nullif({name}, ''), i.{column})")
        }
        None => items.column_or_null(column, "TEXT"),
    }
}

pub(super) fn tile(row: &Row) -> Result<Tile, Fault> {
    let fact = |(facet, column): (&Facet, &str)| match facet.values {
        FacetValues::Known(_) => {
            Ok(row.bool(column)?.map(|yes| if yes { "yes" } else { "no" }.to_owned()))
        }
        FacetValues::Text => row.text(column),
        FacetValues::Texts => Ok(row.text(column)?.map(|json| {
            let texts: Vec<String> = serde_json::from_str(&json).unwrap_or_default();
            texts.join(", ")
        })),
    };
    Ok(Tile {
        kind: sql::kind(row, "kind")?,
        id: row.some_text("id")?,
        name: row.text("name")?,
        version: row.some_int("version")?,
        first_seen_at: row.some_time("first_seen_at")?,
        changed_at: row.some_time("changed_at")?,
        missing_since: row.time("missing_since")?,
        removed_at: row.time("removed_at")?,
        image: ItemPreview::read(row, "image", "image_live")?,
        clip: ItemPreview::read(row, "clip", "clip_live")?,
        looks: row.int("looks")?,
        facts: shown_facets().map(fact).collect::<Result<_, _>>()?,
    })
}
