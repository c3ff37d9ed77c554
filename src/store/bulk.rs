//! Writes many rows with few statements. Callers provide the values by column, and the SQL around a source
//! of rows named `d`.

use std::borrow::Cow;

use super::value::Arg;
use crate::{
    catalog::{
        cell::Cell,
        column::{self as catalog, Holds},
    },
    time::Timestamp,
};

/// Rows to write, column by column; all columns have the same length.
#[derive(Clone, Debug, Default)]
pub struct Bulk<'a> {
    pub(super) columns: Vec<(&'static str, BulkColumn<'a>)>,
    pub(super) rows: usize,
}

/// The SQL around the rows, which it refers to as `d`.
#[derive(Clone, Copy, Debug)]
pub enum Around<'s> {
    /// `INSERT INTO …`, and the SQL after the rows.
    Insert(&'s str, &'s str),
    /// `UPDATE … SET …`, and the condition.
    Update(&'s str, &'s str),
}

/// The values of one column.
#[derive(Clone, Debug)]
pub enum BulkColumn<'a> {
    /// TEXT.
    Text(Vec<Option<Cow<'a, str>>>),
    /// INTEGER or BIGINT.
    Int(Vec<Option<i64>>),
    /// INTEGER 0/1 or BOOLEAN.
    Bool(Vec<Option<bool>>),
    /// TEXT or TIMESTAMPTZ.
    Time(Vec<Option<Timestamp>>),
    /// TEXT or JSONB.
    Json(Vec<Option<Cow<'a, str>>>),
    /// The same value in every row.
    All(Arg<'a>),
}

/// The number of rows that a caller with many rows should write at once, so that their cells are never all
/// in memory.
pub const AT_ONCE: usize = 1_000;

impl<'a> Bulk<'a> {
    /// Creates a value without columns, for `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { columns: vec![], rows }
    }

    /// Adds a column.
    pub fn column(mut self, name: &'static str, column: BulkColumn<'a>) -> Self {
        self.columns.push((name, column));
        self
    }

    /// Adds a column that has the same value in every row.
    pub fn all(self, name: &'static str, value: impl Into<Arg<'a>>) -> Self {
        self.column(name, BulkColumn::All(value.into()))
    }

    /// Adds a column of the type that `column` describes.
    pub fn cells(
        self,
        column: &'static catalog::Column,
        cells: impl Iterator<Item = Cell<'a>>,
    ) -> Self {
        let mut values = BulkColumn::of(column.holds);
        cells.for_each(|cell| values.push(cell));
        self.column(column.name, values)
    }

    /// Adds a column with a single value, of the type that `column` describes.
    pub fn cell(self, column: &'static catalog::Column, cell: Cell<'a>) -> Self {
        self.cells(column, std::iter::once(cell))
    }

    /// Adds a column of text that is never NULL.
    pub fn texts(self, name: &'static str, values: impl Iterator<Item = &'a str>) -> Self {
        self.column(name, BulkColumn::Text(values.map(|text| Some(Cow::Borrowed(text))).collect()))
    }
}

impl<'a> BulkColumn<'a> {
    /// Creates a column of a type, without values.
    pub fn of(holds: Holds) -> Self {
        match holds {
            Holds::Text => Self::Text(vec![]),
            Holds::Integer => Self::Int(vec![]),
            Holds::Boolean => Self::Bool(vec![]),
            Holds::Time => Self::Time(vec![]),
            Holds::Json | Holds::Texts => Self::Json(vec![]),
        }
    }

    /// Adds a value, or NULL for a value of another type.
    pub fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Self::Text(all), Cell::Text(text)) => all.push(Some(text)),
            (Self::Int(all), Cell::Int(number)) => all.push(Some(number)),
            (Self::Bool(all), Cell::Bool(yes)) => all.push(Some(yes)),
            (Self::Time(all), Cell::Time(time)) => all.push(Some(time)),
            (Self::Json(all), Cell::Json(json)) => all.push(Some(json)),
            (Self::Text(all) | Self::Json(all), _) => all.push(None),
            (Self::Int(all), _) => all.push(None),
            (Self::Bool(all), _) => all.push(None),
            (Self::Time(all), _) => all.push(None),
            (Self::All(_), _) => {}
        }
    }
}
