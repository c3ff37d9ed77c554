//! `auto`: switches from v2 to v3 and never back by itself, without a change of history, on both engines.

use std::time::Duration;

use heygen_sync::{
    catalog::api_version::ApiVersion, config::Version, poll::Report, store::past::Overlap,
    time::Timestamp,
};

use crate::{
    fake::{Kind, Refusal},
    home::{Home, Ran, at_home},
    world::{World, on_both},
};

/// Adds a few items and sets the version to `auto`.
fn begin(world: &mut World) {
    world.version = Version::Auto;
    for id in ["a", "b", "c"] {
        world.heygen.add_avatar(id, |avatar| avatar.set("premium", true));
        world.heygen.add_photo(&format!("photo {id}"));
    }
}

/// Returns the version and the outcome.
fn served(report: &Report) -> String {
    format!("{} {}", report.row.api_version.as_deref().unwrap_or("?"), report.row.outcome)
}

/// Returns the counts: added, changed, removed, restored, learned.
fn counts(report: &Report) -> [i64; 5] {
    let counts = report.row.counts.unwrap_or_else(|| panic!("{:?}", report.error));
    [counts.added, counts.changed, counts.removed, counts.restored, counts.learned]
}

/// Returns an error whose own message mentions v3.
fn hint(status: u16) -> Refusal {
    let body = r#"{"error":{"code":"gone","message":"use GET /v3/avatars/looks"}}"#;
    Refusal { body: body.into(), ..Refusal::of(status) }
}

/// Returns an error with the announcement that every answer of v2 contains.
fn announcing(status: u16) -> Refusal {
    let announced = r#""warning":{"message":"v2 is retired","v3_endpoint":"/v3/avatars/looks"}"#;
    let body =
        format!(r#"{{"error":{{"code":"insufficient_credit","message":"no"}},{announced}}}"#);
    Refusal { body, ..Refusal::of(status) }
}

impl World {
    /// Sets the clock after the day on which v2 ends unless it announces another.
    fn after_the_end(&self) {
        self.set_clock(Timestamp::parse("2026-12-01").unwrap());
    }

    /// Polls while v2 answers with `refusal`.
    async fn v2_answers(&mut self, refusal: Refusal) -> Report {
        self.heygen.retire_v2(refusal);
        let report = self.poll().await;
        self.heygen.recover();
        report
    }

    /// Returns the paths that were requested since the last call.
    fn paths(&self, seen: &mut usize) -> Vec<String> {
        let requests = self.heygen.requests();
        let new = requests[*seen..].iter().map(|request| request.path.clone()).collect();
        *seen = requests.len();
        new
    }
}

fn reason(report: &Report) -> &str {
    report.error.as_ref().map_or("", |error| &error.message)
}

on_both! {
    async fn the_switch_is_not_a_change(world: World) {
        begin(&mut world);
        for _ in 0..3 {
            assert_eq!(served(&world.poll().await), "v2 succeeded");
        }
        world.heygen.retire_v2(Refusal::of(404));
        for said in ["1 of 3 polls; v3 is read after the third", "2 of 3", "3 of 3 polls; v3 is read from the next"] {
            let report = world.poll().await;
            assert_eq!((served(&report), report.exit_code(false)), ("v2 failed".into(), 65));
            assert_eq!((report.switched_to, report.row.superseded), (None, true));
            let error = reason(&report);
            assert!(error.contains("v2 is gone") && error.contains(said), "{error}");
            assert!(!error.contains("base_url"), "{error}");
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

    async fn only_a_good_poll_in_between_starts_the_count_anew(world: World) {
        begin(&mut world);
        for status in [200, 404, 200, 404, 410, 200, 404, 404, 200] {
            world.heygen.recover();
            if status != 200 {
                world.heygen.retire_v2(Refusal::of(status));
            }
            let outcome = if status == 200 { "v2 succeeded" } else { "v2 failed" };
            assert_eq!(served(&world.poll().await), outcome);
        }
        for status in [404, 500, 404, 429, 401, 402, 403, 404] {
            assert_eq!(served(&world.v2_answers(Refusal::of(status)).await), "v2 failed");
        }
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn an_outage_on_this_side_never_switches(world: World) {
        begin(&mut world);
        world.poll().await;
        world.after_the_end();
        world.client(|settings| settings.api.base_url = "http://127.0.0.1:1".parse().unwrap());
        for _ in 0..5 {
            let report = world.poll().await;
            assert_eq!((served(&report), report.row.superseded), ("v2 failed".into(), false));
        }
        world.client(|_| ());
        for refusal in [Refusal::of(500), Refusal::of(503), Refusal::empty_lists()] {
            world.heygen.fail_page(1, Refusal::of(503), usize::MAX);
            assert!(!world.v2_answers(refusal).await.row.superseded);
        }
        world.heygen.fail_page(1, Refusal::of(503), 0);
        assert_eq!(served(&world.poll().await), "v2 succeeded");
    }

    async fn what_shows_that_v2_is_gone(world: World) {
        begin(&mut world);
        world.poll().await;
        let elsewhere = Refusal::of(301).header("location", "https://h/v3");
        let gone = [404, 405, 410, 501, 302, 308].map(Refusal::of).into_iter();
        for refusal in gone.chain([elsewhere, hint(400), hint(403), hint(200), hint(500)]) {
            let status = refusal.status;
            assert!(world.v2_answers(refusal).await.row.superseded, "{status}");
            assert_eq!(served(&world.poll().await), "v2 succeeded");
        }
        let others = [400, 401, 402, 403, 408, 426, 429, 500, 503].map(Refusal::of).into_iter();
        let others = others.chain([hint(401), hint(402), hint(429)]);
        for refusal in others.chain([200, 400, 402, 403].map(announcing)) {
            let status = refusal.status;
            let report = world.v2_answers(refusal).await;
            assert_eq!((served(&report), report.row.superseded), ("v2 failed".into(), false), "{status}");
        }
        assert_eq!(served(&world.poll().await), "v2 succeeded");
    }

    async fn after_the_end_v2_is_gone_where_only_v3_answers(world: World) {
        begin(&mut world);
        world.poll().await;
        let facts = world.facts().await;
        world.after_the_end();
        let html = Refusal { body: "<html>".into(), ..Refusal::of(200) };
        for refusal in [Refusal::of(500), Refusal::of(400), html, Refusal::empty_lists()] {
            let body = refusal.body.clone();
            let report = world.v2_answers(refusal).await;
            assert_eq!((served(&report), report.row.superseded), ("v2 failed".into(), true), "{body}");
            let said = reason(&report);
            assert!(said.contains("v2 is gone, 1 of 3 polls"), "{said}");
            assert!(!said.contains("try again later"), "{said}");
            assert_eq!(world.facts().await, facts);
            assert_eq!(served(&world.poll().await), "v2 succeeded");
        }
        world.client(|settings| settings.api.timeout = Duration::from_secs(2));
        let report = world.v2_answers(Refusal::silence()).await;
        assert!(report.row.superseded && !reason(&report).contains("api.timeout"), "{}", reason(&report));
        world.client(|_| ());
        let mut seen = world.heygen.request_count();
        for status in [401, 402, 403, 429] {
            let report = world.v2_answers(announcing(status)).await;
            assert_eq!((report.row.superseded, world.paths(&mut seen)), (false, vec!["/v2/avatars".into()]));
        }
        // If the page of v3 fails, an empty list of v2 is treated like any other.
        world.heygen.fail_page(1, Refusal::of(503), usize::MAX);
        let report = world.v2_answers(Refusal::empty_lists()).await;
        assert_eq!((served(&report), report.exit_code(false)), ("v2 held".into(), 3));
    }

    async fn an_empty_catalogue_stays_good_while_nothing_is_current(world: World) {
        world.version = Version::Fixed(ApiVersion::V2);
        world.poll().await;
        world.version = Version::Auto;
        world.after_the_end();
        assert_eq!(served(&world.poll().await), "v2 succeeded");
    }

    async fn the_end_is_when_the_last_answer_says_so(world: World) {
        begin(&mut world);
        world.heygen.deprecate("v2 ends", "Thu, 31 Dec 2026 00:00:00 GMT");
        world.poll().await;
        world.after_the_end();
        assert!(!world.v2_answers(Refusal::of(500)).await.row.superseded);
        world.set_clock(Timestamp::parse("2026-12-31T20:00:00Z").unwrap());
        assert!(!world.v2_answers(Refusal::of(500)).await.row.superseded);
        let malformed = Refusal::of(500).header("sunset", "some day");
        assert!(!world.v2_answers(malformed).await.row.superseded);
        let earlier = || Refusal::of(500).header("sunset", "Tue, 01 Dec 2026 00:00:00 GMT");
        assert!(world.v2_answers(earlier()).await.row.superseded);
        assert!(world.v2_answers(Refusal::of(500)).await.row.superseded, "an error's date counts");
        let body = r#"{"error":{"code":"x"},"warning":{"message":"m","sunset_date":"2027-06-30"}}"#;
        let later = Refusal { body: body.into(), ..Refusal::of(500) };
        assert!(!world.v2_answers(later).await.row.superseded);
    }

    async fn three_polls_must_span_an_hour(world: World) {
        begin(&mut world);
        world.poll().await;
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..5 {
            world.pass(Duration::from_secs(10 * 60));
            assert_eq!(served(&world.poll_now().await.unwrap()), "v2 failed");
        }
        world.pass(Duration::from_secs(10 * 60));
        let report = world.poll_now().await.unwrap();
        assert_eq!(served(&report), "v2 failed");
        world.pass(Duration::from_secs(10 * 60));
        let report = world.poll_now().await.unwrap();
        assert_eq!((served(&report), reason(&report).contains("next poll")), ("v2 failed".into(), true));
        assert_eq!(served(&world.poll().await), "v3 succeeded");
    }

    async fn a_refresh_does_not_count(world: World) {
        begin(&mut world);
        world.poll().await;
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..3 {
            world.poll().await;
        }
        world.meddle("UPDATE polls SET trigger = 'refresh' WHERE poll_id = 3").await;
        let report = world.poll().await;
        assert_eq!((served(&report), reason(&report).contains("3 of 3")), ("v2 failed".into(), true));
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

    async fn an_account_without_history_reads_whichever_version_answers(world: World) {
        begin(&mut world);
        let mut refusals: Vec<_> = [404, 500, 302, 301, 400, 403, 405, 410, 426, 501].map(Refusal::of).into();
        refusals.extend([hint(400), Refusal::empty_lists()]);
        for refusal in refusals {
            world.start_over().await;
            let status = refusal.status;
            let report = world.v2_answers(refusal).await;
            assert_eq!(served(&report), "v3 succeeded", "{status}");
            assert_eq!((counts(&report), report.switched_to), ([6, 0, 0, 0, 0], Some(ApiVersion::V3)));
        }
        assert_eq!(world.cell("SELECT count(*) FROM avatars WHERE premium IS NOT NULL").await, "0");
        assert_eq!(served(&world.poll().await), "v3 succeeded");
        world.start_over().await;
        world.client(|settings| settings.api.timeout = Duration::from_secs(2));
        assert_eq!(served(&world.v2_answers(Refusal::silence()).await), "v3 succeeded");
    }

    async fn a_refused_key_and_a_limit_are_no_reason_to_ask_another_version(world: World) {
        begin(&mut world);
        let mut seen = 0;
        for status in [401, 402, 429] {
            let report = world.v2_answers(Refusal::of(status)).await;
            assert_eq!((served(&report), world.paths(&mut seen)), ("v2 failed".into(), vec!["/v2/avatars".into()]));
        }
        world.client(|settings| settings.api.base_url = "http://127.0.0.1:1".parse().unwrap());
        let report = world.poll().await;
        assert_eq!(reason(&report).matches("cannot reach").count(), 1, "{}", reason(&report));
        world.client(|_| ());
        assert_eq!(served(&world.poll().await), "v2 succeeded");
    }

    async fn where_neither_version_gives_a_list_both_reasons_are_named(world: World) {
        begin(&mut world);
        let refusals = [(Refusal::of(404), 65, "v2"), (Refusal::of(403), 77, "v2"), (Refusal::of(500), 69, "v3")];
        for (refusal, code, version) in refusals {
            let status = refusal.status;
            world.heygen.fail_page(1, Refusal::of(503), usize::MAX);
            let report = world.v2_answers(refusal).await;
            assert_eq!((report.exit_code(false), report.switched_to), (code, None));
            assert_eq!(served(&report), format!("{version} failed"));
            let error = reason(&report);
            assert!(error.contains(&format!("HTTP {status}")) && error.contains("HTTP 503"), "{error}");
        }
        let report = world.v2_answers(Refusal::empty_lists()).await;
        let error = reason(&report);
        assert!(error.contains("lists nothing") && error.contains("HTTP 503"), "{error}");
        assert_eq!(report.exit_code(false), 65);
    }

    async fn after_the_end_an_account_without_history_asks_v3_first(world: World) {
        begin(&mut world);
        world.after_the_end();
        let mut seen = 0;
        let report = world.poll().await;
        assert_eq!((served(&report), report.switched_to), ("v3 succeeded".into(), None));
        assert_eq!(world.paths(&mut seen), ["/v3/avatars/looks"]);
        world.start_over().await;
        world.after_the_end();
        world.heygen.fail_page(1, Refusal::of(403), usize::MAX);
        let report = world.poll().await;
        assert_eq!((served(&report), report.switched_to), ("v2 succeeded".into(), None));
        assert_eq!(world.paths(&mut seen), ["/v3/avatars/looks", "/v2/avatars"]);
    }

    async fn history_from_files_alone_counts_as_none(world: World) {
        begin(&mut world);
        world.poll_file(world.heygen.body()).await;
        let report = world.v2_answers(Refusal::of(500)).await;
        assert_eq!(served(&report), "v3 succeeded");
    }

    async fn a_fixed_version_is_not_left(world: World) {
        begin(&mut world);
        world.version = Version::Fixed(ApiVersion::V2);
        world.heygen.retire_v2(Refusal::of(404));
        for _ in 0..5 {
            let report = world.poll().await;
            assert_eq!((served(&report), report.row.superseded), ("v2 failed".into(), true));
            assert!(reason(&report).contains("set api.version"), "{}", reason(&report));
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
        assert_eq!(report.overlap, Some(Overlap { before: 36, both: 6 }));
        assert_eq!(world.poll().await.overlap, None, "only the first one says it");
    }
}

/// `auto` at the command line.
mod told {
    use super::*;

    const AUTO: (&str, &str) = ("HEYGEN_SYNC_API__VERSION", "auto");

    impl Home {
        fn auto(&self, args: &[&str]) -> Ran {
            self.run_with(&[AUTO], args)
        }
    }

    at_home! {
        async fn the_switch_is_said_once_even_where_nobody_looks(home: Home) {
            home.heygen.add_avatar("a", |_| ());
            assert_eq!(home.run(&["sync"]).stderr, "");
            home.heygen.retire_v2(Refusal::of(404));
            assert_eq!(home.auto(&["check"]).code, 65);
            for _ in 0..3 {
                let ran = home.auto(&["sync"]);
                assert_eq!(ran.code, 65);
                assert!(ran.stderr.contains("v2 is gone"), "{ran:?}");
                assert!(!ran.stderr.contains("base_url"), "{ran:?}");
            }
            let earlier = "UPDATE polls SET started_at = '2026-01-01T00:00:00.000Z' WHERE poll_id = 2";
            home.count(earlier).await;
            let check = home.auto(&["check"]);
            assert_eq!(check.code, 0);
            assert!(check.stdout.contains("offers v3"), "{check:?}");
            let dry = home.auto(&["sync", "--format", "json", "--dry-run"]);
            assert_eq!(dry.code, 0);
            assert!(dry.stdout.contains(r#""switched_to":"v3""#), "{dry:?}");
            let ran = home.auto(&["sync", "--format", "text"]);
            assert_eq!(ran.code, 0);
            assert!(ran.stderr.contains("v3 is read from now on"), "{ran:?}");
            assert!(!ran.stdout.contains("is read from now on"), "once is enough: {ran:?}");
            assert_eq!(home.auto(&["sync"]).stderr, "");
        }

        async fn a_new_account_goes_over_calmly(home: Home) {
            home.heygen.add_avatar("a", |_| ());
            home.heygen.fail_page(1, Refusal::of(404), usize::MAX);
            let ran = home.auto(&["sync", "-v", "--format", "json"]);
            assert_eq!(ran.code, 0);
            assert!(!ran.stderr.contains("ERROR"), "{ran:?}");
            assert_eq!(ran.stderr.matches("v2 of the API is read instead").count(), 1, "{ran:?}");
            home.heygen.fail_page(1, Refusal::of(404), 0);
            let ran = home.auto(&["--database", "other.db", "sync", "--format", "json"]);
            assert!(ran.stdout.contains(r#""api_version":"v3""#), "{ran:?}");
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
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
