//! The output of the reading commands, in all formats.

use crate::{
    fake::Kind,
    home::{Home, at_home},
};

/// Makes a history of three polls at fixed times.
fn told(home: &Home) {
    home.heygen.add_avatar("mira", |avatar| avatar.set("avatar_name", "Mira, \"front\"\n"));
    home.heygen.add_avatar("jonas", |avatar| avatar.set("avatar_name", "Jonas"));
    home.heygen.add_photo("keeper");
    home.heygen.add_photo("host");
    let poll = |time: &str| {
        home.file("saved.json", home.heygen.body());
        assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", time]).0, 0);
    };
    poll("2026-11-20T06:00:00Z");
    home.heygen.rename(Kind::Avatar, "jonas", "Jonas Standing");
    home.heygen.set(Kind::Avatar, "jonas", "premium", true);
    home.heygen.remove(Kind::TalkingPhoto, "keeper");
    poll("2026-11-21T06:00:00Z");
    home.heygen.add_photo("keeper");
    poll("2026-11-22T06:00:00Z");
}

at_home! {
    async fn changes_are_told_in_every_format(home: Home) {
        told(&home);
        for format in ["table", "csv", "json", "ndjson"] {
            let ran = home.run(&["changes", "--format", format]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(format!("changes_{format}"), ran.stdout);
        }
    }

    async fn an_empty_table_is_a_line_on_standard_error_unless_quiet(home: Home) {
        told(&home);
        let nothing = ["changes", "--until", "2020-01-01", "--format", "table"];
        for (flags, line) in [(&[][..], "No such changes.\n"), (&["--quiet"], "")] {
            let ran = home.run(&[flags, &nothing].concat());
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", line));
        }
    }

    async fn changes_can_be_narrowed(home: Home) {
        told(&home);
        let ids = |args: &[&str]| -> Vec<String> {
            let rows = home.rows(&[&["changes"], args].concat());
            rows.iter().map(|row| format!("{}/{}", row["change"].as_str().unwrap(), row["item_id"].as_str().unwrap())).collect()
        };
        assert_eq!(ids(&["--since", "2026-11-22"]), ["restored/keeper"]);
        assert_eq!(ids(&["--until", "2026-11-21T06:00:00Z"]).len(), 4);
        assert_eq!(ids(&["--kind", "talking-photo", "--change", "removed"]), ["removed/keeper"]);
        assert_eq!(ids(&["--kind", "talking_photo"]).len(), 4);
        assert_eq!(ids(&["--id", "jonas"]), ["added/jonas", "changed/jonas", "changed/jonas"]);
        assert_eq!(ids(&["--limit", "2"]), ["removed/keeper", "restored/keeper"]);
        assert_eq!(home.run(&["changes", "--account", "nobody"]).code, 2);
        assert_eq!(home.run(&["changes", "--id", "' OR 1=1 --"]).code, 2);
        assert_eq!(home.run(&["changes", "--since", "soon"]).code, 2);
        assert_eq!(home.run(&["changes", "--since", "2026-02-01", "--until", "2026-01-01"]).code, 2);
    }

    async fn the_history_of_an_item_shows_what_changed_between_its_versions(home: Home) {
        told(&home);
        for format in ["table", "csv", "ndjson"] {
            let ran = home.run(&["history", "jonas", "--format", format]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(format!("history_{format}"), ran.stdout);
        }
        let versions = home.rows(&["history", "keeper"]);
        let told: Vec<_> = versions.iter().map(|v| (v["opened_by"].clone(), v["closed_by"].clone())).collect();
        assert_eq!(told, [("added".into(), "removed".into()), ("restored".into(), serde_json::Value::Null)]);
    }

    async fn status_tells_how_each_account_stands_and_complains_of_age(home: Home) {
        told(&home);
        let status = &home.rows(&["status"])[0];
        let count = |name: &str| status[name].as_i64().unwrap();
        assert_eq!((count("avatars"), count("talking_photos"), count("last_poll_id")), (2, 2, 3));
        assert!(status["assets_pending"].is_null(), "the mirror is off");
        let on = [("HEYGEN_SYNC_MIRROR__ENABLED", "true"), ("HEYGEN_SYNC_MIRROR__STORE", "mirror")];
        let ran = home.run_with(&on, &["status", "--format", "json"]).stdout;
        let rows: serde_json::Value = serde_json::from_str(&ran).unwrap();
        assert_eq!(rows[0]["assets_pending"], 2);
        assert_eq!(home.run(&["status", "--max-age", "1s"]).code, 1);
        assert_eq!(home.run(&["status", "--max-age", "1000years"]).code, 0);
        assert_eq!(home.run(&["status", "--max-age", "old"]).code, 2);
        // An account that is configured and was never polled fails the check, whatever other accounts do.
        let saved = home.file("other.json", home.heygen.body());
        home.run(&["--database", "other.db", "sync", "--account", "other", "--from", &saved]);
        let other = ["--database", "other.db", "status", "--max-age", "1000years"];
        assert_eq!(home.run(&other).code, 1);
        let table = home.run(&["status", "--format", "table"]).stdout;
        assert!(table.contains("2 avatars, 2 talking photos; 0 missing, 0 removed"), "{table}");
    }

    async fn check_tells_what_would_fail_and_how_to_mend_it(home: Home) {
        let verdicts = |ran: &crate::home::Ran| -> Vec<String> {
            let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).unwrap();
            rows.iter().map(|row| row["verdict"].as_str().unwrap().to_owned()).collect()
        };
        let fine = home.run(&["check", "--format", "json"]);
        assert_eq!((fine.code, verdicts(&fine)), (0, vec!["ok".to_owned(); 4]), "{fine:?}");
        assert_eq!(home.run(&["status"]).code, 74, "a check makes no database");
        home.heygen.set_key("another");
        let refused = home.run(&["check", "--format", "json"]);
        assert_eq!((refused.code, verdicts(&refused)[3].as_str()), (77, "failed"));
        let lacks = r#"{"error":{"code":"insufficient_api_key_scope","message":"no","param":"avatars:read"}}"#;
        home.heygen.fail_always(403, lacks);
        let scope = home.run(&["check"]);
        assert_eq!(scope.code, 77, "{scope:?}");
        assert!(scope.stdout.contains("lacks the scope avatars:read"), "{scope:?}");
        assert!(!scope.stdout.contains("check the key"), "{scope:?}");
        let away = home.run_with(&[("HEYGEN_SYNC_API__BASE_URL", "http://127.0.0.1:9")], &["check"]);
        assert_eq!(away.code, 69);
        let env = [
            ("HEYGEN_SYNC_DAEMON__SCHEDULE", "30 2 29 2 *"),
            ("HEYGEN_SYNC_DAEMON__TIMEZONE", "Europe/Berlin"),
        ];
        let slots = home.run_with(&env, &["check", "--format", "csv"]).stdout;
        let line = "schedule,ok,\"a daemon polls at '30 2 29 2 *' (Europe/Berlin), next: \
                    2028-02-29T02:30:00+01:00, 2032-02-29T02:30:00+01:00, 2036-02-29T02:30:00+01:00\"";
        assert!(slots.contains(line), "{slots}");
    }
}

#[tokio::test]
async fn the_manual_has_the_usual_sections_and_cites_no_page_that_does_not_exist() {
    let home = Home::sqlite().await;
    let manual = home.run(&["man"]).stdout;
    let sections: Vec<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".SH "))
        .map(|title| title.trim_matches('"'))
        .collect();
    let wanted = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "GLOBAL OPTIONS",
        "COMMANDS",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
    ];
    assert_eq!(sections, wanted);
    let cites = |word: &str| {
        word.split_once('(').is_some_and(|(page, rest)| {
            !page.is_empty()
                && rest.starts_with(|c: char| c.is_ascii_digit())
                && rest[1..].starts_with(')')
        })
    };
    let cited: Vec<&str> = manual.split_whitespace().filter(|word| cites(word)).collect();
    assert_eq!(cited, Vec::<&str>::new());
    for said in [
        "HEYGEN_API_KEY",
        "/etc/heygen\\-sync/config.toml",
        "heygen\\-sync sync \\-\\-dry\\-run",
        "heygen\\-sync mirror prune",
    ] {
        assert!(manual.contains(said), "{said}: {manual}");
    }
}

#[tokio::test]
async fn every_verb_has_help_a_line_in_the_readme_and_a_place_in_the_manual() {
    let home = Home::sqlite().await;
    let help = home.run(&["--help"]).stdout;
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let manual = home.run(&["man"]).stdout;
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() >= 8, "{help}");
    for verb in verbs {
        let own = home.run(&[verb, "--help"]);
        assert!(own.code == 0 && own.stdout.contains("Usage: heygen-sync"), "{verb}");
        assert!(readme.contains(&format!("`{verb}")), "README.md does not tell of `{verb}`");
        assert!(
            manual.contains(&format!("heygen\\-sync {}", verb.replace('-', "\\-"))),
            "the manual does not tell of {verb}"
        );
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).stdout.contains("accept-removals"));
    }
}

#[tokio::test]
async fn whoever_stops_reading_is_not_told_of_an_error() {
    let home = Home::sqlite().await;
    for index in 0..3000 {
        home.heygen.add_avatar(&format!("a{index}"), |_| {});
    }
    home.sync(&[]);
    let mut child = home.start(&["changes", "--format", "csv"]);
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
