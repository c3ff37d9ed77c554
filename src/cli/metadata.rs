//! `metadata`: what Datasette shows beside the tables, from the dictionary that the documentation
//! is made of too. It opens no database.

use std::collections::BTreeMap;

use clap::Args;
use serde::{Serialize, Serializer};

use super::{Context, output::print};
use crate::{
    error::{Error, Result},
    store::{Location, open::MIGRATIONS_TABLE, table},
};

/// Columns with few values, by which people narrow down what they see.
const FACETS: [&str; 15] = [
    "account",
    "kind",
    "change",
    "outcome",
    "trigger",
    "api_version",
    "gender",
    "premium",
    "type",
    "opened_by",
    "closed_by",
    "field",
    "json_type",
    "role",
    "state",
];

/// Columns that hold what a row is called, the best first.
const LABELS: [&str; 7] =
    ["avatar_name", "talking_photo_name", "name", "field", "observed_at", "url", "account"];

/// By what the newest comes first.
const NEWEST: [&str; 5] = ["poll_id", "notice_id", "changed_at", "valid_from", "day"];

/// Write metadata for Datasette to stdout: what every table, view and column is
#[derive(Debug, Args)]
#[command(after_help = "Example:
  heygen-sync metadata > metadata.json
  datasette heygen.db --metadata metadata.json")]
pub struct Metadata {}

#[derive(Serialize)]
struct Site {
    title: &'static str,
    description: &'static str,
    source: &'static str,
    source_url: &'static str,
    databases: BTreeMap<String, Database>,
}

#[derive(Serialize)]
struct Database {
    #[serde(serialize_with = "in_order")]
    tables: Vec<(String, Table)>,
}

#[derive(Default, Serialize)]
struct Table {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    columns: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    units: Vec<(String, &'static str)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facets: Vec<Facet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_column: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_desc: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Facet {
    Column(&'static str),
    Array { array: &'static str },
}

/// A JSON object whose keys stay in this order.
fn in_order<K: Serialize, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

impl Metadata {
    pub(super) fn run(self, context: &Context) -> Result<u8> {
        let (_, _, location) = context.config()?;
        let site = site(&database_name(&location));
        let json = serde_json::to_string_pretty(&site)
            .map_err(|fault| Error::unforeseen(format!("cannot write metadata: {fault}")))?;
        print(&(json + "\n"))?;
        Ok(0)
    }
}

/// What Datasette calls the database: its file's name without the ending.
fn database_name(location: &Location) -> String {
    let stem = location.file().and_then(|file| file.file_stem());
    stem.map_or("heygen".into(), |stem| stem.to_string_lossy().into_owned())
}

fn site(database: &str) -> Site {
    let mut tables: Vec<(String, Table)> =
        table::all().map(|relation| (relation.name.to_owned(), of(relation))).collect();
    for name in [MIGRATIONS_TABLE, table::SEARCH_NAMES.name] {
        tables.push((name.into(), Table { hidden: true, ..Table::default() }));
    }
    Site {
        title: "Avatars and talking photos of HeyGen",
        description: "Every avatar and talking photo that HeyGen offered to an account, with its \
                      history. Times are in UTC.",
        source: "HeyGen, list of avatars",
        source_url: "https://docs.heygen.com/reference/list-avatars-v2",
        databases: BTreeMap::from([(database.to_owned(), Database { tables })]),
    }
}

fn of(relation: &table::Table) -> Table {
    let has = |name: &str| relation.columns.iter().any(|column| column.name == name);
    let first = |names: &[&'static str]| names.iter().copied().find(|name| has(name));
    let mut facets: Vec<Facet> =
        FACETS.into_iter().filter(|name| has(name)).map(Facet::Column).collect();
    if has("tags") {
        facets.push(Facet::Array { array: "tags" });
    }
    let sizes = relation.columns.iter().filter(|column| column.name.ends_with("bytes"));
    Table {
        title: Some(relation.name.replace('_', " ")),
        description: Some(sentence(&relation.meaning)),
        columns: relation
            .columns
            .iter()
            .map(|column| (column.name.to_owned(), column.meaning.to_owned()))
            .collect(),
        units: sizes.map(|column| (column.name.to_owned(), "B")).collect(),
        facets,
        label_column: first(&LABELS),
        sort_desc: first(&NEWEST),
        hidden: false,
    }
}

/// With a capital letter.
fn sentence(comment: &str) -> String {
    let mut chars = comment.chars();
    let first = chars.next().map(|letter| letter.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_view_has_a_title_a_description_a_label_and_all_its_columns() {
        for relation in table::all() {
            let table = of(relation);
            assert!(table.title.is_some() && table.description.is_some(), "{}", relation.name);
            assert!(table.label_column.is_some(), "{}", relation.name);
            assert_eq!(table.columns.len(), relation.columns.len());
        }
    }

    #[test]
    fn what_narrows_down_is_found_somewhere() {
        for name in FACETS.iter().chain(&LABELS).chain(&NEWEST) {
            let known = table::all().flat_map(|one| &one.columns).any(|one| one.name == *name);
            assert!(known, "{name} is no column");
        }
    }
}
