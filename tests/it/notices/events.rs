//! Notices about more than items: fields, the end of the API and of keys, missing polls; and the
//! status of watched items.

use std::time::Duration;

use heygen_sync::{
    catalog::api_version::ApiVersion,
    config::{Notify, Version},
    notify::report_stale,
    time::Clock,
};
use serde_json::Value;

use super::saying::{kinds, last, notices, text, told};
use crate::{
    fake::{Kind, Refusal},
    world::{World, hour, on_both},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn stale_after(time: Duration) -> Vec<Notify> {
    vec![Notify { stale_after: Some(time), ..told(&[]).remove(0) }]
}

async fn look_for_stale(world: &mut World) {
    let (clock, blocks) = (world.clock(), world.notify.clone());
    let polled = [(world.account.to_owned(), world.catalogue)];
    report_stale(world.store(), &clock, &blocks, &polled).await;
}

on_both! {
    async fn a_field_that_appears_changes_its_type_or_vanishes_is_told(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        world.heygen.set(Kind::Avatar, "a", "rating", 5);
        world.poll().await;
        let data = last(&mut world).await;
        assert_eq!(
            text(&data),
            "default: a field of the API's lists changed\navatar: rating appeared (number)"
        );
        assert_eq!(data["changes"][0]["change"], "appeared");
        world.pass(DAY);
        world.heygen.set(Kind::Avatar, "a", "rating", "five");
        world.poll().await;
        assert!(text(&last(&mut world).await).ends_with("\navatar: rating is now string"));
        world.pass(DAY);
        world.heygen.unset(Kind::Avatar, "a", "rating");
        world.poll().await;
        assert!(text(&last(&mut world).await).ends_with("\navatar: rating vanished"));
        // Neither the first read nor values that were only learned make a notice.
        assert_eq!(kinds(&mut world).await, ["baseline", "schema", "schema", "schema"]);
    }

    async fn a_list_that_is_read_for_the_first_time_has_no_new_fields(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        world.heygen.add_photo("p");
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "changes"]);
    }

    async fn a_field_that_comes_and_goes_is_told_twice_until_it_rests_for_a_day(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        for _ in 0..5 {
            world.heygen.set(Kind::Avatar, "a", "rating", 5);
            world.poll().await;
            world.heygen.unset(Kind::Avatar, "a", "rating");
            world.poll().await;
        }
        assert_eq!(kinds(&mut world).await, ["baseline", "schema", "schema"]);
        let data = last(&mut world).await;
        assert!(text(&data).ends_with("rating vanished; not reported again until it is unchanged for a day"), "{data}");
        world.pass(DAY);
        world.heygen.set(Kind::Avatar, "a", "rating", 5);
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "schema", "schema", "schema"]);
    }

    async fn an_announced_end_is_told_once_even_by_an_answer_that_failed(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let error = r#"{"error":{"code":"x"},"warning":{"message":"v2 is retired","sunset_date":"2026-10-31"}}"#;
        world.heygen.fail_always(500, error);
        world.poll().await;
        world.poll().await;
        world.heygen.recover();
        world.heygen.deprecate("v2 is retired", "2026-10-31");
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "failing", "api_ending", "recovered"]);
        let ending = notices(&mut world).await[2].1["data"]["endings"][0].clone();
        assert_eq!(ending["what"], "deprecated");
        assert_eq!(ending["at"], "2026-11-01T00:00:00.000Z");
        // Another date makes a notice, and so does the same one for a new receiver.
        world.heygen.deprecate("v2 is retired later", "2027-01-31");
        world.notify.push(Notify { name: Some("new".into()), ..told(&[]).remove(0) });
        world.poll().await;
        world.poll().await;
        let told = "SELECT receiver FROM notices WHERE kind = 'api_ending' ORDER BY notice_id";
        assert_eq!(world.lines(told).await, ["webhook", "webhook", "new"]);
    }

    async fn that_v3_takes_over_is_told_once(world: World) {
        world.notify = told(&[]);
        world.version = Version::Auto;
        world.heygen.add_avatar("a", |_| ());
        world.heygen.retire_v2(Refusal::of(404));
        world.poll().await;
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "api_ending"]);
        let text = text(&last(&mut world).await).to_owned();
        assert_eq!(text, "default: the previous version is gone: v3 of the API is read from now on");
    }

    async fn a_key_that_expires_within_two_weeks_is_told_once(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.key_expires_at = Some(hour(0).plus(15 * DAY));
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline"]);
        world.pass(DAY);
        world.poll().await;
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "api_ending"]);
        let data = last(&mut world).await;
        assert_eq!(
            text(&data),
            "default: the API key expires at 2026-01-16T00:00:00.000Z: create a new one before that"
        );
        // Another key has another date.
        world.key_expires_at = Some(hour(0).plus(10 * DAY));
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "api_ending", "api_ending"]);
    }

    async fn a_catalogue_without_a_good_poll_for_long_is_told_once_until_it_has_one(world: World) {
        world.notify = stale_after(Duration::from_secs(3 * 3600));
        world.heygen.add_avatar("a", |_| ());
        look_for_stale(&mut world).await;
        world.poll().await;
        world.pass(Duration::from_secs(3 * 3600));
        look_for_stale(&mut world).await;
        assert_eq!(kinds(&mut world).await, ["baseline"], "not before the time is over");
        world.pass(Duration::from_secs(60));
        look_for_stale(&mut world).await;
        look_for_stale(&mut world).await;
        world.heygen.fail_next(500);
        world.poll().await;
        look_for_stale(&mut world).await;
        assert_eq!(kinds(&mut world).await, ["baseline", "stale", "failing"]);
        let stale = notices(&mut world).await[1].1["data"].clone();
        assert_eq!(text(&stale), "default: no good poll for 3h 1m; the last one was at 2026-01-01T01:00:00.000Z");
        assert_eq!(stale["catalogue"], "avatars");
        world.poll().await;
        world.pass(DAY);
        look_for_stale(&mut world).await;
        assert_eq!(kinds(&mut world).await[3..], ["recovered", "stale"]);
        // No poll failed in between, but a notice reports that polls work again.
        world.poll().await;
        let data = last(&mut world).await;
        assert!(text(&data).starts_with("default: polls work again; no good one since "), "{data}");
        assert_eq!(data["failed_polls"], 0);
    }

    async fn a_catalogue_that_never_had_a_good_poll_is_stale_since_its_first(world: World) {
        world.notify = stale_after(DAY);
        world.heygen.fail_always(500, "{}");
        world.poll().await;
        world.pass(DAY);
        world.poll().await;
        look_for_stale(&mut world).await;
        look_for_stale(&mut world).await;
        assert_eq!(kinds(&mut world).await, ["failing", "stale"]);
        assert_eq!(last(&mut world).await["last_good_at"], Value::Null);
    }

    async fn the_status_and_the_engines_of_a_watched_item_are_told_first(world: World) {
        world.version = Version::Fixed(ApiVersion::V3);
        world.notify = told(&["z"]);
        for n in 0..10 {
            world.heygen.add_avatar(&format!("a{n}"), |_| ());
        }
        world.heygen.add_avatar("z", |_| ());
        world.heygen.rename(Kind::Avatar, "z", "Zoe");
        let all: Vec<String> = (0..10).map(|n| format!("a{n}")).chain(["z".into()]).collect();
        for id in &all {
            world.heygen.set_look(Kind::Avatar, id, "status", "completed");
            world.heygen.set_look(Kind::Avatar, id, "supported_api_engines", vec!["avatar_iv"]);
        }
        world.poll().await;
        // The watched item is first among many changes, too.
        for id in &all {
            world.heygen.set_look(Kind::Avatar, id, "supported_api_engines", vec!["avatar_v"]);
        }
        world.poll().await;
        let data = last(&mut world).await;
        let first: Vec<&str> = text(&data).lines().take(2).collect();
        assert_eq!(first, [
            "! watched avatar \"Zoe\" (z) changed: supported_api_engines \"[\"avatar_iv\"]\" → \"[\"avatar_v\"]\"",
            "default: 11 changed",
        ]);
        assert_eq!(data["changes"][0]["id"], "z");
        world.heygen.set_look(Kind::Avatar, "z", "status", "failed");
        world.heygen.set_look(Kind::Avatar, "a1", "status", "failed");
        world.heygen.rename(Kind::Avatar, "a0", "Other");
        world.poll().await;
        let data = last(&mut world).await;
        assert!(text(&data).starts_with("! watched avatar \"Zoe\" (z) changed: status \"completed\" → \"failed\"\ndefault: "), "{data}");
        assert_eq!(data["changes"][0]["watched"], true);
        // Another change of a watched item is not marked with `!`.
        world.heygen.rename(Kind::Avatar, "z", "Zoey");
        world.poll().await;
        assert!(text(&last(&mut world).await).starts_with("default: 1 changed\nwatched avatar"));
    }
}

/// The same at the command line.
mod commands {
    use super::{Clock, DAY};
    use crate::home::at_home;

    at_home! {
        async fn the_expiry_of_a_key_is_asked_for_once_a_day_and_only_where_somebody_is_told(home: Home) {
            home.heygen.add_avatar("a", |_| ());
            let soon = Clock::system().now().plus(DAY);
            home.heygen.key_expires(&soon.to_string());
            let asked = || home.heygen.requests().iter().filter(|r| r.path == "/v3/api_keys/self").count();
            assert_eq!(home.run(&["sync"]).code, 0);
            assert_eq!(asked(), 0);
            home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"false\"]\n");
            // As if the polls were from an earlier day.
            home.meddle("UPDATE polls SET started_at = '2026-01-01T00:00:00.000Z'").await;
            for _ in 0..3 {
                assert_eq!(home.run(&["sync"]).code, 0);
            }
            assert_eq!(asked(), 1);
            assert_eq!(home.count("SELECT 1 FROM notices WHERE kind = 'api_ending'").await, 1);
        }

        async fn the_poll_of_a_file_is_no_reason_not_to_ask_when_the_key_expires(home: Home) {
            home.heygen.add_avatar("a", |_| ());
            home.heygen.key_expires(&Clock::system().now().plus(DAY).to_string());
            home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"false\"]\n");
            home.file("saved.json", home.heygen.body());
            assert_eq!(home.sync(&["--from", "saved.json"]).0, 0);
            assert_eq!(home.run(&["sync"]).code, 0);
            assert_eq!(home.count("SELECT 1 FROM notices WHERE kind = 'api_ending'").await, 1);
        }

        async fn a_backfill_of_old_answers_is_not_stale_and_a_poll_that_fails_after_it_is(home: Home) {
            home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"false\"]\nstale_after = \"1h\"\n");
            home.heygen.add_avatar("a", |_| ());
            home.file("saved.json", home.heygen.body());
            assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", "2026-01-01"]).0, 0);
            let stale = "SELECT 1 FROM notices WHERE kind = 'stale'";
            assert_eq!(home.count(stale).await, 0);
            home.heygen.fail_always(500, "{}");
            assert_eq!(home.sync(&[]).0, 69);
            assert_eq!(home.count(stale).await, 1);
        }
    }
}
