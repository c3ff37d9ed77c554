//! What items are found by: name and id, folded by [`crate::catalog::search`].
//!
//! ASCII is folded by the engines. For each version with other letters a side table has the folded
//! text. It is made from the histories alone: who writes versions (a poll, a copy) writes these rows
//! with them, `verify` compares the two, and the foreign key renames and removes rows with their
//! account. It is neither sealed nor exported.

use std::borrow::Cow;

use super::{
    browse::sql::Sql,
    bulk::{Bulk, BulkColumn},
    conn::{Conn, Fault, Row},
    table::SEARCH_NAMES,
};
use crate::{
    catalog::{kind::Kind, search},
    time::Timestamp,
};

/// A version of an item, and what it is found by.
pub(super) struct Named<'a> {
    pub account: Cow<'a, str>,
    pub id: Cow<'a, str>,
    pub version: i64,
    pub name: Option<Cow<'a, str>>,
}

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
    /// Since when it is not listed.
    pub missing_since: Option<Timestamp>,
}

impl FoundItem {
    /// The columns of an export.
    pub const COLUMNS: [&str; 6] = ["account", "kind", "item_id", "name", "state", "missing_since"];

    /// `listed` or `missing`.
    pub fn state(&self) -> &'static str {
        if self.missing_since.is_some() { "missing" } else { "listed" }
    }
}

/// Writes what these versions of one kind are found by, where the engines cannot tell.
pub(super) async fn write<'a>(
    conn: &mut Conn,
    kind: Kind,
    versions: impl Iterator<Item = Named<'a>>,
) -> Result<(), Fault> {
    let found_by = |one: Named<'a>| Some((search::text(one.name.as_deref(), &one.id)?, one));
    let found: Vec<_> = versions.filter_map(found_by).collect();
    let (texts, versions) =
        (found.iter().map(|(text, _)| text.as_str()), || found.iter().map(|(_, one)| one));
    Bulk::new(found.len())
        .texts("account", versions().map(|one| one.account.as_ref()))
        .all("kind", kind.as_str())
        .texts("item_id", versions().map(|one| one.id.as_ref()))
        .column("version", BulkColumn::Int(versions().map(|one| Some(one.version)).collect()))
        .texts("text", texts)
        .insert(conn, SEARCH_NAMES.name)
        .await
}

/// The folded text of the item `i` of a kind if it is ASCII.
pub(super) fn ascii_text(sql: &Sql<'_>, kind: Kind) -> String {
    sql.ascii_lower(&format!("coalesce(i.{}, '') || '\n' || i.{}", kind.label, kind.id))
}

/// The condition that the version of the item `i` contains all folded words in name or id; `None`
/// without words. Its row is found by the primary key: a join is planned badly by PostgreSQL where a
/// table has no statistics yet.
pub(super) fn condition(sql: &mut Sql<'_>, kind: Kind, words: &[String]) -> Option<String> {
    let escaped =
        |word: &String| word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let patterns = words.iter().map(|word| sql.bind(format!("%{}%", escaped(word))));
    let patterns: Vec<String> = patterns.collect();
    let like = |text: &str| {
        let likes = patterns.iter().map(|pattern| format!("{text} LIKE {pattern} ESCAPE '\\'"));
        likes.collect::<Vec<_>>().join(" AND ")
    };
    (!patterns.is_empty()).then(|| {
        format!(
            "coalesce((SELECT {} FROM {} AS s WHERE s.account = i.account AND s.kind = '{kind}' \
             AND s.item_id = i.{} AND s.version = i.version), {})",
            like("s.text"),
            SEARCH_NAMES.name,
            kind.id,
            like(&ascii_text(sql, kind)),
        )
    })
}

pub(super) fn found(row: &Row, kind: Kind) -> Result<FoundItem, Fault> {
    Ok(FoundItem {
        account: row.some_text(0)?,
        kind,
        id: row.some_text(1)?,
        name: row.text(2)?,
        missing_since: row.time(3)?,
    })
}
