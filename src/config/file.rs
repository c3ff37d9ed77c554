//! The configuration file: checks its text against [`Config`] and reports the line and the key of an
//! error. Does not know where the file is or what overrides it.

use std::ops::Range;

use toml::{
    Spanned, Table,
    de::{DeTable, DeValue},
};

use super::{overlay, sections::Config, values};
use crate::error::{Error, Result};

/// Reads the text of the file called `name` as a table that [`Config`] accepts.
pub fn read(name: &str, text: &str) -> Result<Table> {
    let to_error = |e: toml::de::Error| Error::config(format!("{name}:{}", fault(text, &e)));
    toml::from_str::<Config>(text).map_err(to_error)?;
    toml::from_str(text).map_err(to_error)
}

/// Returns `7: removals.max_share must be …`. The value is not repeated: it may be a secret.
fn fault(text: &str, error: &toml::de::Error) -> String {
    let span = error.span().unwrap_or_default();
    let what = values::plain(error);
    let line = line(text, span.start);
    let Ok(table) = DeTable::parse(text) else {
        let key = key_of_line(text, line).map_or(String::new(), |key| format!("{key}: "));
        return format!("{line}: {key}{}", what.trim_start());
    };
    let mut places = Vec::new();
    note_table(table.get_ref(), "", &mut places);
    let around = |place: &&KeyPlace| place.1.start <= span.start && span.end <= place.1.end;
    // The smallest range around the error; of equal ones the innermost, which was added last.
    let found = places.iter().rev().filter(around).min_by_key(|place| place.1.len());
    let key = found.map_or("", |place| place.0.as_str());
    match values::entry(&what) {
        Some(entry) => {
            let list = key.split('[').next().unwrap_or_default();
            let place = places.iter().find(|place| place.0 == format!("{list}{entry}"));
            let line = place.map_or(line, |place| self::line(text, place.1.start));
            format!("{line}: {list}{what}")
        }
        None => format!("{line}: {key}{what}"),
    }
}

/// Returns the number of the line that contains the byte at `offset`, from 1.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// A full key, and the position of its name or its value.
type KeyPlace = (String, Range<usize>);

fn note_table(table: &DeTable, prefix: &str, places: &mut Vec<KeyPlace>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        places.push((key.clone(), name.span()));
        note_value(value, key, places);
    }
}

fn note_value(value: &Spanned<DeValue>, key: String, places: &mut Vec<KeyPlace>) {
    places.push((key.clone(), value.span()));
    match value.get_ref() {
        DeValue::Table(table) => note_table(table, &format!("{key}."), places),
        DeValue::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                note_value(value, format!("{key}[{}]", index + 1), places);
            }
        }
        _ => {}
    }
}

/// Returns the key that a line of invalid TOML sets, if it is a known one: other text before an
/// equals sign may be a piece of a secret that was pasted there.
fn key_of_line(text: &str, line: usize) -> Option<String> {
    let mut lines = text.lines().take(line).collect::<Vec<_>>().into_iter().rev();
    let name = lines.next()?.split_once('=')?.0.trim();
    let section = lines.find(|line| line.starts_with('['));
    let section = section.map(|line| line.trim_matches(['[', ']', ' ']));
    let key = section.map_or(name.to_owned(), |section| format!("{section}.{name}"));
    let known = overlay::known().ok()?;
    let pointer = format!("/{}", key.replace('.', "/"));
    known.pointer(&pointer).map(|_| key)
}
