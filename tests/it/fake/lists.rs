//! The lists of v3 other than looks: avatar groups and voices, sent page by page.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    pages::{asked, cursor, number},
    server::Refusal,
};

/// Groups and voices, and the faults of their lists.
#[derive(Default)]
pub struct Lists {
    /// The groups as sent, by id.
    pub groups: BTreeMap<String, Value>,
    /// The voices as sent, by id.
    pub voices: BTreeMap<String, Value>,
    /// The refusal of each request for a path.
    pub refused: BTreeMap<&'static str, Refusal>,
    /// A path and the number of a page that fails, in both types of voices.
    pub failing: Option<(&'static str, usize, Refusal)>,
}

impl Lists {
    /// Returns the page that a request asks for, or the refusal; `None` for another path.
    pub fn page(&self, path: &str, query: Option<&str>) -> Option<Result<Vec<u8>, Refusal>> {
        let (records, most) = match path {
            "/v3/avatars" => (&self.groups, 50),
            "/v3/voices" => (&self.voices, 100),
            _ => return None,
        };
        if let Some(refusal) = self.refused.get(path) {
            return Some(Err(refusal.clone()));
        }
        let pairs: BTreeMap<_, _> =
            url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let kind = match path {
            "/v3/voices" => Some(pairs.get("type").map_or("public", String::as_str)),
            _ => None,
        };
        let listed: Vec<&Value> = records
            .values()
            .filter(|record| kind.is_none_or(|kind| record["type"] == kind))
            .collect();
        let refused = || Some(Err(Refusal::of(400)));
        let Some((limit, token)) = asked(query, most) else { return refused() };
        let Some(page) = token.as_deref().map_or(Some(1), number) else { return refused() };
        if let Some((of, failing, refusal)) = &self.failing
            && *of == path
            && *failing == page
        {
            return Some(Err(refusal.clone()));
        }
        let rest = listed.get((page - 1) * limit..).unwrap_or_default();
        let more = rest.len() > limit;
        let body = json!({
            "data": rest.iter().take(limit).collect::<Vec<_>>(),
            "has_more": more,
            "next_token": more.then(|| cursor(page + 1)),
        });
        Some(Ok(body.to_string().into_bytes()))
    }
}

/// Makes a plausible group.
pub fn group(id: &str) -> Value {
    json!({"id": id, "name": format!("Person {id}"), "gender": "Woman", "preview_image_url": null,
        "preview_video_url": null, "default_voice_id": null, "looks_count": 1,
        "consent_status": null, "status": "completed", "created_at": 1_760_000_000, "error": null})
}

/// Makes a plausible voice.
pub fn voice(id: &str, private: bool) -> Value {
    json!({"voice_id": id, "name": format!("Voice {id}"), "language": "English", "gender": "female",
        "type": if private { "private" } else { "public" },
        "preview_audio_url": format!("https://files2.heygen.ai/voice/{id}.mp3"),
        "support_pause": true, "support_locale": false})
}
