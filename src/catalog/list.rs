//! An answer's bytes → two lists of records, each record on its own.
//!
//! This is the v2 form of the answer; another version of the API fills the same [`List`]s
//! through [`ListBuilder`]. Whatever is not a catalogue is refused here (rule 11): nothing below
//! this room can mistake an error page for an empty list.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::value::RawValue;

use super::{
    item::Names,
    kind::Kind,
    record::{self, Decoded, Dialect, Record},
    signatures::Signatures,
    value::{Sort, Value, pairs, text},
};
use crate::error::{Error, Result};

/// What one answer of the API says.
#[derive(Debug)]
pub struct Answer {
    /// One list for each kind that the answer lists.
    pub lists: Vec<List>,
    /// The API's own notice of deprecation, from the body.
    pub warning: Option<String>,
}

impl Answer {
    /// Marks the lists as lists that may lack records. A reason that a list has already stays.
    pub fn incomplete(&mut self, why: &str) {
        for list in &mut self.lists {
            list.incomplete.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Every listed id, with its kind.
    pub fn ids(&self) -> BTreeSet<(Kind, &str)> {
        self.lists.iter().flat_map(|list| list.ids().map(|id| (list.kind, id))).collect()
    }
}

impl List {
    /// Every listed id, repeats included.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let decoded = self.records.iter().map(|record| record.id.as_str());
        decoded.chain(self.undecodable.iter().map(String::as_str))
    }
}

/// One list, decoded.
#[derive(Debug)]
pub struct List {
    /// Which list.
    pub kind: Kind,
    /// The decoded records with usable ids, sorted by id; copies of one id stand together.
    pub records: Vec<Record>,
    /// What signs the records' links.
    pub signatures: Arc<Signatures>,
    /// Ids of records that could not be decoded otherwise.
    pub undecodable: BTreeSet<String>,
    /// Distinct usable ids.
    pub listed: u64,
    /// Records beyond the first of their id.
    pub duplicates: u64,
    /// Records that could not be read, with or without a usable id.
    pub rejected: u64,
    /// Those of them without a usable id: each might be any item.
    pub unusable: u64,
    /// Whether the list had no record at all.
    pub is_empty: bool,
    /// Why the list is not known to be whole, if it is not: removals are held then.
    pub incomplete: Option<String>,
}

/// The kinds that v2 lists.
pub const V2_KINDS: [Kind; 2] = [Kind::AVATAR, Kind::TALKING_PHOTO];

/// The names of v2: its fields are the tables' columns.
fn v2(kind: Kind) -> Dialect {
    Dialect { id: kind.id, renamed: &[] }
}

/// Decodes a response of `GET /v2/avatars`.
pub fn decode(body: &[u8]) -> Result<Answer> {
    decode_envelope(body, false)
}

/// Decodes a saved response: a whole one, or its `data` alone.
pub fn decode_saved(body: &[u8]) -> Result<Answer> {
    decode_envelope(body, true)
}

fn decode_envelope(body: &[u8], data_alone: bool) -> Result<Answer> {
    let top = object(json(body)?, "the answer")?;
    let field = |name: &str| top.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw);
    if let Some(error) = field("error").and_then(said_error) {
        return Err(Error::not_a_catalogue(format!("the answer is an error: {error}")));
    }
    let lists = match field("data") {
        Some(data) => object(data.get(), "`data`")?,
        None if data_alone => top.clone(),
        None => return Err(missing("data")),
    };
    let warning = field("warning").and_then(said_warning);
    let list = |kind: Kind| {
        let raw = lists.iter().find(|(key, _)| key == kind.table).map(|(_, raw)| *raw);
        decode_list(raw.ok_or_else(|| missing(kind.table))?, kind)
    };
    let lists = V2_KINDS.into_iter().map(list).collect::<Result<_>>()?;
    Ok(Answer { lists, warning })
}

/// The body as JSON text, checked to be well-formed to its end.
pub fn json(body: &[u8]) -> Result<&str> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let not_json = |why: String| Error::not_a_catalogue(format!("the answer is not JSON ({why})"));
    let text = std::str::from_utf8(body)
        .map_err(|fault| not_json(format!("byte {} is not UTF-8", fault.valid_up_to())))?;
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Ok(raw.get()),
        Err(fault) if fault.is_eof() && text.trim().is_empty() => {
            Err(not_json("it is empty".into()))
        }
        Err(fault) if fault.is_eof() => {
            Err(not_json(format!("it is cut off after {} bytes", text.len())))
        }
        Err(fault) => Err(not_json(format!("line {} column {}", fault.line(), fault.column()))),
    }
}

/// An object's keys and raw values, sorted by key.
pub type Object<'a> = Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>;

/// The object that `raw`, called `what` for people, must be.
pub fn object<'a>(raw: &'a str, what: &str) -> Result<Object<'a>> {
    if !raw.starts_with('{') {
        return Err(Error::not_a_catalogue(format!("{what} is not a JSON object")));
    }
    pairs(raw).map_err(|_| Error::not_a_catalogue(format!("{what} cannot be read as an object")))
}

/// The error of an answer without `field`.
pub fn missing(field: &str) -> Error {
    Error::not_a_catalogue(format!(
        "the answer has no `{field}`: a missing list is not an empty one"
    ))
}

/// The elements of the array that the field `name` must be.
pub fn array<'a>(raw: &'a RawValue, name: &str) -> Result<Vec<&'a RawValue>> {
    if !raw.get().starts_with('[') {
        return Err(Error::not_a_catalogue(format!("`{name}` is not a JSON array")));
    }
    serde_json::from_str(raw.get())
        .map_err(|_| Error::not_a_catalogue(format!("`{name}` cannot be read")))
}

fn decode_list(raw: &RawValue, kind: Kind) -> Result<List> {
    let raws = array(raw, kind.table)?;
    let dialect = v2(kind);
    let mut list = ListBuilder::new(kind);
    for raw in raws {
        let record = pairs(raw.get()).map(|pairs| list.decode(&pairs, &dialect));
        list.push(record.unwrap_or(Decoded::Unusable));
    }
    Ok(list.finish())
}

/// Gathers the records of one list, in whatever order and from however many pages they come.
#[derive(Debug)]
pub struct ListBuilder {
    kind: Kind,
    records: Vec<Record>,
    signatures: Signatures,
    names: Names,
    undecodable: Vec<String>,
    unusable: u64,
    incomplete: Option<String>,
}

impl ListBuilder {
    /// An empty list.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            records: vec![],
            signatures: Signatures::default(),
            names: Names::default(),
            undecodable: vec![],
            unusable: 0,
            incomplete: None,
        }
    }

    /// Decodes a record of this list by the names of its version of the API.
    pub fn decode(&mut self, pairs: &Object<'_>, dialect: &Dialect) -> Decoded {
        record::decode(pairs, self.kind, dialect, &mut self.signatures)
    }

    /// Adds one record.
    pub fn push(&mut self, record: Decoded) {
        match record {
            Decoded::Record(mut record) => {
                record.fields.share(&mut self.names);
                self.names.share(&mut record.nulls);
                self.records.push(record);
            }
            Decoded::Undecodable(id) => self.undecodable.push(id),
            Decoded::Unusable => self.unusable += 1,
        }
    }

    /// Says that the list may lack records, and why.
    pub fn incomplete(&mut self, why: String) {
        self.incomplete = Some(why);
    }

    /// The list, sorted and counted.
    pub fn finish(self) -> List {
        let Self { kind, mut records, signatures, names: _, undecodable, unusable, incomplete } =
            self;
        records.shrink_to_fit();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        let usable = records.len() + undecodable.len();
        let rejected = undecodable.len() as u64 + unusable;
        let is_empty = usable == 0 && unusable == 0;
        let undecodable: BTreeSet<String> = undecodable.into_iter().collect();
        let decoded = records.chunk_by(|a, b| a.id == b.id).count();
        let beside = |id: &&String| {
            records.binary_search_by(|record| record.id.as_str().cmp(id.as_str())).is_ok()
        };
        let listed = decoded + undecodable.len() - undecodable.iter().filter(beside).count();
        List {
            kind,
            listed: listed as u64,
            duplicates: (usable - listed) as u64,
            records,
            signatures: Arc::new(signatures),
            undecodable,
            rejected,
            unusable,
            is_empty,
            incomplete,
        }
    }
}

/// What an `error` that is neither null nor an empty string says, for people: only its `code`
/// and `message` are told, shortened, never the body.
pub fn said_error(raw: &RawValue) -> Option<String> {
    let value = Value::decode(raw.get(), 1).ok();
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
    let said = ["code", "message"].into_iter().filter_map(|name| {
        let raw = fields.iter().find(|(key, _)| key == name)?.1.get();
        (!raw.starts_with(['{', '['])).then(|| quoted(raw.trim_matches('"')))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "of an unknown form".into() } else { said.join(", ") }
}

/// The body's `warning`, as one line.
pub fn said_warning(raw: &RawValue) -> Option<String> {
    if raw.get().starts_with('"') {
        return Some(quoted(&text(raw.get()))).filter(|said| !said.is_empty());
    }
    let fields = pairs(raw.get()).ok()?;
    let of = |name: &str| {
        let raw = fields.iter().find(|(key, _)| key == name)?.1.get();
        raw.starts_with('"').then(|| quoted(&text(raw))).filter(|said| !said.is_empty())
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

/// What a stranger says, fit for a message: at most 200 characters, no control characters, no
/// query of a URL.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::NotACatalogue);
        error.message
    }

    const EMPTY: &str = r#"{"error":null,"data":{"avatars":[],"talking_photos":[]}}"#;

    #[test]
    fn what_is_not_a_catalogue_is_refused() {
        assert!(refused("<html>").contains("not JSON"));
        assert!(refused("").contains("empty"));
        assert!(refused(&EMPTY[..30]).contains("cut off"));
        assert!(refused(&format!("{EMPTY}x")).contains("not JSON"));
        assert!(refused("[]").contains("not a JSON object"));
        assert!(refused("{}").contains("`data`"));
        assert!(refused(r#"{"data":null}"#).contains("`data`"));
        assert!(refused(r#"{"data":{"avatars":[]}}"#).contains("`talking_photos`"));
        assert!(
            refused(r#"{"data":{"avatars":null,"talking_photos":[]}}"#)
                .contains("not a JSON array")
        );
        assert!(refused(r#"{"avatars":[],"talking_photos":[]}"#).contains("`data`"));
    }

    #[test]
    fn an_error_is_refused_even_beside_a_list_and_never_quoted_whole() {
        let with = |error: &str| EMPTY.replace("null", error);
        assert!(refused(&with("\"busy\"")).contains("busy"));
        assert!(refused(&with("{}")).contains("unknown form"));
        assert!(refused(&with("false")).contains("unknown form"));
        let said =
            refused(&with(r#"{"code":400112,"message":"at https://h/x?Signature=s y","x":"z"}"#));
        assert!(said.contains("400112, at https://h/x?… y"), "{said}");
        assert!(decode(with("\"\"").as_bytes()).is_ok());
        assert!(decode(EMPTY.replace("\"error\":null,", "").as_bytes()).is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_tolerated_and_a_saved_file_may_be_data_alone() {
        assert!(decode(format!("\u{FEFF}{EMPTY}").as_bytes()).is_ok());
        assert!(decode_saved(br#" {"avatars":[],"talking_photos":[]}"#).is_ok());
    }

    #[test]
    fn bad_records_never_cost_the_others() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let body = format!(
            r#"{{"data":{{"talking_photos":[],"avatars":[{{"avatar_id":"b","n":1e400}},7,{{"avatar_id":""}},
            {{"avatar_id":"d","x":{deep}}},{{"avatar_id":"a","s":"\ud800"}},{{"avatar_id":"b"}},{{"avatar_id":"a","x":{deep}}}]}}}}"#
        );
        let list = decode(body.as_bytes()).unwrap().lists.swap_remove(0);
        let ids: Vec<_> = list.records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "b"]);
        assert_eq!((list.listed, list.duplicates), (3, 2));
        assert_eq!((list.rejected, list.unusable), (4, 2));
    }

    #[test]
    fn the_apis_own_warning_becomes_one_line() {
        let body = EMPTY.replace(
            "\"error\":null",
            r#""warning":{"message":"v2 ends","sunset_date":"2026-11-01","docs_url":"https://d/x?k=1"}"#,
        );
        let answer = decode(body.as_bytes()).unwrap();
        assert_eq!(
            answer.warning.as_deref(),
            Some("v2 ends (sunset 2026-11-01, see https://d/x?…)")
        );
    }
}
