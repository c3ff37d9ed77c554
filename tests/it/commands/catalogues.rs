//! Three catalogues in one run of a command.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use crate::{fake::Refusal, home::at_home};

/// Returns the error of a key without the scope for a list.
fn no_scope() -> Refusal {
    let body = r#"{"error":{"code":"insufficient_api_key_scope","message":"no"}}"#;
    Refusal { body: body.into(), ..Refusal::of(403) }
}

/// All three catalogues, over v3.
const ALL: [(&str, &str); 2] = [
    ("HEYGEN_SYNC_API__CATALOGUES", r#"["avatars","avatar_groups","voices"]"#),
    ("HEYGEN_SYNC_API__VERSION", "v3"),
];

at_home! {
    async fn a_run_polls_all_catalogues_and_the_gravest_code_wins(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_group("g");
        home.heygen.add_voice("v", false);
        let ran = home.run_with(&ALL, &["sync", "--format", "json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        let reports: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let named: Vec<_> = reports.as_array().unwrap().iter().map(|report| report["catalogue"].as_str().unwrap()).collect();
        assert_eq!(named, ["avatars", "avatar_groups", "voices"]);
        assert_eq!(reports[2]["voices_listed"], 1);
        home.heygen.lists(|lists| drop(lists.refused.insert("/v3/voices", no_scope())));
        let textfile = ("HEYGEN_SYNC_METRICS__TEXTFILE", "heygen.prom");
        let ran = home.run_with(&[ALL[0], ALL[1], textfile], &["sync"]);
        assert_eq!(ran.code, 77, "{ran:?}");
        assert!(ran.stderr.contains("account 'default', voices"), "{ran:?}");
        let metrics = std::fs::read_to_string(home.folder().join("heygen.prom")).unwrap();
        for (catalogue, failures) in [("avatars", 0), ("avatar_groups", 0), ("voices", 1)] {
            let told = format!("heygen_sync_consecutive_failures{{account=\"default\",catalogue=\"{catalogue}\"}} {failures}\n");
            assert!(metrics.contains(&told), "{told}{metrics}");
        }
        let said = home.run(&["export", "--format", "csv"]).stderr;
        assert!(said.contains("warning: account 'default', voices: the poll after it failed"), "{said}");
        assert_eq!(said.matches("warning").count(), 1, "the other catalogues are known: {said}");
        assert_eq!(home.run_with(&ALL, &["sync", "--catalogue", "avatars"]).code, 0);
        assert_eq!(home.run(&["sync", "--catalogue", "voices"]).code, 78);
        assert_eq!(home.run_with(&ALL, &["verify"]).code, 0);
        for (kind, id) in [("avatar", "a"), ("avatar-group", "g"), ("voice", "v")] {
            for args in [["export", "--kind", kind].as_slice(), &["changes", "--kind", kind], &["history", id]] {
                assert_eq!(home.rows(args).len(), 1, "{args:?}");
            }
        }
        assert_eq!(home.rows(&["export"]).len(), 3);
    }

    async fn a_run_waits_between_catalogues_for_the_lock_of_another_run(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_group("g");
        home.heygen.add_voice("v", false);
        let start = || home.command(&["sync"]).envs(ALL).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut gate = home.heygen.delay_next();
        let mut first = start();
        gate.reached().await;
        let mut second = start();
        let mut busy = String::new();
        let mut said = BufReader::new(second.stderr.take().unwrap());
        said.read_line(&mut busy).unwrap();
        assert!(busy.contains("another poll"), "{busy}");
        gate.release();
        assert_eq!(first.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(second.wait().unwrap().code(), Some(75), "{rest}");
        for (catalogue, polls) in [("avatars", 1), ("avatar_groups", 2), ("voices", 2)] {
            let of = format!("SELECT 1 FROM polls WHERE catalogue = '{catalogue}'");
            assert_eq!(home.count(&of).await, polls, "{catalogue}: {rest}");
        }
    }

    async fn status_and_its_age_are_of_each_catalogue(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        assert_eq!(home.run_with(&ALL, &["sync", "--catalogue", "avatars"]).code, 0);
        assert_eq!(home.run(&["status", "--max-age", "1h"]).code, 0);
        let ran = home.run_with(&ALL, &["status", "--max-age", "1h", "--format", "table"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("default, voices\n  last poll   none yet"), "{ran:?}");
        let ran = home.run(&["export", "--kind", "voice"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert_eq!(home.rows(&["export"]).len(), 1);
    }
}
