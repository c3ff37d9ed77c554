//! Writes JSON text: strings, arrays and objects.

use super::json::plain;

/// Appends `text` as a JSON string with the fewest escapes.
pub fn write_json_string(text: &str, out: &mut String) {
    if plain(text.as_bytes()) == text.len() {
        out.push('"');
        out.push_str(text);
        return out.push('"');
    }
    // Writing a str as JSON into memory cannot fail; an empty string would be written if it did.
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".into()));
}

/// Appends an object; `write` appends each value.
pub fn write_json_object<K: AsRef<str>, V>(
    pairs: impl IntoIterator<Item = (K, V)>,
    mut write: impl FnMut(V, &mut String),
    out: &mut String,
) {
    let pair = |(key, value): (K, V), out: &mut String| {
        write_json_string(key.as_ref(), out);
        out.push(':');
        write(value, out);
    };
    write_joined(('{', '}'), pairs, pair, out);
}

/// Appends an array; `write` appends each element.
pub fn write_json_array<T>(
    elements: impl IntoIterator<Item = T>,
    write: impl FnMut(T, &mut String),
    out: &mut String,
) {
    write_joined(('[', ']'), elements, write, out);
}

/// Returns a JSON array of elements that are JSON already.
pub fn json_array<T: AsRef<str>>(elements: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    write_json_array(elements, |json, out| out.push_str(json.as_ref()), &mut out);
    out
}

/// Returns the texts as a JSON array.
pub fn json_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    write_json_array(texts, |text, out| write_json_string(text.as_ref(), out), &mut out);
    out
}

fn write_joined<T>(
    (open, close): (char, char),
    all: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
    out: &mut String,
) {
    out.push(open);
    for (index, one) in all.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(one, out);
    }
    out.push(close);
}
