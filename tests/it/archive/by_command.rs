//! `[archive]` and `replay` by the real binary.

use std::process::Command;

use crate::home::{Home, at_home};

const ON: [(&str, &str); 1] = [("HEYGEN_SYNC_ARCHIVE__ENABLED", "true")];

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
}
