//! Rule 2: the same answer adds no rows.

use heygen_sync::catalog::diff::Accepted;

use crate::{
    fake::Kind,
    world::{World, body, on_all},
};

on_all! {
    async fn the_same_answer_adds_a_polls_row_and_nothing_else(world: World) {
        world.heygen.add_avatar("a", |avatar| avatar.set("tags", vec!["x", "y"]));
        world.heygen.add_photo("b");
        world.poll().await;
        let before = world.facts().await;
        let report = world.poll().await;
        assert_eq!(world.facts().await, before);
        assert_eq!(world.count("polls").await, 2);
        assert!(!report.diff.unwrap().is_news());
        assert_eq!(report.row.counts.unwrap().listed(heygen_sync::catalog::kind::Kind::AVATAR), 1);
    }

    async fn a_record_with_a_known_fingerprint_is_not_compared_again(world: World) {
        let records = [
            r#"{"avatar_id":"a","gender":"x"}"#,
            // Another record of the same item: the poll that reads it stores its fingerprint.
            r#"{"avatar_id":"a","gender":"x","new":null}"#,
        ];
        for record in records {
            world.avatars(record).await;
            world.meddle("UPDATE avatars SET gender = 'y'").await;
            let again = world.avatars(record).await;
            assert_eq!(again.row.counts.unwrap().changed, 0, "{record}");
            world.meddle("UPDATE avatars SET fingerprint = NULL").await;
            let compared = world.avatars(record).await;
            assert_eq!(compared.row.counts.unwrap().changed, 1, "{record}");
        }
    }

    async fn order_copies_and_signatures_say_nothing_new(world: World) {
        for id in ["a", "b", "c", "d"] {
            world.heygen.add_avatar(id, |_| ());
            world.heygen.add_photo(&format!("photo {id}"));
        }
        world.heygen.set_signed(Kind::Avatar, "c", true);
        world.poll().await;
        let before = world.facts().await;
        world.heygen.shuffle(7);
        world.poll().await;
        world.heygen.duplicate(Kind::Avatar, &["a", "c"]);
        world.heygen.duplicate(Kind::TalkingPhoto, &["photo b"]);
        world.heygen.resign();
        world.heygen.shuffle(8);
        let report = world.poll().await;
        assert_eq!(report.row.counts.unwrap().duplicates, 3);
        assert_eq!(world.facts().await, before);
    }

    async fn the_form_of_the_json_says_nothing_new(world: World) {
        world.avatars(
            r#"{"avatar_id":"a","avatar_name":"Zoé","tags":["x","y","x"],"size":1,"more":{"k":[1,2],"j":0.5}}"#
        ).await;
        let before = world.facts().await;
        let report = world.avatars(
            " {\n \"more\" : { \"j\" : 5e-1 , \"k\" : [ 1.0 , 2e0 ] } , \"size\" : 10e-1,
             \"tags\":[\"y\",\"x\",\"x\"], \"avatar_name\":\"Zo\\u00e9\", \"avatar_id\" : \"\\u0061\" } "
        ).await;
        assert_eq!(report.row.error, None);
        assert_eq!(world.facts().await, before);
    }

    async fn the_same_answer_may_still_bring_a_removal_due(world: World) {
        world.removals.after_polls = Some(2);
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        let report = world.avatars(r#"{"avatar_id":"a"}"#).await;
        assert_eq!(report.row.counts.unwrap().removed, 1);
        assert!(report.diff.unwrap().is_news());
    }

    async fn the_same_answer_may_be_accepted(world: World) {
        world.poll_file(body(r#"{"avatar_id":"a"}"#, "")).await;
        assert_eq!(world.poll_file(body("", "")).await.exit_code(false), 3);
        world.accepted = Accepted::All;
        let report = world.poll_file(body("", "")).await;
        assert_eq!(report.row.counts.unwrap().removed, 1);
    }
}
