//! Takes the screenshots. scripts/screenshots runs this module by name; CI runs the other modules
//! by theirs.

use serde_json::json;

use crate::{
    cdn,
    chrome::Chrome,
    demo,
    previews::avatars,
    site::{Site, previews},
};

/// The pages that are taken with previews on demand, some of which the CDN does not have.
const LIVE: [(&str, &str); 8] = [
    ("overview", "/"),
    ("avatars", "/avatars"),
    ("removed", "/avatars?listed=removed"),
    ("table", "/avatars?view=table"),
    ("item", "/avatars/ok-11"),
    ("failed", "/avatars/denied-02"),
    ("changes", "/changes"),
    ("search", "/search?q=ida"),
];

/// Starts a gallery without a mirror that fetches previews: one picture changes, some avatars are removed.
async fn live() -> Site {
    let (base, late) = cdn::start().await;
    late.send(true).unwrap();
    let mut later = avatars(&base);
    later[11]["preview_image_url"] = json!(format!("{base}/ok/99.png"));
    later.truncate(34);
    let polls = [("2026-11-20T06:00:00Z", avatars(&base)), ("2026-11-22T06:00:00Z", later)];
    Site::of_polls(None, &polls, Some(previews(64 << 20, None))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn are_made() {
    let folder = std::env::var("SCREENSHOTS").expect("run by scripts/screenshots");
    let folder = std::path::PathBuf::from(folder);
    let (site, chrome) = (Site::of(None, demo::FULL).await, Chrome::start(true).await);
    let annie = format!("/avatars/{}", demo::ANNIE);
    let mut all = site.pages().await;
    // Without the pages that only tests use, and those that are added below.
    all.retain(|(name, path)| {
        !matches!(*name, "long" | "long-id" | "chosen") && !path.starts_with("off:")
    });
    all.push(("history", annie.clone()));
    let off = all.iter().map(|(name, path)| match path.strip_prefix("people:") {
        Some(path) => (format!("{name}-off"), format!("people-off:{path}")),
        None => (format!("{name}-off"), format!("off:{path}")),
    });
    let off: Vec<(String, String)> = off.collect();
    let on = all.into_iter().chain([("flip", annie)]).map(|(name, path)| (name.to_owned(), path));
    let urls = on.chain(off).map(|(name, path)| {
        let path = path.replace("/polls/21", "/polls/211");
        (name, site.url(&path))
    });
    let live = live().await;
    let on_demand = LIVE.map(|(name, path)| (format!("{name}-live"), live.url(path)));
    for (name, url) in urls.chain(on_demand) {
        for (size, width, height) in [("wide", 1280, 800), ("phone", 390, 844)] {
            for scheme in ["light", "dark"] {
                chrome.prefer(scheme, "no-preference").await;
                chrome.size(width, height).await;
                chrome.go(&url).await;
                let scroll = match name.trim_end_matches("-off") {
                    "history" | "compare" => "document.querySelector('#history').scrollIntoView()",
                    "flip" => {
                        "document.querySelector('.flip').click(); document.querySelector('.cmp').scrollIntoView()"
                    }
                    _ => "",
                };
                chrome.ask(scroll).await;
                chrome.until("return document.readyState == 'complete' && [...document.images].filter(i => { const b = i.getBoundingClientRect(); return b.bottom > 0 && b.top < innerHeight }).every(i => i.complete && (i.naturalWidth || i.dataset.ini))").await;
                let file = folder.join(format!("{name}-{size}-{scheme}.png"));
                std::fs::write(file, chrome.picture().await).unwrap();
            }
        }
    }
}
