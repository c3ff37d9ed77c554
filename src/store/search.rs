//! The side table by which items are found: for each version its name and id, folded by
//! [`crate::catalog::search`].
//!
//! It is made from the histories alone: who writes versions (a poll, a copy) writes these rows with
//! them, `verify` compares the two, and the foreign key renames and removes rows with their account.
//! It is neither sealed nor exported.

use std::borrow::Cow;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    bulk::{Bulk, Column},
    conn::{Arg, Conn, Engine, Fault, Row},
    open::Store,
    table::SEARCH_NAMES,
};
use crate::{
    catalog::{kind::Kind, search},
    error::Result,
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
pub struct Found {
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

impl Found {
    /// What is told of each, by name.
    pub const COLUMNS: [&str; 6] = ["account", "kind", "item_id", "name", "state", "missing_since"];

    /// `listed` or `missing`.
    pub fn state(&self) -> &'static str {
        if self.missing_since.is_some() { "missing" } else { "listed" }
    }
}

/// Writes these versions of one kind.
pub(super) async fn write(
    conn: &mut Conn,
    kind: Kind,
    versions: &[Named<'_>],
) -> Result<(), Fault> {
    let texts = versions.iter().map(|one| search::text(one.name.as_deref(), &one.id));
    Bulk::new(versions.len())
        .texts("account", versions.iter().map(|one| one.account.as_ref()))
        .all("kind", kind.as_str())
        .texts("item_id", versions.iter().map(|one| one.id.as_ref()))
        .column("version", Column::Int(versions.iter().map(|one| Some(one.version)).collect()))
        .column("text", Column::Text(texts.map(|text| Some(Cow::Owned(text))).collect()))
        .insert(conn, SEARCH_NAMES.name)
        .await
}

/// The condition that the version of the item `i` contains all words in name or id; `patterns` are
/// the placeholders of [`patterns`]. Its row is found by the primary key: a join is planned badly by
/// PostgreSQL where a table has no statistics yet.
pub(super) fn condition(kind: Kind, patterns: &[String]) -> String {
    let likes: Vec<String> =
        patterns.iter().map(|place| format!("s.text LIKE {place} ESCAPE '\\'")).collect();
    format!(
        "coalesce((SELECT {} FROM {} AS s WHERE s.account = i.account AND s.kind = '{kind}' \
         AND s.item_id = i.{} AND s.version = i.version), FALSE)",
        likes.join(" AND "),
        SEARCH_NAMES.name,
        kind.id
    )
}

/// The patterns of folded words.
pub(super) fn patterns(words: &[String]) -> impl Iterator<Item = String> {
    let escaped =
        |word: &String| word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    words.iter().map(move |word| format!("%{}%", escaped(word)))
}

impl Store {
    /// The items of all accounts that are not removed and contain all folded words in name or id.
    pub async fn find_items(&mut self, kind: Option<Kind>, words: &[String]) -> Result<Vec<Found>> {
        let args: Vec<Arg<'_>> = patterns(words).map(Arg::from).collect();
        let mut all = vec![];
        for kind in Kind::ALL.into_iter().filter(|one| kind.is_none_or(|wanted| wanted == *one)) {
            let sql = items(self.conn.engine(), kind, words.len());
            let rows = self.conn.rows(sql, &args).await;
            let found = rows.and_then(|rows| rows.iter().map(|row| found(row, kind)).collect());
            let found: Vec<Found> = found.map_err(|fault| self.trouble("read", &fault))?;
            all.extend(found);
        }
        Ok(all)
    }

    /// What the items that are not removed are found by.
    pub async fn search_texts(&mut self, kind: Option<Kind>) -> Result<Vec<String>> {
        let mut all: Vec<String> = vec![];
        for kind in Kind::ALL.into_iter().filter(|one| kind.is_none_or(|wanted| wanted == *one)) {
            let rows = self.conn.rows(texts(kind), &[]).await;
            let texts = rows.and_then(|rows| rows.iter().map(|row| row.some_text(0)).collect());
            let texts: Vec<String> = texts.map_err(|fault| self.trouble("read", &fault))?;
            all.extend(texts);
        }
        Ok(all)
    }
}

pub(super) fn found(row: &Row, kind: Kind) -> Result<Found, Fault> {
    Ok(Found {
        account: row.some_text(0)?,
        kind,
        id: row.some_text(1)?,
        name: row.text(2)?,
        missing_since: row.time(3)?,
    })
}

fn items(engine: Engine, kind: Kind, words: usize) -> SqlStr {
    let places: Vec<String> = (1..=words).map(|place| format!("${place}")).collect();
    AssertSqlSafe(format!(
        "SELECT i.account, i.{id}, i.{name}, i.missing_since FROM {table} AS i \
         WHERE i.removed_at IS NULL AND {found} ORDER BY {head} NULLS LAST, i.{id}, i.account",
        id = kind.id,
        name = kind.label,
        table = kind.table,
        found = condition(kind, &places),
        head = engine.head(&format!("i.{}", kind.label)),
    ))
    .into_sql_str()
}

fn texts(kind: Kind) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT s.text FROM {} AS s JOIN {} AS i ON i.account = s.account AND i.{} = s.item_id \
         AND i.version = s.version WHERE s.kind = '{kind}' AND i.removed_at IS NULL",
        SEARCH_NAMES.name, kind.table, kind.id
    ))
    .into_sql_str()
}

/// Every statement of this file for an engine, by name.
pub fn all(engine: Engine) -> Vec<(String, SqlStr)> {
    let of = |kind: Kind| {
        [
            (format!("search items {kind}"), items(engine, kind, 2)),
            (format!("search texts {kind}"), texts(kind)),
        ]
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}
