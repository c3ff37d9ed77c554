//! What holds of the columns of a table or view beyond their types. Of the tables a test compares it
//! with both databases; of the views dbt asks the rows.

use super::{tables::Table, words};
use crate::catalog::{column::Column, kind::Kind};

impl Table {
    /// Whether a column is never null.
    pub fn requires(&self, column: &Column) -> bool {
        column.required || self.order.contains(&column.name)
    }

    /// The words that a column may hold; empty where it may hold any text.
    pub fn words(&self, column: &Column) -> Vec<&'static str> {
        words::of(self.name, column.name)
    }

    /// The table and column that a column's values are found in.
    pub fn refers(&self, column: &Column) -> Option<(&'static str, &'static str)> {
        let known = match column.name {
            "account" => ("accounts", "account"),
            "poll_id" | "last_poll_id" | "opened_poll" | "closed_poll" => ("polls", "poll_id"),
            "url" => ("assets", "url"),
            // Of a look its group, which need not have been polled.
            "group_id" if !self.order.contains(&"group_id") => return None,
            id => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.id == id)?;
                (kind.table, kind.id)
            }
        };
        (known.0 != self.name).then_some(known)
    }
}
