//! Rule 1: one poll, one transaction.

use heygen_sync::error::Kind as Fault;

use crate::{
    fake::{FakeHeyGen, Kind},
    world::{World, body, hour, on_all},
};

const LAST_POLL: &str = "SELECT outcome, error IS NULL, observed_at, added, missing, avatars_listed, \
     http_status FROM polls ORDER BY poll_id DESC LIMIT 1";

on_all! {
    async fn all_that_a_poll_does_lands_with_its_row(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.heygen.add_photo("b");
        let report = world.poll().await;
        assert_eq!(report.row.poll_id, 1);
        assert_eq!(
            world.lines(LAST_POLL).await,
            ["succeeded|1|2026-01-01T01:00:00.000Z|2|0|1|200"]
        );
        for table in ["avatars", "avatar_history", "talking_photos", "talking_photo_history"] {
            assert_eq!(world.count(table).await, 1, "{table}");
        }
        assert_eq!(world.lines("SELECT account, last_poll_id, polls FROM accounts").await, ["default|1|1"]);
    }

    async fn a_row_says_how_it_was_polled(world: World) {
        world.heygen.deprecate("v2 ends", "Sat, 31 Oct 2026 23:59:59 GMT");
        world.poll().await;
        let (version, path) = match world.is_v3() {
            true => ("v3", "/v3/avatars/looks"),
            false => ("v2", "/v2/avatars"),
        };
        let sql = "SELECT account, trigger, api_version, started_at, finished_at, held_reason, policy,
            request_id, error FROM polls";
        assert_eq!(
            world.lines(sql).await,
            [format!(
                "default|manual|{version}|{0}|{0}|∅|{1}|req-1|∅",
                hour(1),
                r#"{"accepted":null,"after_polls":1,"max_share":0.2,"min_count":20}"#
            )]
        );
        let source = format!("{}{path}", world.heygen.base_url());
        assert_eq!(world.cell("SELECT source FROM polls").await, source);
        let warning = if world.is_v3() { "is deprecated" } else { "v2 ends" };
        assert!(world.cell("SELECT warning FROM polls").await.contains(warning));
        let sizes = "SELECT response_bytes > 10, length(response_sha256), host IS NULL FROM polls";
        assert_eq!(world.lines(sql).await.len(), 1);
        assert_eq!(world.lines(sizes).await, ["1|64|0"]);
    }

    async fn a_failed_poll_writes_its_row_and_nothing_else(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let before = world.facts().await;
        world.heygen.rename(Kind::Avatar, "a", "B");
        world.heygen.fail_next(500);
        let report = world.poll().await;
        assert_eq!(report.exit_code(false), 69);
        assert_eq!(world.lines(LAST_POLL).await, ["failed|0|2026-01-01T02:00:00.000Z|∅|∅|∅|500"]);
        assert_eq!(world.facts().await, before);
        assert_eq!(world.lines("SELECT last_poll_id, polls FROM accounts").await, ["2|2"]);
        assert_eq!(world.poll().await.row.counts.unwrap().changed, 1);
    }

    async fn a_poll_without_an_answer_has_no_observed_at(world: World) {
        world.poll().await;
        world.heygen = FakeHeyGen::start(); // the address that the client knows no longer answers
        assert_eq!(world.poll().await.exit_code(false), 69);
        assert_eq!(world.lines(LAST_POLL).await, ["failed|0|∅|∅|∅|∅|∅"]);
    }

    async fn a_first_poll_that_fails_leaves_the_baseline_to_the_next(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.heygen.fail_next(500);
        world.poll().await;
        let report = world.poll().await;
        assert!(report.diff.unwrap().baseline);
        assert_eq!(world.lines("SELECT opened_poll, opened_after FROM avatar_history").await, ["2|∅"]);
    }

    async fn a_write_that_breaks_off_leaves_no_trace(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        // Another program has written a row with the key of version 2.
        world.meddle("INSERT INTO avatar_history (account, avatar_id, version, valid_from, valid_to,
            opened_by, opened_poll) VALUES ('default', 'a', 2, '2026-01-01T01:00:00.000Z',
            '2026-01-01T01:00:00.000Z', 'changed', 1)").await;
        let before = world.dump().await;
        world.set_clock(hour(5));
        let changed = body(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"c"}"#, "");
        let error = world.backfill(changed.clone(), Some(hour(5))).await.unwrap_err();
        assert_eq!(error.kind, Fault::Storage);
        assert_eq!(world.dump().await, before);
        world.meddle("DELETE FROM avatar_history WHERE version = 2").await;
        let report = world.backfill(changed, Some(hour(5))).await.unwrap();
        assert_eq!(report.row.poll_id, 2);
        assert_eq!(report.row.counts.unwrap().removed, 1);
    }

    async fn polls_are_numbered_without_gaps_whoever_polls_and_however_they_end(world: World) {
        world.poll().await;
        world.account = "studio";
        world.poll().await;
        world.heygen.fail_next(403);
        world.poll().await;
        let early = world.backfill(body("", ""), Some(hour(0))).await;
        assert_eq!(early.unwrap_err().kind, Fault::Usage);
        world.account = "default";
        world.poll().await;
        assert_eq!(
            world.lines("SELECT poll_id, account, outcome FROM polls ORDER BY poll_id").await,
            ["1|default|succeeded", "2|studio|succeeded", "3|studio|failed", "4|default|succeeded"]
        );
        assert_eq!(
            world.lines("SELECT account, last_poll_id, polls FROM accounts ORDER BY account").await,
            ["default|4|2", "studio|3|2"]
        );
    }

    async fn a_dry_run_says_what_a_poll_would_do_and_writes_nothing(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#).await;
        let before = world.dump().await;
        let next = body(r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"c"}"#, "");
        let dry = world.dry_run(next.clone()).await;
        assert_eq!(world.dump().await, before);
        world.set_clock(hour(1));
        let mut wet = world.poll_file(next).await;
        // Fingerprints are only stored by a real poll.
        for list in wet.diff.iter_mut().flat_map(|diff| &mut diff.lists) {
            list.fingerprints.clear();
            list.opened.iter_mut().for_each(|new| new.fingerprint = None);
        }
        assert_eq!((dry.row.counts, dry.diff), (wet.row.counts, wet.diff));
        assert_eq!((dry.row.poll_id, wet.row.poll_id), (0, 2));
    }

    async fn accounts_have_histories_of_their_own(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.account = "studio";
        let report = world.avatars(r#"{"avatar_id":"a","gender":"y"}"#).await;
        assert!(report.diff.unwrap().baseline);
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        assert_eq!(
            world.lines("SELECT account, avatar_id, gender, removed_at IS NULL FROM avatars
                WHERE avatar_id <> 'p' ORDER BY 1, 2").await,
            ["default|a|x|1", "studio|a|y|0", "studio|b|∅|1"]
        );
    }
}
