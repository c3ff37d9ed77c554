//! The parts of a response's body, and the errors where one is missing or has another type (rule 11).

use std::io::{self, BufRead, BufReader, Cursor, Seek};

use serde::de::IgnoredAny;

use super::{
    json::{self, JsonReader, Malformed, Raw},
    json_stream::{JsonFault, JsonStream},
    value::{Object, Sort, Value, items, pairs},
};
use crate::error::{Error, Result, io_message};

/// What is wrong with a body that contains only white space.
const EMPTY: &str = "it is empty";

/// The byte-order mark of UTF-8.
pub const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A body that is read in pieces, and may be read again.
pub trait Document: BufRead {
    /// Goes back to the beginning.
    fn restart(&mut self) -> io::Result<()>;
}

impl<T: AsRef<[u8]>> Document for Cursor<T> {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()
    }
}

/// Reads the body as JSON text, to its end.
pub fn parse<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut JsonReader<'a>) -> Result<T, Malformed>,
) -> Result<T> {
    let body = body.strip_prefix(MARK).unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|fault| not_utf8(fault.valid_up_to()))?;
    json::parse(text, read).map_err(|Malformed| match text.trim_ascii() {
        "" => not_json(EMPTY),
        _ => not_json(&what_is_wrong(body, body.len())),
    })
}

/// Like [`parse`], for a body that is never in memory as a whole.
///
/// # Errors
/// [`crate::error::Kind::Storage`], too, if it cannot be read.
pub fn parse_stream<D: Document, T>(
    body: &mut D,
    read: impl FnOnce(&mut JsonStream<&mut D>) -> Result<T, JsonFault>,
) -> Result<T> {
    body.restart().map_err(unreadable)?;
    let mut stream = JsonStream::new(&mut *body);
    let read = stream.begin().and_then(|()| read(&mut stream));
    let read = read.and_then(|value| match stream.peek()? {
        None => Ok(value),
        Some(_) => Err(JsonFault::Malformed),
    });
    let received = stream.received();
    read.map_err(|fault| match fault {
        JsonFault::Empty => not_json(EMPTY),
        JsonFault::NotUtf8(at) => not_utf8(at),
        JsonFault::Source(fault) => unreadable(fault),
        JsonFault::Malformed => match body.restart() {
            Ok(()) => not_json(&what_is_wrong(body, received)),
            Err(fault) => unreadable(fault),
        },
    })
}

/// Returns the error for a body that cannot be read to its end.
pub fn unreadable(fault: io::Error) -> Error {
    Error::storage(format!("cannot read the answer: {}", io_message(&fault)))
}

fn not_json(why: &str) -> Error {
    Error::not_a_catalogue(format!("the answer is not JSON ({why})"))
}

fn not_utf8(at: usize) -> Error {
    not_json(&format!("byte {at} is not UTF-8"))
}

/// Describes the fault in malformed text of `length` bytes, with the line and column from `serde_json`.
fn what_is_wrong(text: impl BufRead, length: usize) -> String {
    // `serde_json` reads single bytes, for which `BufReader` is fast.
    let mut text = BufReader::new(text);
    if text.fill_buf().is_ok_and(|start| start.starts_with(MARK)) {
        text.consume(MARK.len());
    }
    match serde_json::from_reader::<_, IgnoredAny>(text) {
        Err(fault) if fault.is_eof() => format!("it is cut off after {length} bytes"),
        Err(fault) => format!("line {} column {}", fault.line(), fault.column()),
        Ok(IgnoredAny) => "it cannot be read".into(),
    }
}

/// Returns the body as JSON text, checked to be well-formed to its end.
pub fn json(body: &[u8]) -> Result<&str> {
    parse(body, |reader| Ok(reader.value()?.get()))
}

/// Reads `json`, which must be an object; `what` names it in the error.
pub fn object<'a>(json: &'a str, what: &str) -> Result<Object<'a>> {
    pairs(json).ok_or_else(|| is_not(what, "object"))
}

/// Returns the elements of the field `name`, which must be an array.
pub fn array<'a>(raw: Raw<'a>, name: &str) -> Result<Vec<Raw<'a>>> {
    items(raw.get()).ok_or_else(|| is_not(&format!("`{name}`"), "array"))
}

/// Returns the error for a part of an answer that has another JSON type than `wanted`.
pub fn is_not(what: &str, wanted: &str) -> Error {
    Error::not_a_catalogue(format!("{what} is not a JSON {wanted}"))
}

/// Returns the error for an answer without `field`.
pub fn missing(field: &str) -> Error {
    Error::not_a_catalogue(format!(
        "the answer has no `{field}`: a missing list is not an empty one"
    ))
}

/// Formats an `error` that is neither null nor an empty string, for people: the string, or only its
/// `code` and `message`, shortened, never the body.
pub fn error_text(raw: Raw<'_>) -> Option<String> {
    let value = Value::read(raw, 1).ok();
    if value.as_ref().is_some_and(|value| value.sort() == Sort::Null) {
        return None;
    }
    match value.as_ref().and_then(Value::as_str) {
        Some("") => None,
        Some(text) => Some(quoted(text)),
        None => Some(code_and_message(raw.get())),
    }
}

fn code_and_message(raw: &str) -> String {
    let fields = pairs(raw).unwrap_or_default();
    let texts = ["code", "message"].into_iter().filter_map(|name| {
        let raw = fields.iter().find(|(key, _)| key == name)?.1.get();
        (!raw.starts_with(['{', '['])).then(|| quoted(raw.trim_matches('"')))
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { "of an unknown form".into() } else { texts.join(", ") }
}

/// Formats the body's `warning` as one line.
pub fn warning_text(raw: Raw<'_>) -> Option<String> {
    let one_line = |raw: Raw<'_>| raw.text().map(|text| quoted(&text));
    if let Some(text) = one_line(raw) {
        return Some(text).filter(|text| !text.is_empty());
    }
    let fields = pairs(raw.get())?;
    let of = |name: &str| {
        let (_, raw) = fields.iter().find(|(key, _)| key == name)?;
        one_line(*raw).filter(|text| !text.is_empty())
    };
    let message = of("message").unwrap_or_else(|| "the API announces a change".into());
    let details =
        [("sunset", of("sunset_date")), ("instead", of("v3_endpoint")), ("see", of("docs_url"))];
    let details: Vec<String> = details
        .into_iter()
        .filter_map(|(label, value)| Some(format!("{label} {}", value?)))
        .collect();
    Some(if details.is_empty() { message } else { format!("{message} ({})", details.join(", ")) })
}

/// Makes untrusted text fit for a message: at most 200 characters, no control characters, no query
/// of a URL.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut hidden = false;
    for character in text.chars().take(200) {
        match character {
            '?' if out
                .rsplit(char::is_whitespace)
                .next()
                .is_some_and(|word| word.contains("://")) =>
            {
                out.push_str("?…");
                hidden = true;
            }
            c if c.is_whitespace() => {
                hidden = false;
                out.push(' ');
            }
            c if c.is_control() || hidden => {}
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}
