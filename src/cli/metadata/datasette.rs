//! Metadata for Datasette. Up to 0.6x everything is in one file; 1.0 takes meanings from its
//! metadata, and display options from its configuration.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::{
    catalog::{column::Holds, kind::Kind},
    error::{Error, Result},
    store::{
        Location,
        open::MIGRATIONS_TABLE,
        table::{self, SEARCH_NAMES},
    },
    words::sentence,
};

/// Columns with few distinct values, which are offered as facets.
const FACETS: [&str; 20] = [
    "account",
    "catalogue",
    "kind",
    "change",
    "outcome",
    "trigger",
    "api_version",
    "gender",
    "premium",
    "type",
    "avatar_type",
    "status",
    "preferred_orientation",
    "language",
    "opened_by",
    "closed_by",
    "field",
    "json_type",
    "role",
    "state",
];

/// Columns with the label of a row that is not an item, the best first.
const LABELS: [&str; 5] = ["name", "field", "observed_at", "url", "account"];

/// Columns to sort by, so that the newest row comes first.
const NEWEST: [&str; 5] = ["poll_id", "notice_id", "changed_at", "valid_from", "day"];

#[derive(Serialize)]
struct DatasetteSite {
    #[serde(flatten)]
    about: Option<About>,
    databases: BTreeMap<String, Database>,
}

#[derive(Serialize)]
struct About {
    title: &'static str,
    description: &'static str,
    source: &'static str,
    source_url: &'static str,
}

#[derive(Serialize)]
struct Database {
    #[serde(serialize_with = "in_order")]
    tables: Vec<(String, DatasetteTable)>,
}

#[derive(Serialize)]
struct DatasetteTable {
    #[serde(flatten)]
    meaning: Option<Meaning>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    units: Vec<(String, &'static str)>,
    #[serde(flatten)]
    look: Option<Look>,
}

/// The meanings of a table and its columns.
#[derive(Serialize)]
struct Meaning {
    title: String,
    description: String,
    #[serde(serialize_with = "in_order")]
    columns: Vec<(String, String)>,
}

/// The display options of a table.
#[derive(Default, Serialize)]
struct Look {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facets: Vec<DatasetteFacet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_column: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_desc: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DatasetteFacet {
    Column(&'static str),
    Array { array: &'static str },
}

/// Serializes pairs as a JSON object whose keys keep this order.
fn in_order<K: Serialize, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// Returns everything that Datasette 0.6x accepts.
pub(super) fn all(location: &Location) -> Result<String> {
    let table =
        |it| DatasetteTable { meaning: Some(meaning(it)), units: units(it), look: Some(look(it)) };
    json(location, Some(ABOUT), tables(table).chain(hidden()).collect())
}

/// Returns the metadata of Datasette 1.0.
pub(super) fn metadata(location: &Location) -> Result<String> {
    let table = |it| DatasetteTable { meaning: Some(meaning(it)), units: vec![], look: None };
    json(location, Some(ABOUT), tables(table).collect())
}

/// Returns the configuration of Datasette 1.0.
pub(super) fn config(location: &Location) -> Result<String> {
    let table = |it| DatasetteTable { meaning: None, units: vec![], look: Some(look(it)) };
    json(location, None, tables(table).chain(hidden()).collect())
}

const ABOUT: About = About {
    title: "Catalogue of HeyGen",
    description: "Every avatar, talking photo, avatar group and voice that HeyGen offered to an \
                  account, with its history. Times are in UTC.",
    source: "HeyGen, list of avatars",
    source_url: "https://docs.heygen.com/reference/list-avatars-v2",
};

fn json(
    location: &Location,
    about: Option<About>,
    tables: Vec<(String, DatasetteTable)>,
) -> Result<String> {
    let databases = BTreeMap::from([(database_name(location), Database { tables })]);
    let json = serde_json::to_string_pretty(&DatasetteSite { about, databases })
        .map_err(|fault| Error::unforeseen(format!("cannot write metadata: {fault}")))?;
    Ok(json + "\n")
}

/// Returns Datasette's name of the database: the name of its file without the extension.
fn database_name(location: &Location) -> String {
    let stem = location.file().and_then(|file| file.file_stem());
    stem.map_or("heygen".into(), |stem| stem.to_string_lossy().into_owned())
}

fn tables(
    table: impl Fn(&'static table::Table) -> DatasetteTable,
) -> impl Iterator<Item = (String, DatasetteTable)> {
    table::all().map(move |it| (it.name.to_owned(), table(it)))
}

/// Returns the tables that are of no use to people, as hidden.
fn hidden() -> impl Iterator<Item = (String, DatasetteTable)> {
    [MIGRATIONS_TABLE, SEARCH_NAMES.name].into_iter().map(|name| {
        let look = Look { hidden: true, ..Look::default() };
        (name.to_owned(), DatasetteTable { meaning: None, units: vec![], look: Some(look) })
    })
}

fn meaning(table: &table::Table) -> Meaning {
    let columns = table.columns.iter();
    Meaning {
        title: table.name.replace('_', " "),
        description: sentence(&table.meaning),
        columns: columns.map(|it| (it.name.to_owned(), it.meaning.to_owned())).collect(),
    }
}

fn units(table: &table::Table) -> Vec<(String, &'static str)> {
    let sizes = table.columns.iter().filter(|column| column.name.ends_with("bytes"));
    sizes.map(|column| (column.name.to_owned(), "B")).collect()
}

fn look(table: &table::Table) -> Look {
    let has = |name: &str| table.columns.iter().any(|column| column.name == name);
    let mut facets: Vec<DatasetteFacet> =
        FACETS.into_iter().filter(|name| has(name)).map(DatasetteFacet::Column).collect();
    let arrays = table.columns.iter().filter(|column| column.holds == Holds::Texts);
    facets.extend(arrays.map(|column| DatasetteFacet::Array { array: column.name }));
    let mut labels = Kind::ALL.into_iter().map(|kind| kind.label).chain(LABELS);
    Look {
        facets,
        label_column: labels.find(|name| has(name)),
        sort_desc: NEWEST.into_iter().find(|name| has(name)),
        hidden: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_view_has_a_label() {
        for table in table::all() {
            assert!(look(table).label_column.is_some(), "{}", table.name);
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
