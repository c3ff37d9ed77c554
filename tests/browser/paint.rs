//! When something of a page is first seen, at 10,000 items, as Chromium measures it. By hand:
//! `cargo test --release --test browser -- --ignored --nocapture paint`

use serde_json::{Value, json};

use crate::{chrome::Chrome, site::Site};

const ITEMS: usize = 10_000;
const ROUNDS: usize = 21;
/// The longest until the first paint, in milliseconds.
const FIRST_PAINT: f64 = 100.0;

fn avatars(turn: usize) -> Vec<Value> {
    let avatar = |at: usize| {
        let look = if at % 100 == 7 { turn } else { 0 };
        json!({"avatar_id": format!("look_{at:05}"), "avatar_name": format!("Person {} look {look} of {at}", at % 700),
            "gender": (["female", "male"][at % 2]), "premium": at % 5 == 0,
            "tags": [format!("tag {}", at % 9)],
            "preview_image_url": format!("https://files2.heygen.ai/avatar/v3/{at}/preview.webp")})
    };
    (turn * 10..ITEMS + turn * 10).map(avatar).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_page_is_seen_at_once_at_ten_thousand_items() {
    let days = ["2026-11-10T06:00:00Z", "2026-11-17T06:00:00Z", "2026-11-22T06:00:00Z"];
    let polls: Vec<_> =
        days.into_iter().enumerate().map(|(turn, at)| (at, avatars(turn))).collect();
    let site = Site::of_polls(None, &polls, None).await;
    let chrome = Chrome::start(true).await;
    chrome.size(1280, 800).await;
    let mut late = vec![];
    println!("page, first paint in ms (median, worst of {ROUNDS}), kB, kB as sent");
    for path in [
        // A text of two letters: what the browser takes for anything.
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
        let mut paints = vec![];
        let mut sizes = json!(null);
        for round in 0..=ROUNDS {
            chrome.go(&site.url(path)).await;
            chrome
                .until("return performance.getEntriesByName('first-contentful-paint').length == 1")
                .await;
            let asked = "const [page] = performance.getEntriesByType('navigation'); \
                 return [performance.getEntriesByName('first-contentful-paint')[0].startTime, page.decodedBodySize / 1000, page.encodedBodySize / 1000]";
            let found = chrome.ask(asked).await;
            // The very first one starts what the browser keeps: connections, style sheet, fonts.
            if round > 0 {
                paints.push(found[0].as_f64().unwrap());
                sizes = found;
            }
        }
        paints.sort_by(f64::total_cmp);
        let (median, worst) = (paints[ROUNDS / 2], paints[ROUNDS - 1]);
        println!(
            "{path}: {median:.0}, {worst:.0}, {:.1}, {:.1}",
            sizes[1].as_f64().unwrap(),
            sizes[2].as_f64().unwrap()
        );
        if median > FIRST_PAINT {
            late.push(path);
        }
    }
    assert!(late.is_empty(), "over {FIRST_PAINT} ms: {late:?}");
}
