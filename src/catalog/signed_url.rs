//! Signed URLs: the canonical form that identifies a preview, and when the link expires.
//!
//! The server that issues a URL adds a signature to its query, a different one each time. This
//! module removes it from the text and changes no other byte, so that an unsigned URL and its
//! signed form have the same canonical form. Text is read as a browser reads it: what a browser
//! would send with its signature must not be stored as plain text. This module does not know
//! whether a link still works, who stores it, when it is fetched, or what time it is.

use std::{borrow::Cow, fmt};

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chrono::{DateTime, NaiveDateTime};
use memchr::memchr;
use percent_encoding::percent_decode_str;

use crate::time::Timestamp;

/// A signed URL and its form without the signature. The URL is a credential, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The URL as a browser reads it; byte for byte the text, unless a browser would change that.
    pub url: Cow<'a, str>,
    /// The same without its signature parameters.
    pub canonical: String,
    /// When the link expires; `None` if this cannot be read or is outside the years 2000 to 9999.
    /// The earliest time if there are several (two signatures, two statements).
    pub expires_at: Option<Timestamp>,
}

/// Parses `text` as a signed http(s) URL; `None` if it is not one, or if no set of signature
/// parameters is complete (`Expires` alone is an ordinary parameter).
///
/// The other parameters keep their bytes, empty ones included (`?&a=1`); the question mark is
/// removed with the last parameter.
pub fn parse(text: &str) -> Option<Signed<'_>> {
    if let Some(signed) = parse_usual_form(text) {
        return Some(signed);
    }
    any_form(text)
}

/// Parses the form of the API's lists, `?Expires=…&Signature=…&Key-Pair-Id=…`, in a few scans of
/// its bytes; `None` for any text that has to be parsed in full.
fn parse_usual_form(text: &str) -> Option<Signed<'_>> {
    let (path, query) = split_pair(text, b'?')?;
    let host = path.strip_prefix("https://")?;
    let (expires, rest) = split_pair(query.strip_prefix("Expires=")?, b'&')?;
    let (_, key) = split_pair(rest.strip_prefix("Signature=")?, b'&')?;
    let is_complete = key.starts_with("Key-Pair-Id=") && memchr(b'&', key.as_bytes()).is_none();
    let is_dated = (1..=18).contains(&expires.len()) && expires.bytes().all(|b| b.is_ascii_digit());
    // No fragment, no white space, and only ASCII.
    let is_plain =
        !has(text, |byte| byte <= b'#' || byte >= 0x7F) && memchr(b'&', path.as_bytes()).is_none();
    if !(is_complete && is_dated && is_plain) || host.is_empty() || host.starts_with(['/', '\\']) {
        return None;
    }
    let expires_at = Timestamp::expiry_from_seconds(expires.parse().ok()?);
    Some(Signed { url: Cow::Borrowed(text), canonical: path.to_owned(), expires_at })
}

/// Splits the text at the first `at`, an ASCII character, like `split_once`, in half the time.
fn split_pair(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = memchr(at, text.as_bytes())?;
    Some((&text[..place], &text[place + 1..]))
}

fn any_form(text: &str) -> Option<Signed<'_>> {
    let url = as_browsers_read(text)?;
    let (canonical, expires_at) = without_signature(&url)?;
    Some(Signed { url, canonical, expires_at })
}

/// Returns the canonical form of a signed URL and its expiry; `None` if no set is complete.
fn without_signature(url: &str) -> Option<(String, Option<Timestamp>)> {
    let (address, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (path, query) = address.split_once('?')?;
    let parameters: Vec<QueryPart> = query.split('&').map(QueryPart::read).collect();
    let complete_forms: Vec<&SignatureForm> =
        FORMS.iter().filter(|form| form.is_complete(&parameters)).collect();
    if complete_forms.is_empty() {
        return None;
    }
    let others: Vec<&str> = parameters
        .iter()
        .filter(|parameter| !complete_forms.iter().any(|form| form.accepts(parameter)))
        .map(|parameter| parameter.text)
        .collect();
    let mark = if others.is_empty() { "" } else { "?" };
    let canonical = format!("{path}{mark}{}{fragment}", others.join("&"));
    Some((canonical, complete_forms.iter().filter_map(|form| (form.expiry)(&parameters)).min()))
}

/// Returns the http(s) URL with a query that a browser reads from `text`, by the URL Standard: characters
/// that it strips from both ends are removed, tabs and line breaks inside too, and any number of slashes
/// may follow the scheme. Beyond the standard, all white space is stripped, and U+FFFD, since that may
/// have been U+0000; and `&amp;` between parameters becomes `&`, as in a link that is copied from HTML.
fn as_browsers_read(text: &str) -> Option<Cow<'_, str>> {
    const REMOVED: [char; 3] = ['\t', '\n', '\r'];
    if !has(text, |byte| byte == b'?') {
        return None;
    }
    let is_stripped =
        |c: char| c <= ' ' || c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{FFFD}');
    let mut url = Cow::Borrowed(text.trim_matches(is_stripped));
    if has(&url, |byte| matches!(byte, b'\t' | b'\n' | b'\r')) {
        url = Cow::Owned(url.replace(REMOVED, ""));
    }
    let (scheme, rest) = url.split_once(':')?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let host = rest.trim_start_matches(['/', '\\']);
    if host.starts_with(['?', '#']) {
        return None;
    }
    if rest.len() != host.len() + 2 || !rest.starts_with("//") {
        url = Cow::Owned(format!("{scheme}://{host}"));
    }
    Some(with_ampersands(url))
}

/// Returns whether `is` is true for any byte. Checks all of them, so that the loop can be vectorised.
fn has(text: &str, is: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |any, byte| any | is(byte))
}

/// How HTML escapes an ampersand, after its `&`.
const ESCAPED: [&str; 4] = ["amp;", "#38;", "#038;", "#x26;"];

/// Replaces each ampersand of the query that HTML escaped, even several times, by `&`.
fn with_ampersands(url: Cow<'_, str>) -> Cow<'_, str> {
    if !url.split('&').skip(1).any(|piece| unescaped(piece) != piece) {
        return url;
    }
    let (mut begun, mut ended) = (false, false);
    let pieces = url.split('&').map(|piece| {
        let piece = if begun && !ended { unescaped(piece) } else { piece };
        ended |= piece.contains('#');
        begun |= piece.contains('?');
        piece
    });
    Cow::Owned(pieces.collect::<Vec<_>>().join("&"))
}

/// Removes the rest of an ampersand's escape from the text after the ampersand.
fn unescaped(mut piece: &str) -> &str {
    let rest = |piece: &str| {
        let escape = ESCAPED.iter().find(|escape| {
            piece.get(..escape.len()).is_some_and(|start| start.eq_ignore_ascii_case(escape))
        })?;
        Some(escape.len())
    };
    while let Some(length) = rest(piece) {
        piece = &piece[length..];
    }
    piece
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("canonical", &self.canonical)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// One piece of a query, between two ampersands.
struct QueryPart<'a> {
    /// The whole piece, unchanged.
    text: &'a str,
    /// The part before the first `=`, decoded: bytes, since an escape may encode any byte.
    name: Cow<'a, [u8]>,
    /// The part after it, still encoded.
    value: &'a str,
}

impl<'a> QueryPart<'a> {
    fn read(text: &'a str) -> Self {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Self { text, name: percent_decode_str(name).into(), value }
    }

    /// Returns whether its name is `pattern`, ignoring case; a final `*` matches any rest of the name.
    fn is(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => self
                .name
                .get(..start.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(start.as_bytes())),
            None => self.name.eq_ignore_ascii_case(pattern.as_bytes()),
        }
    }
}

/// A form of signature.
struct SignatureForm {
    /// The parameters that a complete set must have.
    needs: &'static [&'static str],
    /// The parameters that belong to a complete set, including those that it must have.
    parameters: &'static [&'static str],
    /// Returns when a link of this form expires.
    expiry: fn(&[QueryPart]) -> Option<Timestamp>,
}

impl SignatureForm {
    fn is_complete(&self, parameters: &[QueryPart]) -> bool {
        self.needs.iter().all(|name| parameters.iter().any(|parameter| parameter.is(name)))
    }

    fn accepts(&self, parameter: &QueryPart) -> bool {
        self.parameters.iter().any(|name| parameter.is(name))
    }
}

/// Every known form, with the names from each vendor's documentation.
const FORMS: [SignatureForm; 6] = [
    // CloudFront, canned or custom policy.
    SignatureForm {
        needs: &["Signature", "Key-Pair-Id"],
        parameters: &["Expires", "Signature", "Key-Pair-Id", "Policy", "Hash-Algorithm"],
        expiry: |parameters| match value(parameters, "Policy") {
            Some(policy) => policy_expiry(&policy),
            None => unix_expiry(parameters),
        },
    },
    // S3, version 4.
    SignatureForm {
        needs: &["X-Amz-Signature"],
        parameters: &["X-Amz-*"],
        expiry: |parameters| dated_expiry(parameters, "X-Amz-Date", "X-Amz-Expires"),
    },
    // S3, version 2.
    SignatureForm {
        needs: &["AWSAccessKeyId", "Expires", "Signature"],
        parameters: &["AWSAccessKeyId", "Expires", "Signature"],
        expiry: unix_expiry,
    },
    // Google Cloud Storage, version 4.
    SignatureForm {
        needs: &["X-Goog-Signature"],
        parameters: &["X-Goog-*"],
        expiry: |parameters| dated_expiry(parameters, "X-Goog-Date", "X-Goog-Expires"),
    },
    // Google Cloud Storage, version 2.
    SignatureForm {
        needs: &["GoogleAccessId", "Expires", "Signature"],
        parameters: &["GoogleAccessId", "Expires", "Signature"],
        expiry: unix_expiry,
    },
    // Azure shared access signature.
    SignatureForm {
        needs: &["sig", "se"],
        parameters: &["sv", "ss", "srt", "sr", "st", "se", "sp", "sip", "spr", "sig", "sk*"],
        expiry: |parameters| iso_expiry(&value(parameters, "se")?),
    },
];

/// Returns the decoded value of the first parameter called `name`; `None` also if it is not UTF-8.
fn value<'a>(parameters: &[QueryPart<'a>], name: &str) -> Option<Cow<'a, str>> {
    let parameter = parameters.iter().find(|parameter| parameter.is(name))?;
    percent_decode_str(parameter.value).decode_utf8().ok()
}

/// Reads `Expires`, in seconds since the Unix epoch.
fn unix_expiry(parameters: &[QueryPart]) -> Option<Timestamp> {
    Timestamp::expiry_from_seconds(value(parameters, "Expires")?.parse().ok()?)
}

/// Reads the expiry from a start such as `20261123T055709Z` and the lifetime of the link in seconds.
fn dated_expiry(parameters: &[QueryPart], start: &str, lifetime: &str) -> Option<Timestamp> {
    let start = value(parameters, start)?;
    let start = NaiveDateTime::parse_from_str(&start, "%Y%m%dT%H%M%SZ").ok()?;
    let lifetime: u32 = value(parameters, lifetime)?.parse().ok()?;
    Timestamp::expiry_from_seconds(start.and_utc().timestamp() + i64::from(lifetime))
}

/// Parses ISO 8601 as Azure accepts it: a date alone, or with a time to the minute or finer.
fn iso_expiry(text: &str) -> Option<Timestamp> {
    // The year must have four digits: a longer one would be parsed, and then limited to the year 9999.
    if text.find('-') != Some(4) {
        return None;
    }
    let time = Timestamp::parse(text).or_else(|| minute(text))?;
    Timestamp::expiry_from_seconds(time.millis().div_euclid(1000)).map(|_| time)
}

/// Parses `2026-11-23T05:57Z`, which Azure accepts, but RFC 3339 does not allow.
fn minute(text: &str) -> Option<Timestamp> {
    let text = text.replace(['Z', 'z'], "+00:00");
    let time = DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M%:z").ok()?;
    Some(Timestamp::from(time.to_utc()))
}

/// CloudFront's base64, after its three own characters are replaced; the padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the earliest `DateLessThan` of a CloudFront policy.
fn policy_expiry(policy: &str) -> Option<Timestamp> {
    let base64: String = policy
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '=',
            '~' => '/',
            other => other,
        })
        .collect();
    let policy: serde_json::Value = serde_json::from_slice(&BASE64.decode(base64).ok()?).ok()?;
    let times = policy.get("Statement")?.as_array()?.iter().filter_map(|statement| {
        let time = statement.pointer("/Condition/DateLessThan/AWS:EpochTime")?;
        time.as_i64().or_else(|| time.as_str()?.trim().parse().ok())
    });
    Timestamp::expiry_from_seconds(times.min()?)
}

#[cfg(test)]
mod tests;
