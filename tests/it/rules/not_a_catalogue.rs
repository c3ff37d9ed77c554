//! Rule 11: an answer that is not a catalogue changes nothing.

use heygen_sync::error::Kind as Fault;

use crate::world::{World, body, on_all};

const EMPTY: &str = r#"{"error":null,"data":{"avatars":[],"talking_photos":[]}}"#;

/// Returns answers with status 200 that are not a catalogue.
fn not_catalogues() -> Vec<String> {
    let with_error = |error: &str| EMPTY.replace("null", error);
    let mut all: Vec<String> = [
        "",
        " ",
        "null",
        "[]",
        "7",
        "\"x\"",
        "{}",
        "<html></html>",
        "{\"data\":{}}",
        r#"{"data":null}"#,
        r#"{"data":"x"}"#,
        r#"{"data":{"avatars":[]}}"#,
        r#"{"data":{"talking_photos":[]}}"#,
        r#"{"data":{"avatars":null,"talking_photos":[]}}"#,
        r#"{"data":{"avatars":[],"talking_photos":null}}"#,
        r#"{"data":{"avatars":{},"talking_photos":[]}}"#,
        r#"{"data":{"avatars":[],"talking_photos":"[]"}}"#,
        r#"{"avatars":[],"talking_photos":7}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend(
        ["\"busy\"", "{}", "false", "0", "[]", " \" \" ", r#"{"code":"x","message":"y"}"#]
            .map(with_error),
    );
    all.extend([1, 10, 30, EMPTY.len() - 1].map(|at| EMPTY[..at].to_owned()));
    all.extend([
        format!("{EMPTY}x"),
        format!("{EMPTY}{EMPTY}"),
        EMPTY.replace("[]", "[,]"),
        EMPTY.replace(',', ",,"),
    ]);
    all
}

on_all! {
    async fn a_saved_answer_that_is_no_catalogue_changes_nothing(world: World) {
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let before = world.facts().await;
        for text in not_catalogues() {
            let report = world.poll_file(text.clone()).await;
            assert_eq!(report.exit_code(true), 65, "{text}");
            assert_eq!(report.error.map(|error| error.kind), Some(Fault::NotACatalogue), "{text}");
            assert_eq!(report.row.outcome, "failed");
        }
        assert_eq!(world.facts().await, before);
        let failed = not_catalogues().len() as u32;
        assert_eq!(world.count("polls WHERE outcome = 'failed' AND error IS NOT NULL AND added IS NULL").await, failed);
    }

    async fn nor_does_one_that_came_with_status_200(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let before = world.facts().await;
        for text in not_catalogues() {
            world.heygen.replace_body(text.clone());
            let report = world.poll().await;
            assert_eq!((report.exit_code(true), report.row.http_status), (65, Some(200)), "{text}");
        }
        world.heygen.replace_body(r#"{"avatars":[],"talking_photos":[]}"#);
        assert_eq!(world.poll().await.exit_code(true), 65); // only a file may contain `data` alone
        world.heygen.replace_body(b"\xff\xfe{}".as_slice());
        assert_eq!(world.poll().await.exit_code(true), 65);
        assert_eq!(world.facts().await, before);
    }

    async fn nor_does_any_other_status(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let before = world.facts().await;
        for (status, code) in [
            (201, 65), (204, 65), (206, 65), (400, 65), (401, 77), (403, 77), (404, 65), (408, 65), (410, 65),
            (429, 69), (500, 69), (502, 69), (503, 69), (504, 69),
        ] {
            world.heygen.fail_always(status, EMPTY);
            let report = world.poll().await;
            assert_eq!((report.exit_code(true), report.row.http_status), (code, Some(i64::from(status))));
        }
        assert_eq!(world.facts().await, before);
    }

    async fn a_redirect_is_not_followed(world: World) {
        world.heygen.add_avatar("a", |_| ());
        let elsewhere = crate::fake::FakeHeyGen::start();
        elsewhere.add_avatar("b", |_| ());
        world.heygen.redirect_to(&format!("{}/v2/avatars", elsewhere.base_url()));
        assert_eq!(world.poll().await.exit_code(true), 65);
        assert_eq!(elsewhere.request_count(), 0);
        assert_eq!(world.count("avatars").await, 0);
    }

    async fn an_answer_that_breaks_off_changes_nothing(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let before = world.facts().await;
        world.heygen.cut_body(100);
        assert_eq!(world.poll().await.exit_code(true), 69);
        assert_eq!(world.facts().await, before);
    }

    async fn an_error_that_says_nothing_and_a_byte_order_mark_are_tolerated(world: World) {
        if world.is_v3() {
            return; // the page decoder has its own test for this
        }
        for text in [
            EMPTY.into(), EMPTY.replace("null", "\"\""), EMPTY.replace("\"error\":null,", ""),
            format!("\u{FEFF}{EMPTY}"), format!(" \n{EMPTY}\n"),
        ] {
            world.heygen.replace_body(text.clone());
            assert_eq!(world.poll().await.exit_code(true), 0, "{text}");
            assert_eq!(world.poll_file(text.clone()).await.exit_code(true), 0, "{text}");
        }
        assert_eq!(world.poll_file("\u{FEFF}{\"talking_photos\":[],\"avatars\":[]}").await.exit_code(true), 0);
    }

    async fn what_fails_quotes_neither_body_nor_key(world: World) {
        world.heygen.replace_body(r#"{"error":{"code":1,"message":"at https://h/x?Signature=SECRET with test-key"},"data":null}"#);
        world.poll().await;
        let error = world.cell("SELECT error FROM polls").await;
        assert!(!error.contains("SECRET") && !error.contains("test-key"), "{error}");
    }

    async fn the_first_good_poll_after_failures_goes_on_where_the_last_good_one_was(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x"}"#).await;
        world.poll_file("<html>").await;
        world.avatars(r#"{"avatar_id":"a","gender":"y"}"#).await;
        let after = world.cell("SELECT opened_after FROM avatar_history WHERE version = 2").await;
        assert_eq!(after, crate::world::hour(1).to_string());
        assert_eq!(world.poll_file(body("", "")).await.row.poll_id, 4);
    }
}
