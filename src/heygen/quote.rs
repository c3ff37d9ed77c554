//! Quotations of the API's own text that are safe to show: short, on one line, without key or
//! signatures.
//!
//! Every external text that ends up in an error, a log line or a row passes through here. Knows the
//! forms of HeyGen's error bodies; an HTML error page is never quoted.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::catalog::{body::warning_text, json::Raw};

/// The longest quotation, in characters.
const LONGEST: usize = 200;

/// The code of the error for a key without a permission; its `param` names the permission.
const LACKS_SCOPE: &str = "insufficient_api_key_scope";

/// Cleans quotations; holds the key in order to mask it.
pub(super) struct Quote {
    key: SecretString,
}

impl Quote {
    pub(super) fn new(key: SecretString) -> Self {
        Self { key }
    }

    /// Returns `text` on one line, key and query strings masked, cut at 200 characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let masked = self.mask(text);
        match masked.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &masked[..end]),
            None => masked,
        }
    }

    /// As [`Quote::clean`], but `None` if nothing is left.
    pub(super) fn clean_or_none(&self, text: &str) -> Option<String> {
        Some(self.clean(text)).filter(|text| !text.is_empty())
    }

    /// Returns `text` on one line, key and query strings masked, at its full length.
    pub(super) fn mask(&self, text: &str) -> String {
        let plain: String = text.chars().filter_map(printable).collect();
        let key = self.key.expose_secret();
        let plain = if key.is_empty() { plain } else { plain.replace(key, "***") };
        plain.split_whitespace().map(without_query).collect::<Vec<_>>().join(" ")
    }

    /// Returns the contents of a JSON error body in its known forms: an `error` object, an `error`
    /// string, or `code` and `message` at the top level. Empty for anything else.
    pub(super) fn error_body(&self, body: &[u8]) -> ErrorBody {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let Ok(body @ Value::Object(_)) = serde_json::from_slice(body) else {
            return ErrorBody::default();
        };
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(&body);
        let scalars = |names: &[&str]| {
            let values = names.iter().filter_map(|name| error.get(name)).filter_map(scalar);
            values.collect::<Vec<_>>().join(": ")
        };
        let text = match error {
            Value::String(text) => text.clone(),
            _ => scalars(&["code", "message"]),
        };
        let lacks_scope = error.get("code").and_then(Value::as_str) == Some(LACKS_SCOPE);
        let warning = body.get("warning").map(Value::to_string);
        ErrorBody {
            names_v3: names_v3(&text),
            text: self.clean_or_none(&text).filter(|text| !text.contains('<')),
            lacks_scope,
            scope: self.clean_or_none(&scalars(&["param"])).filter(|_| lacks_scope),
            warning: warning
                .and_then(|json| warning_text(Raw::of(&json)))
                .map(|text| self.mask(&text)),
        }
    }
}

/// The contents of an error's body.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// The error's own `code: message`.
    pub text: Option<String>,
    /// Whether the key lacks a permission.
    pub lacks_scope: bool,
    /// The permission that the key lacks, if it is named.
    pub scope: Option<String>,
    /// Whether the error's own code or message mentions v3. The `warning` does not count: every
    /// answer of v2 has it.
    pub names_v3: bool,
    /// The announcement beside the error, as one line.
    pub warning: Option<String>,
}

fn names_v3(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case("v3"))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Replaces line breaks and tabs by spaces; removes other control characters and those that change
/// the direction of writing.
fn printable(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// Masks everything after a `?` inside a word; a question mark at its end stays.
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
    fn only_an_errors_own_message_speaks_of_v3() {
        let names_v3 = |body: &str| quote("k").error_body(body.as_bytes()).names_v3;
        assert!(names_v3(r#"{"error":{"code":"gone","message":"use GET /v3/avatars/looks"}}"#));
        assert!(names_v3(r#"{"message":"V3 only"}"#));
        assert!(names_v3(r#"{"data":null,"error":"v2 has ended, see V3"}"#));
        let warning = r#""warning":{"message":"use v3","v3_endpoint":"/v3/avatars"}"#;
        for other in [
            format!(r#"{{"data":null,"error":null,{warning}}}"#),
            format!(r#"{{"error":{{"code":"insufficient_credit","message":"no"}},{warning}}}"#),
            format!(r#"{{"code":400,"message":"internal_error",{warning}}}"#),
            r#"{"error":{"code":"limit","doc_url":"https://h/v3/limits"}}"#.into(),
            r#"{"data":{"avatars":[{"u":"https://h/avatar/v3/x"}]},"error":"av3"}"#.into(),
        ] {
            assert!(!names_v3(&other), "{other}");
        }
        for other in ["<html>v3</html>", "\"v3\"", "[\"v3\"]", "{\"error\":\"v3", ""] {
            assert!(!names_v3(other), "{other}");
        }
    }

    #[test]
    fn the_announcement_beside_an_error_and_the_missing_scope_are_read() {
        let error_body = quote("k").error_body(
            br#"{"error":{"code":"insufficient_api_key_scope","message":"no","param":"avatars:read"},
                "warning":{"message":"v2 ends","sunset_date":"2026-12-31"}}"#,
        );
        assert_eq!(error_body.scope.as_deref(), Some("avatars:read"));
        assert_eq!(error_body.warning.as_deref(), Some("v2 ends (sunset 2026-12-31)"));
        assert_eq!(quote("k").error_body(br#"{"error":{"code":"x","param":"limit"}}"#).scope, None);
    }

    #[test]
    fn a_quotation_is_cut_at_200_characters() {
        let text = quote("k").clean(&"é".repeat(300));
        assert_eq!(text.chars().count(), 201);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn all_known_forms_of_an_error_body_are_read_and_html_is_not() {
        let text_of = |body: &str| quote("k-1").error_body(body.as_bytes()).text;
        let object = r#"{"data":null,"error":{"code":"internal_error","message":"forbidden"}}"#;
        assert_eq!(text_of(object).as_deref(), Some("internal_error: forbidden"));
        let flat = r#"{"code":400112,"message":"Unauthorized"}"#;
        assert_eq!(text_of(flat).as_deref(), Some("400112: Unauthorized"));
        assert_eq!(text_of(r#"{"error":"not found"}"#).as_deref(), Some("not found"));
        assert_eq!(text_of(r#"{"error":null,"message":"k-1"}"#).as_deref(), Some("***"));
        for other in ["<html>Bad gateway</html>", r#"{"error":"<html>"}"#, "[]", "7", "{}", ""] {
            assert_eq!(text_of(other), None, "{other}");
        }
    }
}
