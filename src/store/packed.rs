//! Many rows of SQLite in one: read as a JSON array of arrays, since each row that sqlx hands over
//! from its worker thread costs several times what the row itself does.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Visitor};

use super::conn::{Conn, Fault};
use crate::time::Timestamp;

/// A cell of a packed row.
#[derive(Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// TEXT.
    Text(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// Text, or null, where it stands.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text, or null.
    pub fn text(self) -> Option<String> {
        self.into_text().map(Cow::into_owned)
    }

    /// A whole number, or null.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A time, or null.
    pub fn time(&self) -> Result<Option<Timestamp>, Fault> {
        match self {
            Self::Text(text) => {
                Timestamp::parse(text).map(Some).ok_or_else(|| spoiled("is not a time"))
            }
            _ => Ok(None),
        }
    }
}

/// A fault for a value that this program would never have written.
pub fn spoiled(what: &str) -> Fault {
    Fault::ColumnDecode { index: "packed".into(), source: what.to_owned().into() }
}

/// Reads the one packed row that a statement gives.
pub async fn read(
    conn: &mut Conn,
    sql: impl sqlx::SqlSafeStr,
    args: &[super::conn::Arg<'_>],
) -> Result<String, Fault> {
    let row = conn.row(sql, args).await?;
    row.map_or(Ok(String::new()), |row| row.some_text(0))
}

/// Unpacks it.
pub fn rows(packed: &str) -> Result<Vec<Vec<Cell<'_>>>, Fault> {
    serde_json::from_str(packed).map_err(|fault| spoiled(&fault.to_string()))
}

impl<'de> Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Cell<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cell")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cell::Null)
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cell::Int(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(number).map_or(Cell::Null, Cell::Int))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
