//! Reads cells exactly as they are stored, for `verify`: values that ordinary reads treat as equal (a time
//! in another form, a microsecond, JSON with other spaces) differ here, and no value in a table causes an
//! error.

use std::borrow::Cow;

use super::conn::{Columns, Fault, Row};
use crate::catalog::{cell::Cell, column::Holds, seal::Cells};

/// Returns the cells of these columns, each with its name.
///
/// # Errors
/// A fault of the engine, or a column that is not there.
pub fn cells(row: &Row, columns: &Columns) -> Result<Cells<'static>, Fault> {
    let columns = columns.within(row)?.iter();
    columns.map(|(name, holds, at)| Ok((*name, cell(row, *at, *holds)?))).collect()
}

fn cell(row: &Row, at: usize, holds: Holds) -> Result<Cell<'static>, Fault> {
    let text = |text: Option<String>| text.map_or(Cell::Null, |text| Cell::Text(Cow::Owned(text)));
    match holds {
        Holds::Text => row.exact_text(at).map(text),
        Holds::Integer => Ok(row.int(at)?.into()),
        Holds::Boolean => row.exact_bool(at),
        Holds::Time => row.exact_time(at).map(text),
        Holds::Json | Holds::Texts => row.exact_json(at),
    }
}
