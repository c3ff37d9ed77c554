//! Each receiver has its own filter.

use heygen_sync::config::{Event, Notify};
use serde_json::Value;

use super::saying::{text, told};
use crate::{
    fake::Kind,
    world::{World, on_both},
};

fn receiver(name: &str, edit: impl FnOnce(&mut Notify)) -> Notify {
    let mut block = Notify { name: Some(name.into()), ..told(&[]).remove(0) };
    edit(&mut block);
    block
}

/// Returns the notices so far: `receiver kind`.
async fn all(world: &mut World) -> Vec<String> {
    let rows = world.query("SELECT receiver, kind FROM notices ORDER BY notice_id").await;
    let cell = |cell: &Option<String>| cell.clone().unwrap();
    rows.iter().map(|row| format!("{} {}", cell(&row[0]), cell(&row[1]))).collect()
}

on_both! {
    async fn each_receiver_is_told_of_its_events_and_accounts(world: World) {
        world.notify = vec![
            receiver("all", |_| ()),
            receiver("held", |block| block.events = vec![Event::Held, Event::Failing]),
            receiver("other", |block| block.accounts = vec!["other".into()]),
        ];
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        world.heygen.fail_next(500);
        world.poll().await;
        world.account = "other";
        world.poll().await;
        assert_eq!(all(&mut world).await, [
            "all baseline",
            "all failing",
            "held failing",
            "all baseline",
            "other baseline",
        ]);
    }

    async fn a_receiver_of_watched_items_alone_hears_of_nothing_else(world: World) {
        world.notify = vec![
            receiver("pager", |block| {
                block.events = vec![Event::Watched];
                block.watch = vec!["z".into()];
            }),
            receiver("all", |block| block.events = vec![Event::Changes]),
        ];
        for id in ["a", "b", "z"] {
            world.heygen.add_avatar(id, |_| ());
        }
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "a");
        world.poll().await;
        world.heygen.remove(Kind::Avatar, "b");
        world.heygen.remove(Kind::Avatar, "z");
        world.heygen.add_avatar("c", |_| ());
        world.poll().await;
        assert_eq!(all(&mut world).await, ["all changes", "pager changes", "all changes"]);
        let body = world.cell("SELECT body FROM notices WHERE receiver = 'pager'").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            text(&body["data"]),
            "! watched avatar \"Avatar z\" (z) is removed\ndefault: 1 added, 2 removed"
        );
        assert_eq!(body["data"]["changes"].as_array().unwrap().len(), 1);
        // What one receiver watches, the other does not.
        let body = world.cell("SELECT body FROM notices WHERE receiver = 'all' ORDER BY notice_id DESC LIMIT 1").await;
        assert!(!body.contains("! watched"), "{body}");
    }

    async fn the_same_message_to_two_receivers_has_two_ids(world: World) {
        world.notify = vec![receiver("one", |_| ()), receiver("two", |_| ())];
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let rows = world.query("SELECT body FROM notices ORDER BY notice_id").await;
        let ids: Vec<Value> = rows
            .iter()
            .map(|row| serde_json::from_str::<Value>(row[0].as_ref().unwrap()).unwrap()["id"].clone())
            .collect();
        assert_ne!(ids[0], ids[1]);
    }
}
