//! The gallery over HTTP, on both databases: what its pages show, what they refuse, what they cost.

mod api;
mod people;
pub mod previews;
mod reviewed;
pub mod site;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    demo::{self, ANNIE},
    gallery::site::{Answer, Site, both},
};

/// Returns every kind of page, in the demo's world.
fn pages() -> Vec<String> {
    let annie = format!("/avatars/{ANNIE}");
    [
        "/",
        "/avatars",
        "/talking-photos",
        "/avatars?page=2&sort=added",
        "/avatars?sort=changed&view=table&listed=all",
        "/avatars?sort=id&gender=female&premium=no&tag=business&picture=mirrored&new=30d",
        "/avatars?changed=7d&picture=risk",
        "/avatars?none=type&q=ANNIE",
        "/avatars?q=nothing+has+this&gender=male&tag=business",
        "/changes?kind=talking_photo&change=removed",
        "/talking-photos?listed=missing",
        "/changes",
        "/changes?kind=avatar&change=changed&field=premium",
        "/changes?from=2026-11-18&to=2026-11-21",
        "/changes?id=Annie_Studio_Pink_Standing_Front_public",
        "/polls",
        "/polls/1",
        "/polls/21",
        "/polls/21?kind=avatar&change=changed&field=premium",
        "/timeline",
        "/timeline?by=day",
        "/search",
        "/search?q=annie",
        "/search?q=nothing+has+this",
        "/?as_of=2026-11-20",
        "/avatars?as_of=2026-11-20",
        "/avatars?as_of=2026-11-20&listed=removed",
        "/talking-photos?as_of=2026-11-18T06:00:00Z",
        "/changes?as_of=2026-11-20",
        "/polls?as_of=2026-11-20",
        "/timeline?as_of=2026-11-20",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["/avatars", "/talking-photos"].map(|list| {
        // The longest search that is accepted.
        format!("{list}?q={}", "%C3%A4".repeat(512))
    }))
    .chain([annie.clone(), format!("{annie}?from=1&to=2"), format!("{annie}?as_of=2026-11-19")])
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_the_same_on_both_databases_and_asks_at_most_six_queries() {
    let sites = both().await;
    for page in pages() {
        let mut seen: Vec<String> = vec![];
        for site in &sites {
            let answer = site.get(&page).await;
            assert_eq!(answer.status, 200, "{page}: {}", answer.text);
            let queries: u32 = answer.header("x-queries").parse().unwrap();
            assert!(queries <= 6, "{page} asked {queries} queries");
            assert!(answer.text.len() <= 90_000, "{page} is of {} bytes", answer.text.len());
            assert!(answer.zipped() <= 20_000, "{page} is of {} bytes, packed", answer.zipped());
            seen.push(answer.text);
        }
        assert_eq!(seen[0], seen[1], "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_catalogue_asks_no_more_queries_and_makes_no_larger_pages() {
    let ([small, _], large) = (both().await, site::large().await);
    for page in pages() {
        let queries = |answer: &Answer| answer.header("x-queries").parse::<u32>().unwrap();
        let (few, many) = (small.get(&page).await, large.get(&page).await);
        assert_eq!(many.status, 200, "{page}");
        assert!(many.text.len() <= 90_000, "{page} is of {} bytes", many.text.len());
        // A list with few facets or without matches may need fewer queries.
        assert!(queries(&many) <= 6, "{page} asked {}", queries(&many));
        assert!(queries(&few) <= 6, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_somewhere() {
    let [site, _] = both().await;
    let shapes = every_link(&site).await;
    assert!(shapes.len() > 25, "{shapes:?}");
}

/// Follows links from the front page, two of each shape; returns how many there are of each.
async fn every_link(site: &Site) -> BTreeMap<String, usize> {
    let mut todo: Vec<String> = vec!["/".into()];
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // A few of each shape are enough.
    let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(path) = todo.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let met = shapes.entry(shape(&path)).or_default();
        *met += 1;
        if *met > 2 {
            continue;
        }
        let answer = site.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        todo.extend(answer.links());
    }
    shapes
}

/// Returns the kind of page, its depth, the number of its parameters (at most 4) and the first of them.
fn shape(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let page: Vec<&str> = path.split('/').take(2).collect();
    let deep = path.matches('/').count();
    let mut names: Vec<&str> =
        query.split('&').map(|pair| pair.split('=').next().unwrap_or("")).collect();
    names.sort_unstable();
    names.dedup();
    // All names of a list's parameters would make thousands of shapes.
    format!("{page:?} {deep} {} {}", names.len().min(4), names.first().unwrap_or(&""))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_by_name() {
    for site in both().await {
        for (path, name) in [
            ("/avatars?gendre=female", "gendre"),
            ("/avatars?listed=perhaps", "listed"),
            ("/avatars?page=minus", "page"),
            ("/avatars?as_of=2026-13-40", "as_of"),
            ("/avatars?as_of=2031-01-01", "as_of"),
            ("/avatars?as_of=2026-11-20&listed=missing", "listed"),
            ("/talking-photos?premium=yes", "premium"),
            ("/changes?from=2026-11-20&to=2026-11-01", "from"),
            ("/changes?kind=person", "kind"),
            ("/timeline?by=hour", "by"),
            ("/polls?page=1&page=2", "page"),
            (&format!("/avatars/{ANNIE}?from=1"), "to"),
            (&format!("/avatars/{ANNIE}?from=1&to=99"), "to"),
            ("/avatars?q=%C3%28", "q"),
            (&format!("/avatars?q={}", "x".repeat(1_025)), "q"),
            (&format!("/changes?id={}", "x".repeat(1_025)), "id"),
        ] {
            let answer = site.get(path).await;
            assert_eq!(answer.status, 400, "{path}");
            assert!(answer.text.contains(&format!("“{name}”")), "{path}: {}", answer.text);
        }
        for path in [
            "/avatars/nobody",
            "/avatars/~",
            "/avatars/~3Cscript~3E",
            "/polls/9999",
            "/polls/21?page=999",
            "/polls?page=999",
            "/polls/x",
            "/file/abc",
            "/file/..%2f..%2fetc%2fpasswd",
            "/x/y/z",
            "/avatars?account=nobody",
        ] {
            let answer = site.get(path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
        let unknown = site.get("/avatars/nobody").await;
        assert!(
            unknown.text.contains(r#"name="q" value="nobody""#),
            "the unknown id can be searched"
        );
        for path in ["/avatars?page=1000000", "/avatars?page=99999999999999999999"] {
            assert_eq!(site.get(path).await.status, 404, "{path}");
        }
        for path in ["/changes?before=9999999", "/changes?before=1"] {
            assert_eq!(site.get(path).await.status, 200, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_words_in_any_order_case_and_spelling_alike_on_both_databases() {
    for site in both().await {
        site.poll(&[
            (ANNIE, "Annie, whom the last answer had too"),
            ("p1", "100% Ärger_x"),
            ("p2", "100 Ärger"),
            ("p3", "ärger ABC"),
            ("P_4", "*?[a]"),
            ("z1", "Zoë in Green"),
            ("a1", "Алина"),
            ("a2", "Annie in Blue Suit"),
            ("b1", "\n  Suit of Annie"),
        ])
        .await;
        let found = async |q: &str| -> Vec<String> {
            let json = site.get(&format!("/avatars.ndjson?q={q}")).await.rows();
            let ids = json.as_array().unwrap().iter();
            ids.map(|row| row["avatar_id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found("100%25").await, ["p1"]);
        assert_eq!(found("r_X").await, ["p1"]);
        assert_eq!(found("ARGER").await, ["p2", "p1", "p3"]);
        assert_eq!(found("abc+%C3%A4RGER").await, ["p3"]);
        assert_eq!(found("zoe").await, ["z1"]);
        assert_eq!(found("%D0%90%D0%9B%D0%98%D0%9D%D0%B0").await, ["a1"]);
        // The name that begins with blanks is not sorted first.
        assert_eq!(found("annie+suit").await, ["a2", "b1"]);
        assert_eq!(found("suit+annie+a2").await, ["a2"], "a word may be in the id");
        assert_eq!(found("annie+suit&as_of=2026-11-20").await, [""; 0], "not there yet");
        let page = site.get("/avatars?q=zoe").await;
        assert!(page.text.contains("<mark>Zoë</mark> in Green"), "{}", page.text);
        let photos = site.get("/talking-photos?q=zoe").await;
        assert!(photos.text.contains(">1 avatar</a>"), "the other kinds are counted");
        let typo = site.get("/avatars?q=gren+zoe").await;
        assert!(typo.text.contains("/search?q=zoe"), "{}", typo.text);
        let all = site.get("/search.ndjson?q=suit+annie").await.rows();
        let ids: Vec<&Value> = all.as_array().unwrap().iter().map(|row| &row["item_id"]).collect();
        assert_eq!(ids, ["a2", "b1"]);
        assert_eq!(found("p_").await, ["P_4"]);
        assert_eq!(found("*?[").await, ["P_4"]);
        assert_eq!(found("'").await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_day_has_what_was_there() {
    for site in both().await {
        // The avatar's history in the small demo: renamed, removed, restored, another picture.
        let now = site.get(&format!("/avatars/{ANNIE}")).await;
        assert!(now.text.contains("<bdi>Annie Studio Pink Standing Front</bdi></h1>"));
        assert!(now.text.contains("Flip between the two"));
        for word in ["Added", "Changed", "Removed", "Restored"] {
            assert!(now.text.contains(&format!("</span>{word}</h3>")), "{word}");
        }
        let first = site.first_day().await;
        let then = site.get(&format!("/avatars/{ANNIE}?as_of={first}")).await;
        assert!(
            then.text.contains("<bdi>Annie Studio Rose Standing Front</bdi></h1>"),
            "{}",
            then.text
        );
        assert!(!then.text.contains("Studio Pink"));
        let listed = site.get(&format!("/avatars?q=annie+studio+rose&as_of={first}")).await;
        assert!(listed.text.contains("The catalogue as it was on"));
        assert!(listed.text.contains(ANNIE));
        assert!(!site.get("/avatars?q=annie+studio+rose").await.text.contains(ANNIE));
        let before = site.get("/avatars?as_of=2020-01-01").await;
        assert_eq!(before.status, 200);
        assert!(before.text.contains("Before the first poll"));
        // The number at the top is the number of rows, on every day.
        for day in ["2026-11-17", "2026-11-20", "2026-11-22"] {
            let page = site.get(&format!("/avatars?as_of={day}")).await;
            let rows = site.get(&format!("/avatars.ndjson?as_of={day}")).await.rows();
            assert_eq!(page.total(), rows.as_array().unwrap().len(), "{day}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_shows_as_many_items_as_it_says() {
    for site in both().await {
        for base in ["/avatars", "/avatars?gender=female", "/avatars?tag=business&listed=all"] {
            let page = site.get(base).await;
            // A second choice of a facet adds to the first: its count is its own, the list shows both.
            let adds =
                |href: &str| ["gender=", "tag="].iter().any(|name| href.matches(name).count() > 1);
            for (href, count) in page.choices().into_iter().filter(|(href, _)| !adds(href)) {
                let chosen = site.get(&href).await;
                assert_eq!(chosen.total(), count, "{base} → {href}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facet_stays_with_its_count_where_all_values_are_equal() {
    let site = site::empty().await;
    site.poll(&[("a", "Ann at a desk"), ("b", "Bea at a desk")]).await;
    let choices = site.get("/avatars").await.choices();
    assert!(choices.contains(&("/avatars?gender=female".into(), 2)), "{choices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_groups_new_items_by_person() {
    let site = site::empty().await;
    let all = [("a", "Ann at a desk"), ("b", "Ann outside"), ("c", "Bea at a desk")];
    site.poll(&[]).await;
    site.poll(&all).await;
    let feed = site.get("/changes").await.text;
    assert!(feed.contains("Ann, 2 looks") && feed.contains("Bea at a desk"), "{feed}");
    assert!(!feed.contains("Ann outside"), "{feed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_names_the_person_of_new_looks() {
    for site in both().await {
        let look =
            |id: &str, name: &str| json!({"avatar_id": id, "avatar_name": name, "group_id": "g3"});
        site.run(
            "INSERT INTO avatar_groups \
               (account, group_id, group_name, version, valid_from, first_seen_at, changed_at) \
             SELECT 'default', 'g3', ' Bruno', 1, observed_at, observed_at, observed_at \
             FROM polls WHERE poll_id = 2",
        )
        .await;
        let looks = [look("s", "By the sea"), look("o", "In the office"), look(ANNIE, "Annie")];
        site.poll_records("default", looks.into(), 99).await;
        let feed = site.get("/changes?change=added").await;
        assert!(feed.text.contains("Bruno, 2 looks"), "{}", feed.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_exported_whole_in_two_formats() {
    for site in both().await {
        let annie = format!("/avatars/{ANNIE}");
        for path in [
            "/avatars",
            "/talking-photos",
            "/changes",
            "/polls",
            "/polls/21",
            "/timeline",
            "/overview",
            annie.as_str(),
        ] {
            let json = site.get(&format!("{path}.ndjson")).await;
            assert_eq!(json.status, 200, "{path}");
            let rows = json.rows().as_array().unwrap().clone();
            assert!(!rows.is_empty(), "{path}");
            let csv = site.get(&format!("{path}.csv")).await.text;
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
            let names: BTreeSet<&String> = header.iter().collect();
            assert_eq!(names, rows[0].as_object().unwrap().keys().collect(), "{path}");
            assert_eq!(reader.records().count(), rows.len(), "{path}");
        }
        let page = site.get("/avatars?gender=male").await;
        let rows = site.get("/avatars.ndjson?gender=male").await.text;
        assert_eq!(page.total(), rows.lines().count());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_exported_with_more_versions_than_its_page_shows() {
    for site in both().await {
        site.poll(&[("many", "Many"), (ANNIE, "Annie")]).await;
        site.run(
            "WITH RECURSIVE n(v) AS (SELECT 2 UNION ALL SELECT v + 1 FROM n WHERE v < 400) \
             INSERT INTO avatar_history (account, avatar_id, version, valid_from, valid_to, \
               opened_by, closed_by, opened_poll, closed_poll) \
             SELECT account, avatar_id, v, valid_from, valid_from, 'changed', 'changed', \
               opened_poll, opened_poll FROM avatar_history, n WHERE avatar_id = 'many'",
        )
        .await;
        let rows = site.get("/avatars/many.ndjson").await.rows();
        let rows = rows.as_array().unwrap();
        let versions: Vec<_> = rows.iter().filter_map(|row| row["version"].as_i64()).collect();
        assert_eq!(versions, (1..=400).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_has_a_view_of_its_own_and_a_menu_once_there_are_two() {
    for site in both().await {
        assert!(!site.get("/avatars").await.text.contains("id=\"account\""));
        site.poll_of("studio & co", &[("only", "Only here"), (ANNIE, "Another Annie")]).await;
        let usual = site.get("/avatars").await;
        assert!(usual.text.contains("<option selected>default</option>"));
        assert!(!usual.text.contains("Only here"));
        let studio = site.get("/avatars?account=studio+%26+co").await;
        assert_eq!(studio.total(), 2);
        let inside = studio.links().into_iter().filter(|link| !link.starts_with("/changes.atom"));
        let lost: Vec<String> =
            inside.filter(|link| !link.contains("account=studio+%26+co")).collect();
        assert_eq!(lost, Vec::<String>::new(), "every link stays with the account");
        let annie = site.get(&format!("/avatars/{ANNIE}?account=studio+%26+co")).await;
        assert!(annie.text.contains("<bdi>Another Annie</bdi></h1>"));
        let elsewhere = site.get("/avatars/only").await;
        assert_eq!(elsewhere.status, 404);
        assert!(elsewhere.text.contains("/avatars/only?account=studio+"), "{}", elsewhere.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_news_with_ids_that_stay() {
    let ids = |text: &str| -> Vec<String> {
        let each = text.split("<entry>").skip(1);
        each.map(|entry| entry.split("<id>").nth(1).unwrap().split('<').next().unwrap().to_owned())
            .collect()
    };
    for site in both().await {
        let feed = site.get("/changes.atom").await;
        assert_eq!(feed.header("content-type"), "application/atom+xml; charset=utf-8");
        let before = ids(&feed.text);
        assert!(!before.is_empty() && before.len() <= 300);
        assert_eq!(site.get_if("/changes.atom", &feed.header("etag")).await.status, 304);
        site.poll(&[("p1", "News")]).await;
        let after = ids(&site.get("/changes.atom").await.text);
        assert!(after.len() > before.len() || after.len() == 300);
        assert!(after.ends_with(&before[..before.len().min(200)]) || after.contains(&before[0]));
        let one = site.get("/changes.atom?kind=avatar&change=added&id=p1").await;
        assert_eq!(ids(&one.text).len(), 1);
        assert!(one.text.contains("added: News (avatar p1)"));
        assert_eq!(site.get("/changes.atom?field=premium").await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_a_signed_link_or_another_host() {
    for site in both().await {
        site.sign_everything().await;
        for page in pages().into_iter().chain([
            "/avatars.ndjson".into(),
            "/changes.csv".into(),
            "/polls.ndjson".into(),
        ]) {
            let answer = site.get(&page).await;
            assert!(!answer.text.contains("Signature"), "{page} shows a signature");
            for attribute in
                ["src=\"", "action=\"", "<link rel=\"stylesheet\" href=\"", "poster=\""]
            {
                for (at, _) in answer.text.match_indices(attribute) {
                    let target = &answer.text[at + attribute.len()..];
                    assert!(target.starts_with('/'), "{page}: {}", &target[..40]);
                }
            }
            assert!(!answer.text.contains(" style="), "{page} has a style attribute");
            assert!(!answer.text.contains("<script>"), "{page} has an inline script");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_ids_break_nothing() {
    let long = "x".repeat(10_000);
    let names = [
        ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
        ("a~b/../c", "\u{202E}evil\u{200F} ' OR 1=1 --"),
        ("new\nline", " edge \n"),
        ("\"quote\"&amp;", "{{ shell }} {% endfor %}"),
        ("long", &long),
        ("empty", ""),
        (".csv", "\u{1}\u{1b}[31m\u{7f}"),
        // A list without a known id would be rejected as another account's.
        (ANNIE, "Annie"),
    ];
    for site in both().await {
        site.poll(&names).await;
        let list = site.get("/avatars").await;
        assert!(list.text.len() < 90_000);
        for (id, _) in names {
            let path = format!("/avatars/{}", heygen_sync::web::route::id_to_path(id));
            let answer = site.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            for evil in ["<script>alert", "<img src=x", "\u{202E}", "\u{1b}", "onerror=alert(1)>"] {
                assert!(!answer.text.contains(evil), "{path} shows {evil:?}");
                assert!(!list.text.contains(evil), "the list shows {evil:?}");
            }
        }
        let edges = site.get("/avatars/new~0Aline").await;
        assert!(
            edges.text.contains("·edge ↵") && edges.text.contains("new↵line"),
            "{}",
            edges.text
        );
        assert!(site.get("/avatars/empty").await.text.contains("<i>no name</i>"));
        assert!(
            site.get("/avatars/long").await.text.contains(&long),
            "the item's page has all of it"
        );
        for page in ["/changes", "/", "/polls", "/avatars?view=table"] {
            let answer = site.get(page).await;
            assert_eq!(answer.status, 200, "{page}");
            assert!(!answer.text.contains("<script>alert"), "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_kept_until_something_is_polled_or_mirrored() {
    for site in both().await {
        let first = site.get("/avatars").await;
        let tag = first.header("etag");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        assert_eq!(site.get_if("/avatars", &tag).await.status, 304);
        assert_eq!(site.get_if("/avatars?page=2", &tag).await.status, 200, "another page");
        site.mirror_write().await;
        let mirrored = site.get_if("/avatars", &tag).await;
        assert_eq!(mirrored.status, 200, "after the mirror wrote");
        site.poll(&[("p1", "New")]).await;
        assert_eq!(
            site.get_if("/avatars", &mirrored.header("etag")).await.status,
            200,
            "after a poll"
        );
        let css = first.css();
        let kept = site.get(&css).await;
        assert!(kept.header("cache-control").contains("immutable"));
        assert!(kept.text.len() <= 20_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_or_in_part_as_what_it_is() {
    let [site, _] = both().await;
    let page = site.get("/avatars").await;
    let image = page.sources().into_iter().next().unwrap();
    let whole = site.get(&image).await;
    assert_eq!((whole.status, whole.header("content-type").as_str()), (200, "image/png"));
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    let hash = image.rsplit('/').next().unwrap();
    assert_eq!(whole.header("etag"), format!("\"{hash}\""));
    let part = site.get_range(&image, "bytes=0-7").await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &b"\x89PNG\r\n\x1a\n"[..]));
    assert_eq!(part.header("content-range"), format!("bytes 0-7/{}", whole.bytes.len()));
    assert_eq!(site.get_range(&image, "bytes=99999999-").await.status, 416);
    assert_eq!(site.get_if(&image, &whole.header("etag")).await.status, 304);
    let (avif, _) = demo::keep(site.files(), b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "avif");
    let avif = site.get(&format!("/file/{avif}")).await;
    assert_eq!((avif.status, avif.header("content-type").as_str()), (200, "image/avif"));
    assert_eq!(avif.header("content-disposition"), "");
    let (odd, _) = demo::keep(site.files(), b"<html><script>alert(1)</script>", "webp");
    let odd = site.get(&format!("/file/{odd}")).await;
    assert_eq!(odd.header("content-type"), "application/octet-stream");
    assert!(odd.header("content-disposition").starts_with("attachment"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_hosts_are_answered_and_nothing_but_reading() {
    let [site, _] = both().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(site.send(method, "/avatars", None).await.status, 405, "{method}");
    }
    assert_eq!(site.send("HEAD", "/avatars", None).await.status, 200);
    let evil = site.send("GET", "/avatars", Some("evil.example")).await;
    assert_eq!(evil.status, 421);
    let page = site.get("/nothing").await;
    for (name, value) in heygen_sync::web::security::HEADERS {
        assert_eq!(page.header(name.as_str()), value.to_str().unwrap());
    }
    assert_eq!(site.get("/livez").await.status, 200);
    assert_eq!(site.get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_a_page_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let missing = Site::of_file(&home.path().join("none.db")).await;
    let answer = missing.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("heygen-sync sync"));
    assert_eq!(missing.get("/readyz").await.status, 503);
    assert_eq!(missing.get("/livez").await.status, 200);
    assert!(!home.path().join("none.db").exists(), "reading makes no database");
    std::fs::write(home.path().join("text.db"), "hello").unwrap();
    let text = Site::of_file(&home.path().join("text.db")).await.get("/avatars").await;
    assert_eq!(text.status, 503);
    assert!(!text.text.contains(home.path().to_str().unwrap()), "no path is told");
    let empty = site::empty().await;
    let answer = empty.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Nothing polled yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_meanwhile_disturbs_no_page() {
    for site in both().await {
        let polls = async {
            for nth in 0..6 {
                let names: Vec<(String, String)> =
                    (0..40).map(|at| (format!("id{at}"), format!("Name {nth} {at}"))).collect();
                let names: Vec<(&str, &str)> =
                    names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
                site.poll(&names).await;
            }
        };
        let reads = async {
            for _ in 0..12 {
                for page in ["/", "/avatars", "/changes", "/polls"] {
                    let answer: Answer = site.get(page).await;
                    assert_eq!(answer.status, 200, "{page}");
                }
            }
        };
        tokio::join!(polls, reads);
    }
}
