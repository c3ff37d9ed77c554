//! `[publish]`: a copy for readers who may not write to its folder.

use std::os::unix::fs::MetadataExt;

use crate::{
    dump::rows,
    fake::Kind,
    home::{Home, Ran, at_home},
};

/// The file as the configuration names it.
const FILE: [(&str, &str); 1] = [("HEYGEN_SYNC_PUBLISH__FILE", "public/catalogue.db")];

fn sync(home: &Home) -> Ran {
    home.run_with(&FILE, &["sync"])
}

/// Returns the only value of a query.
async fn cell(url: &str, sql: &str) -> String {
    rows(url, sql).await.concat().into_iter().flatten().collect()
}

at_home! {
    async fn a_poll_that_changed_something_replaces_the_copy_and_another_does_not(home: Home) {
        let folder = home.folder().join("public");
        let file = folder.join("catalogue.db");
        let url = file.display().to_string();
        std::fs::create_dir(&folder).unwrap();
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_photo("p");
        assert_eq!(sync(&home).code, 0);
        let first = file.metadata().unwrap();
        assert_eq!(first.mode() & 0o777, 0o644);
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(text.contains("talking_photos") && !text.contains("Signature="), "a signed link");
        // The versions of the file format: 1 is without a write-ahead log.
        assert_eq!(text.as_bytes()[18..20], [1, 1]);
        let links = "SELECT count(signed_url) || ' of ' || (count(*) > 0) FROM assets";
        assert_eq!(cell(&url, links).await, "0 of 1");

        assert_eq!(sync(&home).code, 0);
        assert_eq!(file.metadata().unwrap().ino(), first.ino());
        home.heygen.rename(Kind::Avatar, "a", "Another name");
        assert_eq!(sync(&home).code, 0);
        let photo = "SELECT coalesce(preview_image_link, 'no link') FROM current_talking_photos";
        assert_eq!(cell(&url, photo).await, "no link", "the link is signed, and not published");
        let name = "SELECT avatar_name FROM current_avatars";
        assert_eq!(cell(&url, name).await, "Another name");
        let verified = home.run(&["--database", &url, "verify"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        let mut left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["catalogue.db", "catalogue.db.publishing.lock"]);
    }

    async fn a_copy_that_cannot_be_written_costs_no_poll(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        let ran = sync(&home);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("the published copy was not written: cannot write"), "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM polls WHERE outcome = 'succeeded'").await, 1);
        let file = home.folder().join("public/catalogue.db").display().to_string();
        std::fs::create_dir(home.folder().join("public")).unwrap();
        assert_eq!(sync(&home).code, 0, "the next round makes up for it");
        std::fs::rename(home.folder().join("public"), home.folder().join("away")).unwrap();
        home.heygen.rename(Kind::Avatar, "a", "Renamed");
        assert_eq!(sync(&home).code, 74);
        std::fs::rename(home.folder().join("away"), home.folder().join("public")).unwrap();
        assert_eq!(sync(&home).code, 0);
        assert_eq!(cell(&file, "SELECT avatar_name FROM current_avatars").await, "Renamed");
        if home.is_sqlite() {
            let itself = [("HEYGEN_SYNC_PUBLISH__FILE", home.database.as_str())];
            home.heygen.add_avatar("b", |_| ());
            let ran = home.run_with(&itself, &["sync"]);
            assert_eq!(ran.code, 78, "{ran:?}");
            assert!(ran.stderr.contains("publish.file is the database itself"), "{ran:?}");
            assert_eq!(home.count("SELECT 1 FROM avatars").await, 2);
        }
    }

    async fn a_failed_copy_is_made_up_for_after_items_were_only_missing_or_found_again(home: Home) {
        // A removal takes several polls: until then the item is only missing.
        let settings = [FILE[0], ("HEYGEN_SYNC_REMOVALS__AFTER_POLLS", "5")];
        let sync = || home.run_with(&settings, &["sync"]).code;
        let (folder, away) = (home.folder().join("public"), home.folder().join("away"));
        let file = folder.join("catalogue.db").display().to_string();
        let failed_once = || {
            std::fs::rename(&folder, &away).unwrap();
            assert_eq!(sync(), 74);
            std::fs::rename(&away, &folder).unwrap();
            assert_eq!(sync(), 0);
        };
        std::fs::create_dir(&folder).unwrap();
        home.heygen.add_avatar("a", |_| ());
        home.heygen.add_avatar("b", |_| ());
        assert_eq!(sync(), 0);
        let missing = "SELECT coalesce(group_concat(avatar_id), '') FROM avatars WHERE missing_since IS NOT NULL";
        home.heygen.remove(Kind::Avatar, "a");
        failed_once();
        assert_eq!(cell(&file, missing).await, "a");
        home.heygen.add_avatar("a", |_| ());
        home.heygen.remove(Kind::Avatar, "b");
        failed_once();
        assert_eq!(cell(&file, missing).await, "b", "as many are missing as before");
        home.heygen.add_avatar("b", |_| ());
        failed_once();
        assert_eq!(cell(&file, missing).await, "");
        let last = std::fs::metadata(&file).unwrap().ino();
        assert_eq!(sync(), 0);
        assert_eq!(std::fs::metadata(&file).unwrap().ino(), last, "nothing has changed since");
    }
}
