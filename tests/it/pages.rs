//! v3: a list read page by page, and the faults of its pages, on both engines.

use std::time::Duration;

use heygen_sync::{catalog::api_version::ApiVersion, config::Version, poll::Report};

use serde_json::Value;

use crate::{
    fake::{Kind, Refusal},
    world::{World, on_both},
};

/// Adds `avatars` avatars and `photos` talking photos, polled over v3 from now on.
fn paged(world: &mut World, avatars: usize, photos: usize) {
    world.version = Version::Fixed(ApiVersion::V3);
    for n in 0..avatars {
        world.heygen.add_avatar(&format!("a{n:04}"), |_| ());
    }
    for n in 0..photos {
        world.heygen.add_photo(&format!("p{n:04}"));
    }
}

/// Returns the avatars, talking photos and duplicates of a poll that did not fail.
fn listed(report: &Report) -> (i64, i64, i64) {
    let counts = report.row.counts.unwrap_or_else(|| panic!("{:?}", report.error));
    (
        counts.listed(heygen_sync::catalog::kind::Kind::AVATAR),
        counts.listed(heygen_sync::catalog::kind::Kind::TALKING_PHOTO),
        counts.duplicates,
    )
}

impl World {
    /// Polls something that is not a list; asserts the code, and that only the poll's row was written.
    async fn fails(&mut self, code: u8, says: &str) {
        let before = self.facts().await;
        let report = self.poll().await;
        let error = report.error.as_ref().unwrap_or_else(|| panic!("no failure: {says}"));
        assert!(error.message.contains(says), "{}", error.message);
        assert_eq!((report.row.outcome.as_str(), report.exit_code(false)), ("failed", code));
        assert_eq!(report.row.response_bytes, None);
        assert_eq!(self.facts().await, before);
    }
}

on_both! {
    async fn every_page_is_read_and_every_look_counts_once(world: World) {
        paged(&mut world, 120, 30);
        world.heygen.paging(|paging| (paging.repeats, paging.empty_after) = (3, Some(2)));
        let report = world.poll().await;
        assert_eq!(listed(&report), (120, 30, 9));
        let requests = world.heygen.requests();
        assert_eq!(requests.len(), 5);
        assert_eq!(requests[0].query.as_deref(), Some("limit=50"));
        assert_eq!(requests[1].query.as_deref(), Some("limit=50&token=p%2F2%2B%26%3D%2520%C3%A9"));
        assert_eq!(world.heygen.most_at_once(), 1);
        assert_eq!(report.row.api_version.as_deref(), Some("v3"));
        assert_eq!(report.row.request_id.as_deref(), Some("req-5"));
        let source = format!("{}/v3/avatars/looks", world.heygen.base_url());
        assert_eq!(report.row.source, Some(source));
        assert!(report.row.response_bytes.unwrap() > 10_000);
        assert_eq!(report.row.response_sha256.unwrap().len(), 64);
        let before = world.facts().await;
        world.heygen.paging(|paging| (paging.repeats, paging.empty_after) = (0, None));
        world.heygen.shuffle(3);
        world.heygen.resign();
        assert_eq!(listed(&world.poll().await), (120, 30, 0));
        assert_eq!(world.facts().await, before);
    }

    async fn documented_fields_land_in_their_columns_and_others_in_extra(world: World) {
        paged(&mut world, 0, 0);
        world.heygen.add_avatar("a", |avatar| {
            avatar.set("tags", vec!["y", "x"]);
            avatar.set("preview_image_url", Value::Null);
            avatar.set_look("group_id", "g");
            avatar.set_look("image_width", 1920.0);
            avatar.set_look("avatar_id", "x");
        });
        world.heygen.add_photo("p");
        world.heygen.set(Kind::TalkingPhoto, "p", "gender", "male");
        world.heygen.set_look(Kind::TalkingPhoto, "p", "group_id", 7);
        world.heygen.set_look(Kind::TalkingPhoto, "p", "image_width", 1e30);
        world.poll().await;
        let own = "avatar_type, group_id, status, supported_api_engines, preferred_orientation, image_width, \
                   image_height, extra";
        let look = r#"completed|["avatar_iii","avatar_iv"]|portrait"#;
        assert_eq!(
            world.lines(&format!("SELECT avatar_id, avatar_name, gender, preview_image_url, premium, type, tags, {own} FROM avatars")).await,
            [format!("a|Avatar a|female|∅|∅|∅|[\"x\",\"y\"]|studio_avatar|g|{look}|1920|1920|{{\"avatar_id\":\"x\"}}")]
        );
        assert_eq!(
            world.lines(&format!("SELECT talking_photo_id, talking_photo_name, gender, tags, {own} FROM talking_photos")).await,
            [format!("p|Photo p|male|∅|photo_avatar|∅|{look}|∅|1920|{{\"group_id\":7,\"image_width\":1e+30}}")]
        );
        assert_eq!(world.cell("SELECT count(*) FROM assets WHERE signed_url IS NOT NULL").await, "1");
    }

    async fn what_only_v3_tells_is_learned_once_and_kept_on_the_way_back(world: World) {
        paged(&mut world, 3, 2);
        world.version = Version::Fixed(ApiVersion::V2);
        world.poll().await;
        for (version, learned) in [(ApiVersion::V3, 5), (ApiVersion::V3, 0), (ApiVersion::V2, 0), (ApiVersion::V3, 0)] {
            world.version = Version::Fixed(version);
            let counts = world.poll().await.row.counts.unwrap();
            assert_eq!((counts.added, counts.changed, counts.learned), (0, 0, learned), "{version}");
        }
        assert_eq!(world.cell("SELECT count(*) FROM changes WHERE poll_id > 1").await, "0");
        assert_eq!(
            world.lines("SELECT version, opened_by, status FROM avatar_history WHERE avatar_id = 'a0000' ORDER BY version").await,
            ["1|added|∅", "2|learned|completed"]
        );
    }

    async fn a_cursor_may_come_back_once(world: World) {
        paged(&mut world, 170, 0);
        world.heygen.paging(|paging| paging.stays = Some((2, 1)));
        assert_eq!(listed(&world.poll().await), (170, 0, 50));
        world.heygen.paging(|paging| paging.stays = Some((2, usize::MAX)));
        world.fails(65, "the same cursor").await;
    }

    async fn a_list_without_an_end_is_no_list(world: World) {
        paged(&mut world, 120, 5);
        world.poll().await;
        world.heygen.paging(|paging| paging.circle = true);
        world.fails(65, "the same cursor").await;
        world.heygen.paging(|paging| (paging.circle, paging.endless) = (false, true));
        let before = world.heygen.request_count();
        world.fails(65, "records on 2000 pages").await;
        assert_eq!(world.heygen.request_count() - before, 2_000);
        world.heygen.paging(|paging| paging.endless = false);
        assert_eq!(listed(&world.poll().await), (120, 5, 0));
    }

    async fn a_page_that_fails_fails_the_list(world: World) {
        paged(&mut world, 170, 0);
        world.poll().await;
        for (status, code) in [(500, 69), (429, 69), (404, 65), (401, 77)] {
            world.heygen.fail_page(3, Refusal::of(status), usize::MAX);
            world.fails(code, "page 3").await;
            let sql = "SELECT http_status FROM polls ORDER BY poll_id DESC LIMIT 1";
            assert_eq!(world.cell(sql).await, status.to_string());
        }
        world.heygen.fail_page(3, Refusal::of(500), 0);
        world.heygen.paging(|paging| paging.cut = Some((2, 40)));
        world.fails(69, "page 2").await;
        world.heygen.replace_body("{\"data\":[");
        world.fails(65, "page 1").await;
    }

    async fn page_117_failing_for_good_changes_nothing(world: World) {
        paged(&mut world, 5_990, 10);
        assert_eq!(listed(&world.poll().await), (5_990, 10, 0));
        world.heygen.rename(Kind::Avatar, "a0000", "B");
        world.heygen.fail_page(117, Refusal::of(500), usize::MAX);
        let before = world.heygen.request_count();
        world.fails(69, "page 117").await;
        assert_eq!(world.heygen.request_count() - before, 117);
        world.heygen.fail_page(117, Refusal::of(500), 0);
        let report = world.poll().await;
        assert_eq!((listed(&report), report.row.counts.unwrap().changed), ((5_990, 10, 0), 1));
    }

    async fn a_page_is_asked_for_again_where_that_can_help(world: World) {
        paged(&mut world, 170, 0);
        world.client(|settings| settings.api.retries = 1);
        world.heygen.fail_page(2, Refusal::of(429).header("retry-after", "0"), 1);
        world.heygen.fail_page(4, Refusal::of(503), 1);
        assert_eq!(listed(&world.poll().await), (170, 0, 0));
        assert_eq!(world.heygen.request_count(), 6);
    }

    async fn a_page_that_stalls_is_asked_for_again(world: World) {
        paged(&mut world, 170, 0);
        world.client(|settings| (settings.api.timeout, settings.api.retries) = (Duration::from_secs(2), 3));
        let gate = world.heygen.delay_next();
        assert_eq!(listed(&world.poll().await), (170, 0, 0));
        assert!(world.heygen.request_count() > 4);
        gate.release();
    }

    async fn a_refused_cursor_ends_a_list_that_lacks_nothing(world: World) {
        paged(&mut world, 120, 5);
        world.poll().await;
        world.heygen.paging(|paging| paging.ends_by_400 = true);
        let before = world.heygen.request_count();
        let report = world.poll().await;
        assert_eq!((listed(&report), report.row.outcome.as_str()), ((120, 5, 0), "succeeded"));
        assert_eq!((world.heygen.request_count() - before, report.row.warning), (4, None));
    }

    async fn a_second_reading_with_the_same_ids_shows_that_the_list_is_whole(world: World) {
        paged(&mut world, 120, 0);
        world.removals.after_polls = Some(1);
        world.poll().await;
        world.heygen.paging(|paging| paging.ends_by_400 = true);
        world.heygen.remove(Kind::Avatar, "a0000");
        let before = world.heygen.request_count();
        let counts = world.poll().await.row.counts.unwrap();
        assert_eq!((counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.removed, counts.held), (119, 1, 0));
        let requests = world.heygen.requests();
        let firsts = requests[before..].iter().filter_map(|request| request.query.as_deref());
        let firsts: Vec<_> = firsts.filter(|query| !query.contains("token")).collect();
        assert_eq!(firsts, ["limit=50", "limit=40"]);
    }

    async fn a_list_that_breaks_off_twice_removes_nothing(world: World) {
        paged(&mut world, 300, 0);
        world.removals.after_polls = Some(1);
        world.poll().await;
        world.heygen.rename(Kind::Avatar, "a0050", "B");
        world.heygen.fail_page(5, Refusal::of(400), usize::MAX);
        for changed in [1, 0] {
            let report = world.poll().await;
            let counts = report.row.counts.unwrap();
            assert_eq!((counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.changed), (200, changed));
            assert_eq!((counts.removed, counts.held, report.exit_code(false)), (0, 100, 3));
            assert!(report.row.held_reason.as_deref().unwrap().contains("after page 4 is refused"));
            assert!(report.row.warning.unwrap().contains("may be incomplete"));
        }
        world.heygen.fail_page(5, Refusal::of(400), 0);
        assert_eq!(listed(&world.poll().await), (300, 0, 0));
        assert_eq!(world.cell("SELECT count(*) FROM avatars WHERE missing_since IS NOT NULL").await, "0");
    }

    async fn a_list_that_ends_in_an_error_is_not_whole_where_no_other_page_size_is_read(world: World) {
        paged(&mut world, 300, 0);
        world.removals.after_polls = Some(1);
        world.poll().await;
        for n in 0..51 {
            world.heygen.remove(Kind::Avatar, &format!("a{n:04}"));
        }
        // Page 5 has 49 looks and a cursor, which is refused.
        world.heygen.paging(|paging| (paging.fixed, paging.ends_by_400) = (Some(50), true));
        for _ in 0..2 {
            let report = world.poll().await;
            let counts = report.row.counts.unwrap();
            assert_eq!((counts.removed, counts.held, report.exit_code(false)), (0, 51, 3));
            assert!(report.row.held_reason.as_deref().unwrap().contains("after page 5 is refused"));
        }
        world.heygen.paging(|paging| paging.ends_by_400 = false);
        assert_eq!(world.poll().await.row.counts.unwrap().removed, 51);
    }

    async fn a_second_reading_that_ends_as_it_should_is_the_answer(world: World) {
        paged(&mut world, 120, 0);
        world.removals.after_polls = Some(1);
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "a0000");
        world.heygen.fail_page(2, Refusal::of(400), 1);
        let report = world.poll().await;
        let counts = report.row.counts.unwrap();
        assert_eq!((counts.listed(heygen_sync::catalog::kind::Kind::AVATAR), counts.removed, report.row.warning), (119, 1, None));
        world.heygen.remove(Kind::Avatar, "a0001");
        world.heygen.fail_page(2, Refusal::of(400), usize::MAX);
        assert_eq!(world.poll().await.row.outcome, "held");
    }

    async fn a_page_that_shows_no_end_is_the_last_and_removes_nothing(world: World) {
        paged(&mut world, 2, 0);
        world.removals.after_polls = Some(1);
        world.poll().await;
        world.heygen.replace_body(r#"{"data":[{"id":"a0000","name":"Avatar a0000"}]}"#);
        let report = world.poll().await;
        assert_eq!((report.row.outcome.as_str(), report.row.counts.unwrap().held), ("held", 1));
        world.heygen.replace_body(r#"{"data":[{"id":"a0000"}],"next_token":null}"#);
        assert_eq!(world.poll().await.row.counts.unwrap().removed, 1);
    }

    async fn a_look_missing_once_is_not_removed_yet(world: World) {
        paged(&mut world, 60, 0);
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "a0007");
        let counts = world.poll().await.row.counts.unwrap();
        assert_eq!((counts.missing, counts.removed, counts.held), (1, 0, 0));
        assert_eq!(world.poll().await.row.counts.unwrap().removed, 1);
    }

    async fn a_look_without_id_and_kind_holds_the_removals_of_both_lists(world: World) {
        paged(&mut world, 5, 5);
        world.removals.after_polls = Some(1);
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "a0001");
        world.heygen.remove(Kind::TalkingPhoto, "p0001");
        world.heygen.push_raw_record(Kind::TalkingPhoto, "7");
        let counts = world.poll().await.row.counts.unwrap();
        assert_eq!((counts.rejected, counts.removed, counts.held), (1, 0, 2));
    }

    async fn pages_are_asked_for_one_after_the_other_and_not_too_fast(world: World) {
        paged(&mut world, 170, 0);
        let pace = Duration::from_millis(40);
        world.client(|settings| settings.pace = pace);
        let begun = std::time::Instant::now();
        world.poll().await;
        assert_eq!(world.heygen.requests().len(), 4);
        assert!(begun.elapsed() >= pace * 3);
    }

    async fn a_slow_list_comes_whole_while_it_makes_progress(world: World) {
        paged(&mut world, 170, 0);
        world.client(|settings| {
            (settings.api.retry_time, settings.pace) = (Duration::from_millis(60), Duration::from_millis(50));
        });
        assert_eq!(listed(&world.poll().await), (170, 0, 0));
    }

    async fn the_size_is_bounded_for_the_list_as_a_whole(world: World) {
        paged(&mut world, 170, 0);
        let whole = world.poll().await.row.response_bytes.unwrap() as u64;
        world.client(|settings| settings.api.max_response = whole - 1);
        world.fails(65, "api.max_response").await;
        world.client(|settings| settings.api.max_response = whole);
        assert_eq!(listed(&world.poll().await), (170, 0, 0));
    }
}
