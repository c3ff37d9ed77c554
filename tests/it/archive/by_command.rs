//! `[archive]` and `replay` with the real binary.

use std::process::Command;

use crate::{
    daemon::service::{ONCE, Service},
    home::{Home, at_home},
};

const ON: [(&str, &str); 1] = [("HEYGEN_SYNC_ARCHIVE__ENABLED", "true")];

/// A store that is never contacted: the key would be sent in the clear.
const WRONG: [(&str, &str); 3] = [
    ON[0],
    ("HEYGEN_SYNC_ARCHIVE__STORE", "s3://bucket/x"),
    ("AWS_ENDPOINT_URL", "http://minio:9000"),
];

fn polled(home: &Home) {
    home.heygen.add_avatar("a", |_| ());
    home.heygen.add_photo("p");
    assert_eq!(home.run_with(&ON, &["sync"]).code, 0);
    home.heygen.fail_next(503);
    assert_eq!(home.run_with(&ON, &["sync"]).code, 69);
    home.heygen.rename(crate::fake::Kind::Avatar, "a", "Another");
    assert_eq!(home.run_with(&ON, &["sync"]).code, 0);
}

at_home! {
    async fn a_replay_says_what_it_did_and_what_it_rebuilt_verifies(home: Home) {
        polled(&home);
        let ran = home.run(&["replay", "--to", "again.db"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains("Replayed 3 polls (1 failed)"), "{ran:?}");
        assert!(ran.stderr.contains("Links are not replayed"), "{ran:?}");
        let verified = home.run(&["verify", "--database", "again.db"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        let digests = |database: &str| {
            home.rows(&["--database", database, "changes"]).len()
        };
        assert_eq!(digests("again.db"), digests(&home.database));
        let again = home.run(&["replay", "--to", "again.db"]);
        assert_eq!(again.code, 2, "{again:?}");
        assert!(again.stderr.contains("is not empty"), "{again:?}");
    }

    async fn the_commands_of_the_docs_read_an_archive(home: Home) {
        polled(&home);
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/archive.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let said = docs.split("<!-- run -->\n```sh\n").skip(1).map(|block| {
            let script = block.split("```").next().unwrap();
            let ran = Command::new("bash")
                .args(["-euo", "pipefail", "-c", script])
                .current_dir(home.folder())
                .output()
                .unwrap();
            assert!(ran.status.success(), "{script}: {ran:?}");
            String::from_utf8(ran.stdout).unwrap()
        });
        let said: Vec<String> = said.collect();
        assert_eq!(said.len(), 3);
        assert!(said[0].contains("\"added\": 2"), "{said:?}");
        assert_eq!(said[1].lines().count(), 1, "{said:?}");
        assert!(said[2].lines().count() == 2 && said[2].contains("succeeded\t0"), "{said:?}");
    }

    async fn a_replay_without_an_archive_says_so_and_makes_nothing(home: Home) {
        let ran = home.run(&["replay", "--to", "again.db", "--from", "nowhere"]);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("there is no archive in"), "{ran:?}");
        assert!(!home.folder().join("again.db").exists());
    }

    async fn an_archive_that_is_off_is_not_made_and_one_that_fails_fails_no_sync(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        assert_eq!(home.run(&["sync"]).code, 0);
        assert!(!home.folder().join("archive").exists());
        home.file("archive", "a file where the folder should be");
        let ran = home.run_with(&ON, &["sync"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains("poll 2 is not in the archive"), "{ran:?}");
        assert_eq!(home.run_with(&ON, &["check"]).code, 74);
    }

    async fn what_befalls_the_archive_is_told_within_its_polls_span(home: Home) {
        home.file("archive", "a file where the folder should be");
        let json = [ON[0], ("HEYGEN_SYNC_LOG__FORMAT", "json")];
        let ran = home.run_with(&json, &["sync"]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (0, 1), "{ran:?}");
        let line: serde_json::Value = serde_json::from_str(ran.stderr.trim()).unwrap();
        assert!(line["message"].as_str().unwrap().contains("poll 1 is not in the archive"));
        assert_eq!((&line["span"]["poll_id"], &line["span"]["account"]), (&1.into(), &"default".into()));
        assert_eq!(line["account"], serde_json::Value::Null);
        let ran = home.run_with(&ON, &["sync"]);
        assert!(ran.stderr.contains("poll{account=\"default\" trigger=\"manual\" poll_id=2}"), "{ran:?}");
        assert_eq!(ran.stderr.matches("poll_id").count(), 1, "{ran:?}");
    }

    async fn a_damaged_note_is_named(home: Home) {
        assert_eq!(home.run_with(&ON, &["sync"]).code, 0);
        let polls = home.folder().join("archive/polls");
        std::fs::rename(&polls, home.folder().join("aside")).unwrap();
        std::fs::write(&polls, "").unwrap();
        assert_eq!(home.run_with(&ON, &["sync"]).code, 0);
        std::fs::remove_file(&polls).unwrap();
        std::fs::rename(home.folder().join("aside"), &polls).unwrap();
        let notes = std::fs::read_dir(home.folder().join("archive/received")).unwrap();
        let note = notes.flatten().next().unwrap().path();
        std::fs::write(&note, "no zstd").unwrap();
        let ran = home.run_with(&ON, &["sync"]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (0, 2), "{ran:?}");
        let name = note.file_name().unwrap().to_str().unwrap();
        assert!(ran.stderr.contains(&format!("received/{name} in the archive")), "{ran:?}");
        assert!(ran.stderr.contains("poll 2 is not in"), "{ran:?}");
    }

    async fn check_knows_the_archive_of_another_database(home: Home) {
        assert_eq!(home.run_with(&ON, &["check"]).code, 0);
        assert_eq!(home.run_with(&ON, &["sync"]).code, 0);
        assert_eq!(home.run_with(&ON, &["check"]).code, 0);
        for _ in 0..2 {
            let other = [ON[0], ("DATABASE_URL", "other.db")];
            let ran = home.run_with(&other, &["check"]);
            assert_eq!(ran.code, 74, "{ran:?}");
            assert!(ran.stdout.contains("contains another poll 1"), "{ran:?}");
            let ran = home.run_with(&other, &["sync"]);
            assert_eq!(ran.code, 0, "{ran:?}");
            assert!(ran.stderr.contains("set archive.store to a store of its own"), "{ran:?}");
        }
        assert_eq!(home.run_with(&ON, &["check"]).code, 0);
    }

    async fn an_archive_that_is_set_wrongly_stops_no_poll(home: Home) {
        let ran = home.run_with(&WRONG, &["sync"]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (0, 1), "{ran:?}");
        assert!(ran.stderr.contains("AWS_ENDPOINT_URL must begin with https"), "{ran:?}");
        assert!(ran.stderr.contains("polls continue, but are not archived"), "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM polls WHERE outcome = 'succeeded'").await, 1);
        assert_eq!(home.run_with(&WRONG, &["check"]).code, 78);
    }

    async fn a_daemon_with_an_archive_that_is_set_wrongly_does_not_start(home: Home) {
        let ran = home.run_with(&[&ONCE[..], &WRONG].concat(), &["daemon"]);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.stderr.contains("archive.store: AWS_ENDPOINT_URL must begin"), "{ran:?}");
        assert_eq!(home.heygen.request_count(), 0);
    }

    async fn a_daemon_does_not_take_over_an_archive_that_is_set_wrongly(home: Home) {
        let right = "[archive]\nenabled = true\nstore = 'archive'\n";
        home.file("config.toml", right);
        let service = Service::start(&home, &[&ONCE[..], &WRONG[2..]].concat());
        service.wait_told("STATUS=next poll at");
        home.file("config.toml", right.replace("'archive'", "'s3://bucket/x'"));
        service.signal("HUP");
        let line = service.wait_logged("the old one stays in force");
        assert!(line.contains("AWS_ENDPOINT_URL must begin"), "{line}");
        assert_eq!(service.stop().0, Some(0));
    }
}
