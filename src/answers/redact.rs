//! Removes signed URLs from everything that leaves the server, wherever they are in a text.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::catalog::signed_url;

/// Returns the value with every signed URL in it, keys included, replaced by its canonical URL.
pub fn json(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(self::text(&text).into_owned()),
        Json::Array(values) => values.into_iter().map(json).collect(),
        Json::Object(pairs) => {
            let pairs = pairs.into_iter();
            pairs.map(|(key, value)| (self::text(&key).into_owned(), json(value))).collect()
        }
        other => other,
    }
}

/// Returns the text with every signed URL in it replaced by its canonical URL.
pub fn text(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !["http", "signature", "sig="].iter().any(|part| lower.contains(part)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = lower[done..].find(HTTP) {
        let start = done + found;
        let (url, length) = first_url(&text[start..]);
        out.push_str(&text[done..start]);
        match signed_url::parse(&url) {
            Some(signed) => {
                // A parameter of it may be another one.
                let (head, rest) = signed.canonical.split_at(HTTP.len());
                out.push_str(head);
                out.push_str(&self::text(rest));
                done = start + length;
            }
            None => {
                done = start + HTTP.len();
                out.push_str(&text[start..done]);
            }
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

const HTTP: &str = "http";

/// Returns the URL that `text` begins with, and its length in `text`. If the text is JSON, even JSON within
/// JSON, the URL is returned without the escapes.
fn first_url(text: &str) -> (Cow<'_, str>, usize) {
    let (mut url, mut length) = (Cow::Borrowed(""), 0);
    loop {
        let rest = &text[length..];
        let plain = rest.find(ends).unwrap_or(rest.len());
        url += &rest[..plain];
        length += plain;
        match escaped(&rest[plain..]) {
            Some((c, escape)) if !ends(c) => {
                url.to_mut().push(c);
                length += escape;
            }
            _ => return (url, length),
        }
    }
}

/// Returns the character that `text` begins with if JSON escapes it as `\/` or by its number, as in `\u0026`,
/// and the length of the escape. Each level of JSON doubles the backslashes.
fn escaped(text: &str) -> Option<(char, usize)> {
    let escape = text.trim_start_matches('\\');
    let backslashes = text.len() - escape.len();
    if backslashes == 0 {
        return None;
    }
    if escape.starts_with('/') {
        return Some(('/', backslashes + 1));
    }
    let code = u32::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    // Half of a surrogate pair becomes U+FFFD.
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((c, backslashes + 5))
}

/// Whether `c` ends a URL within other text.
fn ends(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'<>`|\\^{}".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_urls_leave_no_text() {
        let url = "https://h/a.webp?Expires=1796000000&Signature=SECRET~&Key-Pair-Id=K";
        for around in ["{}", "see {} there", "[\"{}\"]", "{},{}", "HTTPS://h/x {}"] {
            let shown = text(&around.replace("{}", url)).into_owned();
            assert!(!shown.contains("SECRET"), "{shown}");
            assert!(shown.contains("https://h/a.webp"), "{shown}");
        }
        for other in ["https://h/a?x=1 é", r#"{"u":"https:\/\/h\/a?x=1\u0026y=2"}"#] {
            assert_eq!(text(other), other);
        }
        let shown = json(serde_json::json!({url: [url]})).to_string();
        assert_eq!(shown, r#"{"https://h/a.webp":["https://h/a.webp"]}"#);
    }

    #[test]
    fn signed_urls_leave_no_json_within_a_text() {
        let url = r"https://h/a.webp?Expires=1796000000\u0026Signature=SECRET~\u0026Key-Pair-Id=K";
        let slashes = url.replace('/', r"\/");
        let quoted = |url: &str| serde_json::json!({ "u": url }).to_string();
        for (within, url) in [
            (format!(r#"{{"u":"{url}"}}"#), "https://h/a.webp"),
            (format!(r#"{{"u":"{slashes}","n":"\n{url}\n"}}"#), "https://h/a.webp"),
            (quoted(&format!(r#"{{"u":"{slashes}"}}"#)), "https://h/a.webp"),
            (quoted(&url.replace("h/", r"h/\ud83d\ude00")), "https://h/"),
        ] {
            let shown = text(&within);
            assert!(!shown.contains("SECRET"), "{shown}");
            assert!(shown.contains(url), "{shown}");
            assert!(serde_json::from_str::<Json>(&shown).is_ok(), "{shown}");
        }
    }
}
