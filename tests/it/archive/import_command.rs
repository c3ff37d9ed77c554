//! `import-git` by the real binary.

use super::git::Scraped;
use crate::home::at_home;

at_home! {
    async fn an_import_says_in_one_line_what_it_did(home: Home) {
        let scraped = Scraped::new();
        let list = |ids: &[&str]| {
            let all: Vec<_> = ids.iter().map(|id| format!(r#"{{"avatar_id":"{id}"}}"#)).collect();
            crate::world::body(&all.join(","), r#"{"talking_photo_id":"p"}"#)
        };
        for (at, body) in [(1, list(&["a", "b"])), (1, b"<html>".to_vec()), (0, list(&["a"]))] {
            scraped.write("list.json", body);
            scraped.commit(1_700_000_000 + at);
        }
        let folder = scraped.folder().display().to_string();
        let ran = home.run(&["import-git", &folder, "./list.json"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
        assert_eq!(
            ran.stderr,
            "heygen-sync: scraped:list.json: 3 commits polled (2023-11-14 to 2023-11-14): 3 added, \
             0 changed, 1 removed, 0 restored; 1 no catalogue and failed polls; 2 dated 1 ms after \
             the one before, as their own date was not later\n"
        );
        assert_eq!(home.run(&["verify"]).code, 0);
        assert_eq!(home.feed().last().unwrap(), "removed b");
        // Run from a hook of another repository, say.
        let elsewhere = [("GIT_DIR", "/nowhere")];
        let again = home.run_with(&elsewhere, &["-q", "import-git", &folder, "list.json"]);
        assert_eq!((again.code, again.stderr.as_str()), (0, ""));
        let other = home.run(&["sync", "--from", &home.file("o.json", list(&["a"]))]);
        assert_eq!(other.code, 0, "{other:?}");
        let late = home.run(&["import-git", &folder, "list.json"]);
        assert_eq!(late.code, 2, "{late:?}");
        assert!(late.stderr.contains("has a later poll"), "{late:?}");
    }

    async fn held_removals_and_files_that_never_were_catalogues_have_their_exit_codes(home: Home) {
        let scraped = Scraped::new();
        scraped.write("page.html", "<html>");
        scraped.write("list.json", crate::world::body(r#"{"avatar_id":"a"}"#, ""));
        scraped.commit(1_700_000_000);
        scraped.write("list.json", crate::world::body("", ""));
        scraped.commit(1_700_000_100);
        let folder = scraped.folder().display().to_string();
        let run = |args: &[&str]| home.run(&[&["import-git", &folder], args].concat());
        assert_eq!(run(&["page.html", "--account", "page"]).code, 65);
        let held = run(&["list.json", "--account", "held"]);
        assert_eq!(held.code, 3, "{held:?}");
        assert!(held.stderr.contains("1 removals are held"), "{held:?}");
        assert_eq!(run(&["list.json", "--account", "free", "--accept-removals"]).code, 0);
        assert_eq!(run(&["none.json"]).code, 2);
        assert_eq!(home.run(&["import-git", "nowhere", "list.json"]).code, 74);
        assert_eq!(home.run(&["import-git", "https://u:secret@h/r", "x"]).code, 2);
        let empty = home.folder().join("no-programs");
        let path = [("PATH", empty.to_str().unwrap())];
        let ran = home.run_with(&path, &["import-git", &folder, "list.json"]);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.stderr.contains("no program `git`"), "{ran:?}");
    }
}
