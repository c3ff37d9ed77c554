//! The text that items are searched by: name and id, folded by [`crate::catalog::search`].
//!
//! The engines fold ASCII. The folded text of each version with other letters is in a side table, which is
//! derived from the histories alone: a poll writes these rows with the versions, a copy copies them,
//! `verify` compares the two, and the foreign key renames and removes rows with their account. It is
//! neither sealed nor exported.

use super::{
    browse::sql::Sql,
    bulk::{Bulk, BulkColumn},
    conn::{Conn, Fault, Row},
    table::SEARCH_NAMES,
};
use crate::{
    catalog::{cell::Cell, kind::Kind, search},
    time::Timestamp,
};

/// An item that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundItem {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// Since when it has not been listed; `None` if it is listed.
    pub missing_since: Option<Timestamp>,
}

impl FoundItem {
    /// The columns of an export.
    pub const COLUMNS: [&str; 6] = ["account", "kind", "item_id", "name", "state", "missing_since"];

    /// Returns its cells, in the order of [`Self::COLUMNS`].
    pub fn cells(&self) -> [Cell<'_>; 6] {
        [
            Cell::text(&self.account),
            self.kind.as_str().into(),
            Cell::text(&self.id),
            self.name.as_deref().into(),
            self.state().into(),
            self.missing_since.into(),
        ]
    }

    /// Returns `listed` or `missing`.
    pub fn state(&self) -> &'static str {
        if self.missing_since.is_some() { "missing" } else { "listed" }
    }
}

/// Writes the folded text of those versions (id, version, name) of one kind that the engines cannot fold.
pub(super) async fn write<'a>(
    conn: &mut Conn,
    kind: Kind,
    account: &'a str,
    versions: impl Iterator<Item = (&'a str, i64, Option<&'a str>)>,
) -> Result<(), Fault> {
    let found: Vec<_> = versions
        .filter_map(|(id, version, name)| Some((id, version, search::text(name, id)?)))
        .collect();
    Bulk::new(found.len())
        .all("account", account)
        .all("kind", kind.as_str())
        .texts("item_id", found.iter().map(|(id, ..)| *id))
        .column("version", BulkColumn::Int(found.iter().map(|(_, at, _)| Some(*at)).collect()))
        .texts("text", found.iter().map(|(.., text)| text.as_str()))
        .insert(conn, SEARCH_NAMES.name)
        .await
}

/// Returns the SQL of the folded text of the item `i` of a kind if it is ASCII.
pub(super) fn ascii_text(sql: &Sql<'_>, kind: Kind) -> String {
    sql.engine.ascii_lower(&format!("coalesce(i.{}, '') || '\n' || i.{}", kind.label, kind.id))
}

/// Returns the condition that the version of the item `i` contains all folded words in its name or id;
/// `None` without words. What an item contains before it is folded, it contains afterwards as well, so the
/// side table is read only for items with letters that are not ASCII. It is read by its primary key:
/// PostgreSQL plans a join badly if a table has no statistics yet.
pub(super) fn condition(sql: &mut Sql<'_>, kind: Kind, words: &[String]) -> Option<String> {
    let escaped =
        |word: &String| word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let patterns = words.iter().map(|word| sql.bind(format!("%{}%", escaped(word))));
    let patterns: Vec<String> = patterns.collect();
    let engine = sql.engine;
    let (name, id) = (&format!("i.{}", kind.label), &format!("i.{}", kind.id));
    let all = |like: &dyn Fn(&String) -> String| {
        patterns.iter().map(like).collect::<Vec<_>>().join(" AND ")
    };
    (!patterns.is_empty()).then(|| {
        format!(
            "({own} OR (octet_length({name}) <> length({name}) OR octet_length({id}) <> length({id})) \
             AND EXISTS (SELECT 1 FROM {names} AS s WHERE s.account = i.account AND s.kind = '{kind}' \
             AND s.item_id = {id} AND s.version = i.version AND {folded}))",
            own = all(&|word| format!("({} OR {})", engine.like(name, word), engine.like(id, word))),
            names = SEARCH_NAMES.name,
            folded = all(&|word| engine.like("s.text", word)),
        )
    })
}

pub(super) fn found(row: &Row, kind: Kind) -> Result<FoundItem, Fault> {
    Ok(FoundItem {
        account: row.some_text("account")?,
        kind,
        id: row.some_text("id")?,
        name: row.text("name")?,
        missing_since: row.time("missing_since")?,
    })
}
