//! Types that both engines share: the arguments of statements, the names of columns, and faults.

use std::{borrow::Cow, fmt};

use sqlx::{ColumnIndex, postgres::PgRow};

use crate::time::Timestamp;

/// A fault of the engine or of the connection to it.
pub type Fault = sqlx::Error;

/// An argument of a statement.
#[derive(Clone, Debug)]
pub enum Arg<'a> {
    /// Text.
    Text(Option<Cow<'a, str>>),
    /// A whole number.
    Int(Option<i64>),
    /// A boolean.
    Bool(Option<bool>),
    /// A time.
    Time(Option<Timestamp>),
    /// Canonical JSON.
    Json(Option<Cow<'a, str>>),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }
}

impl From<Option<Timestamp>> for Arg<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Time(time)
    }
}

/// A column of a row: its name or its position.
pub trait At: ColumnIndex<PgRow> + fmt::Display + Copy {
    /// Returns its position among columns with these names.
    fn place(self, names: &[String]) -> Option<usize>;
}

impl At for usize {
    fn place(self, _: &[String]) -> Option<usize> {
        Some(self)
    }
}

impl At for &str {
    fn place(self, names: &[String]) -> Option<usize> {
        names.iter().position(|name| name == self)
    }
}

/// Returns a fault for a value that this program would never have written.
pub fn bad_value(at: impl fmt::Display, what: &str) -> Fault {
    Fault::ColumnDecode { index: at.to_string(), source: what.to_owned().into() }
}
