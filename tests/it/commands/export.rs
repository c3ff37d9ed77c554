//! `export` and the feed file.

use serde_json::Value;

use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

const FORMATS: [&str; 5] = ["table", "csv", "json", "ndjson", "api"];

fn poll(home: &Home, time: &str) {
    home.file("saved.json", home.heygen.body());
    assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", time]).0, 0);
}

fn failing_poll(home: &Home, time: &str) {
    home.file("broken.json", "<html>");
    assert_eq!(home.sync(&["--from", "broken.json", "--observed-at", time]).0, 65);
}

/// Makes a history of four polls at fixed times, of which the third failed.
fn told(home: &Home) {
    home.heygen.add_avatar("mira", |avatar| {
        avatar.set("avatar_name", "Mira, \"front\"\n");
        avatar.set("tags", serde_json::json!(["b", "a"]));
    });
    home.heygen.add_avatar("jonas", |avatar| avatar.set("zoom", 1e22));
    home.heygen.add_photo("keeper");
    home.heygen.add_photo("host");
    poll(home, "2026-11-20T06:00:00Z");
    home.heygen.rename(Kind::Avatar, "jonas", "<Jonas> & co");
    home.heygen.set(Kind::Avatar, "jonas", "premium", "yes");
    home.heygen.remove(Kind::TalkingPhoto, "keeper");
    poll(home, "2026-11-21T06:00:00Z");
    failing_poll(home, "2026-11-22T06:00:00Z");
    home.heygen.remove(Kind::Avatar, "mira");
    poll(home, "2026-11-23T06:00:00Z");
}

fn export(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["export"], args].concat())
}

at_home! {
    async fn the_catalogue_of_a_past_time_in_every_format(home: Home) {
        told(&home);
        for format in FORMATS {
            let ran = export(&home, &["--as-of", "2026-11-21 12:00", "--format", format]);
            let said = "heygen-sync: as of 2026-11-21T06:00:00.000Z, after poll 2\n";
            assert_eq!((ran.code, ran.stderr.as_str()), (0, said));
            insta::assert_snapshot!(format!("export_{format}"), ran.stdout);
        }
        for kind in ["avatar", "talking-photo"] {
            let ran = export(&home, &["--as-of", "2026-11-20T06:00:00Z", "--kind", kind, "-q"]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(format!("export_{kind}_csv"), ran.stdout);
        }
    }

    async fn as_of_always_names_its_poll_and_warns_of_what_failed_after_it(home: Home) {
        told(&home);
        let said = |args: &[&str]| export(&home, args).stderr;
        assert_eq!(said(&[]), "heygen-sync: as of 2026-11-23T06:00:00.000Z, after poll 4\n");
        let gap = "heygen-sync: as of 2026-11-21T06:00:00.000Z, after poll 2\n\
            heygen-sync: warning: the poll after it failed: the state is not known between \
            2026-11-21T06:00:00.000Z and 2026-11-23T06:00:00.000Z, the next good poll\n";
        assert_eq!(said(&["--as-of", "2026-11-22T06:00:00Z"]), gap);
        assert_eq!(said(&["--as-of", "2026-11-23T05:59:59.999Z"]), gap);
        assert_eq!(said(&["--as-of", "2026-11-22"]).lines().count(), 1, "it had not failed yet");
        assert_eq!(said(&["--as-of", "2026-11-22T06:00:00Z", "-q"]), "");
        failing_poll(&home, "2026-11-24");
        let open = said(&["--as-of", "2026-11-25"]);
        assert!(open.contains("between 2026-11-23T06:00:00.000Z and 2026-11-25T00:00:00.000Z; there is no good"), "{open}");
    }

    async fn before_the_first_good_poll_the_error_names_it(home: Home) {
        assert_eq!(export(&home, &[]).code, 74, "no database yet");
        failing_poll(&home, "2026-11-19");
        assert_eq!(export(&home, &[]).code, 2, "no poll has succeeded");
        told(&home);
        let ran = export(&home, &["--as-of", "2026-11-20"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert_eq!(
            ran.stderr,
            "heygen-sync: nothing is known as of 2026-11-20T00:00:00.000Z: the first good poll of \
             account 'default' was at 2026-11-20T06:00:00.000Z\n"
        );
        assert_eq!(export(&home, &["--as-of", "then"]).code, 2);
        assert_eq!(export(&home, &["--account", "nobody"]).code, 2);
        assert_eq!(export(&home, &["--format", "api", "--kind", "avatar"]).code, 2);
    }

    async fn each_account_is_shown_as_of_its_own_last_good_poll(home: Home) {
        home.heygen.add_avatar("mira", |_| {});
        home.file("saved.json", home.heygen.body());
        for (account, time) in [("b", "2026-11-20"), ("a", "2026-11-22")] {
            let code = home.sync(&["--from", "saved.json", "--account", account, "--observed-at", time]).0;
            assert_eq!(code, 0);
        }
        let ran = export(&home, &["--format", "csv"]);
        let accounts: Vec<&str> = ran.stdout.lines().skip(1).map(|line| &line[..2]).collect();
        assert_eq!((ran.code, accounts), (0, vec!["a,", "b,"]));
        assert_eq!(ran.stderr.matches("account '").count(), 2);
        let early = export(&home, &["--as-of", "2026-11-21"]);
        assert_eq!((early.code, early.stdout.lines().count()), (0, 2));
        assert!(early.stderr.contains("'a' is left out: its first good poll was at 2026-11-22"), "{early:?}");
        let api = export(&home, &["--format", "api"]);
        assert!(api.code == 2 && api.stderr.contains("a, b"), "{api:?}");
        assert_eq!(export(&home, &["--format", "api", "--account", "a"]).code, 0);
    }

    async fn an_exported_answer_can_be_polled_and_changes_nothing(home: Home) {
        told(&home);
        let answer = export(&home, &["--format", "api"]).stdout;
        let before = home.rows(&["changes"]);
        home.file("answer.json", &answer);
        let (code, report) = home.sync(&["--from", "answer.json"]);
        assert_eq!(code, 0);
        for count in ["added", "changed", "removed", "restored", "learned", "rejected"] {
            assert_eq!(report[count], 0, "{count}");
        }
        assert_eq!(home.rows(&["changes"]), before);
        assert_eq!(export(&home, &["--format", "api"]).stdout, answer);
        let read: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(read["data"]["avatars"][0]["tags"], Value::Null, "carried, and unknown");
    }

    async fn the_change_feed_is_an_atom_file(home: Home) {
        told(&home);
        let feed = |args: &[&str]| {
            let ran = home.run(&[&["changes", "--format", "atom"], args].concat());
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            let read: atom_syndication::Feed = ran.stdout.parse().unwrap();
            (ran.stdout, read)
        };
        let (xml, all) = feed(&[]);
        assert_eq!(feed(&[]).0, xml, "the same file from run to run");
        assert!(!xml.contains("Signature") && !xml.contains("<Jonas>"));
        let titles: Vec<&str> = all.entries.iter().map(|entry| entry.title.value.as_str()).collect();
        assert_eq!(
            titles,
            [
                "removed: Mira, \"front\" (avatar mira)",
                "removed: Photo keeper (talking photo keeper)",
                "changed: <Jonas> & co (avatar jonas)",
                "added: Photo keeper (talking photo keeper)",
                "added: Photo host (talking photo host)",
                "added: Mira, \"front\" (avatar mira)",
                "added: Avatar jonas (avatar jonas)",
            ]
        );
        let ids = |feed: &atom_syndication::Feed| -> Vec<String> {
            feed.entries.iter().map(|entry| entry.id.clone()).collect()
        };
        let mut distinct = ids(&all);
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 7);
        let since = feed(&["--since", "2026-11-21"]).1;
        assert_eq!((ids(&since), &since.id), (ids(&all)[..3].to_vec(), &all.id));
        assert_eq!(ids(&feed(&["--limit", "2"]).1), ids(&all)[..2]);
        assert_eq!(home.run(&["account", "rename", "default", "main"]).code, 0);
        assert_eq!(ids(&feed(&[]).1), ids(&all), "an account's name is in no id");
        assert_eq!(home.run(&["changes", "--format", "atom", "--id", "nobody"]).code, 2);
        let none = feed(&["--until", "2020-01-01", "--kind", "avatar"]).1;
        assert!(none.entries.is_empty() && none.id != all.id);
    }

    async fn history_and_changes_are_exported_whole(home: Home) {
        told(&home);
        for (name, args) in [
            ("history", &["--what", "history"][..]),
            ("avatar_history", &["--what", "history", "--kind", "avatar"]),
            ("talking_photo_history", &["--what", "history", "--kind", "talking-photo"]),
            ("changes", &["--what", "changes", "--account", "default"]),
        ] {
            let ran = export(&home, &[args, &["--format", "csv"]].concat());
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(format!("export_{name}_csv"), ran.stdout);
        }
        let changes = home.rows(&["export", "--what", "changes"]);
        assert_eq!(changes, home.rows(&["changes"]));
        for refused in [
            &["--what", "history", "--as-of", "7d"][..],
            &["--what", "changes", "--format", "api"],
            &["--what", "changes", "--account", "nobody"],
        ] {
            assert_eq!(export(&home, refused).code, 2, "{refused:?}");
        }
    }

    async fn parquet_has_typed_columns_with_what_the_tables_say(home: Home) {
        told(&home);
        for (name, args) in [
            ("catalogue", &["--as-of", "2026-11-21"][..]),
            ("avatars", &["--kind", "avatar", "--as-of", "2026-11-21"]),
            ("avatar_history", &["--what", "history", "--kind", "avatar"]),
            ("changes", &["--what", "changes"]),
            ("nothing", &["--what", "changes", "--kind", "avatar", "--account", "empty"]),
        ] {
            if name == "nothing" {
                home.file("none.json", r#"{"data":{"avatars":[],"talking_photos":[]}}"#);
                assert_eq!(home.sync(&["--from", "none.json", "--account", "empty"]).0, 0);
            }
            let file = parquet(&home, &[&["export", "-q", "--format", "parquet"], args].concat());
            insta::assert_snapshot!(format!("export_parquet_{name}"), file);
        }
    }

    async fn parquet_is_kept_from_a_terminal(home: Home) {
        told(&home);
        let binary = env!("CARGO_BIN_EXE_heygen-sync");
        let command = home.command(&[]);
        let args = ["-qec", &format!("{binary} export --format parquet"), "/dev/null"];
        let mut on_a_terminal = std::process::Command::new("script");
        on_a_terminal.args(args).current_dir(home.folder()).env_clear();
        on_a_terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = on_a_terminal.stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("Parquet cannot be written to a terminal") && !said.contains("PAR1"), "{said}");
        assert_eq!(ran.status.code(), Some(2));
    }
}

/// Writes a Parquet file with the command; returns its schema and its rows.
fn parquet(home: &Home, args: &[&str]) -> String {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let ran = home.command(args).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let file = SerializedFileReader::new(bytes::Bytes::from(ran.stdout)).unwrap();
    let mut schema = vec![];
    parquet::schema::printer::print_schema(&mut schema, file.metadata().file_metadata().schema());
    let rows = file.get_row_iter(None).unwrap().map(|row| format!("{}\n", row.unwrap()));
    String::from_utf8(schema).unwrap() + &rows.collect::<String>()
}
