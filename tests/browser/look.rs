//! The look and the accessibility of every page: no accessibility rule broken, no sideways scroll,
//! no layout shift, nothing fetched from elsewhere; contrasts.

use std::collections::BTreeMap;

use crate::{chrome::Chrome, site::Site};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_in_light_and_dark() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    let mut broken = vec![];
    for (name, path) in site.pages().await {
        for scheme in ["light", "dark"] {
            for width in [1280, 390] {
                chrome.prefer(scheme, "no-preference").await;
                chrome.size(width, 800).await;
                chrome.go(&site.url(&path)).await;
                let found = chrome.violations().await;
                broken.extend(
                    found.into_iter().map(|what| format!("{name} {scheme} {width}: {what}")),
                );
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_scrolls_sideways_moves_or_asks_another_host() {
    let (site, chrome) = (Site::postgres().await, Chrome::start(true).await);
    for (name, path) in site.pages().await {
        for (width, scheme) in [(320, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
            chrome.prefer(scheme, "no-preference").await;
            chrome.size(width, 800).await;
            chrome.go(&site.url(&path)).await;
            let at = format!("{name} at {width}, {scheme}");
            let wide = chrome.ask("return document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{at} is {wide} wide");
            chrome.ask("window.scrollTo(0, document.body.scrollHeight)").await;
            // Shifts inside the browser's own audio controls have no node.
            let shifts = "return new Promise(done => { const all = []; new PerformanceObserver(list => { \
                 for (const e of list.getEntries()) if (!e.hadRecentInput && e.value >= 0.001) \
                 all.push(...e.sources.map(s => s.node?.outerHTML?.slice(0, 200)).filter(Boolean)); }).observe(\
                 {type: 'layout-shift', buffered: true}); setTimeout(() => done(all), 100); })";
            assert_eq!(chrome.ask(shifts).await, serde_json::json!([]), "{at} moved");
            let asked = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(location.origin))";
            assert_eq!(chrome.ask(asked).await, serde_json::json!([]), "{at}");
            let first = "return performance.getEntriesByType('resource').filter(e => !e.name.includes('/file/') && !e.name.endsWith('.svg')).length";
            assert!(
                chrome.ask(first).await.as_u64().unwrap() <= 2,
                "{at}: beside the page two requests"
            );
            let wrong: Vec<String> = chrome
                .complaints()
                .await
                .into_iter()
                .filter(|what| !(what.contains("40") && what.contains("network")))
                .collect();
            assert_eq!(wrong, Vec::<String>::new(), "{at}");
        }
    }
}

/// On a slow line or a slow phone, a page arrives in pieces: what is visible of a part must not
/// move. The states of an arriving page are made from the whole page by removing its end piece by
/// piece.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_while_a_page_arrives() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    // Stops animations, so that what stays hidden until more arrives stays hidden for ever.
    chrome.tools("Animation.enable", serde_json::json!({})).await;
    chrome.tools("Animation.setPlaybackRate", serde_json::json!({"playbackRate": 0})).await;
    let mut wrong = vec![];
    let mut pages = site.pages().await;
    for accounts in 1..=2 {
        for (name, path) in &pages {
            for width in [320, 390, 760, 1280] {
                chrome.size(width, 800).await;
                chrome.go(&site.url(path)).await;
                let found = chrome.ask(ARRIVES).await;
                let at = format!("{name}, {accounts} accounts, {width}");
                wrong.extend(found.as_array().unwrap().iter().map(|what| format!("{at}: {what}")));
            }
        }
        if accounts == 1 {
            site.poll_of("second", &[("Anna_public", "Anna")]).await;
            pages.truncate(2);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_arrives_to_its_end_is_seen_all_the_same() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    for (path, last) in [("/polls", "table"), ("/changes", ".poll:last-child .chg:last-child")] {
        chrome.go(&site.url(path)).await;
        let cut = "document.querySelectorAll('.foot, .foot ~ *, .pager').forEach(e => e.remove())";
        let visible = format!(
            "return getComputedStyle(document.querySelector('main {last}')).visibility == 'visible'"
        );
        let hidden = format!("{cut}; {}", visible.replace("==", "!="));
        assert_eq!(chrome.ask(&hidden).await, true, "{path}: nothing is waited for");
        chrome.until(&visible).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_played_from_here_one_at_a_time_without_a_complaint() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    chrome.go(&site.url("people:/voices")).await;
    let start = |nth: u8| {
        format!(
            "return document.querySelectorAll('td audio')[{nth}].play().then(() => true, e => e.message)"
        )
    };
    assert_eq!(chrome.ask(&start(0)).await, true);
    chrome.until("return document.querySelector('td audio').currentTime > 0").await;
    assert_eq!(chrome.ask("return document.querySelector('td audio').duration").await, 2);
    assert_eq!(chrome.ask(&start(1)).await, true);
    chrome.until("return document.querySelector('td audio').paused").await;
    assert_eq!(chrome.complaints().await, Vec::<String>::new());
}

/// Lists what a whole page hides, and what moved by three pixels or more (the limit at which
/// browsers count a shift) when more of the page arrived.
const ARRIVES: &str = r"
const nodes = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
while (walk.nextNode()) nodes.push(walk.currentNode);
const range = document.createRange();
const place = node => {
  const text = node.nodeType == 3;
  if (!(text ? node.parentElement : node).checkVisibility({visibilityProperty: true})) return;
  if (text) range.selectNodeContents(node);
  const box = (text ? range : node).getClientRects()[0];
  return box && box.width * box.height ? [box.left, box.top] : undefined;
};
const seen = node => node.nodeType == 3 ? node.data.trim()
  : node.matches('img,svg,input,select,button,figure,.button,.frame,.pills a,.notice,.top,.foot');
const wrong = nodes.filter(node => node.matches && getComputedStyle(node).visibility != 'visible' && !node.closest('.over'))
  .map(node => 'hidden: ' + node.outerHTML.slice(0, 60));
const last = new Map(nodes.filter(node => seen(node) && !node.parentElement.closest('.vh,.skip'))
  .map(node => [node, place(node)]).filter(([, is]) => is));
for (const node of nodes.reverse()) {
  const what = (node.outerHTML || node.data).trim().slice(0, 60);
  node.remove();
  last.delete(node);
  if (!what) continue;
  for (const [other, was] of last) {
    const is = place(other);
    if (is && Math.max(Math.abs(is[0] - was[0]), Math.abs(is[1] - was[1])) >= 3) {
      last.delete(other);
      wrong.push((other.outerHTML || other.data).trim().slice(0, 60) + ' from ' + is + ' to ' + was + ' by ' + what);
    }
  }
}
return wrong;";

#[test]
fn every_pair_of_colours_can_be_read() {
    let css = heygen_sync::web::assets::CSS;
    let (light, dark) = css.split_once("prefers-color-scheme:dark").unwrap();
    for (scheme, text) in [("light", light), ("dark", dark)] {
        let tokens = tokens(text);
        let contrast = |ink: &str, paper: &str| {
            let (a, b) = (luminance(tokens[ink]), luminance(tokens[paper]));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for ink in ["ink", "soft", "added", "changed", "removed", "restored", "held"] {
            for paper in ["paper", "sunk"] {
                let is = contrast(ink, paper);
                assert!(is >= 4.5, "{scheme}: {ink} on {paper} is {is:.1}");
            }
        }
        for (ink, paper) in [
            ("added", "added-on"),
            ("removed", "removed-on"),
            ("held", "held-on"),
            ("ink", "held-on"),
            ("paper", "ink"),
        ] {
            let is = contrast(ink, paper);
            assert!(is >= 4.5, "{scheme}: {ink} on {paper} is {is:.1}");
        }
        for ink in ["edge", "focus"] {
            let is = contrast(ink, "paper");
            assert!(is >= 3.0, "{scheme}: {ink} is {is:.1}");
        }
    }
}

/// Returns the colours by name.
fn tokens(css: &str) -> BTreeMap<&str, u32> {
    let each = css.split("--").skip(1).filter_map(|part| {
        let (name, rest) = part.split_once(":#")?;
        Some((name, u32::from_str_radix(rest.get(..6)?, 16).ok()?))
    });
    each.collect()
}

fn luminance(colour: u32) -> f64 {
    let channel = |shift: u32| {
        let value = f64::from((colour >> shift) & 255) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}
