//! JSON values in their canonical form: equal values have equal text, however they were written.
//!
//! Signed URLs become canonical here, so that a signature can never be compared or stored by
//! mistake.

use std::{borrow::Cow, fmt};

use super::{
    cell::Cell,
    json::{JsonReader, Malformed, Raw, parse},
    json_out::{write_json_array, write_json_object, write_json_string},
    number::canonical,
    signed_url,
};

/// The maximum depth of nesting of a record, which itself counts (rule 7).
pub const MAX_DEPTH: usize = 128;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// `null`; only inside arrays and objects, since a field that is null has no value.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number that survives a round trip through a signed 64-bit integer or a double.
    Number,
    /// A string, or the text of any other number.
    Text,
    /// An array of only strings, or an empty one; sorted by bytes.
    Texts,
    /// Any other array.
    List,
    /// An object, sorted by key.
    Object,
}

/// A JSON value in canonical form: keys sorted and unique, arrays of strings sorted, numbers by
/// value, URLs without their signatures. Stored as text to save memory, since all values of a list
/// are in memory. Two values are equal if their sort and their text are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<'a> {
    sort: Sort,
    /// The string itself, or the canonical JSON of any other value.
    text: Cow<'a, str>,
}

/// The error for a value that is nested deeper than [`MAX_DEPTH`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooDeep;

impl<'a> Value<'a> {
    /// `null`.
    pub const NULL: Self = Self { sort: Sort::Null, text: Cow::Borrowed("null") };

    /// Creates a string.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self { sort: Sort::Text, text: text.into() }
    }

    /// Creates `true` or `false`.
    pub fn bool(yes: bool) -> Self {
        Self { sort: Sort::Bool, text: Cow::Borrowed(if yes { "true" } else { "false" }) }
    }

    /// Creates an integer.
    pub fn int(number: i64) -> Self {
        Self { sort: Sort::Number, text: Cow::Owned(number.to_string()) }
    }

    /// Creates a value from its sort and its text, which must both be from another value.
    pub(super) fn of(sort: Sort, text: &'a str) -> Self {
        Self { sort, text: Cow::Borrowed(text) }
    }

    /// Decodes the JSON text of a value, which must be well-formed, without white space around it.
    ///
    /// # Errors
    /// [`TooDeep`].
    pub fn decode(json: &'a str, depth: usize) -> Result<Self, TooDeep> {
        Self::read(Raw::of(json), depth)
    }

    /// Decodes a value that is `depth` containers deep (1 for a record's own values).
    ///
    /// # Errors
    /// [`TooDeep`].
    pub fn read(raw: Raw<'a>, depth: usize) -> Result<Self, TooDeep> {
        if let Some(text) = raw.text() {
            return Ok(Self::text(without_signature(text)));
        }
        let raw = raw.get();
        match raw.as_bytes().first() {
            Some(b't') => Ok(Self::bool(true)),
            Some(b'f') => Ok(Self::bool(false)),
            Some(b'{' | b'[') if depth >= MAX_DEPTH => Err(TooDeep),
            Some(b'{') => Self::decode_object(raw, depth + 1),
            Some(b'[') => Self::decode_list(raw, depth + 1),
            Some(b'-' | b'0'..=b'9') => Ok(number(raw)),
            _ => Ok(Self::NULL),
        }
    }

    fn decode_object(raw: &str, depth: usize) -> Result<Self, TooDeep> {
        let mut decoded = vec![];
        for (key, raw) in pairs(raw).unwrap_or_default() {
            decoded.push((key, Value::read(raw, depth)?));
        }
        Ok(Self { sort: Sort::Object, text: Cow::Owned(object_json(decoded)) })
    }

    fn decode_list(raw: &str, depth: usize) -> Result<Self, TooDeep> {
        let raws = items(raw).unwrap_or_default();
        let mut values: Vec<Value<'_>> =
            raws.into_iter().map(|raw| Value::read(raw, depth)).collect::<Result<_, _>>()?;
        let texts = values.iter().all(|value| value.sort == Sort::Text);
        if texts {
            values.sort_by(|a, b| a.text.cmp(&b.text));
        }
        let mut out = String::with_capacity(raw.len());
        write_json_array(&values, Value::write_json, &mut out);
        Ok(Self { sort: if texts { Sort::Texts } else { Sort::List }, text: Cow::Owned(out) })
    }

    /// Returns the sort of the value.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Returns the string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        (self.sort == Sort::Text).then_some(&*self.text)
    }

    /// Returns the boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        (self.sort == Sort::Bool).then(|| self.text == "true")
    }

    /// Returns the signed 64-bit integer, if its value is one.
    pub fn as_int(&self) -> Option<i64> {
        (self.sort == Sort::Number).then(|| self.text.parse().ok()).flatten()
    }

    /// Appends the canonical JSON text.
    pub fn write_json(&self, out: &mut String) {
        match self.sort {
            Sort::Text => write_json_string(&self.text, out),
            _ => out.push_str(&self.text),
        }
    }

    /// Returns the canonical JSON text: compact, keys sorted.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Returns the value as in `field_changes`: a string as it is, anything else as canonical JSON.
    pub fn as_cell(&self) -> &str {
        &self.text
    }

    /// Converts the value into the text of [`Self::as_cell`].
    pub fn into_cell(self) -> Cow<'a, str> {
        self.text
    }

    /// Converts the value into the cell of a column that can hold it: text, boolean, integer or JSON.
    pub fn into_column(self) -> Cell<'a> {
        match (self.sort, self.as_int()) {
            (Sort::Null, _) => Cell::Null,
            (Sort::Bool, _) => Cell::Bool(self.text == "true"),
            (Sort::Number, Some(number)) => Cell::Int(number),
            (Sort::Text, _) => Cell::Text(self.text),
            _ => Cell::Json(self.text),
        }
    }

    /// Converts the value into one that owns its text.
    pub fn into_owned(self) -> Value<'static> {
        Value { sort: self.sort, text: Cow::Owned(self.text.into_owned()) }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Returns `pairs`, which must be sorted by key, as a canonical JSON object.
pub fn object_json<'v, K: AsRef<str>>(pairs: impl IntoIterator<Item = (K, Value<'v>)>) -> String {
    let mut out = String::new();
    write_json_object(pairs, |value: Value<'_>, out| value.write_json(out), &mut out);
    out
}

/// An object's keys and values, sorted by key; only the last one of a repeated key.
pub type Object<'a> = Vec<(Cow<'a, str>, Raw<'a>)>;

/// Reads an object; removes the signatures of URLs among its keys. `None` if it is not an object.
pub fn read_pairs<'a>(reader: &mut JsonReader<'a>) -> Result<Option<Object<'a>>, Malformed> {
    read_object(reader, without_signature)
}

/// Like [`read_pairs`], for a whole text; `None` also if that is malformed.
pub fn pairs(json: &str) -> Option<Object<'_>> {
    parse(json, read_pairs).ok().flatten()
}

/// Like [`pairs`], with each key unchanged.
pub fn exact_pairs(json: &str) -> Option<Object<'_>> {
    parse(json, |reader| read_object(reader, |key| key)).ok().flatten()
}

fn read_object<'a>(
    reader: &mut JsonReader<'a>,
    key: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
) -> Result<Option<Object<'a>>, Malformed> {
    let mut pairs = Vec::with_capacity(16);
    let is_object = reader.object(|name, reader| {
        pairs.push((key(name), reader.value()?));
        Ok(())
    })?;
    // A stable sort keeps repeats in their order.
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    Ok(is_object.then_some(pairs))
}

/// Returns the elements of an array; `None` if it is not one.
pub fn items(json: &str) -> Option<Vec<Raw<'_>>> {
    let mut items = vec![];
    let read = parse(json, |reader| {
        reader.array(|reader| {
            items.push(reader.value()?);
            Ok(())
        })
    });
    (read == Ok(true)).then_some(items)
}

fn without_signature(text: Cow<'_, str>) -> Cow<'_, str> {
    match signed_url::parse(&text).map(|signed| signed.canonical) {
        Some(canonical) => Cow::Owned(canonical),
        None => text,
    }
}

/// Decodes a number by its value: an integer, a double, or else its text.
fn number(raw: &str) -> Value<'_> {
    match canonical(raw) {
        Ok(number) => Value { sort: Sort::Number, text: number },
        Err(text) => Value { sort: Sort::Text, text: Cow::Owned(text) },
    }
}

#[cfg(test)]
mod tests;
