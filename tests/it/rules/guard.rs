//! Rule 8, the second half: what the guard holds back, and what lets it through.

use heygen_sync::catalog::diff::Accepted;

use crate::world::{World, body, on_both};

/// So many avatars, from `from` on.
fn some(from: usize, to: usize) -> String {
    let all: Vec<String> = (from..to).map(|n| format!(r#"{{"avatar_id":"{n:03}"}}"#)).collect();
    all.join(",")
}

impl World {
    /// removed, held
    async fn after(&mut self, records: &str) -> (i64, i64) {
        let counts = self.avatars(records).await.row.counts.unwrap();
        (counts.removed, counts.held)
    }
}

on_both! {
    async fn at_the_share_removals_pass_and_one_more_holds_them_all(world: World) {
        world.avatars(&some(0, 200)).await;
        assert_eq!(world.after(&some(41, 200)).await, (0, 41));
        assert_eq!(world.after(&some(40, 200)).await, (40, 0));
    }

    async fn up_to_the_least_count_removals_pass_whatever_their_share(world: World) {
        world.avatars(&some(0, 25)).await;
        assert_eq!(world.after(&some(21, 25)).await, (0, 21));
        assert_eq!(world.after(&some(20, 25)).await, (20, 0));
    }

    async fn the_bounds_are_configured(world: World) {
        world.removals.min_count = 0;
        world.removals.max_share = 0.29;
        world.avatars(&some(0, 100)).await;
        assert_eq!(world.after(&some(30, 100)).await, (0, 30));
        assert_eq!(world.after(&some(29, 100)).await, (29, 0));
    }

    async fn an_empty_list_is_held_even_when_it_is_short(world: World) {
        world.avatars(&some(0, 2)).await;
        let report = world.avatars("").await;
        assert_eq!((report.row.outcome.as_str(), report.row.counts.unwrap().held), ("held", 2));
        assert!(report.row.held_reason.unwrap().contains("empty"));
        assert!(!world.avatars(&some(0, 2)).await.diff.unwrap().is_news(), "no trace");
    }

    async fn held_back_the_rest_of_the_poll_is_applied(world: World) {
        world.avatars(&some(0, 100)).await;
        let report = world.avatars(&format!(r#"{{"avatar_id":"000","gender":"x"}},{}"#, some(200, 205))).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.added, counts.learned, counts.removed, counts.held, counts.missing), (5, 1, 0, 99, 99));
    }

    async fn a_held_removal_stays_due_and_is_judged_afresh(world: World) {
        world.avatars(&some(0, 100)).await;
        assert_eq!(world.after(&some(50, 100)).await, (0, 50));
        assert_eq!(world.after(&some(20, 100)).await, (20, 0));
        assert_eq!(world.cell("SELECT missing_since FROM avatars WHERE avatar_id = '000'").await, "2026-01-01T02:00:00.000Z");
    }

    async fn each_list_is_judged_on_its_own(world: World) {
        let photos = r#"{"talking_photo_id":"x"},{"talking_photo_id":"y"}"#;
        world.poll_file(body(&some(0, 100), photos)).await;
        let report = world.poll_file(body("", r#"{"talking_photo_id":"y"}"#)).await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.removed, counts.held), (1, 100));
    }

    async fn accepted_are_so_many_in_all_or_however_many(world: World) {
        let photos = r#"{"talking_photo_id":"x"},{"talking_photo_id":"y"}"#;
        for (accepted, passes) in [(Accepted::UpTo(101), false), (Accepted::UpTo(102), true), (Accepted::All, true)] {
            world.start_over().await;
            world.accepted = Accepted::None;
            world.poll_file(body(&some(0, 100), photos)).await;
            world.accepted = accepted;
            let counts = world.poll_file(body("", "")).await.row.counts.unwrap();
            assert_eq!((counts.removed, counts.held), if passes { (102, 0) } else { (0, 102) }, "{accepted:?}");
        }
    }

    async fn the_rules_in_force_are_kept_with_the_poll(world: World) {
        world.accepted = Accepted::UpTo(7);
        world.avatars("").await;
        assert_eq!(world.cell("SELECT policy FROM polls").await, r#"{"accepted":7,"after_polls":1,"max_share":0.2,"min_count":20}"#);
    }
}
