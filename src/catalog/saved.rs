//! Decodes answers of the API that users saved: a response of v2 or its `data`, a page of v3, an
//! array of pages, an array of their records; as UTF-8 or UTF-16.
//!
//! A file is complete if it is a response of v2, or pages of which the last states that it is the last;
//! for voices, pages of both types. An item that is not in an incomplete file is not known to be missing.

use std::{borrow::Cow, collections::BTreeSet, io::Cursor, sync::Arc};

use super::{
    body::{Document, MARK, array, json, missing, object, unreadable},
    catalogue::Catalogue,
    json::Raw,
    list::Answer,
    pages::{Pages, finish},
    recognition::Recognition,
    stripped::Bodies,
    v2,
    value::pairs,
};
use crate::{
    error::{Error, Result},
    words::counted,
};

/// The contents of a file.
#[derive(Debug)]
pub struct Saved {
    /// The catalogue that it lists.
    pub catalogue: Catalogue,
    /// The answer.
    pub answer: Answer,
    /// The form of the answer.
    pub form: Form,
    /// The bodies for the archive, if they are wanted.
    pub bodies: Option<Bodies>,
    /// Why it may lack records, if so; the lists of the answer are not marked yet.
    pub incomplete: Option<String>,
}

/// The forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two lists, as in v2.
    Lists,
    /// Records of one list, as in the pages of v3.
    Pages,
}

/// Decodes a file, which must be of `catalogue` if that is given. `keep` is whether to return its
/// bodies for the archive. A response of v2 in UTF-8 that is not kept is decoded while it is read.
///
/// # Errors
/// [`crate::error::Kind::NotACatalogue`] if it is not a catalogue (rule 11),
/// [`crate::error::Kind::Usage`] if its records do not show which one, or show another one than
/// `catalogue`, and [`crate::error::Kind::Storage`] if it cannot be read.
pub fn decode(
    file: &mut impl Document,
    catalogue: Option<Catalogue>,
    keep: bool,
    known: &Arc<Recognition>,
) -> Result<Saved> {
    let streams = !keep && is_utf8_object(file)?;
    let mut answer = if streams { v2::decode_saved(file, known)? } else { None };
    let mut whole = vec![];
    if answer.is_none() {
        file.restart().and_then(|()| file.read_to_end(&mut whole)).map_err(unreadable)?;
    }
    let text = utf8(&whole)?;
    let start = text.strip_prefix(MARK).unwrap_or(&text).trim_ascii_start();
    if start.starts_with(b"[") {
        return elements(json(&text)?, catalogue, keep, known);
    }
    if !streams {
        answer = v2::decode_saved(&mut Cursor::new(&text), known)?;
    }
    let Some(answer) = answer else { return pages(&[json(&text)?], catalogue, keep, known) };
    let catalogue = confirmed_catalogue(Catalogue::Avatars, catalogue)?;
    let bodies = keep.then(|| Bodies::whole(text.into_owned()));
    Ok(Saved { catalogue, answer, form: Form::Lists, bodies, incomplete: None })
}

/// Returns whether a file is an object in UTF-8, judging by its first characters.
fn is_utf8_object(file: &mut impl Document) -> Result<bool> {
    file.restart().map_err(unreadable)?;
    let start = file.fill_buf().map_err(unreadable)?;
    let text = start.strip_prefix(MARK).unwrap_or(start).trim_ascii_start();
    Ok(text.starts_with(b"{") && utf16(start).is_none())
}

/// Decodes an array of pages or of records.
fn elements(
    raw: &str,
    catalogue: Option<Catalogue>,
    keep: bool,
    known: &Arc<Recognition>,
) -> Result<Saved> {
    let elements = array(Raw::of(raw), "the file")?;
    if elements.is_empty() {
        return Err(Error::not_a_catalogue("an empty array is not a list"));
    }
    if elements.iter().any(|element| is_page(element.get())) {
        let bodies: Vec<&str> = elements.iter().map(|element| element.get()).collect();
        return pages(&bodies, catalogue, keep, known);
    }
    let body = format!(r#"{{"data":{raw},"has_more":false}}"#);
    let mut saved = pages(&[&body], catalogue, keep, known)?;
    saved.incomplete = Some("the file has records, but no page that is marked as the last".into());
    Ok(saved)
}

fn pages(
    bodies: &[&str],
    requested: Option<Catalogue>,
    keep: bool,
    known: &Arc<Recognition>,
) -> Result<Saved> {
    let mut holds = None;
    for body in bodies {
        holds = holds.max(records(body)?);
    }
    let catalogue = match holds {
        Some(RecordType::Records(catalogue)) => confirmed_catalogue(catalogue, requested)?,
        Some(RecordType::OldRecords) => {
            return Err(Error::not_a_catalogue(
                "records of v2 alone are not a catalogue: it has both lists, as in the API's \
                 answer",
            ));
        }
        None => requested.ok_or_else(|| {
            Error::usage("no record shows which catalogue this is; name it with --catalogue")
        })?,
    };
    let mut pages = Pages::new(catalogue, known);
    for body in bodies {
        pages.add(body.as_bytes())?;
    }
    let answer = finish(catalogue, pages, bodies.iter().map(|body| body.as_bytes()))?;
    let incomplete = lacks_an_end(catalogue, bodies).map(str::to_owned);
    let parts = || bodies.iter().map(|body| body.as_bytes().to_vec()).collect();
    let bodies = keep.then(|| Bodies::pages(parts(), None));
    Ok(Saved { catalogue, answer, form: Form::Pages, bodies, incomplete })
}

/// Returns the catalogue that a file contains; fails if another one was asked for.
fn confirmed_catalogue(shown: Catalogue, requested: Option<Catalogue>) -> Result<Catalogue> {
    match requested {
        Some(requested) if requested != shown => {
            Err(Error::usage(format!("the file lists {shown}, not {requested}")))
        }
        _ => Ok(shown),
    }
}

/// Returns why pages may lack records, if so. Voices are two lists, and each needs its last page.
fn lacks_an_end(catalogue: Catalogue, bodies: &[&str]) -> Option<&'static str> {
    if !bodies.last().is_some_and(|last| is_marked_last(last)) {
        return Some("the file's last page does not have has_more: false");
    }
    let ends: BTreeSet<Option<String>> =
        bodies.iter().filter(|body| is_marked_last(body)).map(|body| type_of(body)).collect();
    (catalogue == Catalogue::Voices && ends.len() < 2).then_some(
        "the file does not contain the last pages of both lists, public and private voices",
    )
}

/// Returns the type of the first voice of a page; `None` if there is none.
fn type_of(page: &str) -> Option<String> {
    let top = pairs(page)?;
    let data = top.iter().find(|(key, _)| key == "data")?.1;
    let records = array(data, "data").ok()?;
    let fields = pairs(records.first()?.get())?;
    let (_, raw) = fields.iter().find(|(key, _)| key == "type")?;
    Some(raw.get().to_owned())
}

/// The type of records; if a file has several, the greatest one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RecordType {
    OldRecords,
    Records(Catalogue),
}

/// Returns the type of a page's records, if they have a field that only this type has.
fn records(page: &str) -> Result<Option<RecordType>> {
    let top = object(page, "the page")?;
    let data = top.iter().find(|(key, _)| key == "data").map(|(_, raw)| *raw);
    let records = array(data.ok_or_else(|| missing("data"))?, "data")?;
    let of = |record: &Raw<'_>| {
        let fields = pairs(record.get())?;
        fields.iter().filter_map(|(name, _)| shown_by(name)).max()
    };
    Ok(records.iter().filter_map(of).max())
}

fn shown_by(field: &str) -> Option<RecordType> {
    match field {
        "avatar_type" => Some(RecordType::Records(Catalogue::Avatars)),
        "voice_id" => Some(RecordType::Records(Catalogue::Voices)),
        "looks_count" => Some(RecordType::Records(Catalogue::AvatarGroups)),
        "avatar_id" | "talking_photo_id" => Some(RecordType::OldRecords),
        _ => None,
    }
}

/// Returns whether the value is an object whose `data` is an array.
fn is_page(raw: &str) -> bool {
    let top = pairs(raw).unwrap_or_default();
    top.iter().any(|(key, raw)| key == "data" && raw.get().starts_with('['))
}

fn is_marked_last(page: &str) -> bool {
    let top = pairs(page).unwrap_or_default();
    top.iter().any(|(key, raw)| key == "has_more" && raw.get() == "false")
}

/// Converts the file to UTF-8. UTF-16 is detected by its byte-order mark, or by the zero byte of
/// its first character, which is always ASCII in JSON.
///
/// # Errors
/// [`crate::error::Kind::NotACatalogue`] if UTF-16 ends with half a unit.
pub fn utf8(file: &[u8]) -> Result<Cow<'_, [u8]>> {
    let Some((units, pair)) = utf16(file) else { return Ok(Cow::Borrowed(file)) };
    let (pairs, rest) = units.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::not_a_catalogue(format!(
            "the answer is not JSON (it is cut off after {} of UTF-16)",
            counted(file.len() as u64, "byte", "bytes")
        )));
    }
    let units = pairs.iter().map(|two| pair(*two));
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Ok(Cow::Owned(text.collect::<String>().into_bytes()))
}

/// The units of a file in UTF-16, and how to read one.
type Utf16<'a> = (&'a [u8], fn([u8; 2]) -> u16);

/// Returns a file as UTF-16; `None` for any other file.
fn utf16(file: &[u8]) -> Option<Utf16<'_>> {
    match file {
        [0xFF, 0xFE, rest @ ..] => Some((rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some((rest, u16::from_be_bytes)),
        [0, low, ..] if *low != 0 => Some((file, u16::from_be_bytes)),
        [low, 0, ..] if *low != 0 => Some((file, u16::from_le_bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const LOOK: &str = r#"{"id":"a","name":"É \ud83d\ude00","avatar_type":"digital_twin"}"#;
    const PHOTO: &str = r#"{"id":"p","avatar_type":"photo_avatar"}"#;

    fn read(text: &str) -> Saved {
        decode(&mut Cursor::new(text), None, true, &Arc::default()).unwrap()
    }

    fn listed(saved: &Saved) -> (u64, u64, bool) {
        let Saved { answer, incomplete, .. } = saved;
        (answer.lists[0].listed, answer.lists[1].listed, incomplete.is_none())
    }

    #[test]
    fn pages_are_read_and_whole_is_only_what_says_so() {
        let page = |looks: &str, rest: &str| format!(r#"{{"data":[{looks}]{rest}}}"#);
        let last = page(PHOTO, r#","has_more":false"#);
        let first = page(LOOK, r#","has_more":true,"next_token":"t""#);
        assert_eq!(listed(&read(&last)), (0, 1, true));
        assert_eq!(listed(&read(&first)), (1, 0, false));
        assert_eq!(listed(&read(&page(LOOK, ""))), (1, 0, false));
        assert_eq!(listed(&read(&page(LOOK, r#","next_token":null"#))), (1, 0, false));
        assert_eq!(listed(&read(&format!("[{first},{last}]"))), (1, 1, true));
        assert_eq!(listed(&read(&format!("[{last},{first}]"))), (1, 1, false));
        assert_eq!(listed(&read(&format!("[{LOOK},{PHOTO}]"))), (1, 1, false));
        assert_eq!(read(&last).form, Form::Pages);
        let v2 = r#"{"avatars":[{"avatar_id":"a"}],"talking_photos":[]}"#;
        assert_eq!((listed(&read(v2)), read(v2).form), ((1, 0, true), Form::Lists));
    }

    #[test]
    fn what_an_archive_keeps_reads_as_the_file_did() {
        for text in [format!("[{LOOK},{PHOTO}]"), format!(r#"[{{"data":[{LOOK}]}}]"#)] {
            let saved = read(&text);
            let kept = saved.bodies.unwrap().stripped().unwrap();
            let again = super::super::pages::read(Catalogue::Avatars, kept.as_bytes()).unwrap();
            assert_eq!(again.ids(), saved.answer.ids());
        }
    }

    #[test]
    fn records_that_show_nothing_or_something_else_are_refused() {
        let kind = |text: &str| {
            decode(&mut Cursor::new(text), None, true, &Arc::default()).unwrap_err().kind
        };
        for text in ["[]", r#"[{"avatar_id":"a"}]"#, r#"[{"talking_photo_id":"a"}]"#, "7"] {
            assert_eq!(kind(text), Kind::NotACatalogue, "{text}");
        }
        for text in [r#"[{"id":"a"}]"#, r#"[7]"#, r#"{"data":[]}"#] {
            assert_eq!(kind(text), Kind::Usage, "{text}");
        }
        let mixed = format!(r#"[{LOOK},{{"data":[]}}]"#);
        assert_eq!(kind(&mixed), Kind::NotACatalogue);
    }

    #[test]
    fn records_show_their_catalogue_and_voices_are_two_lists() {
        let of = |text: &str, requested| {
            decode(&mut Cursor::new(text), requested, true, &Arc::default())
        };
        let groups = of(r#"[{"id":"g","looks_count":2}]"#, None).unwrap();
        assert_eq!((groups.catalogue, groups.answer.lists.len()), (Catalogue::AvatarGroups, 1));
        let page = |kind: &str| {
            format!(r#"{{"data":[{{"voice_id":"{kind}","type":"{kind}"}}],"has_more":false}}"#)
        };
        let (public, private) = (page("public"), page("private"));
        let empty = r#"{"data":[],"has_more":false}"#;
        for (text, whole) in [
            (public.clone(), false),
            (format!("[{public},{public}]"), false),
            (format!("[{public},{private}]"), true),
            (format!("[{public},{empty}]"), true),
        ] {
            let saved = of(&text, None).unwrap();
            assert_eq!(
                (saved.catalogue, saved.incomplete.is_none()),
                (Catalogue::Voices, whole),
                "{text}"
            );
        }
        let requested = of(empty, Some(Catalogue::AvatarGroups)).unwrap();
        assert_eq!((requested.catalogue, requested.incomplete), (Catalogue::AvatarGroups, None));
        assert_eq!(of(&public, Some(Catalogue::Avatars)).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_byte_order_mark() {
        let text = format!("[{LOOK}]").replace(r"\ud83d\ude00", "😀");
        let plain = read(&text).answer.lists[0].records[0].to_json();
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        for file in [
            little.clone(),
            big.clone(),
            marked(b"\xFF\xFE", &little),
            marked(b"\xFE\xFF", &big),
            marked(b"\xEF\xBB\xBF", text.as_bytes()),
        ] {
            assert_eq!(
                decode(&mut Cursor::new(&file), None, true, &Arc::default()).unwrap().answer.lists
                    [0]
                .records[0]
                    .to_json(),
                plain
            );
        }
        assert!(
            decode(&mut Cursor::new(&little[..little.len() - 1]), None, true, &Arc::default())
                .unwrap_err()
                .message
                .contains("cut off")
        );
    }
}
