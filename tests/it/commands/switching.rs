//! After the switch from v2 to v3: what the first held poll prints, and which ids would be removed.

use crate::{fake::Kind, home::at_home};

fn version(number: &str) -> [(&'static str, &str); 1] {
    [("HEYGEN_SYNC_API__VERSION", number)]
}

at_home! {
    async fn the_first_held_poll_says_what_accepting_does_and_ids_which_of_yours_would_go(home: Home) {
        (0..6).for_each(|nth| home.heygen.add_avatar(&format!("both_{nth}"), |_| ()));
        (0..30).for_each(|nth| home.heygen.add_avatar(&format!("only_v2_{nth}"), |_| ()));
        assert_eq!(home.run_with(&version("v2"), &["sync"]).code, 0);
        (0..30).for_each(|nth| home.heygen.remove(Kind::Avatar, &format!("only_v2_{nth}")));
        let mine = home.file("mine.txt", "both_1\nonly_v2_7\n");
        let usable = ["ids", "--file", mine.as_str(), "--format", "csv"];
        assert_eq!(home.run_with(&version("v3"), &["sync"]).code, 0, "once is not enough");
        assert_eq!(home.run(&usable).code, 0, "nothing is due");
        let held = home.run_with(&version("v3"), &["sync"]);
        assert_eq!(held.code, 3, "{held:?}");
        for said in [
            "v3 of the API is read now: it lists 6 of the 36 ids that were current before",
            "Accepting marks the others as removed; their history stays",
            "ids --file FILE shows which of your ids these are",
        ] {
            assert!(held.stderr.contains(said), "{said}: {held:?}");
        }
        let ran = home.run(&usable);
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.stdout.contains("both_1,listed") && ran.stdout.contains("only_v2_7,missing"), "{ran:?}");
        let again = home.run_with(&version("v3"), &["sync"]);
        assert!(again.code == 3 && !again.stderr.contains("current before"), "{again:?}");
        assert_eq!(home.run_with(&version("v3"), &["sync", "--accept-removals=30"]).code, 0);
        assert!(home.run(&usable).stdout.contains("only_v2_7,removed"));
    }
}
