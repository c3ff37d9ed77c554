//! The metrics: the same from the daemon, the gallery and the textfile, on both databases, and as
//! the documents, the alerts and the dashboard describe them.

use std::{collections::BTreeSet, process::Command};

use heygen_sync::metrics::FAMILIES;
use serde_json::Value;

use super::service::{ONCE, Service};
use crate::{
    fake::Kind,
    home::{Home, at_home},
};

const LISTEN: [(&str, &str); 1] = [("HEYGEN_SYNC_SERVE__LISTEN", "127.0.0.1:0")];

/// Returns the value of a series.
fn value(text: &str, series: &str) -> f64 {
    let line =
        text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    let line = line.unwrap_or_else(|| panic!("{series} is not there: {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Returns names and labels, without values.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// Leaves out the size of the database, which a checkpoint changes.
fn steady(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("heygen_sync_database_bytes ")).collect()
}

at_home! {
    async fn they_are_counted_from_the_tables_and_survive_everything(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_avatar("b", |_| ());
        home.heygen.add_photo("p");
        assert_eq!(home.sync(&[]).0, 0);
        home.heygen.rename(Kind::Avatar, "a", "Another");
        home.heygen.remove(Kind::Avatar, "b");
        assert_eq!(home.sync(&[]).0, 0);
        home.heygen.fail_next(500);
        assert_eq!(home.sync(&[]).0, 69);
        let env = [("HEYGEN_SYNC_METRICS__TEXTFILE", "heygen.prom")];
        home.heygen.fail_next(401);
        assert_eq!(home.run_with(&env, &["sync"]).code, 77);
        let textfile = std::fs::read_to_string(home.folder().join("heygen.prom")).unwrap();
        let default = |name: &str, labels: &str| {
            let catalogue = if name == "items" { "" } else { ",catalogue=\"avatars\"" };
            value(&textfile, &format!("heygen_sync_{name}{{account=\"default\"{catalogue}{labels}}}"))
        };
        assert_eq!(default("polls_total", ",outcome=\"succeeded\""), 2.0);
        assert_eq!(default("polls_total", ",outcome=\"failed\""), 2.0);
        assert_eq!(default("consecutive_failures", ""), 2.0);
        assert_eq!(default("changes_total", ",change=\"added\""), 3.0);
        assert_eq!(default("changes_total", ",change=\"changed\""), 1.0);
        assert_eq!(default("changes_total", ",change=\"removed\""), 1.0);
        assert_eq!(default("items", ",kind=\"avatar\",state=\"listed\""), 1.0);
        assert_eq!(default("items", ",kind=\"avatar\",state=\"removed\""), 1.0);
        assert_eq!(default("poll_duration_seconds_count", ""), 4.0);
        assert!(default("poll_duration_seconds_sum", "") < 60.0);
        assert!(default("last_success_timestamp_seconds", "") > 1.7e9);
        assert!(default("last_poll_timestamp_seconds", "") > default("last_success_timestamp_seconds", ""));
        assert!(default("response_bytes", "") > 100.0);
        assert!(value(&textfile, "heygen_sync_assets{role=\"image\",state=\"pending\"}") > 0.0);
        assert!(value(&textfile, "heygen_sync_database_bytes") > 10_000.0);
        // The daemon and the gallery report the same.
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll");
        let (status, text) = service.get("/metrics").await;
        assert_eq!((status, steady(&text)), (200, steady(&textfile)));
        service.stop();
        let service = Service::run(&home, &["serve"], &LISTEN);
        let (status, text) = service.get("/metrics").await;
        assert_eq!((status, steady(&text)), (200, steady(&textfile)));
        // A run of the mirror writes the textfile again.
        let env = [
            env[0],
            ("HEYGEN_SYNC_MIRROR__ENABLED", "true"),
            ("HEYGEN_SYNC_MIRROR__PICTURES", "false"),
            ("HEYGEN_SYNC_MIRROR__VIDEOS", "false"),
        ];
        assert_eq!(home.run_with(&env, &["mirror"]).code, 0);
        let textfile = std::fs::read_to_string(home.folder().join("heygen.prom")).unwrap();
        assert_eq!(value(&textfile, "heygen_sync_assets{role=\"image\",state=\"skipped\"}"), 1.0);
    }

    async fn an_account_that_is_configured_no_longer_is_told_apart_everywhere(home: Home) {
        home.file("saved.json", home.heygen.body());
        assert_eq!(home.sync(&["--from", "saved.json", "--account", "given up"]).0, 0);
        let env = [("HEYGEN_SYNC_METRICS__TEXTFILE", "heygen.prom")];
        assert_eq!(home.run_with(&env, &["sync"]).code, 0);
        let textfile = std::fs::read_to_string(home.folder().join("heygen.prom")).unwrap();
        let daemon = Service::start(&home, &ONCE);
        daemon.wait_told("STATUS=next poll");
        let daemons = daemon.get("/metrics").await.1;
        daemon.stop();
        let gallery = Service::run(&home, &["serve"], &LISTEN);
        for text in [textfile, daemons, gallery.get("/metrics").await.1] {
            let configured = |account: &str| {
                value(&text, &format!("heygen_sync_account_configured{{account=\"{account}\",catalogue=\"avatars\"}}"))
            };
            assert_eq!((configured("default"), configured("given up")), (1.0, 0.0), "{text}");
        }
    }

    async fn every_series_is_there_from_the_start_and_none_is_left_out_later(home: Home) {
        home.heygen.fail_always(500, "");
        let service = Service::start(&home, &ONCE);
        let (status, first) = service.get("/metrics").await;
        assert_eq!(status, 200);
        service.stop();
        home.heygen.recover();
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_photo("p");
        let env = [("HEYGEN_SYNC_METRICS__TEXTFILE", "heygen.prom")];
        assert_eq!(home.run_with(&env, &["sync"]).code, 0);
        let later = std::fs::read_to_string(home.folder().join("heygen.prom")).unwrap();
        assert_eq!(series(&first), series(&later));
        let left: Vec<_> = std::fs::read_dir(home.folder()).unwrap().flatten()
            .filter(|entry| entry.file_name().to_string_lossy().contains(".tmp")).collect();
        assert!(left.is_empty(), "{left:?}");
        if let Some(fault) = promtool(&["check", "metrics"], &later) {
            panic!("{fault}");
        }
    }
}

#[tokio::test]
async fn a_gallery_without_a_catalogue_tells_zeros() {
    let home = Home::sqlite().await;
    let service = Service::run(&home, &["serve"], &LISTEN);
    let (status, text) = service.get("/metrics").await;
    assert_eq!(status, 200);
    assert_eq!(
        value(
            &text,
            "heygen_sync_polls_total{account=\"default\",catalogue=\"avatars\",outcome=\"failed\"}"
        ),
        0.0
    );
}

#[tokio::test]
async fn a_textfile_that_cannot_be_written_is_said_and_the_poll_counts() {
    let home = Home::sqlite().await;
    let env = [("HEYGEN_SYNC_METRICS__TEXTFILE", "nowhere/heygen.prom")];
    let ran = home.run_with(&env, &["sync"]);
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(ran.stderr.contains("metrics.textfile"), "{ran:?}");
    assert_eq!(home.count("SELECT 1 FROM polls WHERE outcome = 'succeeded'").await, 1);
}

fn document(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Returns the names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("heygen_sync_")).map(str::to_owned).collect()
}

/// Returns all known names: families, and the series of summaries.
fn known() -> BTreeSet<String> {
    let series = |name: &str, kind: &str| match kind {
        "summary" => vec![name.to_owned(), format!("{name}_sum"), format!("{name}_count")],
        _ => vec![name.to_owned()],
    };
    FAMILIES.iter().flat_map(|family| series(family.name, family.kind)).collect()
}

#[test]
fn every_metric_is_documented_with_its_type_and_meaning() {
    let page = document("docs/metrics.md");
    for family in FAMILIES {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}`", family.name)));
        let row = row.unwrap_or_else(|| panic!("docs/metrics.md does not tell of {}", family.name));
        assert!(row.contains(&format!("| {} |", family.kind)), "{row}");
    }
    assert!(names(&page).is_subset(&known()), "{:?}", names(&page).difference(&known()));
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_are() {
    for name in ["deploy/prometheus-alerts.yml", "deploy/grafana-dashboard.json"] {
        let text = document(name);
        let used = names(&text);
        assert!(used.len() > 5, "{name}");
        assert!(used.is_subset(&known()), "{name}: {:?}", used.difference(&known()));
    }
    let dashboard: Value =
        serde_json::from_str(&document("deploy/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
}

/// Returns promtool's errors; `None` if it is not installed, which CI does not allow.
fn promtool(args: &[&str], input: &str) -> Option<String> {
    use std::{io::Write, process::Stdio};
    let mut command = Command::new("promtool");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var_os("CI_PROMTOOL").is_none(), "promtool is missing");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    let told = [ran.stdout, ran.stderr].concat();
    (!ran.status.success()).then(|| String::from_utf8_lossy(&told).into_owned())
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
    let rules = format!("{folder}/prometheus-alerts.yml");
    if let Some(fault) = promtool(&["check", "rules", &rules], "") {
        panic!("{fault}");
    }
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/daemon/alerts.yml");
    if let Some(fault) = promtool(&["test", "rules", tests], "") {
        panic!("{fault}");
    }
}
