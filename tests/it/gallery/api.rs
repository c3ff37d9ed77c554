//! The JSON API: the same answers from both databases, page by page, and its document.

use std::collections::BTreeSet;

use heygen_sync::{store::Location, time::Clock};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::site::{Answer, Site, both};
use crate::{demo::ANNIE, fake, home::at_home};

/// Returns every route, with and without parameters, in the demo's world.
fn paths() -> Vec<String> {
    let item = format!("/items/avatar/{ANNIE}");
    [
        "/status",
        "/items",
        "/items?kind=talking_photo&limit=200",
        "/items?kind=avatar&gender=female&gender=male&premium=no&tag=business&sort=added",
        "/items?kind=avatar&picture=mirrored&new=30d&listed=all&sort=changed",
        "/items?q=annie&as_of=2026-11-20",
        "/items?none=type&sort=id",
        "/items?premium=yes&language=English",
        &item,
        "/changes?limit=200",
        "/changes?poll=21&kind=avatar&change=changed&field=premium",
        "/changes?from=2026-11-18&to=2026-11-21T00:00:00Z&as_of=2026-11-20",
        "/polls",
        "/polls?as_of=2026-11-20&limit=2",
        "/as-of?as_of=2026-11-20&limit=200",
        "/as-of?as_of=2020-01-01",
        "/as-of?as_of=2026-11-19&kind=avatar&id=Annie_Studio_Pink_Standing_Front_public",
        "/ids?id=Annie_Studio_Pink_Standing_Front_public&id=nobody",
        "/openapi.json",
    ]
    .map(|path| format!("/api/v1{path}"))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_alike_on_both_databases_without_a_signed_link() {
    let sites = both().await;
    for site in &sites {
        site.sign_everything().await;
    }
    for path in paths() {
        let mut seen: Vec<Value> = vec![];
        for site in &sites {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert!(!answer.text.to_lowercase().contains("signature="), "{path}");
            seen.push(answer.json());
        }
        assert_eq!(seen[0], seen[1], "{path}");
    }
}

/// Returns all rows of a list, read page by page.
async fn walk(site: &Site, path: &str, rows: impl Fn(&Value) -> Vec<Value>) -> Vec<Value> {
    let (mut all, mut cursor) = (vec![], String::new());
    loop {
        let page = site.get(&format!("/api/v1{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{path}{cursor}: {}", page.text);
        let page = page.json();
        let own = rows(&page);
        assert!(!own.is_empty(), "{path}{cursor}: no page is empty");
        all.extend(own);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn array(name: &'static str) -> impl Fn(&Value) -> Vec<Value> {
    move |page| page[name].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_by_cursor_gives_each_row_once_and_in_the_order_of_the_export() {
    for site in both().await {
        // Names that begin alike, an empty name, and a blank one.
        let same = [("s1", "Same"), ("s2", "Same"), ("s3", ""), ("s4", "  "), (ANNIE, "Annie")];
        site.poll(&same).await;
        for sort in ["name", "added", "changed", "id"] {
            for past in ["", "&as_of=2026-11-20"] {
                let query = format!("sort={sort}&listed=all{past}");
                let rows = site.get(&format!("/avatars.ndjson?{query}")).await.rows();
                let rows = rows.as_array().unwrap().clone();
                let path = format!("/items?kind=avatar&{query}&limit=7");
                let walked = walk(&site, &path, array("items")).await;
                let ids = |rows: &[Value], id: &str| -> Vec<Value> {
                    rows.iter().map(|row| row[id].clone()).collect()
                };
                assert_eq!(ids(&walked, "id"), ids(&rows, "avatar_id"), "{query}");
                let shown = walked[0]["fields"].as_object().unwrap();
                assert!(shown.iter().all(|(name, value)| rows[0][name] == *value), "{query}");
            }
        }
        let all = walk(&site, "/items?limit=9", array("items")).await;
        let keys: BTreeSet<String> =
            all.iter().map(|item| format!("{} {}", item["kind"], item["id"])).collect();
        assert_eq!(keys.len(), all.len());
        assert_eq!(all.last().unwrap()["kind"], "talking_photo", "a walk crosses kinds");
        // Unfiltered, few polls fill a page; many polls have no changes of talking photos.
        for (list, only) in [("changes", ""), ("changes", "kind=talking_photo"), ("polls", "")] {
            let rows = site.get(&format!("/{list}.ndjson?{only}")).await.rows();
            let rows = rows.as_array().unwrap().len();
            let walked = walk(&site, &format!("/{list}?limit=11&{only}"), array(list)).await;
            let distinct: BTreeSet<String> = walked.iter().map(Value::to_string).collect();
            assert_eq!((walked.len(), distinct.len()), (rows, rows), "{list}?{only}");
        }
        let then = |page: &Value| page["accounts"][0]["items"].as_array().unwrap().clone();
        let walked = walk(&site, "/as-of?as_of=2026-11-20&limit=13", then).await;
        let first = site.get("/api/v1/as-of?as_of=2026-11-20").await.json();
        let listed = first["accounts"][0]["listed"].as_object().unwrap().clone();
        let sum: u64 = listed.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(walked.len() as u64, sum);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_poll_are_those_of_its_account() {
    for site in both().await {
        site.poll_of("other", &[("o1", "Other")]).await;
        let polls = site.get("/api/v1/polls?account=other").await.json();
        let page = format!("/polls/{}.json", polls["polls"][0]["poll_id"]);
        let changes = site.get(&site.get(&page).await.header("location")).await.json();
        let first = &changes["changes"][0];
        assert_eq!((&first["account"], &first["id"]), (&json!("other"), &json!("o1")), "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_sent_again_only_after_a_poll() {
    for site in both().await {
        for path in paths() {
            let first = site.get(&path).await;
            let again = site.get_if(&path, &first.header("etag")).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
        }
        let path = "/api/v1/items?kind=avatar";
        let tag = site.get(path).await.header("etag");
        site.poll(&[(ANNIE, "Another Annie")]).await;
        assert_eq!(site.get_if(path, &tag).await.status, 200);
    }
}

/// Asserts a problem with this status; returns it.
fn problem(answer: &Answer, status: u16, path: &str) -> Value {
    assert_eq!(answer.status, status, "{path}: {}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{path}");
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_a_problem_that_names_the_parameter() {
    for site in both().await {
        let other = site.get("/api/v1/polls?limit=1").await.json()["next_cursor"].clone();
        let other = format!("/items?cursor={}", other.as_str().unwrap());
        for (path, parameter) in [
            ("/items?gendre=female", "gendre"),
            ("/items?kind=house", "kind"),
            ("/items?kind=talking_photo&premium=yes", "premium"),
            ("/items?listed=missing&as_of=2026-11-20", "listed"),
            ("/items?q=", "q"),
            ("/items?q=%00", "q"),
            ("/items?q=%ff", "q"),
            ("/items?limit=0", "limit"),
            ("/items?limit=201", "limit"),
            ("/items?limit=1&limit=2", "limit"),
            ("/items?sort=size", "sort"),
            ("/items?cursor=x", "cursor"),
            (&other, "cursor"),
            // ["added","avatar","x","y"]: x is not a time.
            ("/items?sort=added&cursor=WyJhZGRlZCIsImF2YXRhciIsIngiLCJ5Il0", "cursor"),
            ("/items?page=2", "page"),
            ("/items?as_of=2031-01-01", "as_of"),
            ("/changes?from=2026-11-20&to=2026-11-01", "from"),
            ("/changes?poll=x", "poll"),
            ("/as-of", "as_of"),
            ("/ids", "id"),
            (&format!("/ids?{}", "id=x&".repeat(201)), "id"),
            ("/status?x=1", "x"),
        ] {
            let answer = site.get(&format!("/api/v1{path}")).await;
            assert_eq!(problem(&answer, 400, path)["parameter"], parameter, "{path}");
        }
        for path in [
            "/items/avatar/nobody",
            "/items/house/x",
            "/items/avatar/%00",
            "/items/avatar/%ff",
            "/items?account=nobody",
            "/items?as_of=2020-01-01",
            "/items?kind=voice",
            "/nothing",
            "",
        ] {
            problem(&site.get(&format!("/api/v1{path}")).await, 404, path);
        }
        let unknown = "/api/v1/items/avatar/nobody";
        problem(&site.get_if(unknown, "*").await, 404, "any answer of an unknown item");
        let post = site.send("POST", "/api/v1/items", None).await;
        problem(&post, 405, "POST");
        assert_eq!(post.header("allow"), "GET, HEAD");
        problem(
            &site.send("GET", "/api/v1/items", Some("evil.example")).await,
            421,
            "another host",
        );
    }
    let nothing = Site::of_file(&tempfile::tempdir().unwrap().path().join("none.db")).await;
    let answer = nothing.get("/api/v1/status").await;
    problem(&answer, 503, "no database");
    assert_eq!(answer.header("retry-after"), "30");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_accepted_as_a_bearer_token() {
    for site in both().await {
        let guarded =
            site.beside(|settings| settings.access.token = Some("sesame".to_owned().into())).await;
        let answer = guarded.get("/api/v1/status").await;
        problem(&answer, 401, "without a token");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        for (given, status) in
            [("Bearer sesame", 200), ("Bearer Sesame", 401), ("Token sesame", 401)]
        {
            for path in ["/api/v1/status", "/avatars"] {
                let answer = guarded.get_with(path, "authorization", given).await;
                assert_eq!(answer.status, status, "{given} {path}");
            }
        }
    }
}

/// Returns a value that a parameter accepts by its schema.
fn sample(schema: &Value) -> String {
    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
    match (&schema["enum"][0], &schema["type"]) {
        (Value::String(word), _) => word.clone(),
        (_, kind) if *kind == "integer" => "1".into(),
        (_, kind) if *kind == "string" => "x".into(),
        _ => "2026-11-20".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_the_routes_and_parameters_that_there_are() {
    let [site, _] = both().await;
    let document = site.get("/api/v1/openapi.json").await.json();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let text = format!("{}\n", heygen_sync::web::api::openapi());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(page, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(page).unwrap_or_default(), text, "docs/openapi.json is old");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let described = document["paths"].as_object().unwrap();
    let answered: BTreeSet<String> = paths()
        .iter()
        .map(|path| {
            path.split('?').next().unwrap().replace(&format!("avatar/{ANNIE}"), "{kind}/{id}")
        })
        .collect();
    assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), answered);
    for (path, methods) in described {
        let parameters = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let query: Vec<&Value> = parameters.iter().filter(|one| one["in"] == "query").collect();
        let pair =
            |one: &&Value| format!("{}={}", one["name"].as_str().unwrap(), sample(&one["schema"]));
        let required: Vec<String> =
            query.iter().filter(|one| one["required"] == true).map(pair).collect();
        let own = path.replace("{kind}/{id}", &format!("avatar/{ANNIE}"));
        for one in query.iter().filter(|one| one["name"] != "cursor") {
            let mut pairs = required.clone();
            pairs.push(pair(one));
            pairs.dedup();
            let address = format!("{own}?{}", pairs.join("&"));
            let answer = site.get(&address).await;
            assert!([200, 404].contains(&answer.status), "{address}: {}", answer.text);
        }
        if !path.ends_with("openapi.json") {
            let address = format!("{own}?undocumented=1&{}", required.join("&"));
            assert_eq!(
                problem(&site.get(&address).await, 400, &address)["parameter"],
                "undocumented"
            );
        }
        for status in ["200", "304", "400", "401", "404", "405", "414", "421", "503"] {
            assert!(methods["get"]["responses"][status].is_object(), "{path}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_ids_come_back_as_they_are() {
    let signed = "https://h/a.webp?Expires=1796000000&Signature=SECRET~&Key-Pair-Id=K";
    let names = [
        ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
        ("a~b/../c%2F", "\u{202E}evil ' OR 1=1 --"),
        ("new\nline", " edge \n"),
        ("\"quote\"&amp;?#", "{{ shell }}"),
        ("ids+plus", signed),
        ("\\u0000", "\\u0000"),
        (ANNIE, "Annie"),
    ];
    for site in both().await {
        site.poll(&names).await;
        for (id, name) in names {
            let id_in_path = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
            let answer = site.get(&format!("/api/v1/items/avatar/{id_in_path}")).await;
            assert_eq!(answer.status, 200, "{id}: {}", answer.text);
            assert_eq!(answer.json()["id"], id);
            assert!(!answer.text.contains("SECRET"), "{}", answer.text);
            if name != signed {
                assert_eq!(answer.json()["name"], name);
            }
            let checked = site.get(&format!("/api/v1/ids?id={id_in_path}")).await.json();
            assert_eq!(checked["states"][0]["state"], "listed", "{id}");
        }
        let walked = walk(&site, "/items?kind=avatar&limit=1", array("items")).await;
        assert!(names.iter().all(|(id, _)| walked.iter().any(|item| item["id"] == *id)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_of_a_page_is_the_apis() {
    let [site, _] = both().await;
    for (page, to) in [
        (
            "/avatars.json?gender=female&sort=added",
            "/api/v1/items?kind=avatar&gender=female&sort=added",
        ),
        ("/overview.json", "/api/v1/status"),
        (
            "/changes.json?account=default&kind=avatar",
            "/api/v1/changes?account=default&kind=avatar",
        ),
        ("/polls/21.json", "/api/v1/changes?poll=21"),
        ("/avatars/a~2Fb.json", "/api/v1/items/avatar/a%2Fb"),
        ("/avatars/x.json?as_of=2026-11-20", "/api/v1/as-of?as_of=2026-11-20&kind=avatar&id=x"),
        ("/search.json?q=annie", "/api/v1/items?q=annie"),
    ] {
        let answer = site.get(page).await;
        assert_eq!((answer.status, answer.header("location").as_str()), (308, to), "{page}");
    }
    assert_eq!(site.get("/timeline.json").await.status, 404);
    let links = site.get("/avatars?gender=female&view=table").await.links();
    for link in ["/avatars.csv?gender=female", "/api/v1/items?kind=avatar&gender=female"] {
        assert!(links.iter().any(|one| one == link), "{link}: {links:?}");
    }
}

at_home! {
    async fn items_of_all_four_kinds_have_their_history_and_their_state(home: Home) {
        for id in ["a1", "a2", "a3"] {
            home.heygen.add_avatar(id, |avatar| avatar.set_look("group_id", "g1"));
        }
        home.heygen.add_photo("p1");
        home.heygen.add_group("g1");
        home.heygen.add_voice("v1", false);
        let all = ("HEYGEN_SYNC_API__CATALOGUES", r#"["avatars", "avatar_groups", "voices"]"#);
        let v3 = ("HEYGEN_SYNC_API__VERSION", "v3");
        assert_eq!(home.run_with(&[all, v3], &["sync"]).code, 0);
        home.heygen.remove(fake::Kind::Avatar, "a3");
        home.heygen.rename(fake::Kind::Avatar, "a2", "Another name");
        let at_once = ("HEYGEN_SYNC_REMOVALS__AFTER_POLLS", "1");
        assert_eq!(home.run_with(&[all, v3, at_once], &["sync"]).code, 0);

        let location = match home.is_sqlite() {
            true => Location::Sqlite(home.folder().join(&home.database)),
            false => Location::parse(&home.database).unwrap(),
        };
        let site = Site::of(location, home.folder(), Clock::system()).await;
        for (kind, id) in
            [("avatar", "a1"), ("talking_photo", "p1"), ("avatar_group", "g1"), ("voice", "v1")]
        {
            let item = site.get(&format!("/api/v1/items/{kind}/{id}")).await.json();
            assert_eq!((&item["kind"], &item["state"]), (&json!(kind), &json!("listed")), "{item}");
            assert_eq!(item["history"][0]["opened_by"], "added", "{item}");
            let listed = site.get(&format!("/api/v1/items?kind={kind}&sort=id")).await.json();
            assert_eq!(listed["items"][0]["fields"], item["fields"]);
        }
        let renamed = site.get("/api/v1/items/avatar/a2").await.json();
        assert_eq!(renamed["history"][1]["changes"]["avatar_name"][1], "Another name", "{renamed}");
        let gone = site.get("/api/v1/ids?id=a3&id=a1&id=never").await.json();
        assert_eq!((&gone["all_usable"], &gone["not_usable"]), (&json!(false), &json!(["a3", "never"])));
        let instead = gone["states"][1]["instead"].as_array().unwrap();
        assert_eq!(instead.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 2, "{gone}");
        let all = site.get("/api/v1/items?listed=all").await.json();
        assert_eq!(all["items"].as_array().unwrap().len(), 6, "{all}");
    }
}
