//! Takes the screenshots. scripts/screenshots runs this module by name; CI runs the other modules
//! by theirs.

use crate::{chrome::Chrome, demo, site::Site};

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
    let own = all.iter().filter(|(_, path)| path.starts_with('/'));
    let off = own.map(|(name, path)| (format!("{name}-off"), format!("off:{path}")));
    let off: Vec<(String, String)> = off.collect();
    let on = all.into_iter().chain([("flip", annie)]).map(|(name, path)| (name.to_owned(), path));
    for (name, path) in on.chain(off) {
        let path = path.replace("/polls/21", "/polls/211");
        for (size, width, height) in [("wide", 1280, 800), ("phone", 390, 844)] {
            for scheme in ["light", "dark"] {
                chrome.prefer(scheme, "no-preference").await;
                chrome.size(width, height).await;
                chrome.go(&site.url(&path)).await;
                let scroll = match name.trim_end_matches("-off") {
                    "history" | "compare" => "document.querySelector('#history').scrollIntoView()",
                    "flip" => {
                        "document.querySelector('.flip').click(); document.querySelector('.cmp').scrollIntoView()"
                    }
                    _ => "",
                };
                chrome.ask(scroll).await;
                chrome.until("return document.readyState == 'complete' && [...document.images].filter(i => { const b = i.getBoundingClientRect(); return b.bottom > 0 && b.top < innerHeight }).every(i => i.complete && i.naturalWidth)").await;
                let file = folder.join(format!("{name}-{size}-{scheme}.png"));
                std::fs::write(file, chrome.picture().await).unwrap();
            }
        }
    }
}
