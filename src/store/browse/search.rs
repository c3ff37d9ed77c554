//! A search in the lists of all kinds.

use super::{
    filter::{ItemFilter, Order},
    items::{Slice, Tile, tile, tiles_sql},
    reading::Reading,
    scope::{Items, Moments, Scope},
    sql::{self, Sql},
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        search::{self, Found},
        table::SEARCH_NAMES,
    },
    time::Timestamp,
};

/// The most texts that suggestions are made from.
const TEXTS: i64 = 200_000;

impl Reading {
    /// How many items of each kind that are not removed contain all folded words.
    pub async fn found(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        words: &[String],
    ) -> Result<Vec<(Kind, i64)>> {
        let mut sql = Sql::new(self.engine());
        let places: Vec<String> = search::patterns(words).map(|word| sql.bind(word)).collect();
        let mut parts = vec![];
        for kind in Kind::ALL {
            let items = Items::of(&mut sql, kind, account, at);
            parts.push(format!(
                "SELECT '{kind}', count(*) FROM {} WHERE {} AND {}",
                items.from,
                items.present,
                search::condition(kind, &places)
            ));
        }
        self.ask(parts.join(" UNION ALL "), &sql.args, |row| {
            Ok((sql::kind(row, 0)?, row.some_int(1)?))
        })
        .await
    }

    /// The items of all kinds that are not removed and contain all folded words.
    pub async fn found_items(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        words: &[String],
    ) -> Result<Vec<Found>> {
        let mut all = vec![];
        for kind in Kind::ALL {
            let mut sql = Sql::new(self.engine());
            let places: Vec<String> = search::patterns(words).map(|word| sql.bind(word)).collect();
            let items = Items::of(&mut sql, kind, account, at);
            let text = format!(
                "SELECT i.account, {}, {}, {} FROM {} WHERE {} AND {} ORDER BY {}",
                items.id,
                items.name,
                items.missing,
                items.from,
                items.present,
                search::condition(kind, &places),
                Order::Name.sql(&sql, &items),
            );
            all.extend(self.ask(text, &sql.args, |row| search::found(row, kind)).await?);
        }
        Ok(all)
    }

    /// The first items that match in each scope, a kind each.
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
            let items = Items::new(&mut sql, scope);
            let tiles = tiles_sql(&mut sql, &items, filter, moments, &slice);
            parts.push(format!("SELECT * FROM ({tiles}) AS {}", scope.kind.table));
        }
        self.ask(parts.join(" UNION ALL "), &sql.args, tile).await
    }

    /// What the items that are not removed are found by, of a bounded number of them.
    pub async fn search_texts(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<(Kind, String)>> {
        let mut sql = Sql::new(self.engine());
        let mut parts = vec![];
        for kind in Kind::ALL {
            let items = Items::of(&mut sql, kind, account, at);
            parts.push(format!(
                "SELECT '{kind}', s.text FROM {from} JOIN {names} AS s ON s.account = i.account \
                 AND s.kind = '{kind}' AND s.item_id = {id} AND s.version = i.version \
                 WHERE {present}",
                from = items.from,
                names = SEARCH_NAMES.name,
                id = items.id,
                present = items.present,
            ));
        }
        let text = format!("{} LIMIT {TEXTS}", parts.join(" UNION ALL "));
        self.ask(text, &sql.args, |row| Ok((sql::kind(row, 0)?, row.some_text(1)?))).await
    }
}
