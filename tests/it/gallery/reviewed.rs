//! Findings of a review of the gallery, kept fixed: other accounts' polls, lost files, slow
//! readers, data before the first poll.

use std::time::Duration;

use heygen_sync::{
    store::Location,
    time::{Clock, Timestamp},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::site::{self, Answer, Site, both};
use crate::demo::ANNIE;

/// Sends a raw request, without compression; returns the answer with its headers.
async fn raw(site: &Site, request: &str) -> String {
    let mut stream = TcpStream::connect(site.address()).await.unwrap();
    let text = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

/// Returns the id of the newest poll of an account.
async fn last_poll(site: &Site, account: &str) -> i64 {
    let polls = site.get(&format!("/polls.ndjson?account={account}")).await.rows();
    polls[0]["poll_id"].as_i64().unwrap()
}

fn record(id: &str, gender: &str) -> serde_json::Value {
    json!({"avatar_id": id, "avatar_name": format!("Name {id}"), "gender": gender})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_of_another_account_stands_under_that_account_with_its_own_command() {
    for site in both().await {
        let old = last_poll(&site, "default").await;
        let three = ["a", "b", "c"].map(|id| record(id, "female")).to_vec();
        site.poll_records("studio", three, 1).await;
        site.poll_records("studio", vec![], 1).await;
        site.poll(&[("p1", "Later")]).await;
        let held = last_poll(&site, "studio").await;
        let moved = site.get(&format!("/polls/{held}?page=1")).await;
        assert_eq!(moved.status, 307);
        assert_eq!(moved.header("location"), format!("/polls/{held}?account=studio&page=1"));
        let page = site.get(&format!("/polls/{held}?account=studio")).await;
        assert!(
            page.text.contains("--account studio --catalogue avatars --accept-removals=3-"),
            "{}",
            page.text
        );
        assert!(page.text.contains("missing avatars") && !page.text.contains("missing talking"));
        // Only while it is the last poll: later polls decide again.
        let past = site.get(&format!("/polls/{held}?account=studio&as_of=2026-11-22")).await;
        assert!(!past.text.contains("--accept-removals"), "{}", past.text);
        site.poll_records("studio", ["a", "d"].map(|id| record(id, "female")).to_vec(), 99).await;
        let page = site.get(&format!("/polls/{held}?account=studio&page=1")).await;
        assert!(page.text.contains("3 removals held") && !page.text.contains("--accept-removals"));
        let added = held - 1;
        let page = site.get(&format!("/polls/{added}?account=studio")).await;
        assert!(page.text.contains("/avatars/a?account=studio"), "items stay with the account");
        let data = site.get(&format!("/polls/{added}.csv")).await;
        assert_eq!(data.header("location"), format!("/polls/{added}.csv?account=studio"));
        let data = site.get(&data.header("location")).await;
        assert_eq!(data.text.lines().count(), 4, "{}", data.text);
        for path in ["/polls/X?account=default", "/polls/X.ndjson?account=default"] {
            let path = path.replace('X', &held.to_string());
            assert_eq!(site.get(&path).await.status, 404, "{path}");
        }
        // The links to the poll before and after stay within the account, and the newest has no next one.
        let page = site.get(&format!("/polls/{old}?account=default")).await;
        let next = format!("href=\"/polls/{}?account=default\">Poll after", held + 1);
        assert!(page.text.contains(&next), "{}", page.text);
        let newest = site.get(&format!("/polls/{}", held + 1)).await;
        assert!(!newest.text.contains("Poll after"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_lead_to_the_database_that_is_served() {
    let program = "heygen-sync --database '/srv/my data.db'";
    let said = "heygen-sync --database &#39;/srv/my data.db&#39;";
    for site in both().await {
        let other = site
            .beside(|settings| {
                settings.program = program.into();
                settings.files = None;
            })
            .await;
        let polls = other.get("/polls").await;
        assert!(
            polls.text.contains(&format!(
                "{said} sync --account default --catalogue avatars --accept-removals="
            )),
            "{}",
            polls.text
        );
    }
    let nothing = site::empty().await.beside(|settings| settings.program = program.into()).await;
    let home = tempfile::tempdir().unwrap();
    let missing = Site::of_file(&home.path().join("none.db")).await;
    let missing = missing.beside(|settings| settings.program = program.into()).await;
    for site in [nothing, missing] {
        let text = site.get("/").await.text;
        assert!(text.contains(&format!("<code>{said} sync</code>")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stop_reading_hold_up_no_other_export() {
    let [site, _] = both().await;
    let many = "WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < 30000) \
         INSERT INTO talking_photos (account, talking_photo_id, talking_photo_name, version, \
         valid_from, first_seen_at, changed_at) SELECT 'default', 'many' || at, \
         hex(zeroblob(300)), 1, '2026-11-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', \
         '2026-11-01T00:00:00.000Z' FROM n";
    site.run(many).await;
    let site = site.beside(|settings| settings.patience = Duration::from_secs(1)).await;
    let mut stuck = vec![];
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(site.address().parse().unwrap()).await.unwrap();
        let request = b"GET /talking-photos.ndjson HTTP/1.1\r\nHost: localhost\r\n\
            Connection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stuck.push(stream);
    }
    // Both export slots are taken; a third export waits until a stalled reader is dropped.
    assert_eq!(site.get("/avatars.ndjson").await.status, 200);
    let mut whole = 0;
    for mut stream in stuck {
        let mut rest = vec![];
        let _ = stream.read_to_end(&mut rest).await;
        whole += usize::from(rest.ends_with(b"0\r\n\r\n"));
    }
    // The other reader may have begun to read in time.
    assert!(whole < 2, "what broke off looks whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_store_and_a_lost_file_are_no_broken_page() {
    for site in both().await {
        let list = site.get("/avatars").await;
        let image = list.sources().into_iter().next().unwrap();
        std::fs::remove_dir_all(site.files()).unwrap();
        for page in ["/", "/avatars", "/changes", &format!("/avatars/{ANNIE}")] {
            assert_eq!(site.get(page).await.status, 200, "{page}");
        }
        assert_eq!(site.get(&image).await.status, 404);
        assert_eq!(site.send("HEAD", &image, None).await.status, 404);
        // As the mirror leaves it once it has noticed: the hash stays, the file does not.
        site.run("UPDATE assets SET state = 'pending', file = NULL WHERE file IS NOT NULL").await;
        for page in ["/", "/avatars", "/talking-photos", "/changes", "/avatars?as_of=2026-11-20"] {
            let answer = site.get(page).await;
            assert_eq!(answer.sources(), Vec::<String>::new(), "{page}");
        }
        assert!(site.get("/avatars").await.text.contains(r#"<ul class="grid compact">"#));
        assert!(site.get("/avatars?picture=mirrored").await.text.contains("Nothing matches"));
        let item = site.get(&format!("/avatars/{ANNIE}")).await;
        assert!(item.text.contains("not mirrored"));
        assert!(!item.text.contains("Flip between the two"), "two pictures or none");
        assert_eq!(item.sources(), Vec::<String>::new());
        let past = site.get(&format!("/avatars/{ANNIE}?as_of=2026-11-20")).await;
        assert!(past.text.contains("picture of that day not stored"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_mirror_off_initials_are_in_the_place_of_pictures() {
    let [site, _] = both().await;
    let off = site.beside(|settings| settings.files = None).await;
    for page in ["/avatars", &format!("/avatars/{ANNIE}")] {
        let answer = off.get(page).await;
        assert_eq!(answer.sources(), Vec::<String>::new(), "{page}");
        assert!(
            answer.text.contains(r#"<span class="ini" aria-hidden="true">AS</span>"#),
            "{page}"
        );
        assert!(!answer.text.contains("class=\"notice\""), "no page has a banner about it");
    }
    assert!(off.get("/polls").await.text.contains("The mirror keeps"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_no_link_can_say_is_named_and_leads_nowhere() {
    for site in both().await {
        let long = "g".repeat(1_100);
        let records = [("a", ""), ("b", ""), ("c", long.as_str()), ("d", "female")];
        site.poll_records("odd", records.map(|(id, gender)| record(id, gender)).to_vec(), 9).await;
        let page = site.get("/avatars?account=odd").await;
        let empty = "<span class=\"dead\"><bdi>(empty)</bdi> <span class=\"n\">2</span></span>";
        assert!(page.text.contains(empty), "{}", page.text);
        for (href, count) in page.choices() {
            assert_eq!(site.get(&href).await.total(), count, "{href}");
        }
        assert!(site.get("/avatars/a?account=odd").await.text.contains("(empty)"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_says_without_its_body() {
    let [site, _] = both().await;
    let css = site.get("/").await.css();
    for path in ["/avatars", "/changes.atom", css.as_str(), "/livez", "/nothing"] {
        let (get, head) =
            (raw(&site, &format!("GET {path}")).await, raw(&site, &format!("HEAD {path}")).await);
        let (headers, body) = get.split_once("\r\n\r\n").unwrap();
        let length = headers.lines().find(|line| line.starts_with("content-length:")).unwrap();
        assert!(head.contains(length), "{path}: {length} but {head}");
        assert!(!body.is_empty() && head.ends_with("\r\n\r\n"), "{path}");
    }
    for path in ["/avatars.ndjson", "/changes.csv", "/polls.ndjson", "/timeline.csv"] {
        let head = raw(&site, &format!("HEAD {path}")).await;
        assert!(head.starts_with("http/1.1 200") && !head.contains("content-length"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_data_even_where_there_is_none() {
    let json = |answer: &Answer| answer.header("content-type") == "application/json";
    let [site, other] = both().await;
    let lists = ["/avatars", "/talking-photos", "/changes", "/polls", "/timeline", "/overview"];
    for (site, query) in
        [(site::empty().await, ""), (site, "?as_of=2020-01-01"), (other, "?as_of=2020-01-01")]
    {
        for list in lists {
            let answer = site.get(&format!("{list}.ndjson{query}")).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{list}{query}");
            let csv = site.get(&format!("{list}.csv{query}")).await;
            assert_eq!(csv.text.lines().count(), 1, "{list}: its columns alone");
        }
        let one = site.get(&format!("/avatars/x.ndjson{query}")).await;
        assert_eq!((one.status, json(&one)), (404, true));
    }
    let [site, _] = both().await;
    for (path, status) in [
        ("/avatars.ndjson?gendre=x", 400),
        ("/avatars.ndjson?account=nobody", 404),
        ("/polls/9999.ndjson", 404),
        ("/avatars/nobody.ndjson", 404),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, json(&answer)), (status, true), "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
        let plain = site.get(&path.replace(".ndjson", ".csv")).await;
        assert_eq!(plain.status, status);
        assert!(plain.header("content-type").starts_with("text/plain"), "{path}");
    }
    let feed = site.get("/changes.atom?field=x").await;
    assert!(feed.header("content-type").starts_with("text/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_made_anew_after_pruning_and_another_version_is_worded_apart() {
    for site in both().await {
        let first = site.get("/avatars").await;
        let tag = first.header("etag");
        let kept = site.get_if("/avatars", &tag).await;
        assert_eq!((kept.status, kept.header("vary").as_str()), (304, "accept-encoding"));
        site.run("UPDATE asset_versions SET pruned_at = '2026-11-23T08:00:00.000Z' WHERE fetched_at IN (SELECT min(fetched_at) FROM asset_versions)").await;
        assert_eq!(site.get_if("/avatars", &tag).await.status, 200);
        site.run("INSERT INTO _heygen_sync_migrations (version, description, installed_on, success, checksum, execution_time) \
             SELECT 9999, description, installed_on, success, checksum, execution_time FROM _heygen_sync_migrations WHERE version = 1")
            .await;
        // For a gallery that has just started and for one with open connections.
        let other = site.beside(|_| {}).await;
        for gallery in [&other, &site] {
            let page = gallery.get("/").await;
            assert_eq!(page.status, 503);
            assert!(page.text.contains("of another version"), "{}", page.text);
            let data = gallery.get("/avatars.ndjson").await;
            assert_eq!(data.status, 503);
            assert!(data.json()["error"].as_str().unwrap().contains("another version"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_in_the_same_place_is_not_taken_for_the_old_one() {
    let home = tempfile::tempdir().unwrap();
    let [old, new] = ["old.db", "new.db"].map(|name| home.path().join(name));
    let site = Site::of_file(&old).await;
    site.poll(&[("a", "Old name")]).await;
    Site::of_file(&new).await.poll(&[("a", "New name")]).await;
    let page = site.get("/avatars").await;
    assert!(page.text.contains("Old name"));
    for beside in ["old.db-wal", "old.db-shm"] {
        let _ = std::fs::remove_file(home.path().join(beside));
    }
    std::fs::rename(&new, &old).unwrap();
    let page = site.get_if("/avatars", &page.header("etag")).await;
    assert!(page.status == 200 && page.text.contains("New name"), "{}: {}", page.status, page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_past_does_not_know_is_not_said_and_not_carried_there() {
    for site in both().await {
        for end in ["", ".csv", ".ndjson"] {
            let answer = site.get(&format!("/avatars{end}?listed=missing&as_of=2026-11-20")).await;
            assert!(answer.status == 400 && answer.text.contains("listed"), "{end}");
        }
        let missing = async |as_of: &str| {
            let all = site.get(&format!("/overview.ndjson?as_of={as_of}")).await.rows();
            let row =
                all.as_array().unwrap().iter().find(|row| row["measure"] == "avatars_missing");
            row.unwrap()["value"].clone()
        };
        assert!(missing("").await.as_i64().unwrap() > 0);
        assert_eq!(missing("2026-11-22").await, json!(null));
        // The date form leads to an existing page from everywhere.
        for (path, carried) in [
            ("/avatars?listed=missing", r#"name="listed""#),
            (&*format!("/avatars/{ANNIE}?from=1&to=2"), r#"name="to" value="2""#),
        ] {
            let page = site.get(path).await;
            let form = page.text.split("class=\"asof\"").nth(1).unwrap();
            let form = form.split("</form>").next().unwrap();
            assert!(page.status == 200 && !form.contains(carried), "{form}");
        }
        assert!(
            site.get("/avatars?listed=removed")
                .await
                .text
                .contains(r#"name="listed" value="removed""#)
        );
        let none = site.get("/polls/24?as_of=2026-11-01").await;
        assert!(
            none.status == 404 && none.links().contains(&"/polls/24".to_owned()),
            "{}",
            none.text
        );
        for page in ["9", "99999999999999999999999"] {
            let none = site.get(&format!("/avatars?listed=all&page={page}")).await;
            assert!(
                none.status == 404 && none.text.contains("does not exist: this list has"),
                "{}",
                none.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_say_why_keep_the_account_and_the_day() {
    let [site, _] = both().await;
    site.poll_of("studio", &[("only", "Only here")]).await;
    let place = "account=default&as_of=2026-11-20";
    for path in ["/avatars?gendre=x&", "/avatars/nobody?", "/polls/9999?", "/nowhere?"] {
        let answer = site.get(&format!("{path}{place}")).await;
        assert!(answer.status == 400 || answer.status == 404);
        for link in answer.links() {
            assert!(link.contains(place), "{path}: {link}");
        }
    }
    let unknown = site.get(&format!("/avatars/nobody?{place}")).await;
    assert!(unknown.text.contains(r#"name="as_of" value="2026-11-20""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_knows_its_place_and_that_of_its_entries() {
    let [site, _] = both().await;
    // Linked as the page's own feed only if it contains exactly what the page shows.
    let feed = "/changes.atom?kind=avatar&#38;change=changed\"";
    for (more, count) in [("", 3), ("&field=premium", 1), ("&from=2026-11-20", 1)] {
        let page = site.get(&format!("/changes?kind=avatar&change=changed{more}")).await;
        assert_eq!(page.text.matches(feed).count(), count, "{more}: {}", page.text);
    }
    assert!(!site.get("/avatars").await.text.contains(">Atom</a>"));
    let refused = site.get("/changes.atom?as_of=2026-11-20").await;
    assert!(refused.status == 400 && refused.text.contains("as_of"), "{}", refused.text);
    let feed = site.get("/changes.atom?kind=avatar&change=changed").await.text;
    let [itself, beside] = ["changes.atom", "changes"]
        .map(|path| format!("href=\"/{path}?kind=avatar&amp;change=changed\""));
    assert!(feed.contains(&itself) && feed.contains("rel=\"self\""), "{feed}");
    assert!(feed.contains(&beside));
    let item = feed.split("href=\"/avatars/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(site.get(&format!("/avatars/{item}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_names_each_kind_and_what_is_at_risk() {
    for site in both().await {
        let expires = "expires_at = '2026-11-24T00:00:00.000Z', signed_url = url";
        let one = "(SELECT preview_video_url FROM avatars WHERE removed_at IS NULL LIMIT 1)";
        let at_risk = "state = 'pending', file = NULL, sha256 = NULL";
        site.run(&format!("UPDATE assets SET {at_risk}, {expires} WHERE url = {one}")).await;
        let page = site.get("/").await;
        assert!(page.text.contains("video not mirrored"), "{}", page.text);
        assert!(!page.text.contains("picture=risk"));
        site.sign_everything().await;
        // Changed without a poll, so the page is cached: it is requested by another address.
        let page = site.get("/?account=default").await;
        let lead =
            page.text.split("<p class=\"lead\">").nth(1).unwrap().split("</p>").next().unwrap();
        let numbers = site.get("/overview.ndjson").await.rows();
        for (measure, list) in [
            ("avatars_missing", "/avatars?account=default&#38;listed=missing"),
            ("talking_photos_missing", "/talking-photos?account=default&#38;listed=missing"),
        ] {
            let rows = numbers.as_array().unwrap().iter();
            let row = rows.clone().find(|row| row["measure"] == measure).unwrap();
            let missing = row["value"].as_i64().unwrap();
            assert_eq!(lead.contains(list), missing > 0, "{list}: {lead}");
        }
        assert!(page.text.contains("/avatars?account=default&#38;picture=risk"));
        // A notice that HeyGen no longer sends is no longer shown.
        assert!(site.get("/polls").await.text.contains("Notice from HeyGen"));
        site.poll(&[("p1", "Without a notice")]).await;
        assert!(!site.get("/polls").await.text.contains("Notice from HeyGen"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_say_since_when_each_picture_stood() {
    for site in both().await {
        let page = site.get(&format!("/avatars/{ANNIE}")).await;
        // Versions before the last one had the same picture from the first poll on.
        assert!(page.text.contains("Before, 31 Oct to 18 Nov<br>"), "{}", page.text);
        assert!(page.text.contains("After, since 18 Nov<br>"));
    }
}

#[test]
fn the_script_is_small() {
    let script = heygen_sync::web::assets::JS;
    assert!(script.len() <= 4_000 && script.lines().count() < 60);
}

/// Returns the distinct items of a feed's export, with their polls.
fn items(feed: &serde_json::Value) -> std::collections::BTreeSet<String> {
    let rows = feed.as_array().unwrap().iter();
    rows.map(|row| format!("{} {} {}", row["poll_id"], row["kind"], row["item_id"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_feed_counts_the_items_that_its_data_has() {
    for site in both().await {
        let named = |name: &str| json!({"avatar_id": "a", "avatar_name": name, "gender": "x"});
        let other = record("b", "female");
        for records in
            [vec![named("A"), other.clone()], vec![other.clone()], vec![named("B"), other]]
        {
            site.poll_records("studio", records, 1).await;
        }
        for account in ["default", "studio"] {
            for change in
                ["", "&change=added", "&change=changed", "&change=removed", "&change=restored"]
            {
                for field in ["", "&field=avatar_name", "&field=premium"] {
                    for kind in ["", "&kind=avatar", "&kind=talking_photo"] {
                        let query = format!("account={account}{change}{field}{kind}");
                        if change.is_empty() && field.is_empty() && kind.is_empty() {
                            continue;
                        }
                        let data = site.get(&format!("/changes.ndjson?{query}")).await.rows();
                        let page = site.get(&format!("/changes?{query}")).await;
                        let all = items(&data).len();
                        let told = format!("<span class=\"n\">{all}</span>");
                        assert!(page.text.contains(&told), "{query}: {all}\n{}", page.text);
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_seven_days_are_today_and_the_six_before_it() {
    for site in both().await {
        for as_of in ["", "as_of=2026-11-20", "as_of=2026-11-19T03:00:00Z"] {
            let days = site.get(&format!("/timeline.ndjson?by=day&{as_of}")).await.rows();
            let days = days.as_array().unwrap();
            let week = &days[days.len() - 7..];
            let overview = site.get(&format!("/overview.ndjson?{as_of}")).await.rows();
            for change in ["added", "changed", "removed", "restored"] {
                let sum: i64 = week.iter().map(|day| day[change].as_i64().unwrap()).sum();
                let told = overview.as_array().unwrap().iter();
                let name = format!("{change}_7d");
                let told = told.clone().find(|row| row["measure"] == name.as_str()).unwrap();
                assert_eq!(told["value"].as_i64().unwrap(), sum, "{change} {as_of}");
                // The front page shows the same, and its link leads to exactly these days.
                let from = week[0]["from"].as_str().unwrap();
                let page = site.get(&format!("/?{as_of}")).await.text;
                assert!(page.contains(&format!("from={from}")), "{from}: {page}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_span_names_the_day_of_the_last_addition_or_removal() {
    for site in both().await {
        let days = site.get("/timeline.ndjson?by=day").await.rows();
        let days = days.as_array().unwrap().iter();
        let sum = |day: &Value| day["added"].as_i64().unwrap() + day["removed"].as_i64().unwrap();
        let last = days.rev().find(|day| sum(day) > 0).unwrap()["from"].as_str().unwrap();
        let last: chrono::NaiveDate = last.parse().unwrap();
        let text = format!("Nothing was added or removed since {}.", last.format("%-d %b %Y"));
        let later = Timestamp::parse("2030-01-01").unwrap();
        let years_later = site.at(Clock::new(move || later)).await;
        for page in ["/", "/timeline", "/timeline?by=day"] {
            let answer = years_later.get(page).await;
            assert!(answer.text.contains(&text), "{page}: {text}");
            assert!(answer.header("x-queries").parse::<u32>().unwrap() <= 7, "{page}");
        }
        assert!(!site.get("/").await.text.contains("Nothing was added or removed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_the_changes_keeps_an_exact_time() {
    let [site, _] = both().await;
    for (from, input) in [("2026-11-20", "date"), ("2026-11-20T05:57:09.124Z", "text")] {
        let page = site.get(&format!("/changes?from={from}")).await.text;
        let field = format!(r#"<input type="{input}" id="from" name="from" value="{from}">"#);
        assert!(page.contains(&field), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_removals_of_a_saved_response_are_let_through_by_its_file() {
    for site in both().await {
        for (source, shown) in [
            (
                "answers/of today.json",
                "sync --account default --catalogue avatars --from &#39;answers/of today.json&#39; --accept-removals=",
            ),
            ("-", "sync --account default --catalogue avatars --from - --accept-removals="),
        ] {
            let sql = "UPDATE polls SET trigger = 'file', source = '{}' WHERE outcome = 'held'";
            site.run(&sql.replace("{}", source)).await;
            let poll = last_poll(&site, "default").await;
            // Another address each time: pages are cached until the next poll.
            let kind = if source == "-" { "avatar" } else { "talking_photo" };
            let page = site.get(&format!("/polls/{poll}?page=1&kind={kind}")).await;
            assert!(page.text.contains(shown), "{}", page.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_spaces_is_the_page_without_a_search() {
    for site in both().await {
        let (spaces, none) = (site.get("/search?q=+").await, site.get("/search").await);
        assert_eq!((spaces.status, spaces.text == none.text), (200, true), "{}", spaces.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_shown_keeps_the_connection_for_the_next_one() {
    let [_, site] = both().await;
    let Location::Postgres { options, .. } = site.location() else { panic!() };
    let mut conn = PgConnection::connect_with(options).await.unwrap();
    let own = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
               AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid";
    for (shown, refused) in [
        ("/avatars", &[("/avatars/nobody", 404), ("/avatars?account=nobody", 404)][..]),
        ("/avatars", &[("/avatars?as_of=2026-11-20&listed=missing", 400)]),
        ("/changes.atom", &[("/changes.atom?account=nobody", 404)]),
        (
            "/api/v1/status",
            &[
                ("/api/v1/items/avatar/nobody", 404),
                ("/api/v1/polls?account=nobody", 404),
                ("/api/v1/polls?cursor=x", 400),
                ("/api/v1/changes?cursor=x", 400),
            ],
        ),
    ] {
        assert_eq!(site.get(shown).await.status, 200, "{shown}");
        let before: Vec<i32> = sqlx::query_scalar(own).fetch_all(&mut conn).await.unwrap();
        for (path, status) in refused {
            assert_eq!(site.get(path).await.status, *status, "{path}");
            assert_eq!(site.get(shown).await.status, 200, "{shown}");
            let after: Vec<i32> = sqlx::query_scalar(own).fetch_all(&mut conn).await.unwrap();
            assert_eq!(after, before, "{path}");
        }
    }
}
