//! A column of a table: its name, its type, its meaning.

use strum::IntoStaticStr;

use std::borrow::Cow;

/// A field's name: the API's, or that of its column where they differ.
pub type FieldName = Cow<'static, str>;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; for a column of an item, also the name of the field.
    pub name: &'static str,
    /// Its type.
    pub holds: Holds,
    /// What it contains, for the data dictionary.
    pub meaning: &'static str,
    /// Whether it is covered by the digest of the poll that writes it.
    pub sealed: bool,
    /// Whether it is never null; a key column is never null, even without this flag.
    pub required: bool,
}

/// The type of a column, on both databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Holds {
    /// Text.
    Text,
    /// A signed 64-bit integer.
    Integer,
    /// A boolean; 0 and 1 on SQLite.
    Boolean,
    /// A point in time in UTC, to the millisecond; text on SQLite.
    Time,
    /// A JSON value; canonical text on SQLite.
    Json,
    /// A JSON array of strings, sorted.
    Texts,
}

impl Holds {
    /// Returns the type's name, for people and programs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Column {
    /// Creates a sealed column that may be null.
    pub const fn new(name: &'static str, holds: Holds, meaning: &'static str) -> Self {
        Self { name, holds, meaning, sealed: true, required: false }
    }

    /// Returns the same column, never null.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Returns the same column, outside the seal.
    pub const fn unsealed(self) -> Self {
        Self { sealed: false, ..self }
    }
}
