//! `sync`, from a file and from the API.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

fn example() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/saved-response.json")).unwrap()
}

/// Returns those of the poll's counts that are not zero.
fn counts(report: &Value) -> Value {
    let names = ["added", "changed", "removed", "restored", "learned", "missing", "held"];
    let some = names.iter().filter(|name| report[**name] != json!(0) && !report[**name].is_null());
    some.map(|name| ((*name).to_owned(), report[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Adds `n` avatars and three talking photos.
fn filled(home: &Home, n: usize) {
    for index in 0..n {
        home.heygen.add_avatar(&format!("avatar-{index:03}"), |_| {});
    }
    for id in ["photo-a", "photo-b", "photo-c"] {
        home.heygen.add_photo(id);
    }
}

/// Returns the fake's current answer, edited as JSON.
fn edited(home: &Home, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&home.heygen.body()).unwrap();
    edit(&mut body["data"]);
    serde_json::to_vec_pretty(&body).unwrap()
}

/// Returns the exit code for a file with this text.
fn from_unknown(home: &Home, text: &str) -> i32 {
    home.file("unknown.json", text);
    home.run(&["sync", "--from", "unknown.json"]).code
}

at_home! {
    async fn records_that_cannot_be_read_are_in_the_report(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_photo("p");
        home.heygen.push_raw_record(Kind::Avatar, r#"{"avatar_name":"nobody"}"#);
        let report = home.run(&["sync", "--format", "text"]).stdout;
        assert!(report.contains("  ? 1 record could not be read"), "{report}");
    }

    async fn a_saved_response_taken_twice_changes_nothing_the_second_time(home: Home) {
        home.file("saved.json", example());
        let (code, first) = home.sync(&["--from", "saved.json"]);
        assert_eq!((code, counts(&first)), (0, json!({"added": 9})));
        assert_eq!(first["duplicates"], 1);
        let before = home.feed();
        let (code, second) = home.sync(&["--from", "saved.json"]);
        assert_eq!((code, counts(&second), &second["poll_id"]), (0, json!({}), &json!(2)));
        assert_eq!(home.feed(), before);
    }

    async fn a_saved_response_comes_by_standard_input_and_may_be_its_data_alone(home: Home) {
        let body: Value = serde_json::from_slice(&example()).unwrap();
        let bare = format!("\u{FEFF}{}", body["data"]);
        let ran = home.run_fed(bare.as_bytes(), &["sync", "--from", "-", "--format", "text"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert_eq!(ran.stdout, "default: baseline, 9 items added (5 avatars, 4 talking photos listed)\n");
    }

    async fn a_saved_response_comes_from_a_named_pipe_which_is_opened_once(home: Home) {
        let pipe = home.folder().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // More than a pipe holds: if the reader goes away, writing fails.
        let body = [example(), vec![b' '; 1 << 20]].concat();
        let written = tokio::task::spawn_blocking(move || std::fs::write(pipe, body));
        let (code, report) = home.sync(&["--from", "pipe"]);
        assert_eq!((code, counts(&report)), (0, json!({"added": 9})));
        written.await.unwrap().unwrap();
    }

    async fn order_copies_key_order_and_signatures_are_no_changes(home: Home) {
        filled(&home, 12);
        home.sync(&[]);
        home.heygen.shuffle(7);
        home.heygen.duplicate(Kind::Avatar, &["avatar-003", "avatar-004"]);
        home.heygen.resign();
        let turned = edited(&home, |data| {
            for list in ["avatars", "talking_photos"] {
                let turn = |record: &Value| -> Value {
                    let pairs: Vec<_> = record.as_object().unwrap().iter().rev().collect();
                    pairs.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect::<serde_json::Map<_, _>>().into()
                };
                data[list] = data[list].as_array().unwrap().iter().map(turn).collect();
            }
        });
        home.heygen.replace_body(turned);
        let (code, report) = home.sync(&["--exit-code"]);
        assert_eq!((code, counts(&report)), (0, json!({})));
        assert_eq!(report["duplicates"], 2);
    }

    async fn a_list_cut_short_is_held_leaves_no_trace_and_can_be_let_through(home: Home) {
        filled(&home, 60);
        home.sync(&[]);
        let whole = home.heygen.body();
        let cut = edited(&home, |data| {
            data["avatars"].as_array_mut().unwrap().truncate(20);
            for index in 0..5 {
                let new = json!({"avatar_id": format!("new-{index}"), "avatar_name": "New"});
                data["avatars"].as_array_mut().unwrap().push(new);
            }
        });
        home.heygen.replace_body(cut.clone());
        let ran = home.run(&["sync"]);
        assert_eq!(ran.code, 3);
        let command = ran.stderr.lines().last().unwrap().rsplit(": ").next().unwrap();
        let set = command.strip_prefix("heygen-sync sync --account default --catalogue avatars --accept-removals=").unwrap();
        assert!(set.starts_with("40-") && set.len() == 11, "{command}");
        let (code, held) = home.sync(&[]);
        assert_eq!((code, &held["outcome"], counts(&held)), (3, &json!("held"), json!({"missing": 40, "held": 40})));
        let database = home.database.clone();
        let status = home.run(&["--database", &database, "status", "--format", "table"]).stdout;
        assert!(status.contains(command.strip_prefix("heygen-sync").unwrap()), "{status}");
        assert_eq!(status.contains("heygen-sync --database heygen.db sync"), home.is_sqlite(), "{status}");

        home.heygen.replace_body(edited(&home, |data| {
            let list = data["avatars"].as_array_mut().unwrap();
            list.extend((0..5).map(|i| json!({"avatar_id": format!("new-{i}"), "avatar_name": "New"})));
        }));
        let (code, again) = home.sync(&[]);
        assert_eq!((code, counts(&again)), (0, json!({})));
        assert!(home.feed().iter().all(|line| line.starts_with("added")), "no trace");

        home.heygen.replace_body(cut);
        let stale = home.run(&["sync", &format!("--accept-removals={set}")]);
        assert!(stale.code == 3 && stale.stderr.contains("is no longer held"), "{stale:?}");
        assert_eq!(home.sync(&["--accept-removals=39"]).0, 3);
        let words: Vec<&str> = command.split(' ').skip(2).collect();
        let (code, let_through) = home.sync(&words);
        assert_eq!((code, counts(&let_through)), (0, json!({"removed": 40})));
        home.heygen.replace_body(whole);
        assert_eq!(counts(&home.sync(&[]).1), json!({"restored": 40, "removed": 5}));
    }

    async fn a_dry_run_says_everything_and_writes_nothing(home: Home) {
        filled(&home, 3);
        let ran = home.run(&["sync", "--dry-run", "--format", "text"]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.starts_with("default: baseline, 6 items would be added"), "{ran:?}");
        assert_eq!(std::fs::read_dir(home.folder()).unwrap().count(), 0, "not even a file");
        assert_eq!(home.run(&["status"]).code, 74, "not even a table");

        home.sync(&[]);
        home.heygen.rename(Kind::Avatar, "avatar-001", "Other");
        home.heygen.set(Kind::Avatar, "avatar-001", "premium", true);
        home.heygen.remove(Kind::TalkingPhoto, "photo-b");
        let ran = home.run(&["sync", "--dry-run", "--exit-code"]);
        assert_eq!(ran.code, 10);
        insta::assert_snapshot!("dry_run", ran.stdout);
        assert_eq!(home.rows(&["status"])[0]["last_poll_id"], 1);
    }

    async fn what_people_save_of_v3_is_taken_and_only_a_whole_list_removes(home: Home) {
        let look = |id: &str| json!({"id": id, "name": id, "avatar_type": "digital_twin"});
        let page = |ids: &[&str], more: bool| {
            let looks: Vec<_> = ids.iter().map(|id| look(id)).collect();
            json!({"data": looks, "has_more": more, "next_token": more.then_some("t")})
        };
        let from = |value: &Value| {
            home.file("saved.json", value.to_string());
            home.sync(&["--from", "saved.json"])
        };
        let (code, report) = from(&json!([page(&["a", "b"], true), page(&["c"], false)]));
        assert_eq!((code, counts(&report)), (0, json!({"added": 3})));
        assert_eq!(report["api_version"], "v3");
        let (code, report) = from(&json!([look("a"), look("d")]));
        assert_eq!((code, counts(&report)), (0, json!({"added": 1, "missing": 2})));
        let (code, report) = from(&page(&["a", "d"], true));
        assert_eq!((code, counts(&report)), (3, json!({"missing": 2, "held": 2})));
        let (code, report) = from(&page(&["a", "d"], false));
        assert_eq!((code, counts(&report)), (0, json!({"removed": 2})));
        let text = page(&["a", "d"], false).to_string();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let ran = home.run_fed(&[b"\xFF\xFE".as_slice(), &utf16].concat(), &["sync", "--from", "-"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let polls = home.rows(&["status"])[0]["last_poll_id"].clone();
        assert_eq!(from_unknown(&home, r#"[{"id":"x"}]"#), 2);
        assert_eq!(home.rows(&["status"])[0]["last_poll_id"], polls, "a usage error is no poll");
        assert_eq!(from_unknown(&home, r#"[{"avatar_id":"x"}]"#), 65);
    }

    async fn a_bulk_change_of_one_field_is_one_line(home: Home) {
        filled(&home, 30);
        home.sync(&[]);
        for index in 0..30 {
            home.heygen.set(Kind::Avatar, &format!("avatar-{index:03}"), "premium", true);
        }
        let ran = home.run(&["sync", "--format", "text"]);
        assert_eq!(
            ran.stdout,
            "default: 30 changed (30 avatars, 3 talking photos listed)\n  ~ 30 avatars: premium false → true\n"
        );
    }

    async fn without_a_terminal_a_sync_that_succeeds_says_nothing(home: Home) {
        filled(&home, 3);
        home.heygen.deprecate("v2 ends", "2026-11-01");
        for _ in 0..2 {
            let ran = home.run(&["sync"]);
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
        }
        assert!(home.rows(&["status"])[0]["api_warning"].as_str().unwrap().contains("v2 ends"));
    }

    async fn exit_code_10_says_that_something_changed_and_only_when_asked(home: Home) {
        filled(&home, 3);
        assert_eq!(home.sync(&["--exit-code"]).0, 10);
        assert_eq!(home.sync(&["--exit-code"]).0, 0);
        home.heygen.carry_field(Kind::Avatar, "mood");
        home.heygen.set(Kind::Avatar, "avatar-001", "mood", "calm");
        let (code, report) = home.sync(&["--exit-code"]);
        assert_eq!((code, counts(&report)), (0, json!({"learned": 1})), "learning is no change");
        home.heygen.rename(Kind::Avatar, "avatar-001", "Other");
        assert_eq!(home.sync(&[]).0, 0);
    }

    async fn what_cannot_be_told_keeps_no_account_from_being_polled(home: Home) {
        filled(&home, 2);
        home.file("config.toml", "[[accounts]]\nname = 'a'\napi_key_env = 'HEYGEN_API_KEY'\n\
                                  [[accounts]]\nname = 'b'\napi_key_env = 'HEYGEN_API_KEY'\n\
                                  [metrics]\ntextfile = 'left.prom'\n");
        let run = |format: &str, stdout: Stdio| {
            let mut command = home.command(&["sync", "--format", format]);
            command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
            let ran = Ran::from(command.spawn().unwrap().wait_with_output().unwrap());
            std::fs::remove_file(home.folder().join("left.prom")).expect("metrics were left");
            ran
        };
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap().into();
        let unread = || std::io::pipe().unwrap().1.into();
        for (round, format) in (1..).zip(["text", "json"]) {
            let ran = run(format, full());
            assert_eq!(ran.code, 74, "{ran:?}");
            let full = "cannot write the output: the disk is full; free some space";
            assert!(ran.stderr.contains(full), "{ran:?}");
            let ran = run(format, unread());
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            assert_eq!(home.count("SELECT 1 FROM polls").await, round * 4);
        }
    }

    async fn several_accounts_are_all_polled_and_the_gravest_code_wins(home: Home) {
        filled(&home, 2);
        home.file("config.toml", r#"
            [[accounts]]
            name = "north"
            api_key_env = "NORTH"
            [[accounts]]
            name = "wrong"
            api_key_file = "wrong.key"
            [[accounts]]
            name = "none"
            api_key_env = "NONE"
            [[accounts]]
            name = "south"
            api_key_env = "SOUTH"
        "#);
        home.file("wrong.key", "not-the-key\n");
        let keys = [("NORTH", crate::fake::KEY), ("SOUTH", crate::fake::KEY)];
        let ran = home.run_with(&keys, &["sync", "--format", "json"]);
        assert_eq!(ran.code, 78, "{ran:?}");
        let reports: Value = serde_json::from_str(&ran.stdout).unwrap();
        let codes: Vec<_> = reports.as_array().unwrap().iter().map(|r| r["exit_code"].clone()).collect();
        assert_eq!(codes, [json!(0), json!(77), json!(78), json!(0)]);
        assert_eq!(home.run_with(&keys, &["sync", "--account", "wrong"]).code, 77);
        assert_eq!(home.run_with(&keys, &["sync", "--account", "west"]).code, 78);
        let accounts: Vec<_> = home.rows(&["status"]).iter().map(|row| row["account"].clone()).collect();
        assert_eq!(accounts, ["north", "south", "wrong"], "no row without a key");
    }

    async fn a_value_that_cannot_be_read_fails_the_dry_run_of_its_account_alone(home: Home) {
        filled(&home, 2);
        home.file("config.toml", r#"
            [[accounts]]
            name = "north"
            api_key_env = "NORTH"
            [[accounts]]
            name = "south"
            api_key_env = "SOUTH"
        "#);
        let keys = [("NORTH", crate::fake::KEY), ("SOUTH", crate::fake::KEY)];
        assert_eq!(home.run_with(&keys, &["sync"]).code, 0);
        home.meddle("UPDATE schema_changes SET kind = 'x' WHERE account = 'north'").await;
        let ran = home.run_with(&keys, &["sync", "--dry-run", "--format", "json"]);
        let reports: Value = serde_json::from_str(&ran.stdout).unwrap();
        let codes: Vec<_> = reports.as_array().unwrap().iter().map(|r| r["exit_code"].clone()).collect();
        assert_eq!(codes, [json!(74), json!(0)], "{ran:?}");
    }

    async fn a_backfill_goes_forward_only(home: Home) {
        home.file("saved.json", example());
        assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", "2025-04-15"]).0, 0);
        let early = home.run(&["sync", "--from", "saved.json", "--observed-at", "2025-04-15"]);
        assert_eq!(early.code, 2);
        assert!(early.stderr.contains("2025-04-15T00:00:00.000Z"), "{early:?}");
        // Nor a poll that would fail anyway: a usage error leaves no row.
        home.file("broken.json", "<html>");
        let broken = home.run(&["sync", "--from", "broken.json", "--observed-at", "2024-01-01"]);
        assert_eq!(broken.code, 2, "{broken:?}");
        assert_eq!(home.count("SELECT 1 FROM polls").await, 1);
        let (code, report) = home.sync(&["--from", "saved.json", "--observed-at", "2025-04-15T00:00:00.001Z"]);
        assert_eq!((code, &report["observed_at"], &report["poll_id"]), (0, &json!("2025-04-15T00:00:00.001Z"), &json!(2)));
    }

    async fn a_backfill_of_the_future_is_refused(home: Home) {
        home.file("saved.json", example());
        for args in [&["--dry-run"][..], &[]] {
            let late = [&["sync", "--from", "saved.json", "--observed-at", "9000-01-01"], args].concat();
            let ran = home.run(&late);
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.stderr.contains("9000-01-01T00:00:00.000Z is in the future"), "{ran:?}");
        }
        // The database exists by now, without a poll.
        assert_eq!(home.rows(&["status"]).len(), 0);
    }

    async fn a_last_good_poll_in_the_future_is_named_everywhere_with_its_remedy(home: Home) {
        use heygen_sync::{config::Removals, store::{Location, Store}, time::Timestamp};
        let database = match home.is_sqlite() {
            true => home.folder().join("heygen.db").display().to_string(),
            false => home.database.clone(),
        };
        let mut store = Store::open_to_write(&Location::parse(&database).unwrap()).await.unwrap();
        let future = Timestamp::parse("9000-01-01").unwrap();
        crate::demo::poll_at(&mut store, future, example(), &Removals::default()).await;
        store.close().await.unwrap();
        let names = |text: &str| {
            ["9000-01-01T00:00:00.000Z, in the future", "account rename default", "backup"].iter()
                .all(|word| text.contains(word))
        };
        let poll = home.run(&["sync"]);
        assert!(poll.code == 1 && names(&poll.stderr), "{poll:?}");
        let status = home.run(&["status", "--max-age", "1h", "--format", "table"]);
        assert_eq!(status.code, 1, "{status:?}");
        let (_, told) = status.stdout.split_once("  in future ").unwrap();
        assert!(names(told), "{status:?}");
        assert_eq!(home.rows(&["status"])[0]["in_future"], true);
        let check = home.run(&["check", "--format", "csv"]);
        assert!(check.code == 1 && names(&check.stdout), "{check:?}");
        // The last resort, renaming the account, works.
        assert_eq!(home.run(&["account", "rename", "default", "aside"]).code, 0);
        let status = home.run(&["status", "--max-age", "1h"]);
        assert_eq!(status.code, 1, "the new account was never polled: {status:?}");
        assert_eq!(home.run(&["check"]).code, 78, "a new history is asked for");
        assert_eq!(home.run(&["sync", "--new-account"]).code, 0);
        assert_eq!(home.run(&["check"]).code, 0);
    }

    async fn with_existing_no_database_is_created(home: Home) {
        for args in [&["sync", "--existing"][..], &["sync", "--existing", "--dry-run"]] {
            let ran = home.run(args);
            assert_eq!(ran.code, 74, "{ran:?}");
            let words = ["there is no catalogue in", "mount its disk", "without --existing"];
            assert!(words.iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
        }
        assert_eq!(home.heygen.request_count(), 0);
        assert_eq!(std::fs::read_dir(home.folder()).unwrap().count(), 0);
        assert_eq!(home.run(&["status"]).code, 74);
        assert_eq!(home.run(&["sync"]).code, 0);
        for args in [&["sync", "--existing"][..], &["sync", "--existing", "--dry-run"]] {
            assert_eq!(home.run(args).code, 0);
        }
    }

    async fn an_account_is_renamed_everywhere_and_goes_on(home: Home) {
        filled(&home, 2);
        home.sync(&[]);
        home.heygen.rename(Kind::Avatar, "avatar-001", "Other");
        home.sync(&[]);
        assert_eq!(home.run(&["account", "rename", "nobody", "x"]).code, 2);
        assert_eq!(home.run(&["account", "rename", "default", "north"]).code, 0);
        assert!(home.rows(&["changes"]).iter().all(|row| row["account"] == "north"));
        home.file("saved.json", home.heygen.body());
        let (code, report) = home.sync(&["--from", "saved.json", "--account", "north"]);
        assert_eq!((code, counts(&report)), (0, json!({})));
        assert_eq!(home.sync(&["--new-account"]).0, 0);
        assert_eq!(home.run(&["account", "rename", "default", "north"]).code, 2, "two histories");
    }
}
