//! The types of JSON values.

use strum::IntoStaticStr;

use super::value::{Sort, Value};

/// The type of a JSON value that is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum JsonType {
    /// An array.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A number, even one that is stored as text.
    Number,
    /// An object.
    Object,
    /// A string.
    String,
}

impl JsonType {
    /// All types, in the order of their names.
    pub const ALL: [Self; 5] =
        [Self::Array, Self::Boolean, Self::Number, Self::Object, Self::String];

    /// Returns the type's name in JSON Schema.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the type of a value in memory; a number that is stored as text counts as a string.
    pub fn of(value: &Value<'_>) -> Self {
        match value.sort() {
            Sort::Null | Sort::Text => Self::String,
            Sort::Bool => Self::Boolean,
            Sort::Number => Self::Number,
            Sort::Texts | Sort::List => Self::Array,
            Sort::Object => Self::Object,
        }
    }

    /// Returns the type of raw JSON, by its first byte; `None` for null.
    pub fn of_raw(raw: &str) -> Option<Self> {
        match raw.as_bytes().first()? {
            b'"' => Some(Self::String),
            b't' | b'f' => Some(Self::Boolean),
            b'[' => Some(Self::Array),
            b'{' => Some(Self::Object),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            _ => None,
        }
    }
}
