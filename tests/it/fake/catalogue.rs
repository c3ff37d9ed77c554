//! The lists of the fake HeyGen and their form in v2.
//!
//! Records are stored unsigned, with their fields in the order of the real ones; signatures are
//! added when the list is sent. It is independent of HTTP. Another version of the API is another
//! form of the same records ([`Catalogue::listed`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// One of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `avatars`
    Avatar,
    /// `talking_photos`
    TalkingPhoto,
}

impl Kind {
    /// Returns the field of the name in v2.
    pub fn name_field(self) -> &'static str {
        match self {
            Self::Avatar => "avatar_name",
            Self::TalkingPhoto => "talking_photo_name",
        }
    }
}

/// One item as the fake stores it.
#[derive(Clone)]
pub struct Record {
    /// The id within the fake; the record's own id field may be set to something else.
    id: String,
    fields: Vec<(String, Value)>,
    /// The fields that only v3 sends.
    look: Vec<(String, Value)>,
    /// Whether its preview URLs are signed when sent.
    pub signed: bool,
}

impl Record {
    /// Makes a public avatar.
    pub fn avatar(id: &str) -> Self {
        let path = format!("https://files2.heygen.ai/avatar/v3/{}_1", hex(id));
        Self::new(id, false)
            .with("avatar_id", id)
            .with("avatar_name", format!("Avatar {id}"))
            .with("gender", "female")
            .with("preview_image_url", format!("{path}/preview_target.webp"))
            .with("preview_video_url", format!("{path}/preview_video_target.mp4"))
            .with("premium", false)
            .with("type", Value::Null)
            .with("tags", Value::Null)
            .with("default_voice_id", Value::Null)
    }

    /// Makes a talking photo whose preview is signed.
    pub fn photo(id: &str) -> Self {
        let path = format!("https://files2.heygen.ai/talking_photo/{}", hex(id));
        Self::new(id, true)
            .with("talking_photo_id", id)
            .with("talking_photo_name", format!("Photo {id}"))
            .with("preview_image_url", format!("{path}/{}.WEBP", hex(&path)))
    }

    fn new(id: &str, signed: bool) -> Self {
        Self { id: id.to_owned(), fields: Vec::new(), look: look(id), signed }
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.set(field, value);
        self
    }

    /// Sets a field; a new field is added at the end.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.fields.iter_mut().find(|(name, _)| name == field) {
            Some((_, old)) => *old = value,
            None => self.fields.push((field.to_owned(), value)),
        }
    }

    /// Sets a field that only v3 sends.
    pub fn set_look(&mut self, field: &str, value: impl Into<Value>) {
        self.look.retain(|(name, _)| name != field);
        self.look.push((field.to_owned(), value.into()));
    }

    /// Removes a field with its key.
    pub fn unset(&mut self, field: &str) {
        self.fields.retain(|(name, _)| name != field);
    }
}

/// An entry of a list: an item, or JSON text as a test wrote it.
#[derive(Clone)]
enum Entry {
    Item(String),
    Raw(String),
}

#[derive(Clone, Default)]
struct List {
    /// The entries in the order in which they are sent; an id may occur more than once.
    order: Vec<Entry>,
    records: BTreeMap<String, Record>,
    hidden: BTreeSet<String>,
}

/// Both lists and how they are signed.
pub struct Catalogue {
    avatars: List,
    photos: List,
    expires: i64,
    round: u64,
    /// The message and the sunset date of the warning in the body.
    pub warning: Option<(String, String)>,
}

/// Signatures expire in 2100 unless a test sets another time.
impl Default for Catalogue {
    fn default() -> Self {
        let (avatars, photos) = Default::default();
        Self { avatars, photos, expires: 4_102_444_800, round: 0, warning: None }
    }
}

impl Catalogue {
    pub fn push(&mut self, kind: Kind, record: Record) {
        let list = self.list(kind);
        assert!(!list.records.contains_key(&record.id), "{} is listed already", record.id);
        list.order.push(Entry::Item(record.id.clone()));
        list.records.insert(record.id.clone(), record);
    }

    pub fn push_raw(&mut self, kind: Kind, json: &str) {
        self.list(kind).order.push(Entry::Raw(json.to_owned()));
    }

    pub fn edit(&mut self, kind: Kind, id: &str) -> &mut Record {
        self.list(kind).records.get_mut(id).unwrap_or_else(|| panic!("no {kind:?} {id}"))
    }

    pub fn remove(&mut self, kind: Kind, id: &str) {
        let list = self.list(kind);
        assert!(list.records.remove(id).is_some(), "no {kind:?} {id}");
        list.order.retain(|entry| !entry.is(id));
    }

    pub fn hide_field(&mut self, kind: Kind, field: &str) {
        self.list(kind).hidden.insert(field.to_owned());
    }

    pub fn show_field(&mut self, kind: Kind, field: &str) {
        self.list(kind).hidden.remove(field);
    }

    pub fn shuffle(&mut self, seed: u64) {
        let mut dice = fastrand::Rng::with_seed(seed);
        dice.shuffle(&mut self.avatars.order);
        dice.shuffle(&mut self.photos.order);
    }

    pub fn duplicate(&mut self, kind: Kind, ids: &[&str]) {
        let list = self.list(kind);
        assert!(ids.iter().all(|id| list.records.contains_key(*id)), "not all of {ids:?} exist");
        list.order.retain(|entry| !ids.iter().any(|id| entry.is(id)));
        let twice = ids.iter().chain(ids).map(|id| Entry::Item((*id).to_owned()));
        list.order.splice(0..0, twice);
    }

    pub fn sign(&mut self, expires: i64) {
        self.expires = expires;
    }

    pub fn resign(&mut self) {
        self.round += 1;
    }

    /// Returns the whole answer of `GET /v2/avatars`.
    pub fn v2_body(&self) -> Vec<u8> {
        let [avatars, photos] = [&self.avatars, &self.photos].map(|list| {
            let records: Vec<_> = self.listed(list).collect();
            format!("[{}]", records.join(","))
        });
        let warning = match &self.warning {
            None => String::new(),
            Some((message, sunset)) => {
                let warning = json!({"message": message, "sunset_date": sunset,
                    "v3_endpoint": "/v3/avatars/looks", "docs_url": "https://docs.heygen.com/"});
                format!(r#","warning":{warning}"#)
            }
        };
        format!(
            r#"{{"error":null,"data":{{"avatars":{avatars},"talking_photos":{photos}}}{warning}}}"#
        )
        .into_bytes()
    }

    /// Returns the records of a list as JSON, in order, signed, without the fields it does not carry.
    fn listed<'a>(&'a self, list: &'a List) -> impl Iterator<Item = String> + 'a {
        list.order.iter().map(|entry| match entry {
            Entry::Raw(json) => json.clone(),
            Entry::Item(id) => self.told(&list.records[id], &list.hidden),
        })
    }

    /// Returns all records in the form of v3, avatars first, then talking photos; with `plain`,
    /// only with the contents of v2.
    pub fn looks(&self, plain: bool) -> Vec<String> {
        let lists = [(&self.avatars, "studio_avatar"), (&self.photos, "photo_avatar")];
        let looks = lists.into_iter().flat_map(|(list, kind)| {
            list.order.iter().map(move |entry| match entry {
                Entry::Raw(json) => json.clone(),
                Entry::Item(id) => {
                    let look = self.look(&list.records[id], kind, plain);
                    self.told(&look, &list.hidden)
                }
            })
        });
        looks.collect()
    }

    /// Renames the fields of a record to those of v3 and omits those that v3 does not have.
    fn look(&self, record: &Record, kind: &str, plain: bool) -> Record {
        let mut look = Record { fields: Vec::new(), look: Vec::new(), ..record.clone() };
        for (name, value) in &record.fields {
            match name.as_str() {
                "avatar_id" | "talking_photo_id" => look.set("id", value.clone()),
                "avatar_name" | "talking_photo_name" => look.set("name", value.clone()),
                "premium" | "type" if !plain => {}
                _ => look.set(name, value.clone()),
            }
        }
        if !plain || kind == "photo_avatar" {
            look.set("avatar_type", kind);
        }
        let only_v3 = if plain { &[][..] } else { &record.look };
        only_v3.iter().for_each(|(name, value)| look.set(name, value.clone()));
        look
    }

    fn told(&self, record: &Record, hidden: &BTreeSet<String>) -> String {
        let fields = record.fields.iter().filter(|(name, _)| !hidden.contains(name));
        let fields = fields.map(|(name, value)| {
            let value = match value {
                Value::String(url) if record.signed && name.ends_with("_url") => {
                    Value::String(self.signed(url))
                }
                value => value.clone(),
            };
            format!("{}:{value}", Value::from(name.as_str()))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// Signs `url` with a made-up signature of the real form, the same until the expiry or the
    /// round changes. A URL with a query is returned unchanged.
    fn signed(&self, url: &str) -> String {
        if url.contains('?') {
            return url.to_owned();
        }
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~_";
        let seed = fnv(&format!("{url} {} {}", self.expires, self.round));
        let mut dice = fastrand::Rng::with_seed(seed);
        let signature: String =
            (0..342).map(|_| char::from(LETTERS[dice.usize(..LETTERS.len())])).collect();
        format!("{url}?Expires={}&Signature={signature}__&Key-Pair-Id=K0TESTTESTTEST", self.expires)
    }

    fn list(&mut self, kind: Kind) -> &mut List {
        match kind {
            Kind::Avatar => &mut self.avatars,
            Kind::TalkingPhoto => &mut self.photos,
        }
    }
}

/// Returns the documented fields of a look that v2 does not have.
fn look(id: &str) -> Vec<(String, Value)> {
    let fields = json!({"group_id": hex(&format!("group {id}")), "image_width": 1080,
        "image_height": 1920, "preferred_orientation": "portrait", "status": "completed",
        "error": null, "supported_api_engines": ["avatar_iv", "avatar_iii"]});
    fields.as_object().unwrap().clone().into_iter().collect()
}

impl Entry {
    fn is(&self, id: &str) -> bool {
        matches!(self, Self::Item(own) if own == id)
    }
}

/// Returns 32 hex digits that depend on `text` only.
fn hex(text: &str) -> String {
    format!("{:016x}{:016x}", fnv(text), fnv(&format!("{text}/")))
}

/// Hashes by FNV-1a: the same number for the same text on every machine and in every run.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
