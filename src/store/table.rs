//! The one description of the tables and views: names, columns, types, meanings, keys.
//!
//! SELECT lists, inserts, `copy`, the seal, exports, the data dictionary and the metadata for other tools
//! are derived from it. Tests compare it with both databases.

mod constraints;
mod tables;
mod views;
pub mod words;

pub use self::{
    tables::{EXTRA, POLLS, SEARCH_NAMES, TABLES, Table},
    views::{CHANGES, VIEWS},
};

use crate::catalog::column::Holds::{self, Text};

/// Every table, then every view.
pub fn all() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().chain(VIEWS.iter())
}

/// Returns the table or view with this name.
pub fn find(name: &str) -> Option<&'static Table> {
    all().find(|table| table.name == name)
}

/// Returns the names of the columns of a table or view.
pub fn names(name: &str) -> Vec<&'static str> {
    find(name).map(Table::names).unwrap_or_default()
}

/// Returns the type of a column of a table or view; without such a column, the type of the first column
/// with this name in any other, else text.
pub fn holds(table: &str, name: &str) -> Holds {
    let own = find(table).into_iter().flat_map(|table| &table.columns);
    let mut columns = own.chain(all().flat_map(|table| &table.columns));
    columns.find(|column| column.name == name).map_or(Text, |column| column.holds)
}
