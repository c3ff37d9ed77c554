//! Removes the signatures from an answer's bytes, so that an archive may store it.
//!
//! The text is decoded to the same records as the bytes, and is the same for all answers with the
//! same contents: records, keys and arrays of strings are sorted, white space is removed, signed
//! URLs are canonical. Unreadable records and copies are kept, and so is the notation of numbers.
//! Nothing outside the lists is kept: what a poll needs of it is in its row. This module does not
//! know where the text is stored.

use std::fmt;

use super::{
    body::{array, json, missing, object},
    json::Raw,
    json_out::{json_array, write_json_object, write_json_string},
    signed_url,
    v2::V2_KINDS,
    value::{MAX_DEPTH, items, pairs},
};
use crate::error::Result;

/// The bodies of an answer from the API or a file, byte for byte; they contain signatures.
pub struct Bodies {
    parts: Vec<Vec<u8>>,
    /// Why the answer may be incomplete, if so.
    incomplete: Option<String>,
    /// Makes one text without signatures from them, and from the reason why they may be incomplete.
    strip: fn(&[Vec<u8>], Option<&str>) -> Result<String>,
}

impl fmt::Debug for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bodies")
    }
}

impl Bodies {
    /// Creates the body of an answer with the whole catalogue, as in v2.
    pub fn whole(body: Vec<u8>) -> Self {
        let strip = |bodies: &[Vec<u8>], _: Option<&str>| {
            stripped_v2(bodies.first().map_or(&[], Vec::as_slice))
        };
        Self { parts: vec![body], incomplete: None, strip }
    }

    /// Creates the bodies of the pages of v3 in their order, with why they may be incomplete, if so.
    pub fn pages(pages: Vec<Vec<u8>>, incomplete: Option<String>) -> Self {
        Self { parts: pages, incomplete, strip: joined }
    }

    /// Marks the answer as possibly incomplete, with the reason.
    pub fn incomplete(&mut self, why: &str) {
        self.incomplete.get_or_insert_with(|| why.to_owned());
    }

    /// Returns the answer without its signatures.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotACatalogue`] if the bodies cannot be decoded.
    pub fn stripped(&self) -> Result<String> {
        (self.strip)(&self.parts, self.incomplete.as_deref())
    }
}

/// Strips an answer of v2.
fn stripped_v2(body: &[u8]) -> Result<String> {
    let top = object(json(body)?, "the answer")?;
    let data = top.iter().find(|(key, _)| key == "data");
    let lists = match data {
        Some((_, data)) => object(data.get(), "`data`")?,
        None => top.clone(),
    };
    let mut out = String::with_capacity(body.len());
    out.push_str("{\"error\":null,\"data\":{");
    for (at, kind) in V2_KINDS.into_iter().enumerate() {
        let raw = lists.iter().find(|(key, _)| key == kind.table).map(|(_, raw)| *raw);
        let raws = array(raw.ok_or_else(|| missing(kind.table))?, kind.table)?;
        out.push_str(if at == 0 { "\"" } else { ",\"" });
        out.push_str(kind.table);
        out.push_str("\":");
        write_records(raws.into_iter(), &mut out);
    }
    out.push_str("}}\n");
    Ok(out)
}

/// Strips the pages of v3 and joins them to an answer with one page.
fn joined(pages: &[Vec<u8>], incomplete: Option<&str>) -> Result<String> {
    let mut looks = vec![];
    for page in pages {
        let top = object(json(page)?, "the answer")?;
        let data = top.iter().find(|(key, _)| key == "data").map(|(_, raw)| *raw);
        looks.extend(array(data.ok_or_else(|| missing("data"))?, "data")?);
    }
    let mut out = String::with_capacity(pages.iter().map(Vec::len).sum());
    out.push_str("{\"data\":");
    write_records(looks.into_iter(), &mut out);
    out.push_str(",\"has_more\":false,\"next_token\":null");
    if let Some(why) = incomplete {
        out.push_str(",\"incomplete\":");
        write_json_string(why, &mut out);
    }
    out.push_str("}\n");
    Ok(out)
}

/// Writes one record per line, sorted, since their order in a list has no meaning.
pub fn write_records<'a>(raws: impl Iterator<Item = Raw<'a>>, out: &mut String) {
    let mut records: Vec<String> = raws.map(|raw| stripped(raw, 0)).collect();
    records.sort_unstable();
    out.push('[');
    for (index, record) in records.iter().enumerate() {
        out.push_str(if index > 0 { ",\n" } else { "\n" });
        out.push_str(record);
    }
    out.push_str(if records.is_empty() { "]" } else { "\n]" });
}

fn stripped(raw: Raw<'_>, depth: usize) -> String {
    let mut out = String::with_capacity(raw.get().len());
    write(raw, depth, &mut out);
    out
}

/// Writes a value that is `depth` containers deep. A container that is too deep to be decoded is
/// written as `[]`, which is still too deep.
fn write(raw: Raw<'_>, depth: usize, out: &mut String) {
    if let Some(signed) = raw.text().as_deref().and_then(signed_url::parse) {
        return write_json_string(&signed.canonical, out);
    }
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => out.push_str("[]"),
        Some(b'{') => {
            let pairs = pairs(raw).unwrap_or_default();
            write_json_object(pairs, |value, out| write(value, depth + 1, out), out);
        }
        Some(b'[') => write_list(raw, depth, out),
        _ => out.push_str(raw),
    }
}

fn write_list(raw: &str, depth: usize, out: &mut String) {
    let raws = items(raw).unwrap_or_default().into_iter();
    let mut values: Vec<String> = raws.map(|raw| stripped(raw, depth + 1)).collect();
    if values.iter().all(|value| value.starts_with('"')) {
        values.sort_unstable();
    }
    out.push_str(&json_array(values));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{catalogue::Catalogue, pages, v2};

    const SIGNED: &str = "https://h/x.webp?Expires=1759603506&Signature=s~-_&Key-Pair-Id=K1";

    fn strip(body: &str) -> String {
        Bodies::whole(body.into()).stripped().unwrap()
    }

    fn of(avatars: &str) -> String {
        strip(&format!(r#"{{"data":{{"talking_photos":[],"avatars":[{avatars}]}}}}"#))
    }

    fn page(body: &str) -> Bodies {
        Bodies::pages(vec![body.into()], None)
    }

    #[test]
    fn answers_that_say_the_same_are_one_text() {
        let first = of(&format!(
            r#"{{"avatar_id":"a","tags":["x","y"],"preview_image_url":"{SIGNED}"}}, {{"avatar_id":"b"}}"#
        ));
        let second = of(&format!(
            r#"{{ "avatar_id" : "b" }},{{"preview_image_url":"{}","tags":["y","x"],"avatar_id":"a"}}"#,
            SIGNED.replace("s~-_", "other")
        ));
        assert_eq!(first, second);
        assert_eq!(
            first,
            "{\"error\":null,\"data\":{\"avatars\":[\n\
             {\"avatar_id\":\"a\",\"preview_image_url\":\"https://h/x.webp\",\"tags\":[\"x\",\"y\"]},\n\
             {\"avatar_id\":\"b\"}\n],\"talking_photos\":[]}}\n"
        );
    }

    #[test]
    fn signatures_go_however_deep_they_are_and_in_what_cannot_be_read_too() {
        let deep = format!("{}\"{SIGNED}\"{}", "[".repeat(200), "]".repeat(200));
        let text = of(&format!(
            r#"{{"avatar_id":"a","x":{{"y":["{SIGNED}"]}}}},"{SIGNED}",{{"avatar_id":"d","x":{deep}}}"#
        ));
        assert!(!text.contains("Signature"), "{text}");
        let list = v2::decode(text.as_bytes()).unwrap().lists.swap_remove(0);
        assert_eq!((list.listed, list.rejected, list.unusable), (2, 2, 1));
        assert!(list.undecodable.contains("d"));
    }

    #[test]
    fn signatures_go_from_whatever_a_browser_reads_as_a_signed_url() {
        let escaped = SIGNED.replace('&', "&amp;");
        let text = of(&format!(r#"{{"avatar_id":"a","x":" {SIGNED}\n","y":["\t{escaped}"]}}"#));
        assert!(text.contains(r#""x":"https://h/x.webp","y":["https://h/x.webp"]"#), "{text}");
    }

    #[test]
    fn numbers_repeated_keys_and_lone_surrogates_decode_as_before() {
        let text = of(r#"{"avatar_id":"a","n":1e400,"m":1.50,"m":2.50,"s":"\ud800"},7,{"x":1}"#);
        let list = v2::decode(text.as_bytes()).unwrap().lists.swap_remove(0);
        assert_eq!(list.records[0].to_json(), r#"{"m":2.5,"n":"1e400","s":"�"}"#);
        assert_eq!(list.unusable, 2);
    }

    #[test]
    fn the_data_alone_becomes_a_whole_answer() {
        assert_eq!(strip(r#"{"avatars":[],"talking_photos":[]}"#), of(""));
    }

    #[test]
    fn pages_become_one_that_says_whether_more_may_have_followed() {
        let bodies = Bodies::pages(
            vec![
                br#"{"data":[{"id":"b","avatar_type":"photo_avatar"}],"has_more":true,"next_token":"t"}"#.into(),
                br#"{"data":[{"id":"a"}],"has_more":false}"#.into(),
            ],
            Some("page 3 is \"lacking\"".into()),
        );
        let text = bodies.stripped().unwrap();
        let answer = pages::read(Catalogue::Avatars, text.as_bytes()).unwrap();
        assert_eq!((answer.lists[0].listed, answer.lists[1].listed), (1, 1));
        assert_eq!(answer.lists[0].incomplete.as_deref(), Some("page 3 is \"lacking\""));
        assert!(page(r#"{"data":[],"has_more":false}"#).stripped().unwrap().contains("[]"));
        assert!(page("<html>").stripped().is_err());
    }
}
