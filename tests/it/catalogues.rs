//! Three catalogues of one account: each is polled, compared and reported on its own.

use std::time::Duration;

use heygen_sync::{
    catalog::{api_version::ApiVersion, catalogue::Catalogue, kind::Kind},
    config::{Notify, Version},
    poll::Report,
    verify::verify,
};
use serde_json::json;

use crate::{
    fake::{self, Refusal},
    world::{World, hour, on_both},
};

use Catalogue::{AvatarGroups, Avatars, Voices};

/// Returns the error of a key without the scope for a list.
fn no_scope() -> Refusal {
    let body = r#"{"error":{"code":"insufficient_api_key_scope","message":"no"}}"#;
    Refusal { body: body.into(), ..Refusal::of(403) }
}

impl World {
    /// Adds two avatars, two groups and two voices.
    fn with_all(&self) {
        for id in ["a1", "a2"] {
            self.heygen.add_avatar(id, |avatar| {
                avatar.set("default_voice_id", "v1");
                avatar.set_look("group_id", "g1");
            });
        }
        ["g1", "g2"].into_iter().for_each(|id| self.heygen.add_group(id));
        self.heygen.add_voice("v1", false);
        self.heygen.add_voice("v2", true);
    }

    async fn poll_all(&mut self) -> [Report; 3] {
        [self.poll_of(Avatars).await, self.poll_of(AvatarGroups).await, self.poll_of(Voices).await]
    }

    /// Asserts that the database is consistent.
    async fn agrees(&mut self) {
        let report = verify(self.store(), None, &|_| ()).await.unwrap();
        assert_eq!(report.exit_code(), 0, "{:?}", report.findings);
    }
}

on_both! {
    async fn each_catalogue_has_a_baseline_and_counts_of_its_own(world: World) {
        world.with_all();
        let reports = world.poll_all().await;
        assert!(reports.iter().all(|report| report.diff.as_ref().unwrap().baseline));
        let listed = "catalogue, api_version, avatars_listed, talking_photos_listed, avatar_groups_listed, voices_listed, added";
        assert_eq!(
            world.lines(&format!("SELECT {listed} FROM polls ORDER BY poll_id")).await,
            ["avatars|v2|2|0|∅|∅|2", "avatar_groups|v3|∅|∅|2|∅|2", "voices|v3|∅|∅|∅|2|2"]
        );
        assert_eq!(
            world.lines("SELECT kind, added FROM daily_changes ORDER BY kind").await,
            ["avatar|2", "avatar_group|2", "voice|2"]
        );
        assert_eq!(
            world.lines("SELECT DISTINCT kind FROM fields ORDER BY kind").await,
            ["avatar", "avatar_group", "voice"]
        );
        let facts = world.facts().await;
        for report in world.poll_all().await {
            assert!(!report.diff.unwrap().is_news());
        }
        assert_eq!(world.facts().await, facts);
        world.agrees().await;
    }

    async fn a_good_voices_poll_does_not_move_avatars_to_v3(world: World) {
        world.with_all();
        world.version = Version::Auto;
        for _ in 0..2 {
            let [avatars, groups, voices] = world.poll_all().await;
            let version = |report: &Report| report.row.api_version.clone().unwrap();
            assert_eq!([&avatars, &groups, &voices].map(version), ["v2", "v3", "v3"]);
        }
    }

    async fn a_refused_scope_fails_its_own_catalogue_and_is_noticed_once(world: World) {
        world.with_all();
        world.notify = vec![Notify { url: "https://notices.example/".parse().ok(), ..Notify::default() }];
        world.heygen.lists(|lists| drop(lists.refused.insert("/v3/voices", no_scope())));
        for _ in 0..3 {
            let [avatars, _, voices] = world.poll_all().await;
            assert_eq!((avatars.exit_code(false), voices.exit_code(false)), (0, 77));
            assert!(voices.error.unwrap().message.contains("insufficient_api_key_scope"));
        }
        let kinds = "SELECT n.kind, p.catalogue FROM notices AS n JOIN polls AS p ON p.poll_id = n.poll_id ORDER BY n.notice_id";
        assert_eq!(world.lines(kinds).await, ["baseline|avatars", "baseline|avatar_groups", "failing|voices"]);
        world.heygen.lists(|lists| lists.refused.clear());
        world.poll_all().await;
        assert_eq!(world.lines(kinds).await[3..], ["recovered|voices", "baseline|voices"]);
    }

    async fn only_polls_of_its_catalogue_count_for_a_removal(world: World) {
        world.with_all();
        world.removals.after_polls = Some(3);
        world.poll_all().await;
        world.heygen.remove(fake::Kind::Avatar, "a2");
        for removed in [0, 0, 1] {
            let [avatars, groups, _] = world.poll_all().await;
            assert_eq!(avatars.row.counts.unwrap().removed, removed);
            assert_eq!(groups.row.counts.unwrap().missing, 0);
        }
        assert_eq!(
            world.lines("SELECT closed_after, valid_to FROM avatar_history WHERE avatar_id = 'a2'").await,
            [format!("{}|{}", hour(1), hour(10))]
        );
        world.agrees().await;
    }

    async fn an_item_was_last_listed_by_a_poll_of_its_own_catalogue(world: World) {
        world.with_all();
        world.poll_all().await;
        world.poll_of(Voices).await;
        world.heygen.add_avatar("a3", |_| ());
        world.heygen.lists(|lists| lists.groups.get_mut("g1").unwrap()["name"] = json!("Ann"));
        world.pass(Duration::from_secs(3600));
        world.poll_of(Avatars).await;
        world.poll_of(AvatarGroups).await;
        assert_eq!(
            world.lines("SELECT DISTINCT last_listed_at FROM current_avatars UNION ALL SELECT DISTINCT last_listed_at FROM current_voices").await,
            [hour(6).to_string(), hour(4).to_string()]
        );
        assert_eq!(
            world.lines("SELECT item_id, previous_poll_at FROM changes WHERE poll_id > 3 ORDER BY poll_id").await,
            [format!("a3|{}", hour(1)), format!("g1|{}", hour(2))]
        );
    }

    async fn voices_are_whole_only_with_both_types(world: World) {
        for nth in 0..230 {
            world.heygen.add_voice(&format!("v{nth:03}"), nth >= 210);
        }
        let report = world.poll_of(Voices).await;
        assert_eq!(report.row.counts.unwrap().listed(Kind::parse("voice").unwrap()), 230);
        let queries: Vec<_> = world.heygen.requests().into_iter().filter_map(|r| r.query).collect();
        assert_eq!(queries.len(), 4);
        assert_eq!((queries[0].as_str(), queries[3].as_str()), ("limit=100&type=public", "limit=100&type=private"));
        let facts = world.facts().await;
        world.heygen.lists(|lists| lists.failing = Some(("/v3/voices", 3, Refusal::of(500))));
        assert_eq!(world.poll_of(Voices).await.exit_code(false), 69);
        assert_eq!(world.facts().await, facts);
    }

    async fn looks_have_the_names_of_their_group_and_voice_even_removed_ones(world: World) {
        world.version = Version::Fixed(ApiVersion::V3);
        world.removals.after_polls = Some(1);
        world.notify = vec![Notify {
            url: "https://notices.example/".parse().ok(),
            watch: vec!["g1".into()],
            ..Notify::default()
        }];
        world.with_all();
        world.poll_of(Avatars).await;
        let names = "SELECT DISTINCT group_name, default_voice_name FROM current_avatars";
        assert_eq!(world.lines(names).await, ["∅|∅"]);
        world.poll_all().await;
        assert_eq!(world.lines(names).await, ["Person g1|Voice v1"]);
        world.heygen.lists(|lists| drop(lists.groups.remove("g1")));
        assert_eq!(world.poll_of(AvatarGroups).await.row.counts.unwrap().removed, 1);
        assert_eq!(world.lines(names).await, ["Person g1|Voice v1"]);
        let told = world.lines("SELECT body FROM notices ORDER BY notice_id DESC LIMIT 1").await;
        assert!(told[0].contains("! watched avatar group"), "{told:?}");
        assert_eq!(world.cell("SELECT count(*) FROM current_avatar_groups").await, "1");
    }

    async fn the_number_of_looks_of_a_group_is_learned_and_never_news(world: World) {
        world.with_all();
        world.poll_of(AvatarGroups).await;
        world.heygen.lists(|lists| lists.groups.get_mut("g1").unwrap()["looks_count"] = json!(9));
        let counts = world.poll_of(AvatarGroups).await.row.counts.unwrap();
        assert_eq!((counts.learned, counts.changed), (1, 0));
        world.heygen.lists(|lists| {
            let group = lists.groups.get_mut("g1").unwrap();
            (group["looks_count"], group["name"]) = (json!(10), json!("Ann"));
        });
        assert_eq!(world.poll_of(AvatarGroups).await.row.counts.unwrap().changed, 1);
        assert_eq!(world.lines("SELECT field FROM field_changes").await, ["group_name"]);
        world.agrees().await;
    }

    async fn a_poll_waits_for_the_lock_only_with_patience(world: World) {
        let deadline = Duration::from_secs(60);
        let (mut holder, mut other) = (world.second().await, world.second().await);
        let held = holder.begin_poll("default", hour(0), deadline).await.unwrap();
        let refused = other.wait_to_poll("default", hour(0), deadline, Duration::ZERO).await;
        assert_eq!(refused.unwrap_err().kind.exit_code(), 75);
        let waits = other.wait_to_poll("default", hour(0), deadline, deadline);
        let (taken, ended) = tokio::join!(waits, held.end());
        ended.unwrap();
        taken.unwrap().end().await.unwrap();
    }

    async fn two_catalogues_saved_at_one_instant_are_both_backfilled(world: World) {
        let groups = r#"{"data":[{"id":"g","name":"G","looks_count":1}],"has_more":false}"#;
        let voices = r#"[{"voice_id":"v","name":"V"}]"#;
        for file in [groups, voices] {
            let report = world.backfill(file, Some(hour(0))).await.unwrap();
            assert_eq!((report.row.outcome.as_str(), report.row.observed_at), ("succeeded", Some(hour(0))));
        }
        assert!(world.backfill(voices, Some(hour(0))).await.is_err());
        world.agrees().await;
    }

    async fn a_large_account_is_read_with_as_few_requests_as_it_takes(world: World) {
        world.version = Version::Fixed(ApiVersion::V3);
        for nth in 0..10_000 {
            world.heygen.add_avatar(&format!("a{nth:05}"), |avatar| avatar.set_look("group_id", format!("g{:03}", nth % 400)));
        }
        (0..400).for_each(|nth| world.heygen.add_group(&format!("g{nth:03}")));
        (0..2_000).for_each(|nth| world.heygen.add_voice(&format!("v{nth:04}"), nth >= 1_900));
        let added = |reports: [Report; 3]| reports.map(|report| report.row.counts.unwrap().added);
        assert_eq!(added(world.poll_all().await), [10_000, 400, 2_000]);
        assert_eq!(world.heygen.request_count(), 200 + 8 + 20);
        let facts = world.facts().await;
        world.poll_all().await;
        assert_eq!(world.facts().await, facts);
        assert_eq!(world.heygen.request_count(), 2 * 228);
        for nth in 0..50 {
            world.heygen.rename(fake::Kind::Avatar, &format!("a{nth:05}"), "B");
        }
        for nth in 50..75 {
            world.heygen.remove(fake::Kind::Avatar, &format!("a{nth:05}"));
            world.heygen.add_avatar(&format!("b{nth:05}"), |_| ());
        }
        world.heygen.lists(|lists| {
            (0..4).for_each(|nth| lists.groups.get_mut(&format!("g{nth:03}")).unwrap()["name"] = json!("B"));
            (0..10).for_each(|nth| lists.voices.get_mut(&format!("v{nth:04}")).unwrap()["name"] = json!("B"));
            (10..20).for_each(|nth| drop(lists.voices.remove(&format!("v{nth:04}"))));
        });
        let counts = |report: Report| report.row.counts.map(|c| (c.added, c.changed, c.removed, c.missing)).unwrap();
        let churned = [(25, 50, 0, 25), (0, 4, 0, 0), (0, 10, 0, 10)];
        assert_eq!(world.poll_all().await.map(counts), churned);
        assert_eq!(world.heygen.request_count(), 3 * 228);

        let facts = world.facts().await;
        world.heygen.fail_page(150, Refusal::of(500), 1);
        assert_eq!(world.poll_of(Avatars).await.exit_code(false), 69);
        assert_eq!((world.facts().await, world.heygen.request_count()), (facts, 3 * 228 + 150));
        world.heygen.lists(|lists| drop(lists.refused.insert("/v3/voices", no_scope())));
        let [avatars, groups, voices] = world.poll_all().await;
        assert_eq!((voices.exit_code(false), voices.row.counts), (77, None));
        assert_eq!([avatars, groups].map(counts), [(0, 0, 25, 0), (0, 0, 0, 0)]);
        assert_eq!(world.heygen.request_count(), 4 * 228 + 150 - 19);
        world.agrees().await;
    }
}
