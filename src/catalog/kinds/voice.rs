//! Voices. Only v3 lists them.

use super::super::{
    catalogue::Catalogue,
    column::{Column, Holds},
    description::*,
};

/// An entry of the list of voices.
pub(super) static VOICE: Description = Description {
    name: "voice",
    singular: "voice",
    plural: "voices",
    catalogue: Catalogue::Voices,
    title: "Voices",
    called: "voice",
    path: "/voices",
    table: "voices",
    history: "voice_history",
    current: "current_voices",
    listed: Column::new("voices_listed", Holds::Integer, "distinct voice ids listed"),
    id: "voice_id",
    label: "voice_name",
    columns: &[
        Column::new("voice_name", Holds::Text, NAME),
        Column::new("language", Holds::Text, "language of the voice, as the API gives it"),
        GENDER,
        Column::new("type", Holds::Text, "public or private"),
        Column::new(
            "preview_audio_url",
            Holds::Text,
            "canonical URL of the sample: no signature parameters",
        ),
        Column::new("support_pause", Holds::Boolean, "whether the voice supports pauses"),
        Column::new("support_locale", Holds::Boolean, "whether the voice supports locales"),
    ],
    previews: &[Preview {
        field: "preview_audio_url",
        role: Role::Audio,
        link: Column::new(
            "preview_audio_link",
            Holds::Text,
            "working link to the sample: signed if the API signs it; null once it has expired",
        ),
        expires_at: Column::new("preview_audio_expires_at", Holds::Time, EXPIRES),
        file: Column::new("preview_audio_file", Holds::Text, FILE),
    }],
    looked_up: &[],
    never_news: &[],
    id_in_v3: "voice_id",
    names_in_v3: &[("name", "voice_name")],
};
