//! The text of notices: external text, shortened and made harmless.

use crate::{
    catalog::{kind::Kind, value::Value},
    store::row::Counts,
    words::is_direction_mark,
};

/// The longest name, id or value in a notice, in characters.
const LONGEST: usize = 120;
/// The longest reason or error in a notice, in characters.
pub(super) const LONGEST_REASON: usize = 500;
/// The longest text for people, in bytes.
const MOST_TEXT: usize = 3_000;

/// Returns `text` on one line, without control characters and those that change the direction of
/// writing, cut at 120 characters.
pub(super) fn short(text: &str) -> String {
    cut(text, LONGEST)
}

/// As [`short`], but cut at `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).map(plain).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

fn plain(c: char) -> char {
    match c {
        c if c.is_control() => ' ',
        c if is_direction_mark(c) => '\u{FFFD}',
        c => c,
    }
}

/// Returns a value as `field_changes` shows it; `None` for null.
pub(super) fn cell(value: &Option<Value<'_>>) -> Option<String> {
    value.as_ref().map(|value| short(value.as_cell()))
}

/// Returns `old → new` for people.
pub(super) fn step(old: &Option<String>, new: &Option<String>) -> String {
    let quoted =
        |cell: &Option<String>| cell.as_ref().map_or("null".into(), |c| format!("\"{c}\""));
    format!("{} → {}", quoted(old), quoted(new))
}

/// Returns `avatar "Mira" (id)`.
pub(super) fn item(kind: Kind, name: Option<&str>, id: &str) -> String {
    let one = kind.singular;
    match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("{one} \"{}\" ({})", short(name), short(id)),
        None => format!("{one} ({})", short(id)),
    }
}

/// Returns `2 added, 1 removed`.
pub(super) fn counts(counts: &Counts) -> String {
    let all = [
        (counts.added, "added"),
        (counts.changed, "changed"),
        (counts.removed, "removed"),
        (counts.restored, "restored"),
        (counts.held, "held"),
    ];
    let some = all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    some.collect::<Vec<_>>().join(", ")
}

/// Joins as many lines as fit.
pub(super) fn fitted(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() + "\n…".len() > MOST_TEXT {
            text.push_str("\n…");
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}
