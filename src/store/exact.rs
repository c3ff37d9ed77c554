//! Cells read exactly as they are stored, for verifying: what ordinary reading takes as the same (a
//! time in another form, a microsecond, JSON with other spaces) reads differently here, and no value
//! in a table makes it fail.

use std::borrow::Cow;

use super::conn::{At, Fault, Row};
use crate::catalog::{cell::Cell, column::Holds};

/// The cell of column `at`.
///
/// # Errors
/// A fault of the engine.
pub fn cell(row: &Row, at: impl At, holds: Holds) -> Result<Cell<'static>, Fault> {
    let text = |text: Option<String>| text.map_or(Cell::Null, |text| Cell::Text(Cow::Owned(text)));
    match holds {
        Holds::Text => row.exact_text(at).map(text),
        Holds::Integer => Ok(row.int(at)?.into()),
        Holds::Boolean => row.exact_bool(at),
        Holds::Time => row.exact_time(at).map(text),
        Holds::Json | Holds::Texts => row.exact_json(at),
    }
}
