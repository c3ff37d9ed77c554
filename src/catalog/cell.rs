//! A value of a row.

use std::borrow::Cow;

use super::json_out::{write_json_object, write_json_string};
use crate::time::Timestamp;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Null.
    Null,
    /// A string.
    Text(Cow<'a, str>),
    /// A signed 64-bit integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// A point in time.
    Time(Timestamp),
    /// Canonical JSON text.
    Json(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// Creates a cell with a string.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Creates a cell with JSON that is already canonical.
    pub fn json(json: impl Into<Cow<'a, str>>) -> Self {
        Self::Json(json.into())
    }

    /// Converts the value to text, which is empty for null.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Text(text) | Self::Json(text) => text,
            Self::Int(number) => number.to_string().into(),
            Self::Bool(yes) => yes.to_string().into(),
            Self::Time(time) => time.to_string().into(),
        }
    }

    /// Appends the value as JSON.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Text(text) => write_json_string(text, out),
            Self::Time(time) => write_json_string(&time.to_string(), out),
            Self::Json(json) => out.push_str(json),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        }
    }

    /// Converts the cell to one that owns its data.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Self::Int(number) => Cell::Int(number),
            Self::Bool(yes) => Cell::Bool(yes),
            Self::Time(time) => Cell::Time(time),
            Self::Json(json) => Cell::Json(Cow::Owned(json.into_owned())),
        }
    }
}

/// Returns cells as a JSON object, in this order.
pub fn object<'a>(cells: impl IntoIterator<Item = (&'a str, Cell<'a>)>) -> String {
    let mut out = String::new();
    write_json_object(cells, |cell: Cell<'_>, out| cell.write_json(out), &mut out);
    out
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}
