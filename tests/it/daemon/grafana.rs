//! The dashboards that read the database: each query runs on its engine, and both have the same panels.

use heygen_sync::catalog;
use serde_json::Value;

use crate::{dump, fake::Kind, home::at_home};

/// Returns the dashboard of an engine, and the name of a target's field with the query.
fn dashboard(sqlite: bool) -> (Value, &'static str) {
    let (engine, field) = if sqlite { ("sqlite", "queryText") } else { ("postgresql", "rawSql") };
    let name = format!("{}/deploy/grafana-catalogue-{engine}.json", env!("CARGO_MANIFEST_DIR"));
    (serde_json::from_str(&std::fs::read_to_string(name).unwrap()).unwrap(), field)
}

/// Returns the titles and queries of the panels.
fn queries(sqlite: bool) -> Vec<(String, String)> {
    let (board, field) = dashboard(sqlite);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let panels = board["panels"].as_array().unwrap().iter();
    panels.map(|panel| (text(&panel["title"]), text(&panel["targets"][0][field]))).collect()
}

at_home! {
    async fn every_query_of_the_dashboard_tells_what_it_should(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_avatar("b", |_| ());
        home.heygen.add_photo("p");
        assert_eq!(home.sync(&[]).0, 0);
        home.heygen.add_avatar("new", |_| ());
        home.heygen.rename(Kind::Avatar, "a", "Another");
        home.heygen.remove(Kind::Avatar, "b");
        assert_eq!(home.sync(&[]).0, 0);
        home.heygen.remove(Kind::TalkingPhoto, "p");
        home.heygen.deprecate("v2 ends", "2026-11-01");
        assert_eq!(home.sync(&[]).0, 3);
        let url = match home.is_sqlite() {
            true => home.folder().join("heygen.db").display().to_string(),
            false => home.database.clone(),
        };
        let mut told = vec![];
        for (title, sql) in queries(home.is_sqlite()) {
            let sql = sql.replace("${account:sqlstring}", "'default'")
                .replace("${__from:date:iso}", "2020-01-01T00:00:00.000Z")
                .replace("${__to:date:iso}", "2999-01-01T00:00:00.000Z");
            assert!(!sql.contains("${"), "{sql}");
            let rows = dump::rows(&url, &sql).await.len();
            // Midnight may fall between two polls.
            let rows = if title == "Changes by day" { rows.min(1) } else { rows };
            told.push((title, rows));
        }
        let expected = [
            ("Added lately", 1), ("Removed lately", 1), ("Changed lately", 1),
            ("Growth by kind", 6), ("Changes by day", 1), ("Held removals", 1),
            ("Warnings of the API", 1),
        ];
        assert_eq!(told, expected.map(|(title, rows)| (title.to_owned(), rows)));
    }
}

#[test]
fn the_dashboards_of_both_engines_ask_the_same() {
    assert_eq!(queries(true), queries(false));
}

#[test]
fn each_name_leads_to_the_gallerys_page_of_its_kind() {
    let (board, field) = dashboard(true);
    let mut linked = 0;
    for panel in board["panels"].as_array().unwrap() {
        let link = &panel["fieldConfig"]["overrides"][0]["properties"][0]["value"][0]["url"];
        let Some(link) = link.as_str() else { continue };
        let rest =
            "${__data.fields.item_id:percentencode}?account=${__data.fields.account:percentencode}";
        assert_eq!(link, format!("${{gallery}}${{__data.fields.list}}{rest}"));
        let sql = panel["targets"][0][field].as_str().unwrap();
        for kind in catalog::kind::Kind::ALL {
            let list = format!("WHEN '{}' THEN '{}/'", kind.as_str(), kind.path);
            assert!(sql.contains(&list), "{list}: {sql}");
        }
        linked += 1;
    }
    assert_eq!(linked, 3);
}
