//! Decodes the pages of a v3 answer into the lists of a catalogue, each record on its own.
//!
//! The list of looks contains two kinds: `photo_avatar` are talking photos, all others are avatars.
//! The other lists contain one kind each. Which page to request next, and when to stop, is decided
//! elsewhere.

use std::sync::Arc;

use super::{
    body::{error_text, is_not, json, missing, object, parse, warning_text},
    catalogue::Catalogue,
    json::{JsonReader, Malformed, Raw},
    kind::{ByKind, Kind},
    list::{Answer, ListBuilder, redecoded_if_copies},
    recognition::Recognition,
    record::{ApiNames, Decoded},
    value::{Object, read_pairs},
};
use crate::{
    error::{Error, Result},
    words::counted,
};

/// The records of the pages read so far.
#[derive(Debug)]
pub struct Pages {
    /// The kind of the records; `None` if each record states its own.
    kind: Option<Kind>,
    lists: ByKind<ListBuilder>,
    known: Arc<Recognition>,
    warning: Option<String>,
    records: u64,
    /// The number of looks that have neither a usable id nor a kind.
    of_unknown_kind: u64,
}

/// The contents of one page, except its records.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of its records.
    pub records: usize,
    /// What follows it.
    pub next: Next,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The page with this cursor.
    Page(String),
    /// Nothing: it is the last page.
    End,
    /// It has neither `has_more` nor `next_token`: it counts as the last page, and the list may be
    /// incomplete.
    Unknown,
}

/// Returns the names of a kind's fields in v3.
fn v3(kind: Kind) -> ApiNames {
    ApiNames { id: kind.id_in_v3, renamed: kind.names_in_v3 }
}

impl Pages {
    /// Creates the empty lists of `catalogue`; `known` is what their records are recognised by.
    pub fn new(catalogue: Catalogue, known: &Arc<Recognition>) -> Self {
        let kinds: Vec<Kind> = Kind::of(catalogue).collect();
        let kind = match kinds[..] {
            [one] => Some(one),
            _ => None,
        };
        let lists = kinds.into_iter().map(|kind| (kind, ListBuilder::new(kind, known))).collect();
        Self { kind, lists, known: known.clone(), warning: None, records: 0, of_unknown_kind: 0 }
    }

    /// Adds the records of one response.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotACatalogue`]: it is not a page of a list (rule 11), or it announces
    /// more pages without a cursor.
    pub fn add(&mut self, body: &[u8]) -> Result<Page> {
        let (mut top, mut data, mut records) = (Object::new(), None, vec![]);
        let is_object = parse(body, |reader| {
            reader.object(|key, reader| {
                if key == "data" {
                    records.clear();
                    let read = |reader: &mut JsonReader<'_>| {
                        records.push(self.read(reader)?);
                        Ok(())
                    };
                    data = Some(reader.array(read)?);
                } else {
                    top.push((key, reader.value()?));
                }
                Ok(())
            })
        })?;
        if !is_object {
            return Err(is_not("the answer", "object"));
        }
        if let Some(error) = field(&top, "error").and_then(error_text) {
            return Err(Error::not_a_catalogue(format!("the answer is an error: {error}")));
        }
        if !data.ok_or_else(|| missing("data"))? {
            return Err(is_not("`data`", "array"));
        }
        let page = Page { records: records.len(), next: next(&top)? };
        records.into_iter().for_each(|record| self.push(record));
        if self.warning.is_none() {
            self.warning = field(&top, "warning").and_then(warning_text);
        }
        Ok(page)
    }

    /// Reads a record and its kind; `None` for a look that has neither a usable id nor a kind.
    fn read(&mut self, reader: &mut JsonReader<'_>) -> Result<Option<(Kind, Decoded)>, Malformed> {
        let pairs = read_pairs(reader)?;
        if let Some(kind) = self.kind {
            let record = pairs.map(|pairs| self.list(kind).decode(&pairs, &v3(kind)));
            return Ok(Some((kind, record.unwrap_or(Decoded::Unusable))));
        }
        let Some(pairs) = pairs else { return Ok(None) };
        let kind = field(&pairs, "avatar_type").and_then(kind);
        let assumed = kind.unwrap_or(Kind::AVATAR);
        let look = self.list(assumed).decode(&pairs, &v3(assumed));
        Ok(Some((assumed, look)).filter(|(_, look)| kind.is_some() || *look != Decoded::Unusable))
    }

    fn push(&mut self, record: Option<(Kind, Decoded)>) {
        self.records += 1;
        match record {
            Some((kind, record)) => self.list(kind).push(record),
            None => self.push_of_unknown_kind(),
        }
    }

    /// Counts a look without id and kind once, among the avatars; it might be any item of either list.
    fn push_of_unknown_kind(&mut self) {
        self.of_unknown_kind += 1;
        self.list(Kind::AVATAR).push(Decoded::Unusable);
    }

    fn list(&mut self, kind: Kind) -> &mut ListBuilder {
        self.lists.entry(kind).or_insert_with(|| ListBuilder::new(kind, &self.known))
    }

    /// Returns the number of records so far, including repeated ones.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns the lists, sorted and counted.
    pub fn finish(self) -> Answer {
        let Self { mut lists, warning, of_unknown_kind, .. } = self;
        if of_unknown_kind > 0 {
            let list = lists.get_mut(&Kind::TALKING_PHOTO);
            let why = format!(
                "{} neither a usable id nor a kind and might be any of them",
                counted(of_unknown_kind, "look has", "looks have")
            );
            list.into_iter().for_each(|list| list.incomplete(why.clone()));
        }
        Answer { lists: lists.into_values().map(ListBuilder::finish).collect(), warning }
    }
}

/// Returns the lists of `pages`. If recognition is in doubt, decodes their `bodies` again without it.
///
/// # Errors
/// See [`Pages::add`].
pub fn finish<'a>(
    catalogue: Catalogue,
    pages: Pages,
    bodies: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<Answer> {
    let known = pages.known.clone();
    let mut pages = Some(pages);
    redecoded_if_copies(&known, |known| {
        if let Some(pages) = pages.take() {
            return Ok(pages.finish());
        }
        let mut pages = Pages::new(catalogue, known);
        bodies.clone().try_for_each(|body| pages.add(body).map(drop))?;
        Ok(pages.finish())
    })
}

/// Decodes the pages that an archive stored as one; see [`super::stripped`].
///
/// # Errors
/// [`crate::error::Kind::NotACatalogue`] for anything else.
pub fn read(catalogue: Catalogue, stripped: &[u8]) -> Result<Answer> {
    let mut pages = Pages::new(catalogue, &Arc::default());
    pages.add(stripped)?;
    let mut answer = pages.finish();
    let top = object(json(stripped)?, "the answer")?;
    if let Some(why) = field(&top, "incomplete").and_then(Raw::text) {
        answer.incomplete(&why);
    }
    Ok(answer)
}

/// Returns the value of a field; of a repeated key, the last one.
fn field<'a>(object: &Object<'a>, name: &str) -> Option<Raw<'a>> {
    object.iter().rfind(|(key, _)| key == name).map(|(_, raw)| *raw)
}

/// Returns the kind for an `avatar_type`; `None` if it is not a string.
fn kind(raw: Raw<'_>) -> Option<Kind> {
    let is_photo = raw.text()? == "photo_avatar";
    Some(if is_photo { Kind::TALKING_PHOTO } else { Kind::AVATAR })
}

/// Returns what follows a page: `has_more` decides if it is present, else `next_token`.
fn next(top: &Object<'_>) -> Result<Next> {
    let more = field(top, "has_more").map(Raw::get).filter(|more| *more != "null");
    let token = field(top, "next_token");
    let cursor = token.and_then(Raw::text).filter(|cursor| !cursor.is_empty());
    let cursor = cursor.map(|cursor| Next::Page(cursor.into_owned()));
    match more {
        Some("false") => Ok(Next::End),
        Some("true") => cursor.ok_or_else(|| {
            Error::not_a_catalogue("`has_more` is true, but there is no `next_token` to go on with")
        }),
        Some(_) => Err(Error::not_a_catalogue("`has_more` is neither true nor false")),
        None if token.is_none() => Ok(Next::Unknown),
        None => Ok(cursor.unwrap_or(Next::End)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(looks: &str) -> Answer {
        let mut pages = Pages::new(Catalogue::Avatars, &Arc::default());
        pages.add(format!(r#"{{"data":[{looks}],"has_more":false}}"#).as_bytes()).unwrap();
        pages.finish()
    }

    #[test]
    fn the_kind_comes_from_the_avatar_type_which_is_never_the_type() {
        let answer = read(
            r#"{"id":"a","name":"A","avatar_type":"digital_twin"},{"id":"b","name":"B",
               "avatar_type":"photo_avatar"},{"id":"c","avatar_id":"x"}"#,
        );
        let looks_of = |list: &crate::catalog::list::List| {
            list.records.iter().map(|look| look.id.clone() + &look.to_json()).collect::<Vec<_>>()
        };
        assert_eq!(
            looks_of(&answer.lists[0]),
            [r#"a{"avatar_name":"A","avatar_type":"digital_twin"}"#, r#"c{"avatar_id":"x"}"#,]
        );
        assert_eq!(
            looks_of(&answer.lists[1]),
            [r#"b{"avatar_type":"photo_avatar","talking_photo_name":"B"}"#]
        );
    }

    #[test]
    fn a_look_without_id_and_kind_is_counted_once_and_may_be_of_either_list() {
        let answer = read(r#"7,{"name":"x"},{"avatar_type":"photo_avatar"}"#);
        let [avatars, talking_photos] = &answer.lists[..] else { panic!() };
        assert_eq!((avatars.rejected, avatars.unusable), (2, 2));
        assert_eq!((talking_photos.rejected, talking_photos.unusable), (1, 1));
        assert!(talking_photos.incomplete.is_some());
        let photos = read(r#"{"avatar_type":"studio_avatar"}"#).lists.swap_remove(1);
        assert!(photos.incomplete.is_none() && photos.is_empty);
    }

    #[test]
    fn groups_and_voices_are_named_as_their_tables_are() {
        let read = |catalogue, record: &str| {
            let body = format!(r#"{{"data":[{record},7],"has_more":false}}"#);
            let mut pages = Pages::new(catalogue, &Arc::default());
            pages.add(body.as_bytes()).unwrap();
            let [list] = &pages.finish().lists[..] else { panic!() };
            assert_eq!((list.unusable, list.listed), (1, 1));
            list.records[0].id.clone() + &list.records[0].to_json()
        };
        let group = r#"{"id":"g","name":"Ann","looks_count":2,"group_id":"x"}"#;
        assert_eq!(
            read(Catalogue::AvatarGroups, group),
            r#"g{"group_id":"x","group_name":"Ann","looks_count":2}"#
        );
        let voice = r#"{"voice_id":"v","name":"Ann","type":"public","id":"x"}"#;
        assert_eq!(
            read(Catalogue::Voices, voice),
            r#"v{"id":"x","type":"public","voice_name":"Ann"}"#
        );
    }

    #[test]
    fn what_is_no_page_is_refused_and_adds_nothing() {
        let mut pages = Pages::new(Catalogue::Avatars, &Arc::default());
        for body in [
            "",
            "[]",
            "<html>",
            r#"{"data":[{"id":"a"}],"has_more":0,"next_token":"b"}"#,
            r#"{"data":[{"id":"a"}],"has_more":true}"#,
            r#"{"data":[{"id":"a"}],"has_more":true,"next_token":""}"#,
            r#"{"data":{"avatars":[],"talking_photos":[]},"has_more":false}"#,
            r#"{"data":null,"has_more":false}"#,
            r#"{"data":[],"has_more":false,"error":{"code":"forbidden"}}"#,
        ] {
            let refused = pages.add(body.as_bytes()).unwrap_err();
            assert_eq!(refused.kind, crate::error::Kind::NotACatalogue, "{body}");
        }
        assert!(pages.finish().lists[0].is_empty);
    }

    #[test]
    fn an_error_that_says_nothing_and_a_byte_order_mark_are_tolerated() {
        let empty = r#"{"error":null,"data":[],"has_more":false}"#;
        for body in [empty.into(), empty.replace("null", "\"\""), format!("\u{FEFF} {empty}\n")] {
            assert!(
                Pages::new(Catalogue::Avatars, &Arc::default()).add(body.as_bytes()).is_ok(),
                "{body}"
            );
        }
    }

    #[test]
    fn the_cursor_is_told_while_there_is_more() {
        let mut pages = Pages::new(Catalogue::Avatars, &Arc::default());
        let first = r#"{"data":[],"has_more":true,"next_token":"a/\u002b="}"#;
        assert_eq!(
            pages.add(first.as_bytes()),
            Ok(Page { records: 0, next: Next::Page("a/+=".into()) })
        );
        let last = r#"{"data":[{"id":"a"}],"has_more":false,"next_token":"b"}"#;
        assert_eq!(pages.add(last.as_bytes()), Ok(Page { records: 1, next: Next::End }));
        assert_eq!(pages.records(), 1);
    }

    #[test]
    fn has_more_decides_where_it_is_given_and_else_the_cursor() {
        let next = |rest: &str| {
            let body = format!(r#"{{"data":[]{rest}}}"#);
            Pages::new(Catalogue::Avatars, &Arc::default()).add(body.as_bytes()).unwrap().next
        };
        for rest in ["", r#","has_more":null"#] {
            assert_eq!(next(rest), Next::Unknown, "{rest}");
        }
        for rest in [r#","next_token":null"#, r#","next_token":"""#] {
            assert_eq!(next(rest), Next::End, "{rest}");
        }
        assert_eq!(next(r#","next_token":"t""#), Next::Page("t".into()));
    }
}
