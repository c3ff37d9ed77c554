//! What of the API's own words may be shown: short, on one line, without key or signatures.
//!
//! Every text that comes from outside and ends in an error, a log line or a row passes here. Knows
//! the forms of HeyGen's error bodies; an error page in HTML is never quoted.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// The longest quotation, in characters.
const LONGEST: usize = 200;

/// Cleans quotations; holds the key in order to mask it.
pub(super) struct Quote {
    key: SecretString,
}

impl Quote {
    pub(super) fn new(key: SecretString) -> Self {
        Self { key }
    }

    /// `text` on one line, key and query strings masked, cut at 200 characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let masked = self.mask(text);
        match masked.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &masked[..end]),
            None => masked,
        }
    }

    /// As [`Quote::clean`] but `None` when nothing is left.
    pub(super) fn clean_or_none(&self, text: &str) -> Option<String> {
        Some(self.clean(text)).filter(|text| !text.is_empty())
    }

    /// `text` on one line, key and query strings masked, at its full length.
    pub(super) fn mask(&self, text: &str) -> String {
        let plain: String = text.chars().filter_map(printable).collect();
        let key = self.key.expose_secret();
        let plain = if key.is_empty() { plain } else { plain.replace(key, "***") };
        plain.split_whitespace().map(without_query).collect::<Vec<_>>().join(" ")
    }

    /// `code: message` of an error body in JSON, in the forms seen: an `error` object, an `error`
    /// string, or `code` and `message` on top. `None` for all else.
    pub(super) fn error_body(&self, body: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(&body);
        let text = match error {
            Value::String(text) => text.clone(),
            _ => [error.get("code"), error.get("message")]
                .into_iter()
                .flatten()
                .filter_map(scalar)
                .collect::<Vec<_>>()
                .join(": "),
        };
        self.clean_or_none(&text).filter(|text| !text.contains('<'))
    }
}

/// Whether a JSON object that is no list points to v3, however it is put: in its error, its message,
/// or, where there is no data at all, in the announcement that HeyGen adds as `warning`. Elsewhere the
/// word says nothing: previews in `data` may lie in a folder `v3`, the announcement stands on good
/// lists, too, and links to the documentation are for people.
pub(super) fn points_to_v3(body: &[u8]) -> bool {
    points(body, true)
}

/// The same by its error and its message alone.
pub(super) fn says_v3(body: &[u8]) -> bool {
    points(body, false)
}

fn points(body: &[u8], announced: bool) -> bool {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else { return false };
    let data = body.remove("data");
    if !announced || data.is_some_and(|data| !data.is_null()) {
        body.remove("warning");
    }
    body.remove("doc_url");
    for part in ["error", "warning"] {
        if let Some(Value::Object(part)) = body.get_mut(part) {
            part.retain(|name, _| !matches!(name.as_str(), "doc_url" | "docs_url"));
        }
    }
    let said = Value::Object(body).to_string().to_ascii_lowercase();
    let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == "v3")
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Line breaks and tabs become blanks; other control characters, and those that turn the
/// direction of writing, go.
fn printable(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// A word with all that follows a `?` inside it masked; a question mark that ends it stays.
fn without_query(word: &str) -> String {
    match word.split_once('?') {
        Some((start, query)) if !query.is_empty() => format!("{start}?***"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(key: &str) -> Quote {
        Quote::new(SecretString::from(key))
    }

    #[test]
    fn key_query_and_control_characters_are_never_quoted() {
        let text = "no\n\u{1b}[31m k\u{0}ey-1 at https://x.test/a?Signature=abc~ why?";
        assert_eq!(quote("key-1").clean(text), "no [31m *** at https://x.test/a?*** why?");
    }

    #[test]
    fn a_hint_to_v3_is_found_in_what_an_error_says_and_not_in_its_data() {
        let hint = |body: &str| points_to_v3(body.as_bytes());
        assert!(hint(r#"{"error":{"code":"gone","message":"use GET /v3/avatars/looks"}}"#));
        assert!(hint(r#"{"message":"V3 only"}"#));
        assert!(hint(r#"{"data":null,"warning":{"v3_endpoint":"/v3/avatars"}}"#));
        assert!(hint(r#"{"code":400,"warning":{"message":"use v3"}}"#));
        assert!(!says_v3(br#"{"code":400,"warning":{"message":"use v3"}}"#));
        assert!(!hint(r#"{"data":{"avatars":1},"warning":{"v3_endpoint":"/v3/avatars"}}"#));
        assert!(!hint(r#"{"data":null,"warning":{"docs_url":"https://h/v3"}}"#));
        assert!(!hint(r#"{"error":{"code":"limit","doc_url":"https://h/v3/limits"}}"#));
        assert!(!hint(r#"{"data":{"avatars":[{"u":"https://h/avatar/v3/x"}]},"error":"av3"}"#));
        for other in ["<html>v3</html>", "\"v3\"", "[\"v3\"]", "{\"error\":\"v3", ""] {
            assert!(!hint(other), "{other}");
        }
    }

    #[test]
    fn a_quotation_is_cut_at_200_characters() {
        let text = quote("k").clean(&"é".repeat(300));
        assert_eq!(text.chars().count(), 201);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn all_known_forms_of_an_error_body_are_read_and_html_is_not() {
        let said = |body: &str| quote("k-1").error_body(body.as_bytes());
        let object = r#"{"data":null,"error":{"code":"internal_error","message":"forbidden"}}"#;
        assert_eq!(said(object).as_deref(), Some("internal_error: forbidden"));
        let flat = r#"{"code":400112,"message":"Unauthorized"}"#;
        assert_eq!(said(flat).as_deref(), Some("400112: Unauthorized"));
        assert_eq!(said(r#"{"error":"not found"}"#).as_deref(), Some("not found"));
        assert_eq!(said(r#"{"error":null,"message":"k-1"}"#).as_deref(), Some("***"));
        for other in ["<html>Bad gateway</html>", r#"{"error":"<html>"}"#, "[]", "7", "{}", ""] {
            assert_eq!(said(other), None, "{other}");
        }
    }
}
