//! A search in the lists of all kinds.

use sqlx::AssertSqlSafe;

use super::{
    filter::{ItemFilter, Order},
    items::{Slice, Tile, tile, tiles_sql},
    reading::Reading,
    scope::{ItemsSql, Moments, Scope},
    sql::{self, Sql},
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        conn::Row,
        open::Store,
        search::{self, FoundItem},
        table::SEARCH_NAMES,
    },
    time::Timestamp,
};

/// The maximum number of texts that suggestions are made from.
const TEXTS: i64 = 200_000;

/// Returns the SQL of the items of a kind that are not removed and contain all folded words.
fn items_sql<'a>(
    sql: &mut Sql<'a>,
    kind: Kind,
    account: &'a str,
    at: Option<Timestamp>,
    words: &[String],
) -> String {
    let items = ItemsSql::of(sql, kind, account, at);
    let found = search::condition(sql, kind, words).unwrap_or_else(|| "TRUE".into());
    format!(
        "SELECT i.account, {} AS id, {} AS name, {} AS missing_since FROM {} WHERE {} AND {found} ORDER BY {}",
        items.id,
        items.name,
        items.missing,
        items.from,
        items.present,
        Order::Name.sql(sql, &items),
    )
}

/// Returns the SQL of the searchable texts of the items that are not removed: kind, text.
fn texts_sql<'a>(
    sql: &mut Sql<'a>,
    kinds: impl Iterator<Item = Kind>,
    account: &'a str,
    at: Option<Timestamp>,
) -> String {
    let parts = kinds.map(|kind| {
        let items = ItemsSql::of(sql, kind, account, at);
        format!(
            "SELECT '{kind}', coalesce(s.text, {text}) FROM {from} LEFT JOIN {names} AS s \
             ON s.account = i.account AND s.kind = '{kind}' AND s.item_id = {id} \
             AND s.version = i.version WHERE {present}",
            text = search::ascii_text(sql, kind),
            from = items.from,
            names = SEARCH_NAMES.name,
            id = items.id,
            present = items.present,
        )
    });
    format!("{} LIMIT {TEXTS}", parts.collect::<Vec<_>>().join(" UNION ALL "))
}

impl Store {
    /// Returns the items of an account, now or at a time, that are not removed and contain all folded words.
    pub async fn found_items(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        kind: Option<Kind>,
        words: &[String],
    ) -> Result<Vec<FoundItem>> {
        let mut all = vec![];
        for kind in Kind::only(kind) {
            let mut sql = Sql::new(self.conn.engine());
            let text = items_sql(&mut sql, kind, account, at, words);
            let found = |row: &Row| search::found(row, kind);
            all.extend(self.all(AssertSqlSafe(text), &sql.args, found).await?);
        }
        Ok(all)
    }

    /// Returns the searchable texts of a limited number of items of an account, now or at a time, that are
    /// not removed.
    pub async fn search_texts(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        kind: Option<Kind>,
    ) -> Result<Vec<(Kind, String)>> {
        let mut sql = Sql::new(self.conn.engine());
        let text = texts_sql(&mut sql, Kind::only(kind), account, at);
        let text_of = |row: &Row| Ok((sql::kind(row, 0)?, row.some_text(1)?));
        self.all(AssertSqlSafe(text), &sql.args, text_of).await
    }
}

impl Reading {
    /// Counts the items of these kinds that are not removed and contain all folded words.
    pub async fn found(
        &mut self,
        kinds: Vec<Kind>,
        account: &str,
        at: Option<Timestamp>,
        words: &[String],
    ) -> Result<Vec<(Kind, i64)>> {
        let mut sql = Sql::new(self.engine());
        let part = |kind| {
            let items = ItemsSql::of(&mut sql, kind, account, at);
            let found = search::condition(&mut sql, kind, words).unwrap_or_else(|| "TRUE".into());
            let (from, present) = (items.from, items.present);
            format!("SELECT '{kind}', count(*) FROM {from} WHERE {present} AND {found}")
        };
        let parts: Vec<String> = kinds.into_iter().map(part).collect();
        self.ask(parts.join(" UNION ALL "), &sql.args, |row| {
            Ok((sql::kind(row, 0)?, row.some_int(1)?))
        })
        .await
    }

    /// Returns a slice of the matching items of each scope; each scope has a kind of its own.
    pub async fn found_tiles(
        &mut self,
        scopes: &[Scope],
        filter: &ItemFilter,
        moments: &Moments,
        slice: Slice,
    ) -> Result<Vec<Tile>> {
        if scopes.is_empty() {
            return Ok(vec![]);
        }
        let mut sql = Sql::new(self.engine());
        let mut parts = vec![];
        for scope in scopes {
            let items = ItemsSql::new(&mut sql, scope);
            let tiles = tiles_sql(&mut sql, &items, filter, moments, &slice);
            parts.push(format!("SELECT * FROM ({tiles}) AS {}", scope.kind.table));
        }
        self.ask(parts.join(" UNION ALL "), &sql.args, tile).await
    }
}
