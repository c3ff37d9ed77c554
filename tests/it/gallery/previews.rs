//! Previews on demand: what the gallery fetches, stores and refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, body::Body, http::Response};
use futures_util::stream;
use heygen_sync::{
    config::Mirror,
    mirror::{request::Requests, whole::fetch_preview},
    web::previews::{PreviewFolder, Previews, longest},
};
use serde_json::{Value, json};

use super::site::{Answer, Site, both};
use crate::{
    demo,
    mirror::{
        Names,
        cdn::{FakeCdn, Fault, Thing},
    },
};

/// The memory cache of the gallery under test, in bytes.
const CACHE: u64 = 2 << 20;

/// Returns a client that fetches previews from this machine.
fn requests() -> Requests {
    let mirror = Mirror {
        allowed_hosts: vec!["127.0.0.1".into(), "inside.test".into()],
        requests_per_second: 1_000,
        ..Mirror::default()
    };
    let resolver = Arc::new(Names(BTreeMap::from([("inside.test", "127.0.0.2:0")])));
    Requests::new(&mirror, resolver, (longest(CACHE), "the cache"), &demo::clock()).unwrap()
}

/// Starts a gallery of the same site that fetches previews from this machine.
pub async fn live(site: &Site) -> Site {
    live_with(site, None).await
}

/// Like [`live`], with a folder that stores at most this many bytes.
async fn live_with(site: &Site, folder: Option<(&Path, u64)>) -> Site {
    let requests = requests();
    let folder = folder.map(|(root, most)| PreviewFolder::open(root, most).unwrap());
    let previews = Arc::new(Previews::new(requests, CACHE, folder));
    site.beside(|settings| settings.previews = Some(previews)).await
}

fn avatar(id: &str, image: &str) -> Value {
    json!({"avatar_id": id, "avatar_name": id, "preview_image_url": image})
}

/// Returns an item of the demo: a list without one would be taken for another account's.
fn known() -> Value {
    json!({"avatar_id": demo::ANNIE, "avatar_name": "Annie"})
}

/// Returns what a page's script gets: it asks again for what is not ready yet.
async fn seen(site: &Site, path: &str) -> Answer {
    loop {
        let answer = site.get(path).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

fn path(id: &str, role: &str) -> String {
    format!("/preview/default/avatar/{id}/1/{role}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_fetched_once_and_served_whole_or_in_ranges() {
    for site in both().await {
        let (site, cdn) = (live(&site).await, FakeCdn::start(demo::clock()));
        let (picture, video) = (Thing::picture(1, 40_000), Thing::video(2, 90_000));
        let mut record = avatar("good", &cdn.put("/good.webp", picture.clone()));
        record["preview_video_url"] = json!(cdn.put("/good.mp4", video.clone()));
        site.poll_records("default", vec![record], 99).await;
        let list = site.get("/avatars?q=good").await;
        assert!(list.sources().contains(&path("good", "image")), "{:?}", list.sources());
        assert!(!list.text.contains(&cdn.base), "no link leaves the server");
        let address = path("good", "image");
        let viewers = (0..8).map(|_| seen(&site, &address));
        for answer in futures_util::future::join_all(viewers).await {
            assert_eq!((answer.status, &answer.bytes), (200, &picture.body()));
            assert_eq!(answer.header("content-type"), "image/webp");
            assert_eq!(answer.header("etag"), format!("\"{}\"", picture.sha256()));
        }
        assert_eq!(cdn.asked("/good.webp"), 1, "one fetch for many viewers");
        let part = site.get_range(&path("good", "video"), "bytes=10-19").await;
        assert_eq!((part.status, part.bytes.as_slice()), (206, &video.body()[10..20]));
        assert_eq!(part.header("content-range"), "bytes 10-19/90000");
        let tag = format!("\"{}\"", picture.sha256());
        assert_eq!(site.get_if(&address, &tag).await.status, 304);
        assert_eq!(site.get("/avatars?as_of=2026-11-20").await.status, 200);
        for unknown in ["/preview/default/avatar/good/9/image", "/preview/x/avatar/good/1/image"] {
            assert_eq!(site.get(unknown).await.status, 404, "{unknown}");
        }
    }
}

/// Returns the hashes of the contents of a folder of previews.
fn contents(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap()).filter(|name| name != "lock");
    names.map(|name| name.split_once('-').unwrap().1.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_previews_for_the_next_start_whole_and_within_its_bound() {
    let [site, _] = both().await;
    let (cdn, home) = (FakeCdn::start(demo::clock()), tempfile::tempdir().unwrap());
    let folder = home.path().join("previews");
    let things: Vec<Thing> = (0..3).map(|seed| Thing::picture(seed, 40_000)).collect();
    let addresses: Vec<String> = (0..3).map(|nth| path(&format!("kept{nth}"), "image")).collect();
    let records = (0..3).map(|nth| {
        avatar(&format!("kept{nth}"), &cdn.put(&format!("/kept{nth}"), things[nth].clone()))
    });
    site.poll_records("default", records.chain([known()]).collect(), 99).await;
    let hashes = |of: &[usize]| of.iter().map(|nth| things[*nth].sha256()).collect::<BTreeSet<_>>();
    {
        // Two of the three fit.
        let live = live_with(&site, Some((&folder, 100_000))).await;
        for (address, thing) in addresses.iter().zip(&things) {
            assert_eq!(seen(&live, address).await.bytes, thing.body());
        }
        assert_eq!(contents(&folder), hashes(&[1, 2]), "the oldest made room");
        let Err(second) = PreviewFolder::open(&folder, 100_000) else { panic!("two use it") };
        assert!(second.message.contains("another gallery uses it"), "{}", second.message);
    }
    // The first gallery may still be shutting down, and hold its lock.
    let next = home.path().join("next");
    std::fs::create_dir(&next).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let bytes = match name.ends_with(&things[1].sha256()) {
            true => things[0].body(),
            false => std::fs::read(entry.path()).unwrap(),
        };
        std::fs::write(next.join(name), bytes).unwrap();
    }
    std::fs::write(next.join("lock-of-others"), "").unwrap();
    let live = live_with(&site, Some((&next, 100_000))).await;
    for (nth, asked) in [(2, 1), (1, 2)] {
        let answer = seen(&live, &addresses[nth]).await;
        assert_eq!(answer.bytes, things[nth].body());
        assert_eq!(answer.header("etag"), format!("\"{}\"", things[nth].sha256()));
        assert_eq!(cdn.asked(&format!("/kept{nth}")), asked, "what is not what it was is fetched");
    }
    assert!(next.join("lock-of-others").exists(), "other files are left alone");
    std::fs::remove_file(next.join("lock-of-others")).unwrap();
    assert_eq!(contents(&next), hashes(&[1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_preview_is_refused_once_and_named_nowhere() {
    let [site, _] = both().await;
    let home = tempfile::tempdir().unwrap();
    let live = live_with(&site, Some((home.path(), CACHE))).await;
    let cdn = FakeCdn::start(demo::clock());
    let thing = |fault| Thing::picture(1, 3_000).with(fault);
    let private = "http://inside.test/secret".to_owned();
    let bad = [
        ("denied", thing(Fault::Status(403))),
        ("html", thing(Fault::Instead("<!doctype html><html>not a picture"))),
        ("cut", thing(Fault::CutOff)),
        ("private", thing(Fault::Redirect(private))),
        ("elsewhere", thing(Fault::Redirect("http://169.254.169.254/latest".into()))),
        ("video", Thing::video(3, 3_000)),
    ];
    let records: Vec<Value> = bad
        .iter()
        .map(|(id, thing)| avatar(id, &cdn.put(&format!("/{id}"), thing.clone())))
        .collect();
    let expired = format!("{}/old?Expires=1700000000&Signature=S3CR3T&Key-Pair-Id=K", cdn.base);
    cdn.put("/old", Thing::picture(9, 3_000));
    live.poll_records("default", [records, vec![avatar("old", &expired), known()]].concat(), 99)
        .await;
    for id in bad.iter().map(|(id, _)| *id).chain(["old"]) {
        for _ in 0..2 {
            let answer = seen(&live, &path(id, "image")).await;
            assert_eq!(answer.status, 404, "{id}: {}", answer.text);
            assert!(!answer.text.contains("http") && !answer.text.contains("S3CR3T"), "{id}");
        }
        let asked = cdn.asked(&format!("/{id}"));
        assert_eq!(
            asked,
            u32::from(id != "old"),
            "{id}: a failure is remembered, an expired link not tried"
        );
    }
    // A whole video is a valid preview, but not for a picture.
    assert_eq!(contents(home.path()), BTreeSet::from([Thing::video(3, 3_000).sha256()]));
    let list = live.get("/avatars?q=old").await;
    assert!(
        list.text.contains(r#"<span class="ini" aria-hidden="true">O</span>"#),
        "{}",
        list.text
    );
    assert_eq!(list.sources(), Vec::<String>::new(), "an expired link is not even tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_is_too_large_is_not_read_to_its_end() {
    let [site, _] = both().await;
    let home = tempfile::tempdir().unwrap();
    let live = live_with(&site, Some((home.path(), CACHE))).await;
    let (base, sent) = endless().await;
    let records =
        vec![avatar("huge", &format!("{base}/huge")), avatar("told", &format!("{base}/told"))];
    live.poll_records("default", records, 99).await;
    for id in ["huge", "told"] {
        assert_eq!(seen(&live, &path(id, "image")).await.status, 404, "{id}");
    }
    assert_eq!(contents(home.path()), BTreeSet::new(), "nothing of it is kept");
    // Bytes that were in buffers count as sent.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes were sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_are_offered_where_both_pictures_can_be_shown() {
    for site in both().await {
        let bare = site.beside(|settings| settings.files = None).await;
        let changes = format!("/changes?id={}", demo::ANNIE);
        let item = format!("/avatars/{}", demo::ANNIE);
        for (path, words) in [(&changes, "Before and after"), (&item, "Flip between the two")] {
            assert!(site.get(path).await.text.contains(words), "{path}");
            assert!(!bare.get(path).await.text.contains(words), "{path} without the mirror");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_picture_shows_the_pictures_of_that_change() {
    for site in both().await {
        let (site, cdn) = (live(&site).await, FakeCdn::start(demo::clock()));
        let expired = format!("{}/3?Expires=1700000000&Signature=S&Key-Pair-Id=K", cdn.base);
        for image in [cdn.put("/1", Thing::picture(1, 900)), cdn.base.clone() + "/2", expired] {
            let records = vec![avatar("twice", &image), known()];
            site.poll_records("default", records, 99).await;
        }
        let feed = site.get("/changes?id=twice&change=changed").await;
        let mut pairs = feed.links();
        pairs.retain(|link| link.starts_with("/avatars/twice?"));
        let item = "/avatars/twice?from=1&to=2";
        assert_eq!(pairs, [item], "the newest picture has expired");
        assert_eq!(feed.sources(), [path("twice", "image").replace("/1/", "/2/")]);
        let item = site.get(item).await;
        assert!(item.text.contains("Flip between the two"), "{}", item.text);
        let item = site.get("/avatars/twice").await.text;
        assert!(item.contains("3 versions, 3 pictures"), "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_every_body_are_counted() {
    let (cdn, requests, received) = (FakeCdn::start(demo::clock()), requests(), AtomicU64::new(0));
    let refused = Thing::picture(2, 900).with(Fault::Instead("<html>"));
    for (thing, is_shown, all) in [(Thing::picture(1, 900), true, 900), (refused, false, 906)] {
        let fetched = fetch_preview(&requests, &cdn.put("/1", thing), None, &received).await;
        assert_eq!((fetched.is_ok(), received.load(Ordering::Relaxed)), (is_shown, all));
    }
}

/// Starts a server of two gigabytes that begin like a picture, `/huge` without a content length and
/// `/told` with it. Returns its URL and the number of bytes sent.
async fn endless() -> (String, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let app = Router::new().fallback(move |uri: axum::http::Uri| {
        let count = count.clone();
        async move {
            let parts = (0..2_048u32).map(move |nth| {
                let mut part = vec![0; 1 << 20];
                if nth == 0 {
                    part[..8].copy_from_slice(b"\x89PNG\r\n\x1a\n");
                }
                count.fetch_add(1 << 20, Ordering::Relaxed);
                Ok::<_, std::io::Error>(part)
            });
            let mut response = Response::new(Body::from_stream(stream::iter(parts)));
            if uri.path() == "/told" {
                response.headers_mut().insert("content-length", (2_048u64 << 20).into());
            }
            response
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (base, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_previews_delay_no_page_and_keep_no_connection() {
    let [site, _] = both().await;
    let (live, cdn) = (live(&site).await, FakeCdn::start(demo::clock()));
    let slow = (0..20).map(|nth| {
        let thing = Thing::picture(nth, 3_000).with(Fault::Stalled);
        avatar(&format!("slow{nth}"), &cdn.put(&format!("/slow{nth}"), thing))
    });
    let records: Vec<Value> = slow.chain([known()]).collect();
    live.poll_records("default", records, 99).await;
    let waiting = (0..20).map(|nth| {
        let url = format!("http://{}{}", live.address(), path(&format!("slow{nth}"), "image"));
        tokio::spawn(reqwest::Client::builder().no_proxy().build().unwrap().get(url).send())
    });
    let waiting: Vec<_> = waiting.collect();
    let (seen, cdn) = tokio::task::spawn_blocking(move || (cdn.wait_for(6), cdn)).await.unwrap();
    assert!(seen);
    for page in ["/", "/avatars", "/changes", "/polls"] {
        assert_eq!(live.get(page).await.status, 200, "{page}");
    }
    let asked: u32 = (0..20).map(|nth| cdn.asked(&format!("/slow{nth}"))).sum();
    assert_eq!(asked, 6, "no more fetches at a time");
    // The gallery releases the browser's connections.
    for one in waiting {
        let response = one.await.unwrap().unwrap();
        let after = response.headers().get("retry-after").map(|value| value.as_bytes());
        assert_eq!((response.status().as_u16(), after), (503, Some(b"3".as_slice())));
    }
}

#[test]
fn only_a_gallery_of_this_machine_fetches_previews_by_itself() {
    let serve = heygen_sync::config::Config::default().serve;
    let fetches = |address: &str| serve.fetches_previews(address.parse().unwrap());
    assert!(fetches("127.0.0.1:8087") && fetches("[::1]:8087"));
    assert!(!fetches("0.0.0.0:8087") && !fetches("192.0.2.1:8087"));
}
