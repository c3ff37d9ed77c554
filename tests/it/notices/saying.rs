//! The notices of a poll: when, about what, in which order, and their size limit.

use heygen_sync::{
    config::{Event, Notify, Removals},
    notify::MOST_BYTES,
};
use serde_json::Value;

use crate::{
    fake::Kind,
    world::{World, on_both},
};

/// Returns a receiver that watches these ids; its address does not matter.
pub fn told(watch: &[&str]) -> Vec<Notify> {
    let watch = watch.iter().map(|id| (*id).to_owned()).collect();
    vec![Notify { url: "https://example.org/hook".parse().ok(), watch, ..Notify::default() }]
}

/// Returns the notices so far: kind and message.
pub async fn notices(world: &mut World) -> Vec<(String, Value)> {
    let rows = world.query("SELECT kind, body FROM notices ORDER BY notice_id").await;
    let text = |cell: &Option<String>| cell.clone().unwrap();
    rows.iter().map(|row| (text(&row[0]), serde_json::from_str(&text(&row[1])).unwrap())).collect()
}

pub async fn kinds(world: &mut World) -> Vec<String> {
    notices(world).await.into_iter().map(|(kind, _)| kind).collect()
}

/// Returns the data of the last notice.
pub async fn last(world: &mut World) -> Value {
    notices(world).await.pop().unwrap().1["data"].clone()
}

pub fn text(data: &Value) -> &str {
    data["text"].as_str().unwrap()
}

on_both! {
    async fn nothing_is_written_where_nobody_is_to_be_told(world: World) {
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        assert_eq!(kinds(&mut world).await, Vec::<String>::new());
    }

    async fn the_baseline_is_one_line_and_a_poll_that_found_nothing_is_none(world: World) {
        world.notify = told(&[]);
        for n in 0..200 {
            world.heygen.add_avatar(&format!("a{n}"), |_| ());
        }
        world.heygen.add_photo("p");
        world.poll().await;
        world.poll().await;
        world.heygen.resign();
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline"]);
        assert_eq!(text(&last(&mut world).await), "default: baseline, 200 avatars, 1 talking photo");
    }

    async fn items_and_fields_are_named(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.heygen.add_avatar("b", |_| ());
        world.heygen.rename(Kind::Avatar, "a", "Mira");
        world.heygen.rename(Kind::Avatar, "b", "Bo");
        world.poll().await;
        world.heygen.rename(Kind::Avatar, "a", "Mira Sofa");
        world.heygen.remove(Kind::Avatar, "b");
        world.heygen.add_photo("p");
        world.poll().await;
        let data = last(&mut world).await;
        let lines: Vec<&str> = text(&data).lines().collect();
        assert_eq!(lines[..2], [
            "default: 1 added, 1 changed, 1 removed",
            "avatar \"Bo\" (b) removed",
        ]);
        assert!(lines[2].starts_with("talking photo ") && lines[2].ends_with(" (p) added"), "{lines:?}");
        assert_eq!(
            lines[3],
            "avatar \"Mira Sofa\" (a) changed: avatar_name \"Mira\" → \"Mira Sofa\""
        );
        let change = &data["changes"][2];
        assert_eq!(change["id"], "a");
        assert_eq!(change["fields"][0]["field"], "avatar_name");
        assert_eq!(change["fields"][0]["old"], "Mira");
        assert_eq!(change["fields"][0]["new"], "Mira Sofa");
        assert_eq!(data["counts"]["removed"], 1);
        assert_eq!(data["left_out"], 0);
    }

    async fn a_field_that_changed_on_many_items_is_one_line(world: World) {
        world.notify = told(&[]);
        world.notify[0].events = vec![Event::Changes];
        for n in 0..40 {
            world.heygen.add_avatar(&format!("a{n}"), |_| ());
            world.heygen.set(Kind::Avatar, &format!("a{n}"), "gender", "unknown");
        }
        world.poll().await;
        for n in 0..40 {
            world.heygen.set(Kind::Avatar, &format!("a{n}"), "gender", "female");
            world.heygen.rename(Kind::Avatar, &format!("a{n}"), &format!("New {n}"));
        }
        world.heygen.set(Kind::Avatar, "a7", "type", "studio");
        world.poll().await;
        let data = last(&mut world).await;
        let changes = data["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 3, "{data}");
        let lines: Vec<&str> = text(&data).lines().collect();
        assert_eq!(lines[..3], [
            "default: 40 changed",
            "40 avatars: avatar_name changed",
            "40 avatars: gender \"unknown\" → \"female\"",
        ]);
        assert!(lines[3].contains("(a7) changed: type "), "{lines:?}");
        assert_eq!((&changes[1]["items"], &changes[1]["new"]), (&40.into(), &"female".into()));
        assert_eq!(changes[0].get("new"), None);
    }

    async fn the_loss_of_a_watched_item_is_told_first(world: World) {
        world.notify = told(&["z"]);
        for id in ["a", "b", "z"] {
            world.heygen.add_avatar(id, |_| ());
        }
        world.heygen.rename(Kind::Avatar, "z", "Zoe");
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "a");
        world.heygen.remove(Kind::Avatar, "z");
        world.heygen.add_avatar("c", |_| ());
        world.poll().await;
        let data = last(&mut world).await;
        let first: Vec<&str> = text(&data).lines().take(2).collect();
        assert_eq!(first, ["! watched avatar \"Zoe\" (z) is removed", "default: 1 added, 2 removed"]);
        assert_eq!(data["changes"][0]["id"], "z");
        assert_eq!(data["changes"][0]["watched"], true);
        assert_eq!(data["changes"][1]["watched"], false);
    }

    async fn each_held_poll_tells_why_and_how_to_go_on(world: World) {
        world.notify = told(&["a7"]);
        world.removals.min_count = 0;
        for n in 0..10 {
            world.heygen.add_avatar(&format!("a{n}"), |_| ());
        }
        world.poll().await;
        for n in 3..10 {
            world.heygen.remove(Kind::Avatar, &format!("a{n}"));
        }
        world.poll().await;
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "held", "held"]);
        let data = notices(&mut world).await[1].1["data"].clone();
        let lines: Vec<&str> = text(&data).lines().collect();
        assert_eq!(
            lines[..2],
            ["! watched avatar \"Avatar a7\" (a7) is missing", "default: 7 held"]
        );
        let again = notices(&mut world).await[2].1["data"].clone();
        assert!(text(&again).starts_with("! watched avatar \"Avatar a7\" (a7) is missing"));
        let command = "heygen-sync sync --account default --catalogue avatars --accept-removals=7-";
        assert!(lines[2].contains(&format!("; to accept them: {command}")), "{lines:?}");
        assert_eq!(data["outcome"], "held");
    }

    async fn a_watched_item_that_was_missing_before_the_hold_is_told(world: World) {
        world.notify = told(&["c"]);
        world.removals = Removals { after_polls: Some(2), min_count: 0, max_share: 0.0 };
        for id in ["a", "b", "c"] {
            world.heygen.add_avatar(id, |_| ());
        }
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "c");
        world.poll().await;
        world.poll().await;
        let data = last(&mut world).await;
        assert!(text(&data).starts_with("! watched avatar \"Avatar c\" (c) is missing"), "{data}");
        assert_eq!(data["changes"][0]["id"], "c");
    }

    async fn that_polls_fail_and_work_again_is_told_once_each(world: World) {
        world.notify = told(&[]);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        world.heygen.fail_always(500, "{}");
        for _ in 0..3 {
            world.poll().await;
        }
        world.heygen.recover();
        world.heygen.rename(Kind::Avatar, "a", "Other");
        world.poll().await;
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["baseline", "failing", "recovered", "changes"]);
        let all = notices(&mut world).await;
        let failing = &all[1].1["data"];
        assert!(failing["error"].as_str().unwrap().contains("500"), "{failing}");
        let recovered = &all[2].1["data"];
        assert_eq!(recovered["failed_polls"], 3);
        assert_eq!(recovered["failing_since"], "2026-01-01T02:00:00.000Z");
    }

    async fn a_first_poll_that_fails_is_told(world: World) {
        world.notify = told(&[]);
        world.heygen.fail_always(401, "{}");
        world.poll().await;
        world.poll().await;
        assert_eq!(kinds(&mut world).await, ["failing"]);
    }

    async fn no_notice_is_longer_than_stated_however_much_changed(world: World) {
        world.notify = told(&[]);
        world.notify[0].events = vec![Event::Changes];
        world.removals.max_share = 1.0;
        let nasty = "\"\\\u{1}é".repeat(200);
        for n in 0..300 {
            world.heygen.add_avatar(&format!("{n}{nasty}"), |_| ());
            world.heygen.rename(Kind::Avatar, &format!("{n}{nasty}"), &nasty);
        }
        world.heygen.add_avatar("stays", |_| ());
        world.poll().await;
        for n in 0..300 {
            world.heygen.remove(Kind::Avatar, &format!("{n}{nasty}"));
            world.heygen.set(Kind::Avatar, "stays", &format!("field{n}{nasty}"), nasty.as_str());
        }
        world.poll().await;
        let (kind, body) = notices(&mut world).await.pop().unwrap();
        assert_eq!(kind, "changes");
        let bytes = body.to_string().len();
        assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&bytes), "{bytes}");
        let data = &body["data"];
        let told = data["changes"].as_array().unwrap().len() as i64;
        assert_eq!(data["left_out"].as_i64().unwrap() + told, 300, "{told}");
        assert!(text(data).len() <= 3_000);
    }

    async fn a_notice_holds_no_signature(world: World) {
        world.notify = told(&[]);
        world.heygen.add_photo("p");
        world.poll().await;
        world.heygen.set(Kind::TalkingPhoto, "p", "preview_image_url",
            "https://files2.heygen.ai/new.webp?Expires=9999999999&Signature=GEHEIM&Key-Pair-Id=K");
        world.poll().await;
        let body = notices(&mut world).await.pop().unwrap().1.to_string();
        assert!(body.contains("new.webp") && !body.contains("GEHEIM"), "{body}");
    }
}
