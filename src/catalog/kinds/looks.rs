//! Avatars and talking photos: the two lists of v2, the looks of v3.

use super::super::{
    catalogue::Catalogue,
    column::{Column, Holds},
    description::*,
};

/// The columns with the names of a look's group and voice.
const LOOKED_UP: [Column; 2] = [
    Column::new(
        "group_name",
        Holds::Text,
        "last known name of its avatar group; null if groups were never polled",
    ),
    Column::new(
        "default_voice_name",
        Holds::Text,
        "last known name of its default voice; null if voices were never polled",
    ),
];

/// Returns the fields of a look whose names are not to be copied for each record.
const fn names(label: &'static str) -> [(&'static str, &'static str); 3] {
    [("name", label), ("premium", "premium"), ("error", "error")]
}

/// An entry of `avatars` in v2, a look in v3.
pub(super) static AVATAR: Description = Description {
    name: "avatar",
    singular: "avatar",
    plural: "avatars",
    catalogue: Catalogue::Avatars,
    title: "Avatars",
    called: "avatar",
    path: "/avatars",
    table: "avatars",
    history: "avatar_history",
    current: "current_avatars",
    listed: Column::new(
        "avatars_listed",
        Holds::Integer,
        "distinct avatar ids listed; this and the other counts are null if the poll failed",
    ),
    id: "avatar_id",
    label: "avatar_name",
    columns: &[
        Column::new("avatar_name", Holds::Text, NAME),
        GENDER,
        IMAGE,
        VIDEO,
        Column::new("premium", Holds::Boolean, "whether the API calls it premium for this account"),
        Column::new("type", Holds::Text, "the API's type field"),
        TAGS,
        VOICE,
        AVATAR_TYPE,
        GROUP,
        STATUS,
        ENGINES,
        ORIENTATION,
        WIDTH,
        HEIGHT,
    ],
    previews: &[PICTURE, FILM],
    looked_up: &LOOKED_UP,
    never_news: &[],
    id_in_v3: "id",
    names_in_v3: &names("avatar_name"),
};

/// An entry of `talking_photos` in v2, a look of a photo in v3.
pub(super) static TALKING_PHOTO: Description = Description {
    name: "talking_photo",
    singular: "talking photo",
    plural: "talking photos",
    catalogue: Catalogue::Avatars,
    title: "Talking photos",
    called: "talking photo",
    path: "/talking-photos",
    table: "talking_photos",
    history: "talking_photo_history",
    current: "current_talking_photos",
    listed: Column::new(
        "talking_photos_listed",
        Holds::Integer,
        "distinct talking-photo ids listed",
    ),
    id: "talking_photo_id",
    label: "talking_photo_name",
    columns: &[
        Column::new("talking_photo_name", Holds::Text, NAME),
        GENDER,
        IMAGE,
        VIDEO,
        TAGS,
        VOICE,
        AVATAR_TYPE,
        GROUP,
        STATUS,
        ENGINES,
        ORIENTATION,
        WIDTH,
        HEIGHT,
    ],
    previews: &[PICTURE, FILM],
    looked_up: &LOOKED_UP,
    never_news: &[],
    id_in_v3: "id",
    names_in_v3: &names("talking_photo_name"),
};
