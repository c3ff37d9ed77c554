//! The pictures, videos and samples of an item: the contents of its URLs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    catalog::{item::Fields, kind::Kind},
    store::browse::{
        item::{ItemWithVersions, StoredContent, VERSIONS},
        picture::ItemPreview,
    },
    time::Timestamp,
    web::{context::PageContext, pic::IMAGE, words},
};

/// The field of the video's URL.
pub(super) const VIDEO: &str = "preview_video_url";

/// The field of the sample's URL.
pub(super) const AUDIO: &str = "preview_audio_url";

/// The contents by URL, oldest first.
pub(super) type Contents = BTreeMap<String, Vec<StoredContent>>;

pub(super) fn url(fields: &Fields, name: &str) -> Option<String> {
    fields.text(name).map(str::to_owned)
}

/// Returns every URL that the item ever had.
pub(super) fn urls(item: &ItemWithVersions) -> Vec<String> {
    let each = item
        .versions
        .iter()
        .flat_map(|version| [IMAGE, VIDEO, AUDIO].map(|name| url(&version.fields, name)));
    let mut urls: Vec<String> = each.flatten().collect();
    urls.sort();
    urls.dedup();
    urls
}

/// Returns the newest stored content of a URL at a moment.
pub(super) fn content_at<'a>(
    contents: &'a Contents,
    url: &str,
    at: Option<Timestamp>,
) -> Option<&'a StoredContent> {
    contents.get(url)?.iter().rev().find(|content| {
        content.sha256.is_some()
            && content.stored
            && at.is_none_or(|at| content.fetched_at.is_some_and(|fetched| fetched <= at))
    })
}

/// Returns the picture or video of a URL: its newest stored content at a moment, and the expiry of its
/// link, which has no history.
pub(super) fn preview_at(
    contents: &Contents,
    url: Option<&str>,
    at: Option<Timestamp>,
) -> ItemPreview {
    let Some(url) = url else { return ItemPreview::default() };
    let unsigned = Some(Timestamp::from_millis(i64::MAX));
    let known = contents.get(url).and_then(|all| all.first());
    ItemPreview {
        stored: content_at(contents, url, at).and_then(|content| content.sha256.clone()),
        live_until: known.map_or(unsigned, |content| content.live_until),
    }
}

/// Returns the reason why a picture is not shown, if there is one.
pub(super) fn picture_word(
    context: &PageContext<'_>,
    url: Option<&str>,
    contents: &Contents,
) -> Option<&'static str> {
    let state = contents.get(url?)?.first()?.state.as_str();
    match (context.viewpoint.as_of.is_some(), state) {
        (true, _) => Some("picture of that day not stored"),
        (false, "gone") => Some("HeyGen no longer has the picture"),
        (false, "failed") => Some("picture could not be fetched"),
        (false, _) => None,
    }
}

/// Returns "mirrored 18 Nov 2026, 41 kB, sha256 9c1e…07f2", or why no file is stored.
pub(super) fn stored(context: &PageContext<'_>, url: Option<&str>, contents: &Contents) -> String {
    let Some(url) = url else { return "none given".into() };
    match content_at(contents, url, context.viewpoint.at()) {
        Some(content) => {
            let hash = content.sha256.as_deref().unwrap_or_default();
            let day = content.fetched_at.map(words::date).unwrap_or_default();
            let size = content.bytes.map(words::bytes).unwrap_or_default();
            // The link to the picture contains the whole hash.
            let (head, tail) = (hash.get(..4).unwrap_or(hash), hash.get(60..).unwrap_or_default());
            format!("mirrored {day}, {size}, sha256 {head}…{tail}")
        }
        None => {
            let state = contents.get(url).and_then(|all| all.first());
            let state = state.map_or("", |content| content.state.as_str());
            match (context.viewpoint.as_of.is_some(), state) {
                (true, _) => "not stored on that day",
                (false, "gone") => "not mirrored: HeyGen no longer has it",
                (false, "failed") => "not mirrored: it could not be fetched",
                (false, _) => "not mirrored",
            }
            .into()
        }
    }
}

/// Returns "4 versions, 2 pictures".
pub(super) fn summary(kind: Kind, item: &ItemWithVersions, contents: &Contents) -> String {
    let versions = words::counted(item.versions.len() as i64, "version", "versions");
    let more = if item.versions.len() as i64 >= VERSIONS { ", the newest" } else { "" };
    if kind.column(IMAGE).is_none() {
        return versions + more;
    }
    let images = item.versions.iter().filter_map(|version| url(&version.fields, IMAGE));
    let images: BTreeSet<String> = images.collect();
    // A URL of which no content was fetched had one picture.
    let mut pictures = BTreeSet::new();
    for url in &images {
        let hashes = contents.get(url).into_iter().flatten();
        let hashes: Vec<&str> = hashes.filter_map(|content| content.sha256.as_deref()).collect();
        pictures.extend(if hashes.is_empty() { vec![url.as_str()] } else { hashes });
    }
    format!("{versions}{more}, {}", words::counted(pictures.len() as i64, "picture", "pictures"))
}
