//! Constraints on the columns of tables and views beyond their types. A test compares those of the tables
//! with both databases; dbt checks those of the views on the rows.

use super::{tables::Table, words};
use crate::catalog::{column::Column, kind::Kind};

impl Table {
    /// Whether a column is never null.
    pub fn requires(&self, column: &Column) -> bool {
        column.required || self.order.contains(&column.name)
    }

    /// Returns the words that a column may contain; empty if it may contain any text.
    pub fn words(&self, column: &Column) -> Vec<&'static str> {
        words::of(self.name, column.name)
    }

    /// Returns the table and column that a column refers to.
    pub fn refers(&self, column: &Column) -> Option<(&'static str, &'static str)> {
        let known = match column.name {
            "account" => ("accounts", "account"),
            "poll_id" | "last_poll_id" | "opened_poll" | "closed_poll" => ("polls", "poll_id"),
            "url" => ("assets", "url"),
            // The group of a look, which need not have been polled.
            "group_id" if !self.order.contains(&"group_id") => return None,
            id => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.id == id)?;
                (kind.table, kind.id)
            }
        };
        (known.0 != self.name).then_some(known)
    }
}
