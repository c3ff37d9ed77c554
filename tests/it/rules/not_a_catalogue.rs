//! Rule 11: an answer that is not a catalogue changes nothing.

use heygen_sync::error::Kind as Fault;

use crate::world::{World, body, on_both};

on_both! {
    async fn whatever_is_not_a_catalogue_fails_and_leaves_the_tables_alone(world: World) {
        let whole = String::from_utf8(body(r#"{"avatar_id":"a"}"#, r#"{"talking_photo_id":"b"}"#)).unwrap();
        world.poll_file(whole.clone()).await;
        let before = world.facts().await;
        let spoiled = |from: &str, to: &str| whole.replacen(from, to, 1);
        let all = [
            String::new(),
            " ".into(),
            "<!doctype html>".into(),
            "null".into(),
            "[]".into(),
            "{}".into(),
            whole[..whole.len() - 1].to_owned(),
            format!("{whole}{whole}"),
            spoiled("null", "\"busy\""),
            spoiled("null", "{}"),
            spoiled("null", "0"),
            spoiled("null", "false"),
            spoiled("\"data\"", "\"date\""),
            spoiled("\"avatars\"", "\"avatar\""),
            spoiled("[{\"avatar_id\":\"a\"}]", "null"),
            spoiled("[{\"avatar_id\":\"a\"}]", "{}"),
            spoiled("[{\"talking_photo_id\":\"b\"}]", "\"\""),
            r#"{"data":[]}"#.into(),
        ];
        for answer in all {
            let report = world.poll_file(answer.clone()).await;
            assert_eq!(report.error.map(|error| error.kind), Some(Fault::NotACatalogue), "{answer}");
            assert_eq!((report.row.outcome.as_str(), report.row.counts), ("failed", None));
        }
        assert_eq!(world.facts().await, before);
    }

    async fn an_error_that_is_absent_null_or_empty_is_none(world: World) {
        for error in ["", r#""error":null,"#, r#""error":"","#] {
            let answer = format!(r#"{{{error}"data":{{"avatars":[],"talking_photos":[]}}}}"#);
            assert_eq!(world.poll_file(answer).await.row.outcome, "succeeded");
        }
    }

    async fn a_status_other_than_200_fails_whatever_its_body(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let (before, list) = (world.facts().await, String::from_utf8(world.heygen.body()).unwrap());
        for (status, kind) in [(204, Fault::NotACatalogue), (400, Fault::NotACatalogue), (401, Fault::Refused),
            (403, Fault::Refused), (404, Fault::NotACatalogue), (410, Fault::NotACatalogue), (500, Fault::Unavailable)] {
            world.heygen.fail_always(status, &list);
            let report = world.poll().await;
            assert_eq!((report.error.unwrap().kind, report.row.http_status), (kind, Some(i64::from(status))), "{status}");
        }
        world.heygen.redirect_to(&format!("{}/v2/avatars", world.heygen.base_url()));
        assert_eq!(world.poll().await.error.unwrap().kind, Fault::NotACatalogue);
        assert_eq!(world.facts().await, before);
    }
}
