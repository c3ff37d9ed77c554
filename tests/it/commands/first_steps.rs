//! What a newcomer sees: messages, counts, dates, ids and accounts.

use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

fn refuses(ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
}

/// Polls two avatars and a talking photo.
fn filled(home: &Home) {
    home.heygen
        .add_avatar("mira_sofa_2025", |avatar| avatar.set("avatar_name", "Mira on the Sofa"));
    home.heygen.add_avatar("jonas_public", |_| ());
    home.heygen.add_photo("keeper");
    assert_eq!(home.sync(&[]).0, 0);
}

/// Writes a configuration that names an account `main`.
fn named(home: &Home) {
    home.file("config.toml", "[[accounts]]\nname = 'main'\napi_key_env = 'HEYGEN_API_KEY'\n");
}

at_home! {
    async fn an_account_that_gets_a_name_is_refused_until_it_is_clear_which_history_it_has(home: Home) {
        filled(&home);
        named(&home);
        for args in [&["sync"][..], &["sync", "--dry-run"], &["check"], &["daemon"]] {
            let ran = home.run(args);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.code, 78, "{ran:?}");
            assert!(said.contains("account rename default main"), "{said}");
            assert!(said.contains("sync --new-account --account main"), "{said}");
        }
        assert_eq!(home.count("SELECT 1 FROM polls").await, 1, "refused polls leave no row");
        assert_eq!(home.run(&["account", "rename", "default", "main"]).code, 0);
        let (code, report) = home.sync(&[]);
        assert_eq!((code, &report["account"], &report["added"]), (0, &"main".into(), &0.into()));
    }

    async fn a_new_account_begins_a_history_of_its_own_when_that_is_asked_for(home: Home) {
        filled(&home);
        named(&home);
        let (code, report) = home.sync(&["--new-account"]);
        assert_eq!((code, &report["baseline"]), (0, &true.into()));
        assert_eq!(home.sync(&[]).0, 0, "once is enough");
    }

    async fn an_account_beside_one_that_is_still_configured_needs_no_flag(home: Home) {
        filled(&home);
        let account = |name: &str| format!("[[accounts]]\nname = '{name}'\napi_key_env = 'HEYGEN_API_KEY'\n");
        home.file("config.toml", account("default") + &account("other"));
        assert_eq!(home.run(&["sync"]).code, 0);
        assert_eq!(home.rows(&["status"]).len(), 2);
    }

    async fn an_account_that_was_only_read_from_a_file_stands_in_no_ones_way(home: Home) {
        home.file("saved.json", home.heygen.body());
        assert_eq!(home.sync(&["--from", "saved.json", "--account", "imported"]).0, 0);
        assert_eq!(home.sync(&[]).0, 0);
    }

    async fn nothing_is_pending_while_the_mirror_is_off(home: Home) {
        home.heygen.add_photo("keeper");
        assert_eq!(home.sync(&[]).0, 0);
        let off = home.run(&["status", "--format", "table"]).stdout;
        assert!(off.contains("1 not saved; the mirror is off"), "{off}");
        assert!(!off.contains("pending"), "{off}");
        let on = home.run_with(&[("HEYGEN_SYNC_MIRROR__ENABLED", "true")], &["status", "--format", "table"]);
        assert!(on.stdout.contains("1 pending"), "{on:?}");
    }

    async fn status_names_the_time_that_counts_as_too_old(home: Home) {
        home.file("saved.json", home.heygen.body());
        assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", "2025-04-15"]).0, 0);
        let ran = home.run(&["status", "--max-age", "26h", "--format", "table"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let line = |start: &str| {
            ran.stdout.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default()
        };
        assert!(line("last poll").contains("#1 succeeded; ended "), "{ran:?}");
        assert!(line("last good").contains("#1, list of 2025-04-15T00:00:00.000Z ("), "{ran:?}");
        assert!(line("too old").ends_with("that list is older than --max-age 26h"), "{ran:?}");
    }

    async fn a_configured_account_without_polls_is_shown_by_status(home: Home) {
        filled(&home);
        named(&home);
        let ran = home.run(&["status", "--max-age", "26h", "--format", "table"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("main\n  last poll   none yet\n"), "{ran:?}");
    }

    async fn an_unknown_id_brings_the_ones_that_may_be_meant(home: Home) {
        filled(&home);
        for verb in [&["history"][..], &["changes", "--id"]] {
            for typed in ["mira_sofa_2024", "MIRA_SOFA_2025", "mira_sofa", "Mira on the Sofa"] {
                let ran = home.run(&[verb, &[typed]].concat());
                refuses(&ran, 2, "did you mean mira_sofa_2025 (avatar \"Mira on the Sofa\")?");
            }
        }
        refuses(&home.run(&["history", "nothing like it"]), 2, "check each letter of the id");
    }

    async fn an_id_of_the_other_kind_is_named_as_one(home: Home) {
        filled(&home);
        let ran = home.run(&["history", "--kind", "talking-photo", "jonas_public"]);
        refuses(&ran, 2, "'jonas_public' is an avatar, not a talking photo: leave out --kind");
        let ran = home.run(&["changes", "--kind", "avatar", "--id", "keeper"]);
        refuses(&ran, 2, "'keeper' is a talking photo, not an avatar");
        home.file("saved.json", r#"{"error":null,"data":{"avatars":[{"avatar_id":"own"}],"talking_photos":[]}}"#);
        assert_eq!(home.sync(&["--from", "saved.json", "--account", "other"]).0, 0);
        let ran = home.run(&["history", "--account", "default", "own"]);
        refuses(&ran, 2, "was ever listed in account 'default'; it is known in account 'other'");
    }

    async fn dates_may_be_written_as_people_say_them(home: Home) {
        filled(&home);
        for since in ["yesterday", "-7d", "7d", "7 days ago", "last month", "last year", "today"] {
            let ran = home.run(&["changes", "--since", since]);
            assert_eq!((ran.code, ran.stdout.lines().count()), (0, 4), "{since}: {ran:?}");
        }
        refuses(&home.run(&["changes", "--since", "soon"]), 2, "yesterday, last week");
    }

    async fn one_of_a_thing_has_no_plural(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        let ran = home.run(&["sync", "--format", "text"]);
        assert_eq!(ran.stdout, "default: baseline, 1 item added (1 avatar, 0 talking photos listed)\n");
        let status = home.run(&["status", "--format", "table"]).stdout;
        assert!(status.contains("1 avatar, 0 talking photos; 0 missing, 0 removed"), "{status}");
        home.heygen.remove(Kind::Avatar, "a");
        home.heygen.add_photo("p");
        let held = home.run(&["sync"]);
        refuses(&held, 3, "1 removal is held");
    }

    async fn an_answer_for_a_cache_is_not_taken_for_a_redirect(home: Home) {
        home.heygen.fail_always(304, "");
        let ran = home.run(&["sync"]);
        refuses(&ran, 65, "a cache or proxy between here and HeyGen");
        assert!(!ran.stderr.contains("redirect"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_wrong_verb_or_flag_brings_the_right_one() {
    let home = Home::sqlite().await;
    refuses(&home.run(&["poll"]), 2, "'sync'");
    refuses(&home.run(&["histroy", "x"]), 2, "'history'");
    refuses(&home.run(&["sync", "--accept-removals", "5"]), 2, "--accept-removals=5");
}

#[tokio::test]
async fn an_example_in_the_help_does_not_look_like_a_default() {
    let home = Home::sqlite().await;
    for verb in ["status", "changes", "export", "mirror"] {
        let help = home.run(&[verb, "--help"]).stdout;
        for example in ["(26h)", "(7d)", "(365d)"] {
            assert!(!help.contains(example), "{help}");
        }
    }
    assert!(
        home.run(&["sync", "--help"]).stdout.contains("Print the report even without a terminal")
    );
}
