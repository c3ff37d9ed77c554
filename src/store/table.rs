//! The one description of the tables and views: names, columns, types, meanings, keys.
//!
//! SELECT lists, inserts, `copy`, the seal, exports, the data dictionary and the metadata for other
//! tools come from here. Tests compare it with both databases.

mod promises;
mod tables;
mod views;
pub mod words;

pub use self::{
    tables::{EXTRA, POLLS, SEARCH_NAMES, TABLES, Table},
    views::VIEWS,
};

use crate::catalog::column::Holds::{self, Text};

/// Every table, then every view.
pub fn all() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().chain(VIEWS.iter())
}

/// The table or view of this name.
pub fn find(name: &str) -> Option<&'static Table> {
    all().find(|table| table.name == name)
}

/// The type of a column of a table or view; where that does not have it, of the first column of this
/// name in any, else text.
pub fn holds(table: &str, name: &str) -> Holds {
    let own = find(table).into_iter().flat_map(|table| &table.columns);
    let mut columns = own.chain(all().flat_map(|table| &table.columns));
    columns.find(|column| column.name == name).map_or(Text, |column| column.holds)
}
