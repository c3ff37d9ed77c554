//! Rule 3: when the stored link of a URL is replaced.

use heygen_sync::time::Timestamp;
use std::time::Duration;

use crate::world::{World, hour, on_all};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Returns a record whose picture is signed until `expires`; the seal distinguishes links.
fn photo(expires: Timestamp, seal: &str) -> String {
    let seconds = expires.millis() / 1000;
    record(&format!("https://h/x?Expires={seconds}&Signature={seal}&Key-Pair-Id=K"))
}

/// Like [`photo`], with a policy that contains no expiry.
fn unknown(seal: &str) -> String {
    record(&format!("https://h/x?Policy=e30_&Signature={seal}&Key-Pair-Id=K"))
}

fn record(url: &str) -> String {
    format!(r#"{{"talking_photo_id":"a","preview_image_url":"{url}"}}"#)
}

const UNSIGNED: &str = r#"{"talking_photo_id":"a","preview_image_url":"https://h/x"}"#;

impl World {
    /// Returns the seal of the stored link; `∅` if there is no signed link.
    async fn seal(&mut self) -> String {
        let signed = self.cell("SELECT signed_url FROM assets").await;
        let seal = signed.split("Signature=").nth(1).and_then(|rest| rest.split('&').next());
        seal.unwrap_or(&signed).to_owned()
    }
}

on_all! {
    async fn a_link_gives_way_to_one_that_lives_over_a_day_longer(world: World) {
        let expires = hour(1000);
        world.photos(&photo(expires, "first")).await;
        world.photos(&photo(expires.plus(24 * HOUR), "second")).await;
        assert_eq!(world.seal().await, "first");
        world.photos(&photo(expires.plus(24 * HOUR + SECOND), "third")).await;
        assert_eq!(world.seal().await, "third");
        let until = expires.plus(24 * HOUR + SECOND).to_string();
        assert_eq!(world.cell("SELECT expires_at FROM assets").await, until);
        world.photos(&photo(expires, "fourth")).await;
        assert_eq!(world.seal().await, "third");
    }

    async fn a_link_with_under_a_day_left_gives_way_to_a_later_one(world: World) {
        let expires = hour(26); // a day after the second poll
        world.photos(&photo(expires, "first")).await;
        world.photos(&photo(expires.plus(SECOND), "second")).await;
        assert_eq!(world.seal().await, "first");
        world.photos(&photo(expires.plus(SECOND), "third")).await;
        assert_eq!(world.seal().await, "third");
    }

    async fn a_list_that_signs_anew_at_every_poll_is_not_written_at_every_poll(world: World) {
        let mut seals = vec![];
        for poll in 1..=48 {
            world.photos(&photo(hour(poll + 168), &format!("s{poll}"))).await;
            seals.push(world.seal().await);
        }
        seals.dedup();
        assert_eq!(seals, ["s1", "s26"]);
    }

    async fn an_unsigned_listing_replaces_a_link_only_once_that_has_expired(world: World) {
        world.photos(&photo(hour(3), "first")).await;
        world.photos(UNSIGNED).await;
        assert_eq!(world.seal().await, "first");
        world.photos(UNSIGNED).await;
        assert_eq!(world.lines("SELECT url, signed_url, expires_at FROM assets").await, ["https://h/x|∅|∅"]);
        world.photos(&photo(hour(5), "second")).await;
        assert_eq!(world.seal().await, "second");
    }

    async fn an_unknown_expiry_counts_as_expired(world: World) {
        world.photos(&unknown("first")).await;
        assert_eq!(world.lines("SELECT expires_at FROM assets").await, ["∅"]);
        world.photos(&unknown("second")).await;
        assert_eq!(world.seal().await, "second");
        world.photos(&photo(hour(900), "third")).await;
        assert_eq!(world.seal().await, "third");
        world.photos(&unknown("fourth")).await;
        assert_eq!(world.seal().await, "third");
        world.pass(900 * HOUR);
        world.photos(&unknown("fifth")).await;
        assert_eq!(world.seal().await, "fifth");
        world.photos(UNSIGNED).await;
        assert_eq!(world.seal().await, "∅");
    }

    async fn an_expiry_outside_the_years_2000_to_9999_is_unknown(world: World) {
        for seconds in ["946684799", "253402300800", "99999999999999999999"] {
            let url = format!("https://h/{seconds}?Expires={seconds}&Signature=s&Key-Pair-Id=K");
            world.photos(&record(&url)).await;
        }
        assert_eq!(world.lines("SELECT expires_at FROM assets").await, ["∅", "∅", "∅"]);
    }

    async fn of_several_links_in_one_poll_the_one_that_expires_last_is_kept(world: World) {
        let copies = [photo(hour(500), "short"), photo(hour(900), "long"), unknown("unknown"), UNSIGNED.into()];
        for (case, turn) in [0, 1, 2, 3].into_iter().enumerate() {
            let mut copies = copies.clone();
            copies.rotate_left(turn);
            copies.swap(0, case % 3);
            world.start_over().await;
            let report = world.photos(&copies.join(",")).await;
            assert_eq!(report.row.counts.unwrap().duplicates, 3);
            assert_eq!(world.seal().await, "long");
        }
    }

    async fn copies_that_differ_in_their_signature_only_are_equal(world: World) {
        world.photos(&photo(hour(500), "first")).await;
        let both = [photo(hour(500), "second"), photo(hour(900), "third")];
        let report = world.photos(&both.join(",")).await;
        assert!(!report.diff.unwrap().is_news());
        assert_eq!(world.seal().await, "third");
    }

    async fn two_items_with_one_picture_share_its_link(world: World) {
        let other = photo(hour(900), "long").replace(r#""a""#, r#""b""#);
        world.photos(&[photo(hour(500), "short"), other].join(",")).await;
        assert_eq!(world.seal().await, "long");
    }

    async fn accounts_share_the_links(world: World) {
        world.photos(&photo(hour(500), "first")).await;
        world.account = "studio";
        world.photos(&photo(hour(500), "second")).await;
        assert_eq!(world.seal().await, "first");
        world.photos(&photo(hour(900), "third")).await;
        assert_eq!(world.seal().await, "third");
    }

    async fn replacing_a_link_is_no_news_and_opens_no_version(world: World) {
        world.photos(&photo(hour(500), "first")).await;
        let report = world.photos(&photo(hour(900), "second")).await;
        assert!(!report.diff.unwrap().is_news());
        assert_eq!(world.versions().await, ["a|1|added|∅"]);
        assert_eq!(world.field_changes().await, Vec::<String>::new());
    }
}
