//! `ids`: states, exit codes, suggestions, files and any text; and the examples of docs/ids.md.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

/// Polls thirty-two avatars, of which two share a name, and a talking photo.
fn polled(home: &Home) {
    for index in 0..30 {
        home.heygen.add_avatar(&format!("Anna_{index:02}"), |_| {});
    }
    for id in ["Mira_old", "Mira_new"] {
        home.heygen.add_avatar(id, |avatar| avatar.set("avatar_name", "Mira, \"x\""));
    }
    home.heygen.add_photo("photo_1");
    assert_eq!(home.sync(&[]).0, 0);
}

/// Returns the exit code and the rows in JSON.
fn checked(home: &Home, args: &[&str]) -> (i32, Vec<Value>) {
    let ran = home.run(&[&["ids", "--format", "json"], args].concat());
    let rows = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code, rows)
}

fn states(rows: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.iter()
        .map(|row| format!("{} {} {}", text(&row["id"]), text(&row["kind"]), text(&row["state"])))
        .collect()
}

fn refused(ran: &Ran, code: i32, words: &str) {
    assert!(ran.code == code && ran.stderr.contains(words), "{words}: {ran:?}");
}

at_home! {
    async fn each_id_has_its_state_and_what_is_gone_its_replacement(home: Home) {
        polled(&home);
        home.heygen.remove(Kind::Avatar, "Mira_old");
        home.sync(&[]);
        let (code, rows) = checked(&home, &["Anna_01", "photo_1", "Anna_01"]);
        assert_eq!((code, states(&rows)), (0, vec!["Anna_01 avatar listed".into(), "photo_1 talking_photo listed".into()]));
        let (code, rows) = checked(&home, &["Mira_old", "nobody", "Mira_new"]);
        assert_eq!(code, 5);
        assert_eq!(states(&rows), ["Mira_old avatar removed", "nobody - unknown", "Mira_new avatar listed"]);
        assert_eq!((&rows[0]["instead"], &rows[0]["name"]), (&json!(["Mira_new"]), &json!("Mira, \"x\"")));
        assert!(rows[0]["since"].is_string() && rows[2]["since"].is_null(), "{rows:?}");
        let keys = ["id", "state", "kind", "account", "since", "name", "status", "supported_api_engines", "group_id", "instead", "file", "line"];
        assert_eq!(rows[1].as_object().unwrap().len(), keys.len());
        assert!(keys.iter().all(|key| rows[1].get(key).is_some()), "{rows:?}");
        assert_eq!(checked(&home, &["--kind", "talking-photo", "Mira_new"]).0, 5, "of another kind");
        refused(&home.run(&["ids", "--account", "nowhere", "x"]), 2, "nowhere");
        refused(&home.run(&["ids"]), 2, "no ids");
        let table = home.run(&["ids", "--format", "table", "Mira_old"]);
        assert!(table.stdout.contains("Mira_new") && table.stderr.contains("1 id is not usable"), "{table:?}");
        let csv = home.run(&["ids", "Mira_old"]).stdout;
        assert!(csv.lines().nth(1).unwrap().contains(r#""Mira, ""x""",,,,"[""Mira_new""]",,"#), "{csv}");
    }

    async fn a_missing_id_passes_until_its_removal_is_due(home: Home) {
        polled(&home);
        let env = [("HEYGEN_SYNC_REMOVALS__AFTER_POLLS", "2"), ("HEYGEN_SYNC_REMOVALS__MAX_SHARE", "0"), ("HEYGEN_SYNC_REMOVALS__MIN_COUNT", "0")];
        home.heygen.remove(Kind::Avatar, "Anna_00");
        assert_eq!(home.run_with(&env, &["sync"]).code, 0);
        assert_eq!(states(&checked(&home, &["Anna_00"]).1), ["Anna_00 avatar missing"]);
        assert_eq!(home.run(&["ids", "Anna_00"]).code, 0);
        assert_eq!(home.run_with(&env, &["sync"]).code, 3, "held");
        let (code, rows) = checked(&home, &["Anna_00"]);
        assert_eq!((code, states(&rows)), (5, vec!["Anna_00 avatar missing".into()]));
    }

    async fn each_catalogue_has_its_own_polls(home: Home) {
        polled(&home);
        home.heygen.add_voice("v1", false);
        home.heygen.add_voice("v2", true);
        let all = ("HEYGEN_SYNC_API__CATALOGUES", r#"["avatars", "voices"]"#);
        let env = [all, ("HEYGEN_SYNC_REMOVALS__AFTER_POLLS", "2")];
        assert_eq!(home.run(&["ids", "--max-age", "26h", "--kind", "avatar", "Anna_01"]).code, 0);
        refused(&home.run_with(&[all], &["ids", "--max-age", "26h", "Anna_01"]), 1, "voices has no good poll");
        let of_avatars = ["ids", "--max-age", "26h", "--kind", "avatar", "Anna_01"];
        assert_eq!(home.run_with(&[all], &of_avatars).code, 0);
        home.heygen.remove(Kind::Avatar, "Anna_00");
        assert_eq!(home.run_with(&env, &["sync"]).code, 0);
        for _ in 0..2 {
            assert_eq!(home.run_with(&env, &["sync", "--catalogue", "voices"]).code, 0);
        }
        assert_eq!(home.run(&["ids", "Anna_00", "v1"]).code, 0, "it was missing in one poll of avatars");
        assert_eq!(home.run(&["account", "rename", "default", "old"]).code, 0);
        refused(&home.run(&["ids", "--max-age", "1ns", "--account", "old", "Anna_01"]), 1, "older than --max-age");
    }

    async fn ids_are_read_from_a_file_from_standard_input_and_from_any_text(home: Home) {
        polled(&home);
        let name = home.file("ids.txt", "\u{FEFF}Anna_01\r\n\r\n gone \r\n");
        let (code, rows) = checked(&home, &["--file", &name]);
        assert_eq!((code, states(&rows)), (5, vec!["Anna_01 avatar listed".into(), "gone - unknown".into()]));
        assert_eq!((&rows[1]["file"], &rows[1]["line"]), (&json!("ids.txt"), &json!(3)));
        let fed = home.run_fed(b"Anna_01\n", &["ids", "--file", "-"]);
        assert_eq!(fed.code, 0, "{fed:?}");
        let code = home.file("code.py", b"x = 'Anna_02'  # photo_1, Anna_021\navatar_id=\"Old_2022\"\n\xFF");
        let (code, rows) = checked(&home, &["--scan", &code, &name]);
        assert_eq!(code, 5);
        let expected = ["Anna_02 avatar listed", "photo_1 talking_photo listed", "Old_2022 - unknown", "Anna_01 avatar listed"];
        assert_eq!(states(&rows), expected);
        assert_eq!((&rows[2]["file"], &rows[2]["line"]), (&json!("code.py"), &json!(2)));
        assert_eq!(home.run_fed(b"nothing", &["ids", "--scan", "-"]).code, 0);
        refused(&home.run(&["ids", "--scan", "nowhere.py"]), 74, "nowhere.py");
        refused(&home.run(&["ids", "--scan", "-", "--file", "-"]), 2, "only once");
    }

    async fn an_old_database_is_not_believed(home: Home) {
        refused(&home.run(&["ids", "x"]), 74, "no catalogue");
        polled(&home);
        assert_eq!(home.run(&["ids", "--max-age", "26h", "Anna_01"]).code, 0);
        refused(&home.run(&["ids", "--max-age", "1ns", "Anna_01"]), 1, "older than --max-age");
        refused(&home.run(&["ids", "--max-age", "soon", "Anna_01"]), 2, "not a duration");
        home.file("config.toml", "[[accounts]]\nname='default'\napi_key_env='K'\n[[accounts]]\nname='new'\napi_key_env='K'\n");
        refused(&home.run(&["ids", "--max-age", "26h", "Anna_01"]), 1, "'new' has no good poll");
        assert_eq!(home.run(&["ids", "--max-age", "26h", "--account", "default", "Anna_01"]).code, 0);
    }
}

/// Returns the block after a marker in docs/ids.md.
fn block(marker: &str) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ids.md")).unwrap();
    let block = page.split(&format!("<!-- run: {marker} -->\n```")).nth(1).unwrap();
    block.split("```").next().unwrap().split_once('\n').unwrap().1.to_owned()
}

/// Runs a script as documented, except for the paths of the database and of the list.
fn shell(home: &Home, script: &str) -> Ran {
    let here = home.folder().display();
    let script = script
        .replace("/var/lib/heygen-sync/heygen.db", "heygen.db")
        .replace("/etc/heygen-sync/ids.txt", &format!("{here}/ids.txt"));
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_heygen-sync")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    let own = home.command(&[]);
    command.args(["-ec", &script]).current_dir(home.folder()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
    Ran::from(command.output().unwrap())
}

#[tokio::test]
async fn the_snippets_of_the_page_about_ids_work() {
    let home = Home::sqlite().await;
    polled(&home);
    home.file("good.py", "avatar_id = 'Anna_01'\n");
    home.file("ids.txt", "Anna_01\nphoto_1\n");
    let github = block("github");
    let step = github.split("- run: |\n").nth(1).unwrap().lines();
    let step: Vec<&str> = step.take_while(|line| line.starts_with("          ")).collect();
    let github = format!("git init -q; git add good.py; set -o pipefail; {}", step.join("\n"));
    let hook = block("pre-commit");
    let hook =
        hook.lines().find_map(|line| line.trim().strip_prefix("entry: ")).unwrap().to_owned();
    let hook = format!("{hook} good.py");
    let cron = block("cron");
    let cron = cron.split_once("*  ").unwrap().1.to_owned();
    for (script, said) in [(&github, true), (&hook, true), (&cron, false)] {
        let ran = shell(&home, script);
        assert_eq!((ran.code, !ran.stdout.is_empty()), (0, said), "{script}: {ran:?}");
    }
    home.file("good.py", "avatar_id = 'Anna_gone_2022'\n");
    home.file("ids.txt", "Anna_gone_2022\n");
    for (script, code) in [(&github, 123), (&hook, 5), (&cron, 0)] {
        let ran = shell(&home, script);
        assert_eq!(ran.code, code, "{script}: {ran:?}");
        assert!(ran.stdout.contains("Anna_gone_2022,unknown"), "{script}: {ran:?}");
    }
}
