//! Errors: exit code, message, at most one `failed` row, and unchanged tables.

use crate::home::{Home, Ran, at_home};

/// Polls a few items that an error could lose.
fn filled(home: &Home) {
    home.heygen.add_avatar("a", |_| {});
    home.heygen.add_photo("p");
    assert_eq!(home.sync(&[]).0, 0);
}

/// Returns the whole history as text.
fn state(home: &Home) -> String {
    let table = |args: &[&str]| home.run(&[args, &["--format", "csv"]].concat()).stdout;
    format!("{}{}", table(&["changes"]), table(&["history", "a"]))
}

/// Asserts a failed poll: the code, a message with `says`, one `failed` row, and nothing else.
fn fails(home: &Home, code: i32, says: &str, ran: Ran) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
    assert!(ran.stderr.lines().count() <= 2, "one or two lines: {ran:?}");
    let status = &home.rows(&["status"])[0];
    assert_eq!(
        (status["outcome"].as_str(), status["failed_since"].as_i64()),
        (Some("failed"), Some(1))
    );
    assert!(status["error"].as_str().unwrap().contains(says), "{status}");
}

/// Runs a sync that fails like this, and checks that only its row was written.
fn breaks(home: &Home, code: i32, says: &str) {
    let before = state(home);
    fails(home, code, says, home.run(&["sync"]));
    assert_eq!(state(home), before);
    home.heygen.recover();
    assert_eq!(home.sync(&[]).0, 0, "the next sync works at once");
}

/// Asserts an error that leaves no row.
fn refuses(ran: &Ran, code: i32, says: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
}

at_home! {
    async fn a_status_that_is_not_200_is_no_catalogue(home: Home) {
        filled(&home);
        home.heygen.fail_always(404, "<html>gone</html>");
        breaks(&home, 65, "404");
        home.heygen.fail_always(410, "{}");
        breaks(&home, 65, "410");
        home.heygen.redirect_to("http://127.0.0.1:9/elsewhere");
        breaks(&home, 65, "redirect");
    }

    async fn an_id_or_account_that_is_not_known_is_said_to_be_none(home: Home) {
        filled(&home);
        refuses(&home.run(&["changes", "--id", "nope"]), 2, "no item 'nope' was ever listed");
        refuses(&home.run(&["history", "nope"]), 2, "no item 'nope' was ever listed");
        for verb in [&["changes"][..], &["history", "a"]] {
            let ran = home.run(&[verb, &["--account", "nope"]].concat());
            refuses(&ran, 2, "there is no account 'nope' in the database (known: default)");
        }
        for known in [["changes", "--id", "a"], ["changes", "--until", "now"]] {
            let ran = home.run(&known);
            assert_eq!((ran.code, ran.stdout.lines().count() > 1), (0, true), "{ran:?}");
        }
        refuses(&home.run(&["account", "rename", "nope", "new"]), 2, "there is no account 'nope'");
        refuses(&home.run(&["account", "rename", "default", "default"]), 2, "is called 'default' already");
        let files = std::fs::read_dir(home.folder()).unwrap();
        let left = files.filter(|file| {
            file.as_ref().unwrap().file_name().to_string_lossy().contains("nope")
        });
        assert_eq!(left.count(), 0, "no lock for an account that is not there");
    }

    async fn a_refused_key_is_said_to_be_one(home: Home) {
        filled(&home);
        home.heygen.fail_always(403, r#"{"data":null,"error":{"code":400562,"message":"forbidden"}}"#);
        breaks(&home, 77, "forbidden");
        home.heygen.set_key("another");
        let ran = home.run(&["sync"]);
        fails(&home, 77, "401", ran);
    }

    async fn an_answer_that_is_no_catalogue_changes_nothing(home: Home) {
        filled(&home);
        let whole = home.heygen.body();
        let spoil = |from: &str, to: &str| {
            let text = String::from_utf8(whole.clone()).unwrap();
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        for (body, says) in [
            ("<html></html>".to_owned(), "not JSON"),
            (String::new(), "empty"),
            (spoil("\"error\":null", "\"error\":\"busy\""), "busy"),
            (spoil("\"error\":null", "\"error\":{\"code\":\"x1\",\"message\":\"overloaded\"}"), "overloaded"),
            (spoil("\"talking_photos\"", "\"photos\""), "talking_photos"),
            (spoil("\"data\"", "\"date\""), "data"),
            ("{\"error\":null,\"data\":{\"avatars\":null,\"talking_photos\":[]}}".to_owned(), "avatars"),
            (String::from_utf8(whole[..whole.len() / 2].to_vec()).unwrap(), "cut off"),
        ] {
            home.heygen.replace_body(body);
            breaks(&home, 65, says);
        }
    }

    async fn an_api_that_keeps_failing_breaks_off_or_is_away_is_unavailable(home: Home) {
        filled(&home);
        for status in [429, 500, 502, 503, 504] {
            home.heygen.fail_always(status, "");
            breaks(&home, 69, &status.to_string());
        }
        home.heygen.cut_body(40);
        breaks(&home, 69, "broke");
        let before = state(&home);
        let away = home.run_with(&[("HEYGEN_SYNC_API__BASE_URL", "http://127.0.0.1:9")], &["sync"]);
        fails(&home, 69, "127.0.0.1:9", away);
        assert_eq!(state(&home), before);
    }

    async fn a_request_that_takes_too_long_ends_at_its_time_out(home: Home) {
        filled(&home);
        let before = state(&home);
        let gate = home.heygen.delay_next();
        let ran = home.run_with(&[("HEYGEN_SYNC_API__TIMEOUT", "300ms")], &["sync"]);
        fails(&home, 69, "api.timeout", ran);
        gate.release();
        assert_eq!(state(&home), before);
    }

    async fn an_answer_over_the_cap_is_refused_while_it_is_read(home: Home) {
        filled(&home);
        home.heygen.gzip(true);
        home.heygen.replace_body(vec![b' '; 4 << 20]);
        let ran = home.run_with(&[("HEYGEN_SYNC_API__MAX_RESPONSE", "1MiB")], &["sync"]);
        fails(&home, 65, "max_response", ran);
    }

    async fn a_saved_response_that_is_no_catalogue_fails_like_one_from_the_api(home: Home) {
        filled(&home);
        home.file("bad.json", "{}");
        let ran = home.run(&["sync", "--from", "bad.json"]);
        fails(&home, 65, "bad.json", ran);
        refuses(&home.run(&["sync", "--from", "missing.json"]), 74, "missing.json");
        assert_eq!(home.rows(&["status"])[0]["last_poll_id"], 2, "no row for a file that cannot be read");
    }

    async fn usage_and_configuration_errors_leave_no_row(home: Home) {
        filled(&home);
        refuses(&home.run(&["sync", "--observed-at", "2025-01-01"]), 2, "--from");
        refuses(&home.run(&["sync", "--accept-removals=many"]), 2, "many");
        refuses(&home.run(&["sink"]), 2, "sink");
        refuses(&home.run_with(&[("HEYGEN_API_KEY", "")], &["sync"]), 78, "HEYGEN_API_KEY");
        refuses(&home.run_with(&[("HEYGEN_SYNC_API__BASE_URL", "http://example.org")], &["sync"]), 78, "https");
        refuses(&home.run(&["sync", "--config", "none.toml"]), 78, "none.toml");
        home.file("config.toml", "[api]\n\ntimeot = \"3s\"\n");
        refuses(&home.run(&["sync"]), 78, "config.toml:3: api.timeot");
        home.file("config.toml", "");
        assert_eq!(home.rows(&["status"])[0]["last_poll_id"], 1);
    }

    async fn readers_need_a_database_and_never_make_one(home: Home) {
        for verb in [&["status"][..], &["changes"], &["history", "x"], &["account", "rename", "a", "b"]] {
            refuses(&home.run(verb), 74, "heygen-sync sync");
        }
        assert_eq!(std::fs::read_dir(home.folder()).unwrap().count(), 0);
    }

    async fn an_unknown_item_is_said_to_be_one(home: Home) {
        filled(&home);
        refuses(&home.run(&["history", "nobody"]), 2, "nobody");
    }

    async fn no_secret_is_in_any_output(home: Home) {
        let key = "sk-very-secret-0123456789";
        home.heygen.set_key(key);
        home.heygen.add_photo("p");
        let signed = String::from_utf8(home.heygen.body()).unwrap();
        let signature = signed.split("Signature=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let mut told = String::new();
        let mut run = |args: &[&str]| {
            let ran = home.run_with(&[("HEYGEN_API_KEY", key)], args);
            told.push_str(&format!("{ran:?}"));
        };
        run(&["sync", "--format", "json", "-vvv"]);
        home.heygen.fail_always(401, &format!("{{\"error\":{{\"message\":\"bad key {key} at https://h/x?Signature={signature}\"}}}}"));
        run(&["sync", "--format", "text", "-vvv"]);
        home.heygen.replace_body(format!("{{\"error\":\"{key} https://h/x?Signature={signature}\"}}"));
        run(&["sync", "-vvv"]);
        for verb in [&["status"][..], &["changes"], &["history", "p"], &["check"]] {
            run(&[verb, &["--format", "json", "-vvv"]].concat());
        }
        assert!(!told.contains(key) && !told.contains(&signature), "{told}");
        let password = "secret-of-the-database";
        let url = format!("postgres://u:{password}@127.0.0.1:9/d");
        let ran = home.run_with(&[("DATABASE_URL", &url)], &["sync", "-vvv"]);
        assert_eq!(ran.code, 74);
        assert!(!format!("{ran:?}").contains(password), "{ran:?}");
    }
}

mod files {
    use super::{Home, filled, refuses};

    #[tokio::test]
    async fn a_file_that_is_not_ours_is_left_alone() {
        let home = Home::sqlite().await;
        for text in ["not a database at all, just text\n", "x"] {
            home.file("heygen.db", text);
            refuses(&home.run(&["sync"]), 74, "not a SQLite database");
            refuses(&home.run(&["status"]), 74, "not a SQLite database");
            assert_eq!(std::fs::read_to_string(home.folder().join("heygen.db")).unwrap(), text);
        }
        std::fs::remove_file(home.folder().join("heygen.db")).unwrap();
        let other = rusqlite::Connection::open(home.folder().join("heygen.db")).unwrap();
        other.execute_batch("CREATE TABLE invoices (x)").unwrap();
        refuses(&home.run(&["sync"]), 74, "invoices");
        refuses(&home.run(&["status"]), 74, "invoices");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_left_alone() {
        let home = Home::sqlite().await;
        filled(&home);
        let file = rusqlite::Connection::open(home.folder().join("heygen.db")).unwrap();
        file.execute(
            "INSERT INTO _heygen_sync_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'later', 1, x'00', 0)",
            [],
        )
        .unwrap();
        drop(file);
        for verb in ["sync", "status"] {
            refuses(&home.run(&[verb]), 74, "newer version");
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_or_not_writable_is_named() {
        let home = Home::sqlite().await;
        let ran = home.run_with(&[("DATABASE_URL", "nowhere/heygen.db")], &["sync"]);
        refuses(&ran, 74, "folder");
        refuses(&home.run_with(&[("DATABASE_URL", ".")], &["sync"]), 74, "folder");
        refuses(&home.run_with(&[("DATABASE_URL", "mysql://h/d")], &["sync"]), 78, "mysql");
        refuses(&home.run_with(&[("DATABASE_URL", ":memory:")], &["sync"]), 78, "file");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_to_be_one_and_nothing_is_lost() {
        let home = Home::sqlite().await;
        filled(&home);
        let before = super::state(&home);
        for index in 0..3000 {
            home.heygen.add_avatar(&format!("b{index}"), |_| {});
        }
        // The file may grow to 512 KiB; the kernel then refuses writes as on a full disk.
        let limit =
            format!("ulimit -f 512; trap '' XFSZ; exec {} sync", env!("CARGO_BIN_EXE_heygen-sync"));
        let mut command = home.command(&[]);
        let envs: Vec<_> = command
            .get_envs()
            .map(|(k, v)| (k.to_owned(), v.unwrap_or_default().to_owned()))
            .collect();
        command = std::process::Command::new("bash");
        command.args(["-c", &limit]).env_clear().envs(envs).current_dir(home.folder());
        let ran = crate::home::Ran::from(command.output().unwrap());
        refuses(&ran, 74, "disk");
        assert_eq!(super::state(&home), before);
        assert_eq!(home.sync(&[]).0, 0);
    }
}
