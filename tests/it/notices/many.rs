//! Several receivers, one of them down for an hour, and many notices with senders that are killed.

use std::{collections::BTreeMap, time::Duration};

use heygen_sync::notify::{Delivered, deliver};

use super::{
    receiver::Receiver,
    travelling::{delivered, named, notify, sources},
};
use crate::{
    notices::receiver::SECRET,
    world::{World, on_both},
};

const NOTICES: usize = 10_000;

on_both! {
    async fn a_receiver_that_is_down_for_an_hour_keeps_nothing_from_the_others(world: World) {
        let (mut down, up, other) = (Receiver::start(), Receiver::start(), Receiver::start());
        world.notify = vec![named("down", &down), named("up", &up), named("other", &other)];
        down.down();
        let begun = world.now();
        let mut polls = vec![];
        for minutes in (0..=60).step_by(10) {
            world.set_clock(begun.plus(Duration::from_secs(minutes * 60)));
            world.heygen.add_avatar(&format!("a{minutes}"), |_| ());
            polls.push(world.poll_now().await.unwrap().row.poll_id);
            assert_eq!(delivered(&mut world).await.accepted, 2);
            assert_eq!((&up.polls(), &other.polls()), (&polls, &polls));
        }
        down.up();
        // Half an hour is the longest back-off.
        world.pass(Duration::from_secs(30 * 60));
        let all = polls.len() as u64;
        assert_eq!(delivered(&mut world).await, Delivered { accepted: all, refused: false });
        assert_eq!(down.polls(), polls);
        assert_eq!((up.polls().len(), other.polls().len()), (polls.len(), polls.len()));
    }

    async fn of_ten_thousand_notices_none_that_was_acknowledged_comes_twice(world: World) {
        let receiver = Receiver::start();
        world.notify = notify(&receiver);
        world.heygen.add_avatar("a", |_| ());
        world.poll().await;
        let body = "'{\"id\":\"msg_' || n.i || '\",\"data\":{\"poll_id\":' || n.i || '}}'";
        let body = if world.is_sqlite() { body.to_owned() } else { format!("CAST({body} AS JSONB)") };
        world.meddle(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {NOTICES}) \
             INSERT INTO notices (notice_id, poll_id, account, receiver, kind, body, created_at) \
             SELECT n.i, 1, 'default', 'webhook', 'n' || n.i, {body}, '2026-01-01T00:00:00.000Z' FROM n"
        )).await;
        let (clock, blocks, sources) = (world.clock(), world.notify.clone(), sources(SECRET));
        let left = "SELECT count(*) FROM notices WHERE delivered_at IS NULL";
        let mut kills = 0;
        while world.cell(left).await != "0" {
            // A separate sender, which ends while a notice is on its way.
            let mut store = world.second().await;
            let many = receiver.after(700 + 13 * kills);
            let run = deliver(&mut store, &clock, &blocks, &sources);
            tokio::select! {
                biased;
                came = many => {
                    came.unwrap();
                    kills += 1;
                }
                _ = run => {}
            }
            drop(store);
            // Its lease expires.
            world.pass(Duration::from_secs(61));
        }
        assert!(kills > 5, "{kills}");
        let mut times: BTreeMap<i64, usize> = BTreeMap::new();
        let polls = receiver.polls();
        for poll in &polls {
            *times.entry(*poll).or_default() += 1;
        }
        assert_eq!(times.len(), NOTICES);
        // In order, and only what was on its way when its sender ended is sent again.
        assert!(polls.is_sorted());
        let again = times.values().filter(|times| **times > 1).count();
        assert!(again <= kills && times.values().all(|times| *times <= 2), "{again} of {kills}");
    }
}
