//! Cells read exactly as they stand, for verifying: what ordinary reading takes as the same (a
//! time in another form, a microsecond, JSON with other spaces) reads differently here, and
//! nothing that stands in a table can make it fail.

use std::borrow::Cow;

use serde_json::value::RawValue;
use sqlx::{Row as _, types::Json};

use super::conn::{At, Fault, POSTGRES_EPOCH, Row};
use crate::{
    catalog::{cell::Cell, column::Holds, seal::exact_json},
    time::Timestamp,
};

/// The cell of column `at`.
pub fn cell(row: &Row, at: impl At, holds: Holds) -> Result<Cell<'static>, Fault> {
    let cell = match holds {
        Holds::Text => exact_text(row, at)?.map(text),
        Holds::Integer => row.int(at)?.map(Cell::Int),
        Holds::Boolean => boolean(row, at)?,
        Holds::Time => time(row, at)?.map(text),
        Holds::Json | Holds::Texts => json(row, at)?,
    };
    Ok(cell.unwrap_or(Cell::Null))
}

/// Text, or null; bytes that are no text are shown as hex.
pub fn exact_text(row: &Row, at: impl At) -> Result<Option<String>, Fault> {
    match (row.text(at), row) {
        (Err(Fault::ColumnDecode { .. }), Row::Sqlite(row)) => {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Some(format!("bytes {hex}")))
        }
        (text, _) => text,
    }
}

/// A time as the text of the contract where it is a time of ours, else in a form that no such time
/// has; or null.
pub fn time(row: &Row, at: impl At) -> Result<Option<String>, Fault> {
    let Row::Postgres(row) = row else { return exact_text(row, at) };
    let micros: Option<i64> = row.try_get_unchecked(at)?;
    Ok(micros.map(|micros| {
        let millis = micros.div_euclid(1000).saturating_add(POSTGRES_EPOCH);
        let time = Timestamp::from_millis(millis);
        match micros.rem_euclid(1000) == 0 && time.millis() == millis {
            true => time.to_string(),
            false => format!("{micros} microseconds after 2000-01-01"),
        }
    }))
}

/// SQLite's 0 and 1; any other number as it is.
fn boolean(row: &Row, at: impl At) -> Result<Option<Cell<'static>>, Fault> {
    match row {
        Row::Postgres(_) => Ok(row.bool(at)?.map(Cell::Bool)),
        Row::Sqlite(row) => {
            let number: Option<i64> = row.try_get_unchecked(at)?;
            Ok(number.map(|number| match number {
                0 | 1 => Cell::Bool(number == 1),
                other => Cell::Int(other),
            }))
        }
    }
}

/// JSON; on SQLite, where it is text, text that is not canonical shows as that text.
fn json(row: &Row, at: impl At) -> Result<Option<Cell<'static>>, Fault> {
    match row {
        Row::Sqlite(_) => Ok(exact_text(row, at)?.map(|raw| match exact_json(&raw) == raw {
            true => Cell::Json(Cow::Owned(raw)),
            false => text(raw),
        })),
        Row::Postgres(row) => {
            let json: Option<Json<Box<RawValue>>> = row.try_get(at)?;
            Ok(json.map(|Json(raw)| Cell::Json(Cow::Owned(exact_json(raw.get())))))
        }
    }
}

fn text(text: String) -> Cell<'static> {
    Cell::Text(Cow::Owned(text))
}
