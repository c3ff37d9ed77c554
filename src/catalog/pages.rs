//! The pages of a v3 answer → the same two lists as those of v2, each look on its own.
//!
//! One list of looks holds both kinds: `photo_avatar` are talking photos, all else are avatars.
//! Which page to ask for next, and when to stop asking, is decided elsewhere.

use serde_json::value::RawValue;

use super::{
    kind::{ByKind, Kind},
    list::{Answer, ListBuilder, Object, array, json, missing, object, said_error, said_warning},
    record::{Decoded, Dialect},
    value::{pairs, text},
};
use crate::error::{Error, Result};

/// The looks of the pages read so far.
#[derive(Debug)]
pub struct Pages {
    lists: ByKind<ListBuilder>,
    warning: Option<String>,
    looks: u64,
    /// Looks that tell neither an id nor a kind.
    strays: u64,
}

/// What one page says besides its looks.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// How many looks it had.
    pub looks: usize,
    /// What follows it.
    pub next: Next,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The page with this cursor.
    Page(String),
    /// Nothing: it is the last.
    End,
    /// It has neither `has_more` nor `next_token`: it is taken for the last, and the list may not
    /// be whole.
    Unknown,
}

/// The documented fields of a look, so that no record needs a copy of their names. `name` has a
/// column under another name; `avatar_type` has none, and never is `type`.
const fn documented(name: &'static str) -> [(&'static str, &'static str); 15] {
    [
        ("name", name),
        ("avatar_type", "avatar_type"),
        ("group_id", "group_id"),
        ("gender", "gender"),
        ("preview_image_url", "preview_image_url"),
        ("preview_video_url", "preview_video_url"),
        ("default_voice_id", "default_voice_id"),
        ("image_width", "image_width"),
        ("image_height", "image_height"),
        ("preferred_orientation", "preferred_orientation"),
        ("status", "status"),
        ("error", "error"),
        ("tags", "tags"),
        ("supported_api_engines", "supported_api_engines"),
        ("premium", "premium"),
    ]
}

/// The kinds that the looks of v3 are, each with its names of the fields.
static DOCUMENTED: [(Kind, [(&str, &str); 15]); 2] = [
    (Kind::AVATAR, documented("avatar_name")),
    (Kind::TALKING_PHOTO, documented("talking_photo_name")),
];

fn v3(kind: Kind) -> Dialect {
    let names = DOCUMENTED.iter().find(|(one, _)| *one == kind);
    Dialect { id: "id", renamed: names.map_or(&[], |(_, names)| names) }
}

impl Pages {
    /// No page yet.
    pub fn new() -> Self {
        Self {
            lists: DOCUMENTED.iter().map(|(kind, _)| (*kind, ListBuilder::new(*kind))).collect(),
            warning: None,
            looks: 0,
            strays: 0,
        }
    }

    /// Adds the looks of one response of `GET /v3/avatars/looks`.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotACatalogue`]: it is no page of a list (rule 11), or it says that
    /// there are more without saying where.
    pub fn add(&mut self, body: &[u8]) -> Result<Page> {
        let top = object(json(body)?, "the answer")?;
        if let Some(error) = field(&top, "error").and_then(said_error) {
            return Err(Error::not_a_catalogue(format!("the answer is an error: {error}")));
        }
        let looks = array(field(&top, "data").ok_or_else(|| missing("data"))?, "data")?;
        let next = next(&top)?;
        for look in &looks {
            self.push(look);
        }
        self.looks += looks.len() as u64;
        if self.warning.is_none() {
            self.warning = field(&top, "warning").and_then(said_warning);
        }
        Ok(Page { looks: looks.len(), next })
    }

    fn push(&mut self, raw: &RawValue) {
        let Ok(pairs) = pairs(raw.get()) else { return self.stray() };
        let kind = field(&pairs, "avatar_type").and_then(kind);
        let assumed = kind.unwrap_or(Kind::AVATAR);
        let list = self.list(assumed);
        match list.decode(&pairs, &v3(assumed)) {
            Decoded::Unusable if kind.is_none() => self.stray(),
            look => list.push(look),
        }
    }

    /// It is counted once, among the avatars, and might be any item of either list.
    fn stray(&mut self) {
        self.strays += 1;
        self.list(Kind::AVATAR).push(Decoded::Unusable);
    }

    fn list(&mut self, kind: Kind) -> &mut ListBuilder {
        self.lists.entry(kind).or_insert_with(|| ListBuilder::new(kind))
    }

    /// How many looks came so far, repeats included.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// The lists, sorted and counted.
    pub fn finish(self) -> Answer {
        let Self { mut lists, warning, looks: _, strays } = self;
        if strays > 0 {
            let list = lists.get_mut(&Kind::TALKING_PHOTO);
            let why = format!(
                "{strays} looks have neither a usable id nor a kind and might be any of them"
            );
            list.into_iter().for_each(|list| list.incomplete(why.clone()));
        }
        Answer { lists: lists.into_values().map(ListBuilder::finish).collect(), warning }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

/// Decodes what an archive kept of the pages, as one: see [`super::stripped`].
///
/// # Errors
/// [`crate::error::Kind::NotACatalogue`] for anything else.
pub fn read(stripped: &[u8]) -> Result<Answer> {
    let mut pages = Pages::new();
    pages.add(stripped)?;
    let mut answer = pages.finish();
    let top = object(json(stripped)?, "the answer")?;
    if let Some(why) = field(&top, "incomplete") {
        answer.incomplete(&text(why.get()));
    }
    Ok(answer)
}

fn field<'a>(object: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    object.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw)
}

/// The kind that an `avatar_type` means; `None` when it is no text.
fn kind(raw: &RawValue) -> Option<Kind> {
    let raw = raw.get();
    raw.starts_with('"').then(|| match text(raw).as_ref() {
        "photo_avatar" => Kind::TALKING_PHOTO,
        _ => Kind::AVATAR,
    })
}

/// `has_more` decides where it is given, else `next_token`.
fn next(top: &Object<'_>) -> Result<Next> {
    let more = field(top, "has_more").map(RawValue::get).filter(|more| *more != "null");
    let token = field(top, "next_token").map(RawValue::get);
    let cursor = token.filter(|raw| raw.starts_with('"')).map(|raw| text(raw).into_owned());
    let cursor = cursor.filter(|cursor| !cursor.is_empty()).map(Next::Page);
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
        let mut pages = Pages::new();
        pages.add(format!(r#"{{"data":[{looks}],"has_more":false}}"#).as_bytes()).unwrap();
        pages.finish()
    }

    #[test]
    fn the_kind_comes_from_the_avatar_type_which_is_never_the_type() {
        let answer = read(
            r#"{"id":"a","name":"A","avatar_type":"digital_twin"},{"id":"b","name":"B",
               "avatar_type":"photo_avatar"},{"id":"c","avatar_id":"x"}"#,
        );
        let said = |list: &crate::catalog::list::List| {
            list.records.iter().map(|look| look.id.clone() + &look.to_json()).collect::<Vec<_>>()
        };
        assert_eq!(
            said(&answer.lists[0]),
            [r#"a{"avatar_name":"A","avatar_type":"digital_twin"}"#, r#"c{"avatar_id":"x"}"#,]
        );
        assert_eq!(
            said(&answer.lists[1]),
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
    fn what_is_no_page_is_refused_and_adds_nothing() {
        let mut pages = Pages::new();
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
            assert!(Pages::new().add(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_cursor_is_told_while_there_is_more() {
        let mut pages = Pages::new();
        let first = r#"{"data":[],"has_more":true,"next_token":"a/\u002b="}"#;
        assert_eq!(
            pages.add(first.as_bytes()),
            Ok(Page { looks: 0, next: Next::Page("a/+=".into()) })
        );
        let last = r#"{"data":[{"id":"a"}],"has_more":false,"next_token":"b"}"#;
        assert_eq!(pages.add(last.as_bytes()), Ok(Page { looks: 1, next: Next::End }));
        assert_eq!(pages.looks(), 1);
    }

    #[test]
    fn has_more_decides_where_it_is_given_and_else_the_cursor() {
        let next = |rest: &str| {
            let body = format!(r#"{{"data":[]{rest}}}"#);
            Pages::new().add(body.as_bytes()).unwrap().next
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
