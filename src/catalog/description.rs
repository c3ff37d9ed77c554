//! The description of a kind of item, as data, and the columns that several kinds have.

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{
    catalogue::Catalogue,
    column::{Column, Holds},
};

/// The type of media of a preview. A URL in several previews takes the first of their roles in this order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, EnumString, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A sample of a voice.
    Audio,
}

impl Role {
    /// Returns the role's name in `assets.role`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the role with the name `word`.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// A field with a preview URL, and its columns in the view of current items.
#[derive(Debug, PartialEq, Eq)]
pub struct Preview {
    /// The field.
    pub field: &'static str,
    /// The type of media behind the URL.
    pub role: Role,
    /// The column with the link that works now.
    pub link: Column,
    /// The column with the time at which that link expires.
    pub expires_at: Column,
    /// The column with the name of the mirrored file.
    pub file: Column,
}

/// The description of one kind of item.
#[derive(Debug)]
pub struct Description {
    /// Its name in the columns called `kind`.
    pub name: &'static str,
    /// The term for one item, for people.
    pub singular: &'static str,
    /// The term for several items, for people.
    pub plural: &'static str,
    /// The catalogue that lists it.
    pub catalogue: Catalogue,
    /// The heading of its list in the gallery.
    pub title: &'static str,
    /// The term for one of its items in the gallery.
    pub called: &'static str,
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
    /// The fields with preview URLs, in the order of their roles.
    pub previews: &'static [Preview],
    /// The columns of the view of current items whose values come from another kind.
    pub looked_up: &'static [Column],
    /// The fields whose changes are always learned: other items contain the same information.
    pub never_news: &'static [&'static str],
    /// The field of the id in v3.
    pub id_in_v3: &'static str,
    /// The documented fields of v3 without a column, or with one of another name: (field, our name).
    pub names_in_v3: &'static [(&'static str, &'static str)],
}

pub(super) const GENDER: Column =
    Column::new("gender", Holds::Text, "free text of the API, mostly male, female or unknown");
pub(super) const IMAGE: Column = Column::new(
    "preview_image_url",
    Holds::Text,
    "canonical URL of the picture: no signature parameters",
);
pub(super) const VIDEO: Column = Column::new(
    "preview_video_url",
    Holds::Text,
    "canonical URL of the video: no signature parameters",
);
pub(super) const VOICE: Column =
    Column::new("default_voice_id", Holds::Text, "voice that the API suggests");
pub(super) const TAGS: Column =
    Column::new("tags", Holds::Texts, "sorted JSON array of strings; null and [] differ");
pub(super) const AVATAR_TYPE: Column = Column::new(
    "avatar_type",
    Holds::Text,
    "type of the look in v3, for example studio_avatar, digital_twin or photo_avatar",
);
pub(super) const GROUP: Column =
    Column::new("group_id", Holds::Text, "avatar group that the look belongs to in v3");
pub(super) const STATUS: Column = Column::new(
    "status",
    Holds::Text,
    "state of the look in v3, for example completed, processing, pending_consent or failed",
);
pub(super) const ENGINES: Column = Column::new(
    "supported_api_engines",
    Holds::Texts,
    "sorted JSON array of the engines that v3 offers for the look",
);
pub(super) const ORIENTATION: Column = Column::new(
    "preferred_orientation",
    Holds::Text,
    "orientation of the look in v3: portrait, landscape or square",
);
pub(super) const WIDTH: Column =
    Column::new("image_width", Holds::Integer, "width of the look's picture in v3, in pixels");
pub(super) const HEIGHT: Column =
    Column::new("image_height", Holds::Integer, "height of the look's picture in v3, in pixels");
pub(super) const EXPIRES: &str = "when the signed link expires; null if unsigned or unknown";
pub(super) const FILE: &str =
    "name of its mirrored content within the store; null if there is none";
pub(super) const PICTURE: Preview = Preview {
    field: "preview_image_url",
    role: Role::Image,
    link: Column::new(
        "preview_image_link",
        Holds::Text,
        "working link to the picture: signed if the API signs it; null once it has expired",
    ),
    expires_at: Column::new("preview_image_expires_at", Holds::Time, EXPIRES),
    file: Column::new("preview_image_file", Holds::Text, FILE),
};
pub(super) const FILM: Preview = Preview {
    field: "preview_video_url",
    role: Role::Video,
    link: Column::new(
        "preview_video_link",
        Holds::Text,
        "working link to the video: signed if the API signs it; null once it has expired",
    ),
    expires_at: Column::new("preview_video_expires_at", Holds::Time, EXPIRES),
    file: Column::new("preview_video_file", Holds::Text, FILE),
};
pub(super) const NAME: &str = "name as the API gave it; not unique";
