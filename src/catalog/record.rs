//! One record of a list: its raw JSON → an id, fields, nulls and signed links.
//!
//! Each record is decoded on its own, so that a bad one does not affect the others (rule 7).

use std::{borrow::Cow, sync::Arc};

use super::{
    fingerprint::Fingerprint,
    item::{FieldName, Fields, Names},
    json::Raw,
    json_type::JsonType,
    kind::{Kind, Preview},
    shape::Shape,
    signatures::{SignaturePlace, Signatures},
    signed_url,
    value::{Object, Sort, TooDeep, Value, object_json},
};
use crate::time::Timestamp;

pub use super::signatures::SignedUrl;

/// The longest usable id, in bytes.
pub const MAX_ID: usize = 1024;

/// A signed preview URL of a record. The value of its field is the URL without the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The field that contains it.
    pub preview: &'static Preview,
    /// The place of its signature among those of the list.
    pub signature: SignaturePlace,
    /// When it expires, if that is known.
    pub expires_at: Option<Timestamp>,
}

/// A decoded record with a usable id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The item's id.
    pub id: String,
    /// The fields that are not null, without the id.
    pub fields: Fields,
    /// The fields that are present and null. Most records of a list have the same ones, and share them.
    pub nulls: Arc<[FieldName]>,
    /// The fields whose value is a number in the answer and is stored as text (rule 5).
    pub numbers_as_text: Box<[FieldName]>,
    /// The signed preview URLs.
    pub links: Box<[Link]>,
    /// The fingerprint, by which the record is recognised in the next answer.
    pub fingerprint: Option<Fingerprint>,
}

/// The data that the records of a list share.
#[derive(Debug, Default)]
pub struct Shared {
    names: Names,
    nulls: Names,
    /// The signatures of their links.
    pub signatures: Signatures,
}

/// The result of decoding one raw record.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// The decoded record.
    Record(Record),
    /// Only the id is usable: the item is listed and keeps its last state.
    Undecodable(String),
    /// Not even the id is usable: the record might be any item.
    Unusable,
    /// The record is recognised: it has not changed since its item was last read. Only its id was
    /// decoded, unless it is a sample.
    Unchanged {
        /// The item's id.
        id: String,
        /// Its shape and the decoded record, if it is the first one of that shape by id so far.
        sample: Option<Box<(Shape, Record)>>,
    },
}

/// The field names of one version of the API, the only difference between versions when a record is
/// decoded.
#[derive(Debug, Clone, Copy)]
pub struct ApiNames {
    /// The field that contains the id.
    pub id: &'static str,
    /// Fields that have another name in the tables: (the API's name, ours). Fields with the same
    /// name may be included, so that the name is not copied for each record.
    pub renamed: &'static [(&'static str, &'static str)],
}

impl ApiNames {
    /// Returns whether a field is ignored because another field of the record has its name in the
    /// tables: the documented field takes precedence.
    fn is_shadowed(&self, name: &str, pairs: &Object<'_>) -> bool {
        let shadows = |theirs: &str| theirs != name && pairs.iter().any(|(key, _)| key == theirs);
        self.renamed.iter().any(|(theirs, ours)| *ours == name && shadows(theirs))
    }

    /// Returns the API's name of the field that is called `ours` in the tables.
    pub(super) fn name_of(&self, ours: &'static str) -> &'static str {
        let renamed = self.renamed.iter().find(|(_, name)| *name == ours);
        renamed.map_or(ours, |(theirs, _)| theirs)
    }

    fn field(&self, kind: Kind, name: &str) -> FieldName {
        let ours = self.renamed.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
        ours.map_or_else(|| kind.field(name), FieldName::Borrowed)
    }
}

/// Returns the id of a record, given as pairs, if it is usable.
pub(super) fn usable_id<'a>(pairs: &Object<'a>, dialect: &ApiNames) -> Option<Cow<'a, str>> {
    let id = pairs.iter().find(|(key, _)| key == dialect.id).and_then(|(_, id)| id.text());
    id.filter(|id| (1..=MAX_ID).contains(&id.len()))
}

/// Decodes a record of a list of `kind`, given as pairs.
pub(super) fn decode(
    pairs: &Object<'_>,
    kind: Kind,
    dialect: &ApiNames,
    shared: &mut Shared,
) -> Decoded {
    let Some(id) = usable_id(pairs, dialect) else { return Decoded::Unusable };
    let fields = Vec::with_capacity(pairs.len());
    let mut record = Builder { previews: kind.previews, fields, ..Default::default() };
    let is_kept = |key: &str| key != dialect.id && !dialect.is_shadowed(key, pairs);
    for (key, raw) in pairs.iter().filter(|(key, _)| is_kept(key)) {
        let name = dialect.field(kind, key);
        if record.add(name, *raw, &mut shared.signatures).is_err() {
            return Decoded::Undecodable(id.into());
        }
    }
    Decoded::Record(record.finish(id.into(), shared))
}

#[derive(Default)]
struct Builder<'a> {
    previews: &'static [Preview],
    fields: Vec<(FieldName, Value<'a>)>,
    nulls: Vec<FieldName>,
    numbers_as_text: Vec<FieldName>,
    links: Vec<Link>,
}

impl<'a> Builder<'a> {
    fn add(
        &mut self,
        name: FieldName,
        raw: Raw<'a>,
        signatures: &mut Signatures,
    ) -> Result<(), TooDeep> {
        let value = match raw.text() {
            Some(text) => self.text(&name, text, signatures),
            None => Value::read(raw, 1)?,
        };
        match value.sort() {
            Sort::Text if JsonType::of_raw(raw.get()) == Some(JsonType::Number) => {
                self.numbers_as_text.push(name.clone());
                self.fields.push((name, value));
            }
            Sort::Null => self.nulls.push(name),
            _ => self.fields.push((name, value)),
        }
        Ok(())
    }

    /// Returns the text without its signature; the signed URL of a preview also becomes a link.
    fn text(&mut self, name: &str, text: Cow<'a, str>, signatures: &mut Signatures) -> Value<'a> {
        let Some(signed) = signed_url::parse(&text) else { return Value::text(text) };
        if let Some(preview) = self.previews.iter().find(|preview| preview.field == name)
            && let Some(signature) = signatures.keep(&signed.canonical, &signed.url)
        {
            self.links.push(Link { preview, signature, expires_at: signed.expires_at });
        }
        Value::text(signed.canonical)
    }

    fn finish(self, id: String, shared: &mut Shared) -> Record {
        let Self { previews: _, fields, nulls, numbers_as_text, links } = self;
        Record {
            id,
            fields: Fields::new(fields, Some(&mut shared.names)),
            nulls: shared.nulls.shared(nulls.iter()),
            numbers_as_text: numbers_as_text.into(),
            links: links.into(),
            fingerprint: None,
        }
    }
}

impl Record {
    /// Returns the canonical URL of a link of the record.
    pub fn canonical(&self, link: &Link) -> Option<&str> {
        self.fields.text(link.preview.field)
    }

    /// Returns whether the record has the field, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some() || self.nulls.iter().any(|null| null == name)
    }

    /// Returns the names of all the record's fields, null or not, except the id's.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        self.fields.iter().map(|(name, _)| name).chain(self.nulls.iter())
    }

    /// Returns the JSON type of the field's value in the answer; `None` if it is null or absent.
    pub fn json_type(&self, name: &str) -> Option<JsonType> {
        if self.numbers_as_text.iter().any(|number| number == name) {
            return Some(JsonType::Number);
        }
        self.fields.get(name).map(|value| JsonType::of(&value))
    }

    /// Returns the record as canonical JSON, including nulls, by which unequal copies are ordered.
    pub fn to_json(&self) -> String {
        let mut all: Vec<(&FieldName, Value<'_>)> = self.fields.iter().collect();
        all.extend(self.nulls.iter().map(|name| (name, Value::NULL)));
        all.sort_by_key(|(name, _)| *name);
        object_json(all)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::value::pairs, *};

    const V2: ApiNames = ApiNames { id: "avatar_id", renamed: &[] };

    fn read(json: &str) -> Decoded {
        let Some(pairs) = pairs(json) else { return Decoded::Unusable };
        decode(&pairs, Kind::AVATAR, &V2, &mut Shared::default())
    }

    #[test]
    fn null_and_absent_are_told_apart() {
        let Decoded::Record(record) = read(r#"{"avatar_id":"a","tags":null,"gender":"x"}"#) else {
            panic!("reads");
        };
        assert!(record.has("tags") && record.has("gender") && !record.has("type"));
        assert_eq!(record.fields.get("tags"), None);
        assert_eq!(record.to_json(), r#"{"gender":"x","tags":null}"#);
    }

    #[test]
    fn a_documented_name_stands_before_one_that_only_has_the_tables_name() {
        let renamed = &[("name", "avatar_name"), ("gender", "gender")];
        let dialect = ApiNames { id: "id", renamed };
        let mut shared = Shared::default();
        let mut read =
            |json: &str| match decode(&pairs(json).unwrap(), Kind::AVATAR, &dialect, &mut shared) {
                Decoded::Record(record) => record.to_json(),
                other => panic!("{other:?}"),
            };
        assert_eq!(read(r#"{"id":"a","avatar_name":1e400,"name":"B"}"#), r#"{"avatar_name":"B"}"#);
        assert_eq!(read(r#"{"id":"a","avatar_name":"A","name":null}"#), r#"{"avatar_name":null}"#);
        assert_eq!(
            read(r#"{"id":"a","avatar_name":"A","gender":"x"}"#),
            r#"{"avatar_name":"A","gender":"x"}"#
        );
    }

    #[test]
    fn a_record_without_a_usable_id_might_be_any_item() {
        let long = format!(r#"{{"avatar_id":"{}"}}"#, "x".repeat(MAX_ID + 1));
        for raw in ["7", "[]", "null", "{}", r#"{"avatar_id":""}"#, r#"{"avatar_id":7}"#, &long] {
            assert_eq!(read(raw), Decoded::Unusable, "{raw}");
        }
        let longest = format!(r#"{{"avatar_id":"{}"}}"#, "x".repeat(MAX_ID));
        assert!(matches!(read(&longest), Decoded::Record(_)));
    }

    #[test]
    fn a_record_nested_too_deep_is_still_listed() {
        let deep = format!(r#"{{"x":{}{},"avatar_id":"a"}}"#, "[".repeat(128), "]".repeat(128));
        assert_eq!(read(&deep), Decoded::Undecodable("a".into()));
    }

    #[test]
    fn a_huge_number_is_kept_as_text_and_stays_a_number_by_type() {
        let Decoded::Record(record) = read(r#"{"avatar_id":"a","n":1e400,"m":"1e400"}"#) else {
            panic!("reads");
        };
        assert_eq!(record.json_type("n"), Some(JsonType::Number));
        assert_eq!(record.json_type("m"), Some(JsonType::String));
        assert_eq!(record.fields.get("n"), record.fields.get("m"));
    }

    #[test]
    fn a_signed_link_is_kept_apart_and_never_prints() {
        let url = "https://h/x.webp?Expires=1759603506&Signature=s~-_&Key-Pair-Id=K1";
        let Decoded::Record(record) =
            read(&format!(r#"{{"avatar_id":"a","preview_image_url":"{url}","b":["{url}"]}}"#))
        else {
            panic!("reads");
        };
        assert_eq!(record.canonical(&record.links[0]), Some("https://h/x.webp"));
        assert!(!format!("{record:?}").contains("s~-_"));
    }
}
