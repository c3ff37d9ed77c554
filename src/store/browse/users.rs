//! The items that refer to others by their ids: the looks of groups, and items with a default voice.

use std::collections::BTreeMap;

use super::{
    filter::Order,
    item::Neighbour,
    reading::Reading,
    scope::{ItemsSql, Scope},
    sql::{self, Sql},
};
use crate::{catalog::kind::Kind, error::Result};

/// The maximum number of items that are read for each kind and each item that they refer to.
const FEW: usize = 3;

/// The items that refer to one item.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// Their number, for each kind that has any.
    pub totals: Vec<(Kind, i64)>,
    /// The first few of each kind, by name.
    pub first: Vec<(Kind, Neighbour)>,
}

/// Returns the column of other kinds that contains ids of `kind`, and the kinds that have this column.
pub fn users_of(kind: Kind) -> Option<(&'static str, Vec<Kind>)> {
    let mut columns = Kind::ALL.iter().flat_map(|user| user.columns).map(|column| column.name);
    let column = columns.find(|name| Kind::referred(name) == Some(kind))?;
    let has_it = |user: &Kind| user.column(column).is_some();
    Some((column, Kind::ALL.into_iter().filter(has_it).collect()))
}

impl Reading {
    /// Returns the items not removed that refer to these items of the scope's kind, by the ids of these.
    pub async fn users(
        &mut self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<BTreeMap<String, Users>> {
        let Some((column, kinds)) = users_of(scope.kind).filter(|_| !ids.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let mut sql = Sql::new(self.engine());
        let parts: Vec<String> =
            kinds.into_iter().map(|kind| users_sql(&mut sql, scope, kind, column, ids)).collect();
        let rows = self.ask(parts.join(" UNION ALL "), &sql.args, |row| {
            let (kind, used) = (sql::kind(row, "kind")?, row.some_text("used")?);
            Ok((kind, used, row.some_int("total")?, Neighbour::read(row)?))
        });
        let mut found: BTreeMap<String, Users> = BTreeMap::new();
        for (kind, of, total, user) in rows.await? {
            let users = found.entry(of).or_default();
            if !users.totals.iter().any(|(known, _)| *known == kind) {
                users.totals.push((kind, total));
            }
            users.first.push((kind, user));
        }
        Ok(found)
    }
}

fn users_sql<'a>(
    sql: &mut Sql<'a>,
    scope: &'a Scope,
    kind: Kind,
    column: &str,
    ids: &'a [String],
) -> String {
    let items = ItemsSql::of(sql, kind, scope.account.as_str(), scope.at);
    let of = format!("i.{column}");
    format!(
        "SELECT * FROM (SELECT '{kind}' AS kind, k.used, k.total, k.id, k.name, k.version, \
           {picture} AS picture, {live} AS live FROM (SELECT {of} AS used, {id} AS id, \
           {name} AS name, i.version AS version, {url} AS url, \
           count(*) OVER (PARTITION BY {of}) AS total, \
           row_number() OVER (PARTITION BY {of} ORDER BY {order}) AS nth \
           FROM {from} WHERE {present} AND {wanted}) AS k LEFT JOIN assets AS a ON a.url = k.url \
         WHERE k.nth <= {FEW} ORDER BY k.used, k.nth) AS {table}",
        picture = items.picture_of_url(),
        live = items.live_of_url(),
        id = items.id,
        name = items.name,
        url = items.image_url,
        order = Order::Name.sql(sql, &items),
        from = items.from,
        present = items.present,
        wanted = sql.any_of(&of, ids),
        table = kind.table,
    )
}
