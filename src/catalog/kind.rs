//! The kinds of items, as data: everything that differs between them is in [`DESCRIPTIONS`].

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref};

use super::column::{Column, FieldName, Holds};

/// A kind of item: a handle to its [`Description`], which it dereferences to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

/// Something for each kind, in the order of [`Kind::ALL`].
pub type ByKind<T> = BTreeMap<Kind, T>;

/// What the preview behind a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A picture.
    Image,
    /// A video.
    Video,
}

impl Role {
    /// The word in `assets.role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }
}

/// A field with the URL of a preview, and the columns that the view of current items has for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Preview {
    /// The field.
    pub field: &'static str,
    /// What is behind the URL.
    pub role: Role,
    /// The link that works now.
    pub link: Column,
    /// When that link stops working.
    pub expires_at: Column,
    /// The mirrored file.
    pub file: Column,
}

/// What one kind of item is.
#[derive(Debug)]
pub struct Description {
    /// The word in the columns called `kind`.
    pub name: &'static str,
    /// One item, for people.
    pub singular: &'static str,
    /// Several items, for people.
    pub plural: &'static str,
    /// The path of its list in the gallery.
    pub path: &'static str,
    /// The table of items, and the list's name in an answer of v2.
    pub table: &'static str,
    /// The table of versions.
    pub history: &'static str,
    /// The view of items that are not removed.
    pub current: &'static str,
    /// The column of `polls` with the number of distinct ids in the list.
    pub listed: Column,
    /// The column and field of the id.
    pub id: &'static str,
    /// The column and field of the name.
    pub label: &'static str,
    /// The fields that have a column, in the order of the tables.
    pub columns: &'static [Column],
    /// The fields with preview URLs, in the order in which a URL in several takes its role.
    pub previews: &'static [Preview],
}

const GENDER: Column =
    Column::new("gender", Holds::Text, "free text of the API, mostly male, female or unknown");
const IMAGE: Column = Column::new(
    "preview_image_url",
    Holds::Text,
    "canonical URL of the picture: no signature parameters",
);
const VIDEO: Column = Column::new(
    "preview_video_url",
    Holds::Text,
    "canonical URL of the video: no signature parameters",
);
const VOICE: Column = Column::new("default_voice_id", Holds::Text, "voice that the API suggests");
const EXPIRES: &str = "when the signed link stops working; null when unsigned or unknown";
const FILE: &str = "name of its mirrored content within the store; null while there is none";
const PICTURE: Preview = Preview {
    field: "preview_image_url",
    role: Role::Image,
    link: Column::new(
        "preview_image_link",
        Holds::Text,
        "link to the picture that works now: signed where the API signs; null once that has expired",
    ),
    expires_at: Column::new("preview_image_expires_at", Holds::Time, EXPIRES),
    file: Column::new("preview_image_file", Holds::Text, FILE),
};
const FILM: Preview = Preview {
    field: "preview_video_url",
    role: Role::Video,
    link: Column::new(
        "preview_video_link",
        Holds::Text,
        "link to the video that works now: signed where the API signs; null once that has expired",
    ),
    expires_at: Column::new("preview_video_expires_at", Holds::Time, EXPIRES),
    file: Column::new("preview_video_file", Holds::Text, FILE),
};
const NAME: &str = "name as the API gave it; not unique";

/// Every kind, in the order in which everything lists them.
static DESCRIPTIONS: [Description; 2] = [
    Description {
        name: "avatar",
        singular: "avatar",
        plural: "avatars",
        path: "/avatars",
        table: "avatars",
        history: "avatar_history",
        current: "current_avatars",
        listed: Column::new(
            "avatars_listed",
            Holds::Integer,
            "distinct avatar ids in the answer; this and the other counts are null when it failed",
        ),
        id: "avatar_id",
        label: "avatar_name",
        columns: &[
            Column::new("avatar_name", Holds::Text, NAME),
            GENDER,
            IMAGE,
            VIDEO,
            Column::new(
                "premium",
                Holds::Boolean,
                "whether the API calls it premium for this account",
            ),
            Column::new("type", Holds::Text, "the field type of the API"),
            Column::new("tags", Holds::Texts, "sorted JSON array of strings; null and [] differ"),
            VOICE,
        ],
        previews: &[PICTURE, FILM],
    },
    Description {
        name: "talking_photo",
        singular: "talking photo",
        plural: "talking photos",
        path: "/talking-photos",
        table: "talking_photos",
        history: "talking_photo_history",
        current: "current_talking_photos",
        listed: Column::new(
            "talking_photos_listed",
            Holds::Integer,
            "distinct talking-photo ids in the answer",
        ),
        id: "talking_photo_id",
        label: "talking_photo_name",
        columns: &[Column::new("talking_photo_name", Holds::Text, NAME), IMAGE],
        previews: &[PICTURE, FILM],
    },
];

impl Kind {
    /// Every kind, in the order in which everything lists them.
    pub const ALL: [Self; DESCRIPTIONS.len()] = {
        let mut all = [Self(0); DESCRIPTIONS.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = Self(at as u8);
            at += 1;
        }
        all
    };

    /// An entry of `avatars` in v2, a look in v3. Only an API version names a kind.
    pub const AVATAR: Self = Self(0);
    /// An entry of `talking_photos` in v2, a look of a photo in v3. Only an API version names a kind.
    pub const TALKING_PHOTO: Self = Self(1);

    /// The kind that a column `kind` names.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// The word in the columns called `kind`.
    pub fn as_str(self) -> &'static str {
        self.description().name
    }

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn description(self) -> &'static Description {
        &DESCRIPTIONS[usize::from(self.0)]
    }

    /// `name` as a field's name, without a copy where the kind has a column for it.
    pub fn field(self, name: &str) -> FieldName {
        match self.column(name) {
            Some(column) => Cow::Borrowed(column.name),
            None => Cow::Owned(name.to_owned()),
        }
    }

    /// The column of a field.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.description().columns.iter().find(|column| column.name == name)
    }
}

impl Deref for Kind {
    type Target = Description;

    fn deref(&self) -> &Description {
        self.description()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
