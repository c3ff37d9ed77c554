//! The rows of an export: the columns of each kind of export, and the cells of an item or version in
//! them.

use super::super::{
    output::{Format, Rows},
    parquet::Parquet,
};
use crate::{
    catalog::{cell::Cell, item::Fields, kind::Kind},
    error::Result,
    store::{export::ItemState, query::Version, table},
};

/// The columns of a table of items that do not apply to a past state.
const NOW_ONLY: [&str; 2] = ["missing_since", "removed_at"];

/// The columns of an export of all kinds; `state` contains all fields, as in `history`.
const ALL: [&str; 9] = [
    "account",
    "kind",
    "item_id",
    "name",
    "version",
    "valid_from",
    "first_seen_at",
    "changed_at",
    "state",
];

/// The same for the table format.
const TABLE: [&str; 5] = ["account", "kind", "item_id", "name", "valid_from"];

/// The columns of an export of the versions of all kinds.
const ALL_HISTORIES: [&str; 14] = [
    "account",
    "kind",
    "item_id",
    "name",
    "version",
    "valid_from",
    "valid_to",
    "opened_by",
    "closed_by",
    "opened_poll",
    "closed_poll",
    "opened_after",
    "closed_after",
    "state",
];

/// The same for the table format.
const HISTORY_TABLE: [&str; 7] =
    ["account", "kind", "item_id", "name", "version", "valid_from", "valid_to"];

/// The names of columns.
type ColumnNames = Vec<&'static str>;

/// A function that returns the cells of an account's item.
pub(super) type ItemCells = for<'a> fn(&'a str, Kind, &'a ItemState) -> Vec<Cell<'a>>;

/// A function that returns the cells of a version.
pub(super) type VersionCells = fn(&Version) -> Vec<Cell<'_>>;

/// The output that rows are written to.
pub(super) enum RowsOutput {
    Rows(Rows),
    Parquet(Box<Parquet>),
}

impl RowsOutput {
    /// Begins an output in a text format.
    pub(super) fn rows(format: Format, columns: ColumnNames) -> Result<Self> {
        Rows::new(format, columns).map(Self::Rows)
    }

    /// Begins a Parquet file with columns of `table`.
    pub(super) fn parquet(table: &str, columns: ColumnNames) -> Result<Self> {
        Parquet::new(table, &columns).map(Box::new).map(Self::Parquet)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        match self {
            Self::Rows(rows) => rows.row(cells),
            Self::Parquet(file) => file.row(cells),
        }
    }

    /// Ends the output; `nothing` is printed for an empty table.
    pub(super) fn finish(self, nothing: &str) -> Result<()> {
        match self {
            Self::Rows(rows) => rows.finish(nothing),
            Self::Parquet(file) => file.finish(),
        }
    }
}

/// Returns the columns of the catalogue and the function that fills them.
pub(super) fn of_items(for_people: bool, kind: Option<Kind>) -> (ColumnNames, ItemCells) {
    match kind {
        _ if for_people => (TABLE.into(), for_a_table),
        None => (ALL.into(), of_any_kind),
        Some(kind) => {
            let mut columns = table::names(kind.table);
            columns.retain(|name| !NOW_ONLY.contains(name));
            (columns, of_one_kind)
        }
    }
}

/// Returns the columns of the history and the function that fills them.
pub(super) fn of_versions(for_people: bool, kind: Option<Kind>) -> (ColumnNames, VersionCells) {
    match kind {
        _ if for_people => (HISTORY_TABLE.into(), version_for_a_table),
        None => (ALL_HISTORIES.into(), version_of_any_kind),
        Some(kind) => (table::names(kind.history), Version::cells),
    }
}

/// Returns the cells of an item: its key, the columns of its kind, its version and times.
fn of_one_kind<'a>(account: &'a str, kind: Kind, item: &'a ItemState) -> Vec<Cell<'a>> {
    let mut cells = vec![account.into(), Cell::text(&item.id)];
    cells.extend(item.fields.cells(kind));
    cells.extend(times(item));
    cells
}

fn of_any_kind<'a>(account: &'a str, kind: Kind, item: &'a ItemState) -> Vec<Cell<'a>> {
    let mut cells = key(account, kind, &item.id, &item.fields);
    cells.extend(times(item));
    cells.push(Cell::json(item.fields.to_json()));
    cells
}

fn for_a_table<'a>(account: &'a str, kind: Kind, item: &'a ItemState) -> Vec<Cell<'a>> {
    let mut cells = key(account, kind, &item.id, &item.fields);
    cells.push(item.valid_from.into());
    cells
}

fn times(item: &ItemState) -> [Cell<'_>; 4] {
    let ItemState { version, valid_from, first_seen_at, changed_at, .. } = item;
    [(*version).into(), (*valid_from).into(), (*first_seen_at).into(), (*changed_at).into()]
}

fn version_of_any_kind(version: &Version) -> Vec<Cell<'_>> {
    let mut cells = key(&version.account, version.kind, &version.id, &version.fields);
    cells.extend(version.span());
    cells.push(Cell::json(version.fields.to_json()));
    cells
}

fn version_for_a_table(version: &Version) -> Vec<Cell<'_>> {
    let mut cells = key(&version.account, version.kind, &version.id, &version.fields);
    cells.extend([version.version.into(), version.valid_from.into(), version.valid_to.into()]);
    cells
}

fn key<'a>(account: &'a str, kind: Kind, id: &'a str, fields: &'a Fields) -> Vec<Cell<'a>> {
    vec![account.into(), kind.as_str().into(), id.into(), fields.name(kind).into()]
}
