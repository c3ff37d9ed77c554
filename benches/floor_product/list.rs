//! The lists of an answer, decoded in one pass with strings borrowed from the body.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Deserialize)]
pub struct Answer<'a> {
    #[serde(borrow)]
    pub data: Lists<'a>,
}

#[derive(Deserialize)]
pub struct Lists<'a> {
    #[serde(borrow)]
    pub avatars: Vec<Avatar<'a>>,
    #[serde(borrow)]
    pub talking_photos: Vec<Photo<'a>>,
}

#[derive(Deserialize)]
pub struct Avatar<'a> {
    #[serde(borrow)]
    pub avatar_id: Text<'a>,
    #[serde(borrow)]
    avatar_name: Option<Text<'a>>,
    #[serde(borrow)]
    gender: Option<Text<'a>>,
    #[serde(borrow)]
    preview_image_url: Option<Preview<'a>>,
    #[serde(borrow)]
    preview_video_url: Option<Preview<'a>>,
    premium: Option<bool>,
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    tags: Option<Tags>,
    #[serde(borrow)]
    default_voice_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub struct Photo<'a> {
    #[serde(borrow)]
    pub talking_photo_id: Text<'a>,
    #[serde(borrow)]
    talking_photo_name: Option<Text<'a>>,
    #[serde(borrow)]
    preview_image_url: Option<Preview<'a>>,
}

/// A string; serde borrows it inside an `Option` as well, unlike a bare `Cow`.
#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A sorted JSON array of strings, as text.
pub struct Tags(pub String);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tags = Vec::<Text>::deserialize(deserializer)?;
        tags.sort_unstable();
        serde_json::to_string(&tags).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The URL of a picture or a video. A signed one has no parameters except CloudFront's.
pub struct Preview<'a> {
    url: Text<'a>,
    /// The length of the canonical URL.
    end: usize,
    /// The expiry, in Unix seconds.
    expires: Option<i64>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Preview<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = Text::deserialize(deserializer)?;
        let Some((before, query)) = url.0.split_once('?') else {
            return Ok(Self { end: url.0.len(), expires: None, url });
        };
        let mut expires = None;
        let signed = query.split('&').all(|parameter| match parameter.split_once('=') {
            Some(("Expires", seconds)) => {
                expires = seconds.parse().ok();
                true
            }
            Some(("Signature" | "Key-Pair-Id", _)) => true,
            _ => false,
        });
        let end = if signed { before.len() } else { url.0.len() };
        Ok(Self { end, expires, url })
    }
}

impl Preview<'_> {
    fn canonical(&self) -> &str {
        &self.url.0[..self.end]
    }
}

/// A signed URL of a list.
pub struct Link<'a> {
    pub url: &'a str,
    pub role: &'static str,
    pub signed: &'a str,
    /// The expiry, in Unix seconds.
    pub expires: Option<i64>,
}

/// The type of a kind's column.
#[derive(Clone, Copy, PartialEq)]
pub enum Holds {
    Text,
    Flag,
    Json,
}

/// A kind of item: its tables, and its columns in the API's order.
pub struct Kind {
    pub name: &'static str,
    pub table: &'static str,
    pub history: &'static str,
    pub id: &'static str,
    pub columns: &'static [(&'static str, Holds)],
}

/// The value of a column.
#[derive(Clone, Copy)]
pub enum Value<'v> {
    Null,
    Text(&'v str),
    Flag(bool),
    Json(&'v str),
}

impl<'v> Value<'v> {
    pub fn text(self) -> Option<&'v str> {
        match self {
            Self::Null => None,
            Self::Text(text) | Self::Json(text) => Some(text),
            Self::Flag(flag) => Some(if flag { "true" } else { "false" }),
        }
    }
}

pub trait Item {
    const KIND: Kind;
    fn id(&self) -> &str;
    fn value(&self, column: usize) -> Value<'_>;
    fn previews(&self) -> [Option<(&'static str, &Preview<'_>)>; 2];
}

impl Item for Avatar<'_> {
    const KIND: Kind = Kind {
        name: "avatar",
        table: "avatars",
        history: "avatar_history",
        id: "avatar_id",
        columns: &[
            ("avatar_name", Holds::Text),
            ("gender", Holds::Text),
            ("preview_image_url", Holds::Text),
            ("preview_video_url", Holds::Text),
            ("premium", Holds::Flag),
            ("type", Holds::Text),
            ("tags", Holds::Json),
            ("default_voice_id", Holds::Text),
        ],
    };

    fn id(&self) -> &str {
        &self.avatar_id.0
    }

    fn value(&self, column: usize) -> Value<'_> {
        match column {
            0 => text(&self.avatar_name),
            1 => text(&self.gender),
            2 => canonical(&self.preview_image_url),
            3 => canonical(&self.preview_video_url),
            4 => self.premium.map_or(Value::Null, Value::Flag),
            5 => text(&self.r#type),
            6 => self.tags.as_ref().map_or(Value::Null, |tags| Value::Json(&tags.0)),
            _ => text(&self.default_voice_id),
        }
    }

    fn previews(&self) -> [Option<(&'static str, &Preview<'_>)>; 2] {
        let image = self.preview_image_url.as_ref().map(|preview| ("image", preview));
        [image, self.preview_video_url.as_ref().map(|preview| ("video", preview))]
    }
}

impl Item for Photo<'_> {
    const KIND: Kind = Kind {
        name: "talking_photo",
        table: "talking_photos",
        history: "talking_photo_history",
        id: "talking_photo_id",
        columns: &[("talking_photo_name", Holds::Text), ("preview_image_url", Holds::Text)],
    };

    fn id(&self) -> &str {
        &self.talking_photo_id.0
    }

    fn value(&self, column: usize) -> Value<'_> {
        match column {
            0 => text(&self.talking_photo_name),
            _ => canonical(&self.preview_image_url),
        }
    }

    fn previews(&self) -> [Option<(&'static str, &Preview<'_>)>; 2] {
        [self.preview_image_url.as_ref().map(|preview| ("image", preview)), None]
    }
}

fn text<'v>(text: &'v Option<Text<'_>>) -> Value<'v> {
    text.as_ref().map_or(Value::Null, |text| Value::Text(&text.0))
}

fn canonical<'v>(preview: &'v Option<Preview<'_>>) -> Value<'v> {
    preview.as_ref().map_or(Value::Null, |preview| Value::Text(preview.canonical()))
}

/// Returns the signed URLs of both lists.
pub fn links<'a>(lists: &'a Lists<'_>) -> Vec<Link<'a>> {
    let mut links = Vec::new();
    of_list(&lists.avatars, &mut links);
    of_list(&lists.talking_photos, &mut links);
    links
}

fn of_list<'a, T: Item>(list: &'a [T], links: &mut Vec<Link<'a>>) {
    let previews = list.iter().flat_map(|item| item.previews().into_iter().flatten());
    let signed = previews.filter(|(_, preview)| preview.end < preview.url.0.len());
    links.extend(signed.map(|(role, preview)| Link {
        url: preview.canonical(),
        role,
        signed: &preview.url.0,
        expires: preview.expires,
    }));
}
