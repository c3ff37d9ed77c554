//! The rows of an export: the columns of each kind of export, and the cells of an item or version in
//! them.

use super::super::{
    output::{Cell, Format, Rows},
    parquet::Parquet,
};
use crate::{
    catalog::{column::Column, item::Fields, kind::Kind},
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

/// Returns the names of the columns of a table.
fn names(table: &str) -> ColumnNames {
    let columns = table::find(table).into_iter().flat_map(|table| &table.columns);
    columns.map(|column| column.name).collect()
}

/// A function that returns the cells of an account's item.
pub(super) type ItemCells = fn(&str, Kind, ItemState) -> Vec<Cell>;

/// A function that returns the cells of a version.
pub(super) type VersionCells = fn(Version) -> Vec<Cell>;

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
    pub(super) fn row(&mut self, cells: Vec<Cell>) -> Result<()> {
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
            let mut columns = names(kind.table);
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
        Some(kind) => (names(kind.history), version_of_one_kind),
    }
}

/// Returns the cells of an item: its key, the columns of its kind, its version and times.
fn of_one_kind(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let ItemState { id, version, valid_from, first_seen_at, changed_at, fields } = item;
    let mut cells = vec![account.into(), id.into()];
    cells.extend(kind.columns.iter().map(|column| field_cell(&fields, column)));
    cells.push(fields.extra(kind).map(Cell::Json).into());
    cells.extend([version.into(), valid_from.into(), first_seen_at.into(), changed_at.into()]);
    cells
}

fn field_cell(fields: &Fields, column: &Column) -> Cell {
    fields.cell(column).into()
}

fn of_any_kind(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let ItemState { id, version, valid_from, first_seen_at, changed_at, fields } = item;
    vec![
        account.into(),
        kind.as_str().into(),
        id.into(),
        fields.name(kind).into(),
        version.into(),
        valid_from.into(),
        first_seen_at.into(),
        changed_at.into(),
        Cell::Json(fields.to_json()),
    ]
}

fn for_a_table(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let name = item.fields.name(kind).into();
    vec![account.into(), kind.as_str().into(), item.id.into(), name, item.valid_from.into()]
}

/// Returns the cells of a version: its key, when it was valid, the columns of its kind.
fn version_of_one_kind(version: Version) -> Vec<Cell> {
    let (kind, mut cells) = (version.kind, vec![version.account.as_str().into()]);
    cells.push(version.id.as_str().into());
    cells.extend(span(&version));
    cells.extend(kind.columns.iter().map(|column| field_cell(&version.fields, column)));
    cells.push(version.fields.extra(kind).map(Cell::Json).into());
    cells
}

fn version_of_any_kind(version: Version) -> Vec<Cell> {
    let mut cells = key(&version);
    cells.extend(span(&version));
    cells.push(Cell::Json(version.fields.to_json()));
    cells
}

fn version_for_a_table(version: Version) -> Vec<Cell> {
    let mut cells = key(&version);
    cells.extend([version.version.into(), version.valid_from.into(), version.valid_to.into()]);
    cells
}

fn key(version: &Version) -> Vec<Cell> {
    let name = version.fields.name(version.kind);
    let kind = version.kind.as_str();
    vec![version.account.as_str().into(), kind.into(), version.id.as_str().into(), name.into()]
}

/// Returns when the version was valid, and the polls that opened and closed it.
fn span(version: &Version) -> [Cell; 9] {
    [
        version.version.into(),
        version.valid_from.into(),
        version.valid_to.into(),
        version.opened_by.as_str().into(),
        version.closed_by.as_deref().into(),
        version.opened_poll.into(),
        version.closed_poll.into(),
        version.opened_after.into(),
        version.closed_after.into(),
    ]
}
