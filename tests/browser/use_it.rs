//! What people do with the gallery: with a pointer, with the keyboard, without scripts.

use fantoccini::Locator;
use serde_json::json;

use crate::{chrome::Chrome, demo::ANNIE, site::Site};

async fn text(chrome: &Chrome, selector: &str) -> String {
    chrome.client.find(Locator::Css(selector)).await.unwrap().text().await.unwrap()
}

async fn click(chrome: &Chrome, selector: &str) {
    chrome.click(selector).await;
}

async fn click_words(chrome: &Chrome, words: &str) {
    chrome.client.find(Locator::LinkText(words)).await.unwrap().click().await.unwrap();
}

/// Until the address says so.
async fn arrives(chrome: &Chrome, wanted: impl Fn(&str) -> bool) {
    for _ in 0..200 {
        if wanted(&path(chrome).await) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never left {}", path(chrome).await);
}

async fn path(chrome: &Chrome) -> String {
    let url = chrome.client.current_url().await.unwrap();
    url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_filters_searches_and_copies_an_id() {
    for site in [Site::sqlite().await, Site::postgres().await] {
        let chrome = Chrome::start(true).await;
        chrome.size(1280, 900).await;
        let grant = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": site.base});
        chrome.tools("Browser.grantPermissions", grant).await;
        chrome.go(&site.url("/avatars")).await;
        click(&chrome, ".group a[href*='gender=female']").await;
        arrives(&chrome, |path| path.contains("gender=female")).await;
        let search = chrome.client.find(Locator::Css("#q")).await.unwrap();
        search.send_keys("annie studio PINK\u{e007}").await.unwrap();
        arrives(&chrome, |path| path.contains("q=annie")).await;
        assert!(path(&chrome).await.contains("gender=female"), "the search keeps the facet");
        assert_eq!(chrome.ask("return document.querySelectorAll('.tile').length").await, json!(1));
        click(&chrome, ".tile .copy").await;
        chrome
            .until("return document.querySelector('#said').textContent.startsWith('Copied')")
            .await;
        let copied = "return navigator.clipboard.readText()";
        assert_eq!(chrome.ask(copied).await, json!(ANNIE));
        click(&chrome, ".tile a").await;
        arrives(&chrome, |path| path.starts_with("/avatars/")).await;
        assert_eq!(text(&chrome, "h1").await, "Annie Studio Pink Standing Front");
        assert!(text(&chrome, ".id code").await.contains(ANNIE));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn back_returns_to_the_same_page_of_the_list() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    chrome.size(1280, 900).await;
    chrome.go(&site.url("/avatars?page=7")).await;
    click(&chrome, ".tile a").await;
    arrives(&chrome, |path| path.starts_with("/avatars/")).await;
    chrome.client.back().await.unwrap();
    arrives(&chrome, |path| path == "/avatars?page=7").await;
    assert_eq!(text(&chrome, ".pager [aria-current]").await, "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_day_has_what_was_there_and_the_way_back() {
    let (site, chrome) = (Site::postgres().await, Chrome::start(true).await);
    chrome.size(1280, 900).await;
    chrome.go(&site.url(&format!("/avatars/{ANNIE}"))).await;
    let set = "const day = document.querySelector('#as_of'); day.value = day.min; day.form.querySelector('button').click()";
    chrome.ask(set).await;
    chrome.until("return location.search.includes('as_of=')").await;
    assert_eq!(text(&chrome, "h1").await, "Annie Studio Rose Standing Front");
    assert!(text(&chrome, ".past").await.starts_with("The catalogue as it was on"));
    click_words(&chrome, "Changes").await;
    assert!(path(&chrome).await.contains("as_of="), "every link stays in the past");
    click_words(&chrome, "Back to now").await;
    assert_eq!(path(&chrome).await, "/changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_picture_shows_both_and_flips_by_keyboard() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    chrome.size(1280, 900).await;
    chrome.go(&site.url(&format!("/avatars/{ANNIE}"))).await;
    let shown = "const seen = e => getComputedStyle(e).visibility; const f = document.querySelector('.cmp .first'); \
         return [seen(f.querySelector('.under')), seen(f.querySelector('.over'))].join(' ')";
    assert_eq!(chrome.ask(shown).await, json!("visible hidden"));
    let two = "const i = document.querySelectorAll('.cmp img'); return i[0].src != i[1].src";
    assert_eq!(chrome.ask(two).await, json!(true));
    chrome.ask("document.querySelector('.flip').focus()").await;
    chrome.press(" ").await;
    assert_eq!(chrome.ask(shown).await, json!("hidden visible"));
    chrome.press(" ").await;
    assert_eq!(chrome.ask(shown).await, json!("visible hidden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_leads_from_the_start_to_an_item() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    chrome.size(1280, 900).await;
    chrome.go(&site.url("/avatars")).await;
    chrome.press("Tab").await;
    assert_eq!(chrome.ask("return document.activeElement.className").await, json!("skip"));
    chrome.press("Enter").await;
    chrome.until("return document.activeElement.id == 'main'").await;
    // Past the search and the facets, in the order of the page, to the first tile.
    let mut seen = vec![];
    for _ in 0..80 {
        chrome.press("Tab").await;
        let at = chrome
            .ask("const e = document.activeElement, b = e.getBoundingClientRect(); \
                 return [e.matches('.tile a'), getComputedStyle(e.matches('.tile a') ? e.querySelector('.frame') : e).outlineStyle, b.top]")
            .await;
        assert_eq!(at[1], "solid", "the focus can be seen on {at}");
        seen.push(at.clone());
        if at[0] == json!(true) {
            break;
        }
    }
    assert_eq!(seen.last().unwrap()[0], json!(true), "a tile is reached within 80 steps");
    chrome.press("Enter").await;
    chrome.until("return location.pathname.split('/').length == 3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_without_scripts() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(false).await);
    chrome.size(390, 844).await;
    chrome.go(&site.url("/avatars")).await;
    assert_eq!(chrome.client.find_all(Locator::Css(".tile")).await.unwrap().len(), 60);
    click(&chrome, ".filter > summary").await;
    click(&chrome, ".group a[href*='gender=male']").await;
    arrives(&chrome, |path| path.contains("gender=male")).await;
    assert!(text(&chrome, ".pills").await.contains("gender male"));
    click(&chrome, ".pills a").await;
    arrives(&chrome, |path| path == "/avatars").await;
    let search = chrome.client.find(Locator::Css("#q")).await.unwrap();
    search.send_keys("annie studio pink\u{e007}").await.unwrap();
    arrives(&chrome, |path| path.contains("q=annie")).await;
    click(&chrome, ".tile a").await;
    arrives(&chrome, |path| path.starts_with("/avatars/")).await;
    assert_eq!(text(&chrome, "h1").await, "Annie Studio Pink Standing Front");
    click_words(&chrome, "Polls").await;
    arrives(&chrome, |path| path == "/polls").await;
    assert!(text(&chrome, "h1").await.starts_with("Polls"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_plays_under_the_pointer_and_never_where_motion_is_unwanted() {
    let (site, chrome) = (Site::sqlite().await, Chrome::start(true).await);
    chrome.size(1280, 900).await;
    // The demo's video cannot be played; that it is asked for is what counts here.
    let hover = "window.asked = []; const create = document.createElement.bind(document); \
         document.createElement = name => { window.asked.push(name); return create(name); }; \
         document.querySelector('a[data-video]').dispatchEvent(new PointerEvent('pointerenter', {pointerType: 'mouse'}));";
    chrome.go(&site.url("/avatars")).await;
    chrome.ask(hover).await;
    chrome.until("return window.asked.includes('video')").await;
    chrome.prefer("light", "reduce").await;
    chrome.go(&site.url("/avatars")).await;
    chrome.ask(hover).await;
    let later = "return new Promise(done => setTimeout(() => done(window.asked), 600))";
    assert_eq!(chrome.ask(later).await, json!([]));
}
