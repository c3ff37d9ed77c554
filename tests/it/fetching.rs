//! The fake HeyGen answers the real client as the real API would.

use std::{sync::Arc, time::Duration};

use heygen_sync::{
    catalog::{api_version::ApiVersion, catalogue::Catalogue},
    config::Api,
    error::Kind as Fault,
    heygen::{self, Client, Fetched, Settings},
    time::Clock,
};
use serde_json::Value;

use crate::fake::{FakeHeyGen, KEY, Kind};

fn client(fake: &FakeHeyGen, key: &str) -> Client {
    let settings = Settings {
        api: Api {
            base_url: fake.base_url().parse().unwrap(),
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            max_response: 1 << 24,
            retries: 2,
            retry_time: Duration::from_secs(5),
            ..Api::default()
        },
        backoff: Duration::from_millis(1),
        pace: Duration::ZERO,
    };
    Client::new(&settings, key.to_owned().into(), Clock::system()).unwrap()
}

async fn fetch(fake: &FakeHeyGen) -> Fetched {
    heygen::fetch(
        ApiVersion::V2,
        Catalogue::Avatars,
        &client(fake, KEY),
        false,
        &Arc::default(),
        &|_| (),
    )
    .await
}

fn fault(fetched: Fetched) -> Option<Fault> {
    fetched.answer.err().map(|error| error.kind)
}

fn body(fake: &FakeHeyGen) -> Value {
    serde_json::from_slice(&fake.body()).unwrap()
}

#[tokio::test]
async fn a_list_travels_plain_and_compressed() {
    let fake = FakeHeyGen::start();
    fake.add_avatar("Abigail", |avatar| avatar.set("premium", true));
    fake.add_photo("6013fc758b5446a2ba17d8c459538bb4");
    let plain = fetch(&fake).await;
    fake.gzip(true);
    let zipped = fetch(&fake).await;
    assert!(plain.answer.is_ok() && zipped.answer.is_ok());
    assert!(plain.trace.sha256.is_some());
    assert_eq!(plain.trace.sha256, zipped.trace.sha256);
    assert_eq!(zipped.trace.request_id.as_deref(), Some("req-2"));
    assert_eq!(fake.requests()[0].headers["x-api-key"], KEY);
}

#[tokio::test]
async fn failures_are_answered_as_planned_and_end() {
    let fake = FakeHeyGen::start();
    fake.fail_next_n(2, 503);
    assert_eq!(fault(fetch(&fake).await), None);
    assert_eq!(fake.request_count(), 3);
    fake.fail_next_retry_after(429, "0");
    assert_eq!(fault(fetch(&fake).await), None);
    fake.fail_always(410, "gone");
    assert_eq!(fault(fetch(&fake).await), Some(Fault::NotACatalogue));
    fake.redirect_to("http://127.0.0.1:1/");
    assert_eq!(fault(fetch(&fake).await), Some(Fault::NotACatalogue));
    fake.recover();
    fake.cut_body(10);
    assert_eq!(fault(fetch(&fake).await), Some(Fault::Unavailable));
    fake.recover();
    fake.replace_body("<html>");
    assert_eq!(fault(fetch(&fake).await), Some(Fault::NotACatalogue));
    fake.recover();
    assert_eq!(fault(fetch(&fake).await), None);
    fake.set_key("another");
    assert_eq!(fault(fetch(&fake).await), Some(Fault::Refused));
}

#[tokio::test]
async fn an_answer_is_held_back_until_its_gate_opens() {
    let fake = FakeHeyGen::start();
    let mut gate = fake.delay_next();
    let client = client(&fake, KEY);
    let held = tokio::spawn(async move {
        heygen::fetch(ApiVersion::V2, Catalogue::Avatars, &client, false, &Arc::default(), &|_| ())
            .await
    });
    gate.reached().await;
    fake.add_avatar("late", |_| ());
    gate.release();
    let bytes = u64::try_from(fake.body().len()).unwrap();
    assert_eq!(held.await.unwrap().trace.bytes, Some(bytes));
}

#[tokio::test]
async fn the_end_of_the_api_is_announced_in_headers_and_body() {
    let fake = FakeHeyGen::start();
    fake.deprecate("move to v3", "Sat, 31 Oct 2026 23:59:59 GMT");
    let warning = fetch(&fake).await.trace.notice.unwrap();
    assert!(warning.contains("is deprecated and ends on Sat, 31 Oct 2026"), "{warning}");
    assert!(warning.contains("move to v3"), "{warning}");
}

#[test]
fn the_state_is_edited_and_told_in_the_real_envelope() {
    let fake = FakeHeyGen::start();
    for id in ["a", "b", "c"] {
        fake.add_avatar(id, |_| ());
    }
    fake.rename(Kind::Avatar, "c", "Carl");
    fake.remove(Kind::Avatar, "b");
    fake.duplicate(Kind::Avatar, &["c"]);
    fake.unset_field(Kind::Avatar, "premium");
    fake.push_raw_record(Kind::TalkingPhoto, "7");
    let body = body(&fake);
    assert_eq!(body["error"], Value::Null);
    let ids = body["data"]["avatars"].as_array().unwrap().iter().map(|a| &a["avatar_id"]);
    assert_eq!(ids.collect::<Vec<_>>(), ["c", "c", "a"]);
    assert_eq!(body["data"]["avatars"][1]["avatar_name"], "Carl");
    assert!(body["data"]["avatars"][0].get("premium").is_none());
    assert_eq!(body["data"]["talking_photos"][0], 7);
}

#[test]
fn signatures_change_only_when_signed_anew() {
    let fake = FakeHeyGen::start();
    fake.add_photo("p");
    let url = || body(&fake)["data"]["talking_photos"][0]["preview_image_url"].to_string();
    let first = url();
    assert_eq!(first, url());
    fake.resign();
    let second = url();
    assert_ne!(first, second);
    assert_eq!(first.split('?').next(), second.split('?').next());
    fake.sign_urls(1_800_000_000);
    assert!(url().contains("?Expires=1800000000&Signature="));
    fake.set_signed(Kind::TalkingPhoto, "p", false);
    assert!(!url().contains('?'));
}
