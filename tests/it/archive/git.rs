//! The loop over `git log` in docs/archive.md: a repository of commits becomes the history that
//! manual polls of each commit would give.

use std::{path::Path, process::Command};

use crate::home::{Home, at_home};

/// The repository of the document, created by the real git.
struct Scrape<'h>(&'h Home);

impl<'h> Scrape<'h> {
    fn new(home: &'h Home) -> Self {
        let new = Self(home);
        std::fs::create_dir(new.folder()).unwrap();
        new.git(0, &["init", "--quiet", "--initial-branch=main"]);
        new
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.folder().join("heygen-scrape")
    }

    fn git(&self, second: i64, args: &[&str]) {
        let date = format!("{} +0100", 1_700_000_000 + second);
        let ran = Command::new("git")
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(args)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.folder())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.org")])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@example.org")])
            .envs([("GIT_AUTHOR_DATE", "1000000000 +0000"), ("GIT_COMMITTER_DATE", &date)])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
    }

    fn commit(&self, second: i64, file: &str, body: Option<&[u8]>) {
        let path = self.folder().join(file);
        match body {
            Some(body) => std::fs::write(path, body).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        self.git(second, &["add", "--all"]);
        self.git(second, &["commit", "--quiet", "--message=x"]);
    }
}

/// Runs the block after `<!-- run: git -->` with bash in the home and its environment; returns the
/// standard error.
fn documented(home: &Home) -> String {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/archive.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let (_, rest) = docs.split_once("<!-- run: git -->\n```sh\n").unwrap();
    let script = rest.split("```").next().unwrap();
    let program = home.command(&[]);
    let beside = Path::new(program.get_program()).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(beside.to_owned()).chain(std::env::split_paths(&path));
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(home.folder())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", std::env::join_paths(path).unwrap())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}

/// Returns what the tables conclude, without the times of the machine that polled.
fn concluded(home: &Home) -> Vec<serde_json::Value> {
    ["history", "changes", "catalogue"]
        .iter()
        .flat_map(|what| home.rows(&["export", "--account", "scraped", "--what", what]))
        .collect()
}

at_home! {
    async fn the_documented_loop_polls_each_commit_as_if_by_hand(home: Home) {
        let list = |names: &[&str]| {
            let all = names.iter().map(|name| {
                format!(r#"{{"avatar_id":"{}","avatar_name":"{name}"}}"#, name.to_lowercase())
            });
            crate::world::body(&all.collect::<Vec<_>>().join(","), "")
        };
        let commits: [(i64, Option<Vec<u8>>); 7] = [
            (0, Some(list(&["Mira", "Jonas"]))),
            (60, Some(b"<html>".to_vec())),
            (120, Some(list(&["mira", "Jonas", "Akiko"]))),
            // In the same second as the one before: refused.
            (120, Some(list(&["mira"]))),
            (180, None),
            (240, Some(list(&["Akiko"]))),
            // A removal of everything that is left: held.
            (300, Some(list(&[]))),
        ];
        let scrape = Scrape::new(&home);
        for (number, (second, body)) in commits.iter().enumerate() {
            scrape.commit(*second, "avatars.json", body.as_deref());
            scrape.commit(*second, "other.txt", Some(number.to_string().as_bytes()));
        }
        let stderr = documented(&home);
        let codes = |code: i32| stderr.matches(&format!("exit code {code}\n")).count();
        assert_eq!([codes(2), codes(3), codes(65)], [1, 1, 2], "{stderr}");
        let verified = home.run(&["verify"]);
        assert_eq!(verified.code, 0, "{verified:?}");

        let by_hand = if home.is_sqlite() { Home::sqlite().await } else { Home::postgres().await };
        for (second, body) in &commits {
            let time = format!("2023-11-14T22:{:02}:20Z", 13 + second / 60);
            let args = ["sync", "--account", "scraped", "--from", "-", "--observed-at", &time];
            by_hand.run_fed(body.as_deref().unwrap_or_default(), &args);
        }
        assert_eq!(concluded(&home), concluded(&by_hand));
        assert_eq!(concluded(&home).len(), 11);
        // A second run adds nothing.
        let before = concluded(&home);
        documented(&home);
        assert_eq!(concluded(&home), before);
    }
}
