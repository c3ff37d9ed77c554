//! `find`: items by words in their name or id.

use crate::{dump, home::Home};

async fn both() -> [Home; 2] {
    [Home::sqlite().await, Home::postgres().await]
}

#[tokio::test]
async fn items_are_found_by_words_on_both_databases() {
    for home in both().await {
        for (id, name) in [("a1", "Annie in Blue Suit"), ("a2", "Zoë"), ("a3", "Annie")] {
            home.heygen.add_avatar(id, |avatar| avatar.set("avatar_name", name));
        }
        home.heygen.add_photo("suit-annie");
        assert_eq!(home.sync(&[]).0, 0);
        let ids = |args: &[&str]| -> Vec<String> {
            let rows = home.rows(&[&["find"], args].concat());
            rows.iter().map(|row| row["item_id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(&["suit", "ANNIE"]), ["a1", "suit-annie"]);
        assert_eq!(ids(&["annie suit", "--kind", "avatar"]), ["a1"]);
        assert_eq!(ids(&["zoe"]), ["a2"]);
        let ran = home.run(&["find", "zeo", "--format", "csv"]);
        assert_eq!(ran.stdout, "account,kind,item_id,name,state,missing_since\n");
        assert!(home.run(&["find", "anie"]).stderr.contains("Did you mean 'annie' (3)?"));
        assert_eq!(home.run(&["find", " "]).code, 2);
        assert_eq!(home.run(&["account", "rename", "default", "studio"]).code, 0);
        assert_eq!(home.rows(&["find", "zoe"])[0]["account"], "studio");
        assert_eq!(home.run(&["verify"]).code, 0);
        let url = match home.is_sqlite() {
            true => home.folder().join(&home.database).display().to_string(),
            false => home.database.clone(),
        };
        dump::run(&url, "UPDATE search_names SET text = 'x' WHERE item_id = 'a2'").await;
        let ran = home.run(&["verify"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains("search_names"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_copy_finds_what_its_source_finds() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a1", |avatar| avatar.set("avatar_name", "Zoë"));
    assert_eq!(home.sync(&[]).0, 0);
    let copy = home.folder().join("copy.db").display().to_string();
    assert_eq!(home.run(&["copy", "--from", &home.database, "--to", &copy]).code, 0);
    assert_eq!(home.run(&["--database", &copy, "verify"]).code, 0);
    let found = home.run(&["--database", &copy, "find", "zoe", "--format", "ndjson"]);
    assert!(found.stdout.contains("\"item_id\":\"a1\""), "{found:?}");
}
