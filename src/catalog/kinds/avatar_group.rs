//! Avatar groups: the people whose looks are listed as avatars. Only v3 lists them.

use super::super::{
    catalogue::Catalogue,
    column::{Column, Holds},
    description::*,
};

/// An entry of the list of groups.
pub(super) static AVATAR_GROUP: Description = Description {
    name: "avatar_group",
    singular: "avatar group",
    plural: "avatar groups",
    catalogue: Catalogue::AvatarGroups,
    title: "People",
    called: "person",
    path: "/people",
    table: "avatar_groups",
    history: "avatar_group_history",
    current: "current_avatar_groups",
    listed: Column::new("avatar_groups_listed", Holds::Integer, "distinct avatar-group ids listed"),
    id: "group_id",
    label: "group_name",
    columns: &[
        Column::new("group_name", Holds::Text, NAME),
        GENDER,
        IMAGE,
        VIDEO,
        VOICE,
        Column::new(
            "looks_count",
            Holds::Integer,
            "number of looks that the API counts in the group",
        ),
        Column::new(
            "consent_status",
            Holds::Text,
            "state of the person's consent, as the API gives it",
        ),
        Column::new(
            "status",
            Holds::Text,
            "state of the group, for example completed, processing, pending_consent or failed",
        ),
        Column::new(
            "created_at",
            Holds::Integer,
            "when the group was created, in Unix seconds, as the API gives it",
        ),
    ],
    previews: &[PICTURE, FILM],
    looked_up: &[],
    never_news: &["looks_count"],
    id_in_v3: "id",
    names_in_v3: &[("name", "group_name"), ("error", "error")],
};
