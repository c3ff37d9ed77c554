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
        let end = text[start..].find(ends).map_or(text.len(), |end| start + end);
        out.push_str(&text[done..start]);
        match signed_url::parse(&text[start..end]) {
            Some(signed) => {
                // A parameter of it may be another one.
                let (head, rest) = signed.canonical.split_at(HTTP.len());
                out.push_str(head);
                out.push_str(&self::text(rest));
                done = end;
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
        assert_eq!(text("https://h/a?x=1 é"), "https://h/a?x=1 é");
        let shown = json(serde_json::json!({url: [url]})).to_string();
        assert_eq!(shown, r#"{"https://h/a.webp":["https://h/a.webp"]}"#);
    }
}
