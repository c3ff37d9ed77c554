//! A page of a list, and all of a list for an export.

use super::{
    filter::{ItemFilter, Order},
    picture::{self, Picture},
    reading::Reading,
    scope::{Items, Moments, Scope},
    sql::Sql,
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
    /// When it was first missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// The state of its picture.
    pub picture: Picture,
    /// The hash of the stored picture.
    pub image: Option<String>,
    /// The hash of the stored video.
    pub video: Option<String>,
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
    /// A page of the list.
    pub async fn tiles(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
        page: Slice,
    ) -> Result<Vec<Tile>> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope);
        let text = tiles_sql(&mut sql, &items, filter, moments, &page);
        let kind = scope.kind;
        self.ask(text, &sql.args, |row| tile(row, kind)).await
    }

    /// How many items match.
    pub async fn total(
        &mut self,
        scope: &Scope,
        filter: &ItemFilter,
        moments: &Moments,
    ) -> Result<i64> {
        let mut sql = Sql::new(self.engine());
        let items = Items::new(&mut sql, scope);
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
        let items = Items::new(&mut sql, scope);
        let (joins, condition) = filter.matching(&mut sql, &items, moments);
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
            order = order.sql(&sql, &items),
        );
        let (kind, account) = (scope.kind, scope.account.clone());
        self.stream(text, &sql.args, |row| full_item(row, kind, &account), &mut each).await
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

/// The SQL of a page: its items are found first, by id and version, and only these are joined with
/// their pictures.
fn tiles_sql<'a>(
    sql: &mut Sql<'a>,
    items: &Items,
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
    format!(
        "SELECT {id}, {name}, {gender}, {premium}, {first}, {changed}, {missing}, {removed}, \
         CAST({picture} AS BIGINT), {image}, {video} \
         FROM {from} JOIN ({key}) AS k ON {id} = k.id AND i.version = k.version\
         {picture_join}{video_join} WHERE {base} ORDER BY {order}",
        name = items.name,
        gender = items.own("gender", "TEXT"),
        premium = items.own("premium", "BOOLEAN"),
        first = items.first_seen,
        changed = items.changed,
        missing = items.missing,
        removed = items.removed,
        picture = picture::class(items, &items.pictured),
        image = items.picture,
        video = items.video,
        picture_join = items.picture_join,
        video_join = items.video_join,
        base = items.condition,
    )
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
        picture: Picture::ALL.get(class).copied().unwrap_or(Picture::Pending),
        image: row.text(9)?,
        video: row.text(10)?,
    })
}
