//! The seal: all that a poll wrote, as lines of canonical JSON, whose SHA-256 also covers the
//! digest of the poll before it. `docs/seal.md` documents the format.
//!
//! A line is an object with sorted keys. A null column is left out, so that a column added later,
//! null in old rows, breaks no old seal. No line contains the account's name, since an account may
//! be renamed. The same lines are made from a [`Diff`] when it is written and from the tables when
//! they are verified. This module contains no SQL.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{
    cell::Cell,
    diff::{Closed, Diff, FieldChange, ListDiff, Opened},
    json::Raw,
    json_out::{write_json_array, write_json_object, write_json_string},
    kind::Kind,
    schema::SchemaChange,
    value::{MAX_DEPTH, Value, exact_pairs, items},
};
use crate::{time::Timestamp, words::hex};

/// The first line that is hashed; its number changes with the format.
pub const FORMAT: &str = "heygen-sync seal 1\n";

/// The digest before an account's first poll.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The columns of a line, by name.
pub type Cells<'a> = Vec<(&'static str, Cell<'a>)>;

/// One line: a row of `polls`, or one thing that a poll wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a>(Cells<'a>);

impl<'a> Line<'a> {
    /// Creates a line of this type (`poll`, `opened`, `closed`, `field_change`, `schema_change`).
    pub fn new(sort: &'static str, mut cells: Cells<'a>) -> Self {
        cells.retain(|(_, cell)| *cell != Cell::Null);
        cells.push(("line", Cell::text(sort)));
        cells.sort_by_key(|(name, _)| *name);
        Self(cells)
    }

    /// Returns the value of a column; `None` for null.
    pub fn get(&self, name: &str) -> Option<&Cell<'a>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, cell)| cell)
    }

    /// Returns the value of a column, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Appends the line, including its `\n`.
    pub fn write(&self, out: &mut String) {
        let cells = self.0.iter().map(|(name, cell)| (*name, cell));
        write_json_object(cells, Cell::write_json, out);
        out.push('\n');
    }
}

/// A digest that is being computed; it does not store the lines.
#[derive(Clone, Debug)]
pub struct Seal {
    hash: Sha256,
    line: String,
}

impl Seal {
    /// Begins the digest of the poll after the one with digest `previous`; `None` for the account's first.
    pub fn after(previous: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        hash.update(head(previous).as_bytes());
        Self { hash, line: String::new() }
    }

    /// Adds a line; the lines must be added in the order of the format.
    pub fn add(&mut self, line: &Line<'_>) {
        self.line.clear();
        line.write(&mut self.line);
        self.hash.update(self.line.as_bytes());
    }

    /// Returns the digest, in lower-case hex.
    pub fn finish(self) -> String {
        hex(&self.hash.finalize())
    }
}

/// Returns the two lines before a poll's own: the format and the digest before it.
pub fn head(previous: Option<&str>) -> String {
    format!("{FORMAT}{}\n", previous.unwrap_or(GENESIS))
}

/// Calls `each` with each line of a poll except that of its own row, in the order of the format.
pub fn diff_lines(
    diff: &Diff,
    poll_id: i64,
    observed_at: Timestamp,
    mut each: impl FnMut(Line<'_>),
) {
    let lists = &diff.lists;
    let observed_at = observed_at.to_string();
    for list in lists {
        list.opened.iter().for_each(|new| each(opened(list.kind, poll_id, &observed_at, new)));
    }
    for list in lists {
        for gone in list.closed() {
            each(closed(list.kind, poll_id, &observed_at, &gone));
        }
    }
    for list in lists {
        for (new, change) in field_changes(list) {
            each(field_change(list.kind, poll_id, new, change));
        }
    }
    for list in lists {
        list.schema.iter().for_each(|row| each(schema_change(list.kind, poll_id, row)));
    }
}

fn field_changes(list: &ListDiff) -> impl Iterator<Item = (&Opened, &FieldChange)> {
    list.opened.iter().flat_map(|new| new.changes.iter().map(move |change| (new, change)))
}

fn opened<'a>(kind: Kind, poll_id: i64, observed_at: &'a str, new: &'a Opened) -> Line<'a> {
    let Opened { id, version, by, after, fields, .. } = new;
    let mut cells = vec![
        ("kind", Cell::text(kind.as_str())),
        ("item_id", Cell::text(id)),
        ("version", Cell::Int(*version)),
        ("valid_from", Cell::text(observed_at)),
        ("opened_by", Cell::text(by.as_str())),
        ("opened_poll", Cell::Int(poll_id)),
        ("opened_after", Cell::from(*after)),
        ("extra", fields.extra(kind).map_or(Cell::Null, |extra| Cell::Json(Cow::Owned(extra)))),
    ];
    let own = kind.columns.iter().map(|column| (column.name, fields.cell(column)));
    cells.extend(own);
    Line::new("opened", cells)
}

fn closed<'a>(kind: Kind, poll_id: i64, observed_at: &'a str, closed: &Closed<'a>) -> Line<'a> {
    let Closed { id, version, by, after } = *closed;
    Line::new(
        "closed",
        vec![
            ("kind", Cell::text(kind.as_str())),
            ("item_id", Cell::text(id)),
            ("version", Cell::Int(version)),
            ("valid_to", Cell::text(observed_at)),
            ("closed_by", Cell::text(by)),
            ("closed_poll", Cell::Int(poll_id)),
            ("closed_after", Cell::from(after)),
        ],
    )
}

fn field_change<'a>(
    kind: Kind,
    poll_id: i64,
    new: &'a Opened,
    change: &'a FieldChange,
) -> Line<'a> {
    fn value<'a>(value: &'a Option<Value<'static>>) -> Cell<'a> {
        value.as_ref().map_or(Cell::Null, |value| Cell::text(value.as_cell()))
    }
    Line::new(
        "field_change",
        vec![
            ("poll_id", Cell::Int(poll_id)),
            ("kind", Cell::text(kind.as_str())),
            ("item_id", Cell::text(&new.id)),
            ("version", Cell::Int(new.version)),
            ("field", Cell::text(&change.field)),
            ("old_value", value(&change.old)),
            ("new_value", value(&change.new)),
        ],
    )
}

fn schema_change(kind: Kind, poll_id: i64, row: &SchemaChange) -> Line<'_> {
    let SchemaChange { field, change, types, example } = row;
    Line::new(
        "schema_change",
        vec![
            ("poll_id", Cell::Int(poll_id)),
            ("kind", Cell::text(kind.as_str())),
            ("field", Cell::text(field)),
            ("change", Cell::text(change.as_str())),
            ("json_type", types.to_column().map_or(Cell::Null, |t| Cell::Text(Cow::Owned(t)))),
            ("example", Cell::from(example.as_deref())),
        ],
    )
}

/// Returns stored JSON as exactly as possible: keys are sorted and numbers normalised by value,
/// since a database reformats both; all else is unchanged. Unlike [`Value::decode`] it replaces
/// nothing, so that an edit that decoding would hide is detected.
pub fn exact_json(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    write_exact(Raw::of(raw.trim()), 1, &mut out);
    out
}

fn write_exact(raw: Raw<'_>, depth: usize, out: &mut String) {
    if let Some(text) = raw.text() {
        return write_json_string(&text, out);
    }
    let raw = raw.get();
    match raw.as_bytes().first() {
        // Deeper than anything that a poll writes: unchanged.
        Some(b'{' | b'[') if depth > MAX_DEPTH => out.push_str(raw),
        Some(b'{') => {
            let pairs = exact_pairs(raw).unwrap_or_default();
            write_json_object(pairs, |raw, out| write_exact(raw, depth + 1, out), out);
        }
        Some(b'[') => {
            let all = items(raw).unwrap_or_default();
            write_json_array(all, |raw, out| write_exact(raw, depth + 1, out), out);
        }
        Some(b'-' | b'0'..=b'9') => {
            out.push_str(Value::decode(raw, 1).as_ref().map_or(raw, Value::as_cell));
        }
        _ => out.push_str(raw),
    }
}

#[cfg(test)]
mod tests;
