//! A made-up account polled over v3 for a few days: people, their looks, and the voices that these suggest.

use std::{io::Cursor, path::Path, time::Duration};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    poll::{Request, Source, poll},
    store::{Location, Store, row::PollRow},
    time::{Clock, Timestamp},
};
use serde_json::{Value, json};

use super::{
    FIRST, LAST_POLL, PLACE, TAGS, WEAR, asset, gender_of, hex, keep, paint, run, texts, time,
};

const LANGUAGES: [&str; 16] = [
    "English",
    "German",
    "French",
    "Spanish",
    "Italian",
    "Portuguese",
    "Dutch",
    "Polish",
    "Swedish",
    "Czech",
    "Turkish",
    "Hindi",
    "Japanese",
    "Korean",
    "Arabic",
    "Ukrainian",
];
/// The number of looks of each person, repeated in this order.
const LOOKS: [usize; 7] = [9, 1, 4, 2, 6, 3, 0];
/// The number of days with polls, including the day of the last poll.
const DAYS: u64 = 3;

/// Returns the id of the person with the most looks.
pub fn annie() -> String {
    hex("person Annie")
}

/// Returns the id of the voice that most looks suggest.
pub fn voice() -> String {
    hex("voice 0")
}

/// The id of a look of [`annie`].
pub const LOOK: &str = "Annie_Business_Outdoor_public";

fn looks(left: u64) -> Vec<Value> {
    let mut all = vec![];
    for (at, first) in FIRST.iter().enumerate() {
        let few = LOOKS[at % 7];
        for nth in 0..few {
            let (wear, place) = (WEAR[(nth + at) % 7], PLACE[(nth * 3 + at) % 8]);
            let is_photo = nth % 4 == 1;
            let name = format!("{first} {wear} {place}");
            let id = match is_photo {
                true => hex(&name),
                false => format!("{}_public", name.replace(' ', "_")),
            };
            let engines: &[&str] = match (is_photo, at == 0 && nth == 2 && left < 2) {
                (_, true) => &["avatar_iv"],
                (true, _) => &["avatar_iv", "avatar_v"],
                (false, _) => &["avatar_iii", "avatar_iv"],
            };
            all.push(json!({
                "id": id, "name": name, "gender": gender_of(first), "tags": [TAGS[(at + nth) % 8]],
                "avatar_type": if is_photo { "photo_avatar" } else { "studio_avatar" },
                "group_id": hex(&format!("person {first}")),
                "default_voice_id": hex(&format!("voice {}", [0, at, at + nth][nth % 3])),
                "status": if at == 2 && nth == 3 { "processing" } else { "completed" },
                "supported_api_engines": engines, "image_width": 1080, "image_height": 1350,
                "preferred_orientation": if nth % 3 == 2 { "landscape" } else { "portrait" },
                "preview_image_url": format!("https://files2.heygen.ai/look/{}/{nth}.webp", hex(first)),
                "preview_video_url": (!is_photo).then(|| format!("https://files2.heygen.ai/look/{}/{nth}.mp4", hex(first))),
                "error": null,
            }));
        }
    }
    // One look is added on the last day.
    all.truncate(all.len() - usize::from(left > 0));
    all
}

fn groups(left: u64) -> Vec<Value> {
    let group = |(at, first): (usize, &&str)| {
        json!({
            "id": hex(&format!("person {first}")), "name": first, "gender": gender_of(first),
            "preview_image_url": (at % 9 != 4).then(|| format!("https://files2.heygen.ai/look/{}/0.webp", hex(first))),
            "preview_video_url": null, "default_voice_id": hex(&format!("voice {at}")),
            "looks_count": LOOKS[at % 7], "created_at": 1_760_000_000 + 86_400 * at,
            "consent_status": (at == 6).then_some("pending"),
            "status": match at { 6 => "pending_consent", 3 if left > 1 => "processing", _ => "completed" },
            "error": null,
        })
    };
    FIRST.iter().enumerate().map(group).collect()
}

fn voices(left: u64) -> Vec<Value> {
    let voice = |at: usize| {
        let first = FIRST[(at * 5) % FIRST.len()];
        json!({
            "voice_id": hex(&format!("voice {at}")), "name": format!("{first} {}", ["", "Calm", "Bright", "News"][at % 4]).trim(),
            "language": LANGUAGES[if at < 20 { 0 } else { at % 16 }], "gender": gender_of(first),
            "type": if at % 12 == 11 { "private" } else { "public" },
            "preview_audio_url": (at % 10 != 7).then(|| format!("https://files2.heygen.ai/voice/{at}.wav")),
            "support_pause": !at.is_multiple_of(3), "support_locale": at.is_multiple_of(5),
        })
    };
    // One voice that looks suggest is removed on the last day.
    (0..48).filter(|at| *at != 4 || left > 0).map(voice).collect()
}

/// Polls a response of v3, which must succeed; an item is removed after `after_polls` polls without it.
pub async fn saved(store: &mut Store, at: Timestamp, name: &str, body: Value, after_polls: u32) {
    let row = polled(store, at, name, body, after_polls).await;
    assert_eq!(row.outcome, "succeeded", "{name}: {:?}", row.error);
}

/// Polls a response of v3 and returns the poll's row.
pub async fn polled(
    store: &mut Store,
    at: Timestamp,
    name: &str,
    body: Value,
    after_polls: u32,
) -> PollRow {
    let removals = Removals { after_polls: Some(after_polls), min_count: 20, max_share: 0.2 };
    let name = format!("https://api.heygen.com/v3/{name}");
    let source = Source::Saved { name, file: Box::new(Cursor::new(body.to_string())) };
    let request = Request {
        account: "default",
        catalogue: None,
        trigger: "schedule",
        removals: &removals,
        accepted: Accepted::None,
        observed_at: Some(at),
        mirror: false,
        archive: None,
        deadline: Duration::from_secs(60),
        patience: Duration::ZERO,
        notify: &[],
        key_expires_at: None,
    };
    poll(store, &Clock::new(move || at), &request, source).await.expect("polls").row
}

fn page(records: &[Value]) -> Value {
    json!({"data": records, "has_more": false, "next_token": null})
}

/// Polls the account into `location` and its files into `files`; each person has `portraits` pictures.
pub async fn seed(location: &Location, files: &Path, portraits: u64) {
    let mut store = Store::open_to_write(location).await.expect("opens");
    let last = time(LAST_POLL);
    for left in (0..DAYS).rev() {
        let at = last.minus(Duration::from_secs(86_400 * left));
        let later = |seconds| at.plus(Duration::from_secs(seconds));
        saved(&mut store, at, "avatars/looks", page(&looks(left)), 1).await;
        saved(&mut store, later(40), "avatars", page(&groups(left)), 1).await;
        let (private, public): (Vec<Value>, Vec<Value>) =
            voices(left).into_iter().partition(|voice| voice["type"] == "private");
        saved(&mut store, later(50), "voices", json!([page(&public), page(&private)]), 1).await;
    }
    store.close().await.expect("closes");
    mirror(location, files, portraits).await;
}

/// Stores a picture of the right person for each picture URL, and a sound for nearly every voice sample.
async fn mirror(location: &Location, files: &Path, portraits: u64) {
    let mut rows = vec![];
    let (video, video_file) = keep(files, &paint::video(), "mp4");
    for (at, first) in FIRST.iter().enumerate() {
        let kept: Vec<_> = (0..portraits)
            .map(|place| {
                let bytes =
                    paint::portrait(at as u64, gender_of(first) == "female", place * 3 + at as u64);
                (keep(files, &bytes, "png"), bytes.len())
            })
            .collect();
        for nth in 0..9 {
            let path = format!("https://files2.heygen.ai/look/{}/{nth}", hex(first));
            let ((hash, file), bytes) = &kept[nth % kept.len()];
            rows.push(asset(&format!("{path}.webp"), "image", "mirrored", hash, file, *bytes));
            let clip = asset(&format!("{path}.mp4"), "video", "mirrored", &video, &video_file, 600);
            rows.push(clip);
        }
    }
    let samples = "SELECT DISTINCT preview_audio_url FROM voice_history WHERE preview_audio_url IS NOT NULL ORDER BY 1";
    for (at, url) in texts(location, samples.into()).await.iter().enumerate() {
        let bytes = paint::sound(220 + 40 * (at as u32 % 3));
        let (hash, file) = keep(files, &bytes, "wav");
        let state = if at % 13 == 12 { "pending" } else { "mirrored" };
        rows.push(asset(url, "audio", state, &hash, &file, bytes.len()));
    }
    for some in rows.chunks(200) {
        run(location, format!("BEGIN;{}COMMIT;", some.concat())).await;
    }
}
