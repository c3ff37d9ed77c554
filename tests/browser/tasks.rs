//! The tasks of people in the gallery, as one table: each task is done with a pointer on a wide
//! screen, with a pointer on a phone, and with the keyboard alone. The result of a task depends on
//! the address alone: a browser without cookies and storage shows the same.

use std::fmt::Write;

use fantoccini::Locator;
use serde_json::{Value, json};

use crate::{
    chrome::{Chrome, PATIENCE},
    postgres::database,
    site::Site,
};

/// One action of a person.
enum Step {
    /// Opens an element that is closed on a phone.
    Unfold(&'static str),
    /// Presses a link or a button; afterwards the address contains the second text.
    Press(&'static str, &'static str),
    /// Types the second text into a field.
    Write(&'static str, &'static str),
    /// Presses Enter in that field; afterwards the address contains this text.
    Enter(&'static str),
    /// Chooses the option with this text.
    Choose(&'static str, &'static str),
}

use Step::{Choose, Enter, Press, Unfold, Write as Fill};

/// A task of a person.
struct Task {
    name: &'static str,
    start: &'static str,
    steps: &'static [Step],
    /// A script, and the text that it then returns.
    shows: (&'static str, &'static str),
}

/// The names in the list.
const NAMES: &str = "[...document.querySelectorAll('.tile .name')].map(e => e.textContent.trim())";
const FILTER: &str = ".filter > summary";

const TASKS: [Task; 9] = [
    Task {
        name: "find a female avatar in a suit that is not premium",
        start: "/avatars",
        steps: &[
            Fill("#q", "suit"),
            Enter("q=suit"),
            Unfold(FILTER),
            Press(".group a[href*='gender=female']", "gender=female"),
            Unfold(FILTER),
            Press(".group a[href*='premium=no']", "premium=no"),
        ],
        shows: (
            "[...document.querySelectorAll('.tile')].map(e => e.innerText.replace(/\\s+/g, ' ').trim().replace(/^AB /, ''))",
            "Annie in Blue Suit female, not premium",
        ),
    },
    Task {
        name: "see what vanished last month",
        start: "/",
        steps: &[
            Press(".top nav a[href='/changes']", "/changes"),
            Press(".spans li:nth-child(4) a", "to=2026-10-31"),
            Choose("#change", "removed"),
            Press("main .fields button", "change=removed"),
        ],
        shows: (
            "[...document.querySelectorAll('.chg')].map(e => [e.querySelector('.who').innerText, e.querySelector('.removed').innerText])",
            "Vera at Work,−removed",
        ),
    },
    Task {
        name: "compare two versions",
        start: "/avatars/annie_blue",
        steps: &[
            Press("a[href*='from=2']", "from=2&to=3"),
            Choose("#from", "1"),
            Press("main .fields button", "from=1"),
        ],
        shows: (
            "[...document.querySelectorAll('.event tbody tr')].map(row => { \
             const seen = row.cloneNode(true); \
             seen.querySelectorAll('.vh').forEach(e => e.remove()); \
             return [...seen.children].map(e => e.textContent.trim()).join(' '); })",
            "avatar_name Annie in Navy Suit Annie in Blue Suit,premium true false",
        ),
    },
    Task {
        name: "copy an id",
        start: "/avatars/annie_blue",
        steps: &[Press(".copy-id", "")],
        shows: ("navigator.clipboard.readText()", "annie_blue"),
    },
    Task {
        name: "copy an id out of a list",
        start: "/avatars?q=zoe",
        steps: &[Press(".tile .copy", "")],
        shows: ("navigator.clipboard.readText()", "zoe_green"),
    },
    Task {
        name: "search for words in another order, over all kinds",
        start: "/",
        steps: &[Fill("#q", "suit annie"), Enter("/search?q=suit+annie")],
        shows: (NAMES, "Annie in Blue Suit,Annie in Gold Suit"),
    },
    Task {
        name: "search in other letters and another case",
        start: "/",
        steps: &[Fill("#q", "алина"), Enter("/search?q=%D0%B0")],
        shows: (NAMES, "Алина"),
    },
    Task {
        name: "see an avatar as it was on a day",
        start: "/avatars/annie_blue",
        steps: &[Fill("#as_of", "10052026"), Press(".asof button", "as_of=2026-10-05")],
        shows: ("document.querySelector('h1').innerText", "Annie in Navy Suit"),
    },
    Task {
        name: "see at once whose page it is",
        start: "/avatars/annie_blue",
        steps: &[],
        shows: (
            "[...document.querySelectorAll('h1, .title .id')].every(e => e.getBoundingClientRect().bottom < innerHeight / 2)",
            "true",
        ),
    },
];

/// The input device.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hand {
    Pointer,
    Keyboard,
}

impl Hand {
    async fn does(self, chrome: &Chrome, step: &Step) {
        match *step {
            Unfold(selector) => {
                let is_closed = format!(
                    "return getComputedStyle(document.querySelector({})).display != 'none'",
                    Value::from(selector)
                );
                if chrome.ask(&is_closed).await == json!(true) {
                    self.presses(chrome, selector).await;
                }
            }
            Press(selector, leads_to) => {
                self.presses(chrome, selector).await;
                arrives(chrome, leads_to).await;
            }
            Fill(selector, text) if self == Self::Pointer => {
                chrome
                    .client
                    .find(Locator::Css(selector))
                    .await
                    .unwrap()
                    .send_keys(text)
                    .await
                    .unwrap();
            }
            Fill(selector, text) => {
                chrome.tab_to(selector).await;
                press_all(chrome, text).await;
            }
            Enter(leads_to) => {
                chrome.press("Enter").await;
                arrives(chrome, leads_to).await;
            }
            Choose(selector, text) if self == Self::Pointer => {
                let select = chrome.client.find(Locator::Css(selector)).await.unwrap();
                select.select_by_label(text).await.unwrap();
            }
            Choose(selector, text) => {
                chrome.tab_to(selector).await;
                press_all(chrome, text).await;
            }
        }
    }

    async fn presses(self, chrome: &Chrome, selector: &str) {
        match self {
            Self::Pointer => chrome.click(selector).await,
            Self::Keyboard => {
                chrome.tab_to(selector).await;
                chrome.press("Enter").await;
            }
        }
    }
}

async fn press_all(chrome: &Chrome, text: &str) {
    for letter in text.chars() {
        chrome.press(&letter.to_string()).await;
    }
}

async fn address(chrome: &Chrome) -> String {
    chrome.client.current_url().await.unwrap().to_string()
}

async fn arrives(chrome: &Chrome, wanted: &str) {
    let begun = std::time::Instant::now();
    while !address(chrome).await.contains(wanted) {
        assert!(begun.elapsed() < PATIENCE, "{} never has {wanted}", address(chrome).await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Waits until a script returns the wanted text; fails if it does not.
async fn shows(chrome: &Chrome, (script, wanted): (&str, &str)) -> Result<(), String> {
    let ask = format!("return Promise.resolve({script}).then(String)");
    let begun = std::time::Instant::now();
    loop {
        let is = chrome.ask(&ask).await;
        if is == json!(wanted) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE / 6 {
            return Err(format!("{is} instead of {wanted:?}"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn avatar(id: &str, name: &str, gender: &str, premium: bool) -> Value {
    json!({"avatar_id": id, "avatar_name": name, "gender": gender, "premium": premium})
}

/// Returns three polls: one avatar is renamed, one is removed, and the first is no longer premium.
fn polls() -> Vec<(&'static str, Vec<Value>)> {
    let first = |name, premium| avatar("annie_blue", name, "female", premium);
    let others = [
        avatar("annie_gold", "Annie in Gold Suit", "female", true),
        avatar("carl_grey", "Carl in Grey Suit", "male", false),
        avatar("alina", "Алина", "female", false),
        avatar("zoe_green", "\nZoë in Green", "female", false),
    ];
    let vera = avatar("vera", "Vera at Work", "female", false);
    let with = |own: &[Value]| [own, &others].concat();
    vec![
        ("2026-09-28T06:00:00Z", with(&[first("Annie in Navy Suit", true), vera])),
        ("2026-10-12T06:00:00Z", with(&[first("Annie in Blue Suit", true)])),
        ("2026-11-20T06:00:00Z", with(&[first("Annie in Blue Suit", false)])),
    ]
}

async fn every_task_is_done(site: &Site, hand: Hand, width: u32) {
    let chrome = Chrome::start(true).await;
    chrome.size(width, 844).await;
    let grant = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": site.base});
    chrome.tools("Browser.grantPermissions", grant).await;
    let mut wrong = String::new();
    for task in &TASKS {
        chrome.go(&site.url(task.start)).await;
        for step in task.steps {
            hand.does(&chrome, step).await;
        }
        if let Err(why) = shows(&chrome, task.shows).await {
            let _ = writeln!(wrong, "{} ({hand:?}, {width}): {why}", task.name);
            continue;
        }
        // As if the address were sent to another person.
        chrome
            .tools(
                "Storage.clearDataForOrigin",
                json!({"origin": site.base, "storageTypes": "all"}),
            )
            .await;
        let sent = address(&chrome).await;
        chrome.go("about:blank").await;
        chrome.go(&sent).await;
        if let Err(why) = shows(&chrome, task.shows).await {
            let _ = writeln!(wrong, "{} ({hand:?}, {width}), sent to another: {why}", task.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_is_done_with_a_pointer() {
    let site = Site::of_polls(Some(database().await), &polls(), None).await;
    every_task_is_done(&site, Hand::Pointer, 1280).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_is_done_on_a_phone() {
    let site = Site::of_polls(None, &polls(), None).await;
    every_task_is_done(&site, Hand::Pointer, 390).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_is_done_by_the_keyboard() {
    let site = Site::of_polls(None, &polls(), None).await;
    every_task_is_done(&site, Hand::Keyboard, 1280).await;
}
