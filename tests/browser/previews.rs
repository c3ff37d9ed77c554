//! Previews on demand in a browser, from a CDN on a bad day.

use serde_json::{Value, json};

use crate::{
    cdn,
    chrome::Chrome,
    site::{Site, previews},
};

const CACHE: u64 = 2 << 20;
/// How the CDN treats the pictures of the first avatars; the others load.
const BAD: [&str; 10] =
    ["slow", "ok", "denied", "late", "html", "ok", "private", "late", "endless", "ok"];

/// Returns 40 avatars whose pictures are at the CDN `base`.
pub fn avatars(base: &str) -> Vec<Value> {
    let avatar = |at: usize| {
        let what = BAD.get(at).unwrap_or(&"ok");
        json!({"avatar_id": format!("{what}-{at:02}"), "avatar_name": format!("Ida Noor {at:02}"),
            "gender": "female", "preview_image_url": format!("{base}/{what}/{at}.png")})
    };
    (0..40).map(avatar).collect()
}

/// Returns a script: whether `is` holds for all tiles whose pictures the CDN treats as `what`.
fn all(what: &str, is: &str) -> String {
    format!(
        "[...document.querySelectorAll('.tile')].filter(e => e.querySelector('.copy').dataset.copy.startsWith('{what}-')).every(e => {{ const img = e.querySelector('img'), ini = e.querySelector('.ini'); img.loading = 'eager'; return {is} }})"
    )
}

/// Initials would show through a transparent picture, so they go when the picture arrives.
const PICTURE: &str = "img.complete && img.naturalWidth == 240 && !ini";
/// A browser draws its sign for a broken picture, which initials cover.
const INITIALS: &str = "!img.naturalWidth && ini.innerText == 'IN' && ini.checkVisibility() \
     && getComputedStyle(img, '::after').content == '\"IN\"'";

/// The page appears with initials before any preview; then the previews that can be fetched replace
/// them, late ones without a reload.
#[tokio::test(flavor = "multi_thread")]
async fn a_cdn_on_a_bad_day_delays_no_page_and_leaves_initials() {
    // Normally a browser waits for the first row of pictures; here it waits for nothing.
    let chrome = Chrome::start_with(true, "none").await;
    for width in [1280, 390] {
        let (base, late) = cdn::start().await;
        let kept = tempfile::tempdir().unwrap();
        let polls = [("2026-11-20T06:00:00Z", avatars(&base))];
        let site = Site::of_polls(None, &polls, Some(previews(CACHE, Some(kept.path())))).await;
        chrome.size(width, 844).await;
        chrome.go(&site.url("/avatars")).await;
        let painted = "performance.getEntriesByName('first-contentful-paint').length == 1";
        chrome.until(&format!("return {painted} && document.readyState == 'interactive'")).await;
        chrome.until(&format!("return {}", all("ok", PICTURE))).await;
        for what in ["slow", "late", "denied", "html", "private", "endless"] {
            chrome.until(&format!("return {}", all(what, INITIALS))).await;
        }
        late.send(true).unwrap();
        chrome.until(&format!("return {}", all("late", PICTURE))).await;
        for entry in std::fs::read_dir(kept.path()).unwrap().map(Result::unwrap) {
            let (name, bytes) = (entry.file_name(), std::fs::read(entry.path()).unwrap());
            let is_picture = bytes.ends_with(b"IEND\xaeB`\x82");
            assert!(name == "lock" || is_picture, "{name:?} is a whole picture");
        }
    }
}
