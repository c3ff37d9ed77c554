//! Looks up items by words and values, page by page, ordered by account and id: the search for agents.

use sqlx::AssertSqlSafe;

use super::{
    browse::{
        items::{FullItem, full_item},
        sql::Sql,
    },
    conn::Row,
    open::Store,
    search,
    snapshot::OwnColumns,
    statements,
};
use crate::{
    catalog::{column::Holds, kind::Kind, search::words},
    error::{Error, Result},
};

/// The items to look up; all conditions must be met.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// Words that the name and id together must contain, ignoring case and diacritics.
    pub text: Option<String>,
    /// The account; `None` for all.
    pub account: Option<String>,
    /// The values that the item must have: (column, value); for an array of texts, one of its elements.
    pub values: Vec<(String, String)>,
    /// Whether to include removed items.
    pub removed: bool,
    /// The account and id after which the page starts.
    pub after: Option<(String, String)>,
    /// The maximum number of items.
    pub limit: usize,
}

impl Store {
    /// Returns the matching items of a kind, ordered by account and id.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] for an unknown column or a value of the wrong type.
    pub async fn look_up(&mut self, kind: Kind, lookup: &Lookup) -> Result<Vec<FullItem>> {
        let engine = self.conn.engine();
        let mut sql = Sql::new(engine);
        let text = statement(&mut sql, kind, lookup)?;
        let own = OwnColumns::of(kind);
        let read = |row: &Row| full_item(row, &own, &row.some_text("account")?);
        self.all(AssertSqlSafe(text), &sql.args, read).await
    }
}

fn statement<'a>(sql: &mut Sql<'a>, kind: Kind, lookup: &'a Lookup) -> Result<String> {
    let (table, id) = (kind.table, kind.id);
    let mut conditions = vec!["TRUE".to_owned()];
    if !lookup.removed {
        conditions.push("removed_at IS NULL".into());
    }
    if let Some(account) = &lookup.account {
        conditions.push(format!("account = {}", sql.bind(account.as_str())));
    }
    if let Some(text) = &lookup.text {
        conditions.extend(search::condition(sql, kind, &words(text)));
    }
    for (column, value) in &lookup.values {
        conditions.push(has_value(sql, kind, column, value)?);
    }
    if let Some((account, after)) = &lookup.after {
        let (account, after) = (sql.bind(account.as_str()), sql.bind(after.as_str()));
        conditions.push(format!("(account, {id}) > ({account}, {after})"));
    }
    Ok(format!(
        "SELECT {id}, version, valid_from, first_seen_at, changed_at, missing_since, removed_at, \
         account, extra, {} FROM {table} AS i WHERE {} ORDER BY account, {id} LIMIT {}",
        statements::columns(kind, ""),
        conditions.join(" AND "),
        lookup.limit
    ))
}

fn has_value<'a>(sql: &mut Sql<'a>, kind: Kind, name: &str, value: &'a String) -> Result<String> {
    let Some(column) = kind.column(name) else {
        let names: Vec<&str> = kind.columns.iter().map(|column| column.name).collect();
        let all = names.join(", ");
        return Err(Error::usage(format!(
            "{} have no column {name:?}; they have {all}",
            kind.plural
        )));
    };
    let wrong = |what: &str| Error::usage(format!("{name} holds {what}, not {value:?}"));
    Ok(match column.holds {
        Holds::Texts => sql.has_text(column.name, std::slice::from_ref(value)),
        Holds::Boolean => {
            let value: bool = value.parse().map_err(|_| wrong("true or false"))?;
            format!("{} = {}", column.name, sql.bind(super::conn::Arg::Bool(Some(value))))
        }
        Holds::Integer => {
            let value: i64 = value.parse().map_err(|_| wrong("a whole number"))?;
            format!("{} = {}", column.name, sql.bind(value))
        }
        Holds::Text | Holds::Time | Holds::Json => {
            format!("{} = {}", column.name, sql.bind(value.as_str()))
        }
    })
}
