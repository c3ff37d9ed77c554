//! `auto`: from v2 to v3 and never back by itself, without a change of history, on both engines.

use heygen_sync::{
    config::{ApiVersion, Version},
    poll::Report,
};

use crate::{
    fake::{Kind, Refusal},
    home::at_home,
    world::{World, on_both},
};

/// A few items, and `auto`.
fn begin(world: &mut World) {
    world.version = Version::Auto;
    for id in ["a", "b", "c"] {
        world.heygen.add_avatar(id, |avatar| avatar.set("premium", true));
        world.heygen.add_photo(&format!("photo {id}"));
    }
}

/// Version and outcome.
fn served(report: &Report) -> String {
    format!("{} {}", report.row.api_version.as_deref().unwrap_or("?"), report.row.outcome)
}

/// Added, changed, removed, restored, learned.
fn counts(report: &Report) -> [i64; 5] {
    let counts = report.row.counts.unwrap_or_else(|| panic!("{:?}", report.error));
    [counts.added, counts.changed, counts.removed, counts.restored, counts.learned]
}

/// A 400 whose body points to v3.
fn hint() -> Refusal {
    let body = r#"{"error":{"code":"gone","message":"use GET /v3/avatars/looks"}}"#;
    Refusal { body: body.into(), ..Refusal::of(400) }
}

on_both! {
    async fn the_switch_is_not_a_change(world: World) {
        begin(&mut world);
        for _ in 0..3 {
            assert_eq!(served(&world.poll().await), "v2 succeeded");
        }
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..3 {
            let report = world.poll().await;
            assert_eq!((served(&report), report.exit_code(false)), ("v2 failed".into(), 65));
            assert_eq!(report.switched_to, None);
        }
        let report = world.poll().await;
        assert_eq!(served(&report), "v3 succeeded");
        assert_eq!((counts(&report), report.switched_to), ([0, 0, 0, 0, 6], Some(ApiVersion::V3)));
        assert!(!report.diff.unwrap().is_news());
        let report = world.poll().await;
        assert_eq!((counts(&report), report.switched_to), ([0; 5], None));
        assert_eq!(world.lines("SELECT DISTINCT premium, version FROM avatars").await, ["1|2"]);
        assert_eq!(
            world.lines("SELECT kind, field, change FROM schema_changes WHERE change <> 'appeared' ORDER BY kind, field").await,
            ["avatar|premium|vanished", "avatar|type|vanished"]
        );
        assert_eq!(world.cell("SELECT count(*) FROM changes WHERE change <> 'added'").await, "0");

        world.heygen.recover();
        assert_eq!(served(&world.poll().await), "v3 succeeded", "never back by itself");
        world.version = Version::Fixed(ApiVersion::V2);
        let back = world.poll().await;
        assert_eq!((served(&back), counts(&back)[..4].to_vec()), ("v2 succeeded".into(), vec![0; 4]));
        assert_eq!(counts(&world.poll().await), [0; 5]);
        assert_eq!(world.cell("SELECT count(*) FROM field_changes").await, "0");
    }

    async fn a_bad_answer_between_good_ones_does_not_switch(world: World) {
        begin(&mut world);
        for status in [200, 404, 200, 404, 410, 200, 404, 404, 500, 404, 404, 200] {
            world.heygen.recover();
            if status != 200 {
                world.heygen.retire_v2(Refusal::of(status));
            }
            let outcome = if status == 200 { "v2 succeeded" } else { "v2 failed" };
            assert_eq!(served(&world.poll().await), outcome);
        }
    }

    async fn gone_elsewhere_or_pointing_to_v3_is_all_the_same(world: World) {
        begin(&mut world);
        world.poll().await;
        let in_an_answer = r#"{"data":null,"error":{"message":"v2 has ended, see V3"}}"#;
        world.heygen.replace_body(in_an_answer);
        world.poll().await;
        world.heygen.recover();
        for refusal in [hint(), Refusal::of(301).header("location", "https://h/v3")] {
            world.heygen.retire_v2(refusal);
            assert_eq!(served(&world.poll().await), "v2 failed");
        }
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn the_announcement_counts_where_nothing_else_comes(world: World) {
        begin(&mut world);
        world.poll().await;
        let announced = r#""warning":{"message":"v2 is retired","v3_endpoint":"/v3/avatars/looks"}"#;
        let of = |status, start: &str| {
            let body = format!("{{{start},{announced}}}");
            Refusal { body, ..Refusal::of(status) }
        };
        let message = r#"{"error":{"code":"retired","message":"use /v3/avatars/looks"}}"#;
        let counting = [
            of(400, r#""code":400,"message":"retired""#),
            of(200, r#""error":null,"data":null"#),
            Refusal { body: message.into(), ..Refusal::of(403) },
        ];
        for others in [429, 401, 403, 500] {
            for refusal in &counting[..2] {
                world.heygen.retire_v2(refusal.clone());
                assert_eq!(served(&world.poll().await), "v2 failed");
            }
            world.heygen.retire_v2(of(others, r#""code":1,"message":"no""#));
            assert_eq!(served(&world.poll().await), "v2 failed", "{others}");
        }
        for refusal in counting {
            world.heygen.retire_v2(refusal);
            assert_eq!(served(&world.poll().await), "v2 failed");
        }
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn once_over_it_stays_over_whatever_v3_answers(world: World) {
        begin(&mut world);
        world.poll().await;
        world.heygen.retire_v2(Refusal::of(410));
        for _ in 0..3 {
            world.poll().await;
        }
        world.heygen.fail_page(1, Refusal::of(503), 4);
        let mut said = 0;
        for _ in 0..4 {
            let report = world.poll().await;
            assert_eq!(served(&report), "v3 failed");
            said += usize::from(report.switched_to.is_some());
        }
        world.heygen.recover();
        let report = world.poll().await;
        assert_eq!((served(&report), report.switched_to, said), ("v3 succeeded".into(), None, 1));
    }

    async fn a_saved_response_neither_counts_nor_interrupts(world: World) {
        begin(&mut world);
        world.poll().await;
        let saved = world.heygen.body();
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..3 {
            assert_eq!(served(&world.poll().await), "v2 failed");
            world.poll_file(saved.clone()).await;
        }
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn a_new_database_goes_over_at_once(world: World) {
        begin(&mut world);
        world.heygen.retire_v2(Refusal::of(404));
        world.heygen.fail_page(1, Refusal::of(503), 1);
        let report = world.poll().await;
        assert_eq!((served(&report), report.switched_to), ("v3 failed".into(), None));
        let said = report.error.unwrap().message;
        assert!(said.contains("HTTP 404") && said.contains("HTTP 503"), "{said}");
        let report = world.poll().await;
        assert_eq!(served(&report), "v3 succeeded");
        assert_eq!((counts(&report), report.switched_to), ([6, 0, 0, 0, 0], Some(ApiVersion::V3)));
        assert_eq!(world.cell("SELECT count(*) FROM avatars WHERE premium IS NOT NULL").await, "0");
        world.heygen.recover();
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn a_new_database_waits_where_v2_only_fails(world: World) {
        begin(&mut world);
        for refusal in [Refusal::of(500), Refusal::of(302), Refusal::of(401), hint()] {
            world.heygen.retire_v2(refusal);
            assert_eq!(served(&world.poll().await), "v2 failed");
        }
        world.heygen.recover();
        assert_eq!(served(&world.poll().await), "v2 succeeded");
    }

    async fn a_fixed_version_is_not_left(world: World) {
        begin(&mut world);
        world.version = Version::Fixed(ApiVersion::V2);
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..5 {
            assert_eq!(served(&world.poll().await), "v2 failed");
        }
        assert!(world.heygen.requests().iter().all(|request| request.path == "/v2/avatars"));
    }

    async fn ids_that_only_one_version_lists_are_real_and_the_guard_judges_them(world: World) {
        begin(&mut world);
        for n in 0..30 {
            world.heygen.add_avatar(&format!("only v2 {n}"), |_| ());
        }
        world.poll().await;
        for n in 0..30 {
            world.heygen.remove(Kind::Avatar, &format!("only v2 {n}"));
        }
        world.heygen.add_avatar("only v3", |_| ());
        world.version = Version::Fixed(ApiVersion::V3);
        assert_eq!(counts(&world.poll().await)[..3], [1, 0, 0]);
        let report = world.poll().await;
        assert_eq!((counts(&report)[2], report.row.counts.unwrap().held), (0, 30));
        assert_eq!(report.exit_code(false), 3);
    }
}

/// The command line.
mod told {
    use super::*;

    at_home! {
        async fn the_switch_is_said_once_even_where_nobody_looks(home: Home) {
            home.heygen.add_avatar("a", |_| ());
            assert_eq!(home.run(&["sync"]).stderr, "");
            home.heygen.retire_v2(Refusal::of(404));
            assert_eq!(home.run(&["check"]).code, 65);
            for _ in 0..3 {
                assert_eq!(home.run(&["sync"]).code, 65);
            }
            let check = home.run(&["check"]);
            assert_eq!(check.code, 0);
            assert!(check.stdout.contains("by v3"), "{check:?}");
            let (code, dry) = home.sync(&["--dry-run"]);
            assert_eq!((code, dry["switched_to"].as_str()), (0, Some("v3")));
            let ran = home.run(&["sync", "--format", "text"]);
            assert_eq!(ran.code, 0);
            assert!(ran.stderr.contains("v3 of the API is read from now on"), "{ran:?}");
            assert!(!ran.stdout.contains("is read from now on"), "once is enough: {ran:?}");
            assert_eq!(home.run(&["sync"]).stderr, "");
            assert_eq!(home.sync(&[]).1["api_version"], "v3");
        }

        async fn a_version_can_be_pinned(home: Home) {
            let pinned = |version: &str| {
                home.run_with(&[("HEYGEN_SYNC_API__VERSION", version)], &["sync", "--format", "json"])
            };
            assert!(pinned("v3").stdout.contains(r#""api_version":"v3""#));
            assert!(pinned("v2").stdout.contains(r#""api_version":"v2""#));
            assert_eq!(pinned("v4").code, 78);
        }
    }
}
