//! Decodes an answer's bytes into two lists of records, each record on its own.
//!
//! This is the v2 form of the answer; another version of the API fills the same [`List`]s through
//! [`ListBuilder`]. Anything that is not a catalogue is rejected here (rule 11), so no later code
//! can mistake an error page for an empty list.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use serde::de::IgnoredAny;

use super::{
    fingerprint::Parts,
    json::{self, JsonReader, Malformed, Raw},
    kind::{ByKind, Kind},
    links::fits,
    recognition::{LeftOut, Recognised, Recognition},
    record::{self, ApiNames, Decoded, Record, Shared, Unchanged},
    shape::Shape,
    signatures::Signatures,
    value::{Object, Sort, Value, items, pairs, read_pairs},
};
use crate::error::{Error, Result};

/// The contents of one answer of the API.
#[derive(Debug)]
pub struct Answer {
    /// One list for each kind that the answer lists.
    pub lists: Vec<List>,
    /// The API's own notice of deprecation, from the body.
    pub warning: Option<String>,
}

impl Answer {
    /// Marks every list as possibly incomplete. A list that already has a reason keeps it.
    pub fn incomplete(&mut self, why: &str) {
        for list in &mut self.lists {
            list.incomplete.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Returns the limits on what the poll reads from the tables.
    pub fn left_out(&self) -> LeftOut {
        let lists = self.lists.iter().map(|list| (list.kind, list.recognised.clone()));
        let is_recognised = self.lists.iter().any(|list| !list.recognised.ids.is_empty());
        let urls = is_recognised.then(|| self.lists.iter().flat_map(List::previews).collect());
        LeftOut { lists: lists.collect(), urls }
    }

    /// Returns every listed id, with its kind.
    pub fn ids(&self) -> BTreeSet<(Kind, &str)> {
        self.lists.iter().flat_map(|list| list.ids().map(|id| (list.kind, id))).collect()
    }
}

impl List {
    /// Returns the canonical URLs of the previews of its records.
    fn previews(&self) -> impl Iterator<Item = String> {
        let of = |record: &Record| {
            let urls = self.kind.previews.iter().filter_map(|one| record.fields.text(one.field));
            urls.filter(|url| fits(url)).map(str::to_owned).collect::<Vec<_>>()
        };
        self.records.iter().flat_map(of)
    }

    /// Returns every listed id, including repeated ones.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let decoded = self.records.iter().map(|record| record.id.as_str());
        let others = self.undecodable.iter().chain(self.recognised.ids.iter());
        decoded.chain(others.map(String::as_str))
    }
}

/// One list, decoded.
#[derive(Debug)]
pub struct List {
    /// The kind of its items.
    pub kind: Kind,
    /// The decoded records with usable ids, sorted by id; copies of one id are adjacent.
    pub records: Vec<Record>,
    /// The recognised records, which were not decoded.
    pub recognised: Recognised,
    /// The signatures of the records' links.
    pub signatures: Arc<Signatures>,
    /// The ids of records of which nothing else could be decoded.
    pub undecodable: BTreeSet<String>,
    /// The number of distinct usable ids.
    pub listed: u64,
    /// The number of records beyond the first of their id.
    pub duplicates: u64,
    /// The number of records that could not be read, with or without a usable id.
    pub rejected: u64,
    /// The number of these without a usable id: each might be any item.
    pub unusable: u64,
    /// Whether the list had no record at all.
    pub is_empty: bool,
    /// Why the list may be incomplete, if so; removals are then held.
    pub incomplete: Option<String>,
}

/// The kinds that v2 lists.
pub const V2_KINDS: [Kind; 2] = [Kind::AVATAR, Kind::TALKING_PHOTO];

/// Returns the field names of v2, which are those of the tables' columns.
fn v2(kind: Kind) -> ApiNames {
    ApiNames { id: kind.id, renamed: &[] }
}

/// Decodes a response of `GET /v2/avatars`.
pub fn decode(body: &[u8]) -> Result<Answer> {
    decode_known(body, &Arc::default())
}

/// Like [`decode`], but does not decode recognised records.
pub fn decode_known(body: &[u8], known: &Arc<Recognition>) -> Result<Answer> {
    redecoded_if_copies(known, |known| AnswerContents::read(body, known)?.answer(false))
}

/// Decodes an answer with `read`. If copies of an id are not all recognised, decodes it once more
/// without recognition, since copies are compared with each other.
///
/// # Errors
/// Those of `read`.
pub fn redecoded_if_copies(
    known: &Arc<Recognition>,
    mut read: impl FnMut(&Arc<Recognition>) -> Result<Answer>,
) -> Result<Answer> {
    let answer = read(known)?;
    let recognises = answer.lists.iter().any(|list| !list.recognised.ids.is_empty());
    match recognises && answer.lists.iter().any(has_copies) {
        true => read(&Arc::new(known.without_items())),
        false => Ok(answer),
    }
}

/// Returns whether an id has two decoded records, or a recognised one and one that is not.
fn has_copies(list: &List) -> bool {
    let known = |id: &String| list.recognised.ids.binary_search(id).is_ok();
    list.records.windows(2).any(|pair| pair[0].id == pair[1].id)
        || list.records.iter().any(|record| known(&record.id))
        || list.undecodable.iter().any(known)
}

/// Decodes a saved response: a whole one, or only its `data`; `None` if its `data` is an array, as
/// in a page of v3.
pub fn decode_saved(body: &[u8], known: &Arc<Recognition>) -> Result<Option<Answer>> {
    let read = AnswerContents::read(body, known)?;
    if read.is_page {
        return Ok(None);
    }
    let mut read = Some(read);
    let answer =
        |known: &_| read.take().map_or_else(|| AnswerContents::read(body, known), Ok)?.answer(true);
    redecoded_if_copies(known, answer).map(Some)
}

/// The lists among an object's fields, each `None` if it is not an array.
type ListBuilders = ByKind<Option<ListBuilder>>;

/// The contents of an answer, read in one pass and interpreted afterwards.
#[derive(Default)]
struct AnswerContents<'a> {
    error: Option<Raw<'a>>,
    warning: Option<Raw<'a>>,
    /// The lists in `data`; the inner `None` if `data` is not an object.
    data: Option<Option<ListBuilders>>,
    is_page: bool,
    /// The lists outside `data`.
    lists: ListBuilders,
}

impl<'a> AnswerContents<'a> {
    fn read(body: &'a [u8], known: &Arc<Recognition>) -> Result<Self> {
        let mut read = Self::default();
        let is_object = parse(body, |reader| {
            reader.object(|key, reader| {
                match &*key {
                    "error" => read.error = Some(reader.value()?),
                    "warning" => read.warning = Some(reader.value()?),
                    "data" => {
                        let mut lists = ListBuilders::new();
                        read.is_page = reader.peek() == b'[';
                        let list = |key: Cow<'_, str>, at: &mut JsonReader<'a>| {
                            read_list(&key, at, &mut lists, known)
                        };
                        let is_object = reader.object(list)?;
                        read.data = Some(is_object.then_some(lists));
                    }
                    _ => read_list(&key, reader, &mut read.lists, known)?,
                }
                Ok(())
            })
        })?;
        if is_object { Ok(read) } else { Err(is_not("the answer", "object")) }
    }

    fn answer(self, data_alone: bool) -> Result<Answer> {
        if let Some(error) = self.error.and_then(said_error) {
            return Err(Error::not_a_catalogue(format!("the answer is an error: {error}")));
        }
        let mut lists = match self.data {
            Some(lists) => lists.ok_or_else(|| is_not("`data`", "object"))?,
            None if data_alone => self.lists,
            None => return Err(missing("data")),
        };
        let list = |kind: Kind| match lists.remove(&kind) {
            Some(Some(list)) => Ok(list.finish()),
            Some(None) => Err(is_not(&format!("`{}`", kind.table), "array")),
            None => Err(missing(kind.table)),
        };
        let lists = V2_KINDS.into_iter().map(list).collect::<Result<_>>()?;
        Ok(Answer { lists, warning: self.warning.and_then(said_warning) })
    }
}

fn read_list(
    key: &str,
    reader: &mut JsonReader<'_>,
    lists: &mut ListBuilders,
    known: &Arc<Recognition>,
) -> Result<(), Malformed> {
    let Some(kind) = V2_KINDS.into_iter().find(|kind| kind.table == key) else {
        return reader.value().map(drop);
    };
    let (mut list, dialect) = (ListBuilder::new(kind, known), v2(kind));
    let is_array = reader.array(|reader| {
        let record = read_pairs(reader)?.map(|pairs| list.decode(&pairs, &dialect));
        list.push(record.unwrap_or(Decoded::Unusable));
        Ok(())
    })?;
    lists.insert(kind, is_array.then_some(list));
    Ok(())
}

/// Reads the body as JSON text, to its end.
pub fn parse<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut JsonReader<'a>) -> Result<T, Malformed>,
) -> Result<T> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let not_json = |why: String| Error::not_a_catalogue(format!("the answer is not JSON ({why})"));
    let text = std::str::from_utf8(body)
        .map_err(|fault| not_json(format!("byte {} is not UTF-8", fault.valid_up_to())))?;
    json::parse(text, read).map_err(|Malformed| not_json(what_is_wrong(text)))
}

/// Describes the fault in malformed text, with the line and column from `serde_json`.
fn what_is_wrong(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(fault) if fault.is_eof() && text.trim().is_empty() => "it is empty".into(),
        Err(fault) if fault.is_eof() => format!("it is cut off after {} bytes", text.len()),
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

/// Collects the records of one list, in any order and from any number of pages.
#[derive(Debug)]
pub struct ListBuilder {
    kind: Kind,
    records: Vec<Record>,
    shared: Shared,
    undecodable: Vec<String>,
    unusable: u64,
    incomplete: Option<String>,
    known: Arc<Recognition>,
    recognised: Vec<String>,
    samples: Vec<(Shape, Record)>,
    parts: Parts,
}

impl ListBuilder {
    /// Creates an empty list; `known` is what its records are recognised by.
    pub fn new(kind: Kind, known: &Arc<Recognition>) -> Self {
        Self {
            kind,
            records: vec![],
            shared: Shared::default(),
            undecodable: vec![],
            unusable: 0,
            incomplete: None,
            known: known.clone(),
            recognised: vec![],
            samples: vec![],
            parts: Parts::default(),
        }
    }

    /// Decodes a record of this list by the names of its version of the API, unless it is recognised.
    pub fn decode(&mut self, pairs: &Object<'_>, dialect: &ApiNames) -> Decoded {
        let (kind, known) = (self.kind, &self.known);
        let id = record::usable_id(pairs, dialect).filter(|_| known.takes_fingerprints);
        let Some(id) = id else { return record::decode(pairs, kind, dialect, &mut self.shared) };
        let (fingerprint, is_known) = known.of_record(&id, pairs, kind, dialect, &mut self.parts);
        let sample = self.samples.iter().find(|(shape, _)| is_known && shape.is_of(pairs));
        if sample.is_some_and(|(_, first)| first.id.as_str() <= &*id) {
            return Decoded::Unchanged(Unchanged { id: id.into_owned(), sample: None });
        }
        match record::decode(pairs, kind, dialect, &mut self.shared) {
            Decoded::Record(record) if is_known => {
                let sample = Some(Box::new((Shape::of(pairs), record)));
                Decoded::Unchanged(Unchanged { id: id.into_owned(), sample })
            }
            Decoded::Record(record) => {
                Decoded::Record(Record { fingerprint: Some(fingerprint), ..record })
            }
            other => other,
        }
    }

    /// Adds one record.
    pub fn push(&mut self, record: Decoded) {
        match record {
            Decoded::Record(record) => self.records.push(record),
            Decoded::Undecodable(id) => self.undecodable.push(id),
            Decoded::Unusable => self.unusable += 1,
            Decoded::Unchanged(Unchanged { id, sample }) => {
                self.recognised.push(id);
                sample.into_iter().for_each(|sample| self.add_sample(*sample));
            }
        }
    }

    /// Adds a sample: the first record by id of each shape is kept.
    fn add_sample(&mut self, (shape, record): (Shape, Record)) {
        match self.samples.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, first)) if record.id < first.id => *first = record,
            Some(_) => {}
            None => self.samples.push((shape, record)),
        }
    }

    /// Marks the list as possibly incomplete, with the reason.
    pub fn incomplete(&mut self, why: String) {
        self.incomplete = Some(why);
    }

    /// Returns the list, sorted and counted.
    pub fn finish(self) -> List {
        let Self { kind, mut records, shared, undecodable, unusable, incomplete, .. } = self;
        let Self { known, mut recognised, mut samples, .. } = self;
        records.shrink_to_fit();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        let usable = records.len() + undecodable.len() + recognised.len();
        recognised.sort_unstable();
        recognised.dedup();
        samples.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let rejected = undecodable.len() as u64 + unusable;
        let is_empty = usable == 0 && unusable == 0;
        let undecodable: BTreeSet<String> = undecodable.into_iter().collect();
        let decoded = records.chunk_by(|a, b| a.id == b.id).count();
        let beside = |id: &&String| {
            records.binary_search_by(|record| record.id.as_str().cmp(id.as_str())).is_ok()
        };
        let listed = decoded + undecodable.len() - undecodable.iter().filter(beside).count();
        let listed = listed + recognised.len();
        let samples = samples.into_iter().map(|(_, record)| record).collect();
        let recognised = Recognised { known, ids: recognised.into(), samples };
        List {
            kind,
            recognised,
            listed: listed as u64,
            duplicates: (usable - listed) as u64,
            records,
            signatures: Arc::new(shared.signatures),
            undecodable,
            rejected,
            unusable,
            is_empty,
            incomplete,
        }
    }
}

/// Formats an `error` that is neither null nor an empty string, for people: the string, or only its
/// `code` and `message`, shortened, never the body.
pub fn said_error(raw: Raw<'_>) -> Option<String> {
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
    let said = ["code", "message"].into_iter().filter_map(|name| {
        let raw = fields.iter().find(|(key, _)| key == name)?.1.get();
        (!raw.starts_with(['{', '['])).then(|| quoted(raw.trim_matches('"')))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "of an unknown form".into() } else { said.join(", ") }
}

/// Formats the body's `warning` as one line.
pub fn said_warning(raw: Raw<'_>) -> Option<String> {
    let said = |raw: Raw<'_>| raw.text().map(|text| quoted(&text));
    if let Some(said) = said(raw) {
        return Some(said).filter(|said| !said.is_empty());
    }
    let fields = pairs(raw.get())?;
    let of = |name: &str| {
        let (_, raw) = fields.iter().find(|(key, _)| key == name)?;
        said(*raw).filter(|said| !said.is_empty())
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
        let alone = decode_saved(br#" {"avatars":[],"talking_photos":[]}"#, &Arc::default());
        assert!(alone.is_ok_and(|answer| answer.is_some()));
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
