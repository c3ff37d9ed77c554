//! The first paint of a page, at 10,000 items, as Chromium measures it, relative to a text of two
//! letters: ratios, not times.
//!
//! `cargo bench --bench paint`, after `scripts/install-test-tools --browser`. The medians count.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot run has nothing to say"
)]
#![allow(dead_code, unused_imports, reason = "the tests in a browser use more of it")]

#[path = "../tests/browser/cdn.rs"]
mod cdn;
#[path = "../tests/browser/chrome.rs"]
mod chrome;
#[path = "../tests/demo/mod.rs"]
mod demo;
#[path = "../tests/it/patience.rs"]
mod patience;
#[path = "../tests/it/postgres/mod.rs"]
mod postgres;
#[path = "../tests/browser/site.rs"]
mod site;

use serde_json::{Value, json};

use chrome::Chrome;
use site::{Site, previews};

const ITEMS: usize = 10_000;
const ROUNDS: usize = 21;
/// The size of the cache of previews, in bytes.
const CACHE: u64 = 64 << 20;

fn avatars(turn: usize, cdn: &str) -> Vec<Value> {
    let avatar = |at: usize| {
        let look = if at % 100 == 7 { turn } else { 0 };
        json!({"avatar_id": format!("look_{at:05}"), "avatar_name": format!("Person {} look {look} of {at}", at % 700),
            "gender": (["female", "male"][at % 2]), "premium": at.is_multiple_of(5),
            "tags": [format!("tag {}", at % 9)],
            "preview_image_url": format!("{cdn}/ok/{at}.png")})
    };
    (turn * 10..ITEMS + turn * 10).map(avatar).collect()
}

/// Starts a gallery, with previews on demand or without.
async fn gallery(cdn: &str, live: bool) -> Site {
    let days = ["2026-11-10T06:00:00Z", "2026-11-17T06:00:00Z", "2026-11-22T06:00:00Z"];
    let polls: Vec<_> =
        days.into_iter().enumerate().map(|(turn, at)| (at, avatars(turn, cdn))).collect();
    Site::of_polls(None, &polls, live.then(|| previews(CACHE, None))).await
}

/// Returns when Chromium first paints something of a page, in milliseconds (median, worst), and the size of
/// the page, in kB (decoded, as sent).
async fn paint(chrome: &Chrome, url: &str) -> [f64; 4] {
    let (mut paints, mut sizes) = (vec![], json!(null));
    for round in 0..=ROUNDS {
        chrome.go(url).await;
        chrome
            .until("return performance.getEntriesByName('first-contentful-paint').length == 1")
            .await;
        let script = "const [page] = performance.getEntriesByType('navigation'); \
             return [performance.getEntriesByName('first-contentful-paint')[0].startTime, page.decodedBodySize / 1000, page.encodedBodySize / 1000]";
        let found = chrome.ask(script).await;
        // The very first load fills the browser's caches: connections, style sheet, fonts.
        if round > 0 {
            paints.push(found[0].as_f64().unwrap());
            sizes = found;
        }
    }
    paints.sort_by(f64::total_cmp);
    let [whole, sent] = [1, 2].map(|at| sizes[at].as_f64().unwrap());
    [paints[ROUNDS / 2], paints[ROUNDS - 1], whole, sent]
}

#[tokio::main]
async fn main() {
    let (cdn, _late) = cdn::start().await;
    let (site, live) = (gallery(&cdn, false).await, gallery(&cdn, true).await);
    let chrome = Chrome::start(true).await;
    chrome.size(1280, 800).await;
    println!(
        "| page | first paint | worst | with previews on demand | worst | beside two letters | kB | kB as sent |\n|---|---|---|---|---|---|---|---|"
    );
    let mut floor = None;
    for path in [
        // A text of two letters: the browser's own time for any page.
        "/livez",
        "/",
        "/avatars",
        "/avatars?q=person+42&gender=female",
        "/avatars?view=table",
        "/avatars/look_00107",
        "/changes",
        "/polls",
        "/timeline",
        "/search?q=look+12",
    ] {
        let [median, worst, whole, sent] = paint(&chrome, &site.url(path)).await;
        let [with_previews, worst_with, ..] = paint(&chrome, &live.url(path)).await;
        let ratio = median / *floor.get_or_insert(median);
        println!(
            "| {path} | {median:.0} ms | {worst:.0} ms | {with_previews:.0} ms | {worst_with:.0} ms | {ratio:.2} × | {whole:.1} | {sent:.1} |"
        );
    }
}
