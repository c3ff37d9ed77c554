//! The delivery of notices: signed, in order, until accepted; and pings.

use std::time::Duration;

use heygen_sync::{
    config::{Env, Notify, Sources},
    notify::{Delivered, deliver},
};

use super::receiver::{Answer, Came, Receiver, SECRET};
use crate::{fake::Kind, home::at_home, world::World};

pub fn notify(receiver: &Receiver) -> Vec<Notify> {
    vec![named("webhook", receiver)]
}

/// Returns a receiver with this name.
pub fn named(name: &str, receiver: &Receiver) -> Notify {
    Notify {
        name: Some(name.into()),
        url: Some(receiver.url().parse().unwrap()),
        secret_env: Some("NOTIFY_SECRET".into()),
        ..Notify::default()
    }
}

pub fn sources(secret: &str) -> Sources {
    let env = Env::from_iter([("NOTIFY_SECRET", secret)]);
    let none = std::path::PathBuf::from("/nonexistent");
    Sources { config: None, database: None, env, working_dir: none.clone(), system_dir: none }
}

pub async fn delivered(world: &mut World) -> Delivered {
    let (clock, notify) = (world.clock(), world.notify.clone());
    deliver(world.store(), &clock, &notify, &sources(SECRET)).await
}

/// Makes three polls that each have a notice.
async fn three(world: &mut World) {
    for name in ["A", "B", "C"] {
        world.heygen.add_avatar(name, |_| ());
        world.poll().await;
    }
}

/// Returns the commands of docs/notices.md with this name.
fn commands(name: &str) -> &'static str {
    let docs = include_str!("../../../docs/notices.md");
    let commands = docs.split(&format!("<!-- run: {name} -->\n```sh\n")).nth(1).unwrap();
    commands.split("```").next().unwrap()
}

/// Returns a secret, made by the documented command.
fn secret_of_the_docs() -> String {
    let made = std::process::Command::new("sh").args(["-c", commands("secret")]).output().unwrap();
    String::from_utf8(made.stdout).unwrap().trim_end().to_owned()
}

/// Returns what the documented commands print for a received request.
fn verified(came: &Came, secret: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body.json"), &came.body).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", commands("verify")]).current_dir(folder.path());
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        shell.env(name.replace('-', "_"), came.header(name));
    }
    String::from_utf8(shell.env("secret", secret).output().unwrap().stdout).unwrap()
}

mod on_engines {
    use super::*;
    use crate::world::on_both;

    on_both! {
        async fn each_notice_arrives_once_signed_and_in_order(world: World) {
            let receiver = Receiver::start();
            world.notify = notify(&receiver);
            three(&mut world).await;
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 3, refused: false });
            assert_eq!(delivered(&mut world).await, Delivered::default());
            assert_eq!(receiver.polls(), [1, 2, 3]);
            for came in receiver.came() {
                assert!(came.is_signed(), "{came:?}");
                assert_eq!(came.json()["id"], came.header("webhook-id"));
                let time: i64 = came.header("webhook-timestamp").parse().unwrap();
                assert_eq!(time, world.now().millis() / 1000);
            }
            let waiting = world.cell("SELECT count(*) FROM notices WHERE delivered_at IS NULL").await;
            assert_eq!(waiting, "0");
        }

        async fn a_receiver_verifies_by_the_commands_of_the_docs(world: World) {
            let receiver = Receiver::start();
            world.notify = notify(&receiver);
            let made = secret_of_the_docs();
            assert!(made.starts_with("whsec_"), "{made}");
            for secret in [&made, made.trim_start_matches("whsec_"), SECRET, "-x $'\"\\ %s"] {
                world.heygen.add_avatar(secret, |_| ());
                world.poll().await;
                let (clock, notify) = (world.clock(), world.notify.clone());
                deliver(world.store(), &clock, &notify, &sources(secret)).await;
                let came = receiver.came().pop().unwrap();
                assert_eq!(verified(&came, secret), "genuine\n", "{secret}");
                let forged = Came { body: came.body.replace("data", "date"), ..came };
                assert_eq!(verified(&forged, secret), "", "{secret}");
            }
        }

        async fn a_notice_that_a_wrong_clock_put_off_stops_nothing(world: World) {
            let receiver = Receiver::start();
            receiver.answer(&[Answer::Status(500)]);
            world.notify = notify(&receiver);
            let right = world.now();
            // The clock is ten years ahead at the first attempt.
            world.heygen.add_avatar("A", |_| ());
            world.poll().await;
            world.set_clock(right.plus(Duration::from_secs(10 * 365 * 86_400)));
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 0, refused: true });
            world.set_clock(right.plus(Duration::from_secs(3600)));
            world.heygen.add_avatar("B", |_| ());
            world.poll().await;
            let now = world.now();
            let next = world.store().next_notice(&["webhook"], now).await.unwrap();
            assert_eq!(next, Some(now), "it is due");
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 2, refused: false });
            assert_eq!(receiver.polls(), [1, 1, 2]);
            // A back-off of half an hour, the longest, is still waited for.
            receiver.answer(&[Answer::Status(500)]);
            world.heygen.add_avatar("C", |_| ());
            world.poll().await;
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 0, refused: true });
            assert_eq!(delivered(&mut world).await, Delivered::default());
        }

        async fn a_receiver_down_slow_and_broken_gets_all_in_order_once_it_is_up(world: World) {
            let mut receiver = Receiver::start();
            world.notify = notify(&receiver);
            receiver.down();
            three(&mut world).await;
            let stuck = Delivered { accepted: 0, refused: true };
            assert_eq!(delivered(&mut world).await, stuck);
            assert_eq!(
                world.cell("SELECT last_error FROM notices WHERE notice_id = 1").await,
                "the receiver cannot be reached"
            );
            // Too early: nothing is tried.
            receiver.up();
            world.pass(Duration::from_secs(29));
            assert_eq!(delivered(&mut world).await, Delivered::default());
            // Broken: the first is accepted, the second is not, the third waits behind it.
            receiver.answer(&[Answer::Status(200), Answer::Status(500)]);
            world.pass(Duration::from_secs(1));
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 1, refused: true });
            assert_eq!(receiver.polls(), [1, 2]);
            // Slow: neither a redirect nor a missing answer is an acceptance.
            receiver.answer(&[Answer::Status(302), Answer::Never]);
            world.pass(Duration::from_secs(30));
            assert_eq!(delivered(&mut world).await, stuck);
            world.pass(Duration::from_secs(60));
            assert_eq!(delivered(&mut world).await, stuck);
            assert_eq!(
                world.cell("SELECT last_error FROM notices WHERE notice_id = 2").await,
                "the receiver did not answer within 10 s"
            );
            world.pass(Duration::from_secs(120));
            assert_eq!(delivered(&mut world).await, Delivered { accepted: 2, refused: false });
            assert_eq!(receiver.polls(), [1, 2, 2, 2, 2, 3]);
            let ids: Vec<String> =
                receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
            assert!(ids[1..5].iter().all(|id| *id == ids[1]) && ids[0] != ids[1], "{ids:?}");
            assert!(receiver.came().iter().all(|came| came.is_signed()));
        }

        async fn a_sender_that_died_after_the_acceptance_sends_the_same_again(world: World) {
            let receiver = Receiver::start();
            world.notify = notify(&receiver);
            world.heygen.add_avatar("a", |_| ());
            world.poll().await;
            // The sender ends here and never gets the answer.
            receiver.answer(&[Answer::Never]);
            let came = receiver.next();
            tokio::select! {
                _ = delivered(&mut world) => panic!("it ended by itself"),
                came = came => came.unwrap(),
            }
            // Its lease lasts a minute, then another sender may deliver.
            let (clock, told) = (world.clock(), world.notify.clone());
            let mut other = world.second().await;
            let early = deliver(&mut other, &clock, &told, &sources(SECRET)).await;
            assert_eq!(early, Delivered::default());
            world.pass(Duration::from_secs(60));
            let late = deliver(&mut other, &clock, &told, &sources(SECRET)).await;
            assert_eq!(late, Delivered { accepted: 1, refused: false });
            let came = receiver.came();
            assert_eq!(came.len(), 2);
            assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"));
            assert_eq!(came[0].body, came[1].body);
        }

        async fn while_one_sends_another_does_not(world: World) {
            let receiver = Receiver::start();
            world.notify = notify(&receiver);
            three(&mut world).await;
            let (clock, told) = (world.clock(), world.notify.clone());
            let mut other = world.second().await;
            let sources = sources(SECRET);
            let (one, two) =
                tokio::join!(delivered(&mut world), deliver(&mut other, &clock, &told, &sources));
            assert_eq!(one.accepted + two.accepted, 3);
            assert_eq!(receiver.polls(), [1, 2, 3]);
        }
    }
}

at_home! {
    async fn a_sync_delivers_and_pings_and_never_fails_for_it(home: Home) {
        let mut receiver = Receiver::start();
        let base = receiver.url().replace("/hook", "");
        home.file("config.toml", format!(
            "[notify]\nurl = \"{base}/hook\"\nsecret_env = \"NOTIFY_SECRET\"\n\
             ping_start = \"{base}/start\"\nping_success = \"{base}/ok\"\nping_failure = \"{base}/fail\"\n"
        ));
        let secret = [("NOTIFY_SECRET", SECRET)];
        home.heygen.add_avatar("a", |_| ());
        let ran = home.run_with(&secret, &["sync"]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""), "{ran:?}");
        let paths = || receiver.came().iter().map(|came| came.path.clone()).collect::<Vec<_>>();
        let mut all = paths();
        // The start ping runs beside the poll, whose notice may arrive first.
        all[..2].sort();
        assert_eq!(all, ["/hook", "/start", "/ok"]);
        home.heygen.fail_always(500, "{}");
        assert_eq!(home.run_with(&secret, &["sync"]).code, 69);
        assert_eq!(paths().last().unwrap(), "/fail");
        let last = receiver.came().iter().rev().find(|came| came.path == "/hook").unwrap().json();
        assert_eq!(last["type"], "failing");
        // A dry run sends no ping, and a receiver that is down fails no poll.
        let before = paths().len();
        home.heygen.recover();
        home.run_with(&secret, &["sync", "--dry-run"]);
        assert_eq!(paths().len(), before);
        receiver.down();
        home.heygen.rename(Kind::Avatar, "a", "Other");
        let ran = home.run_with(&secret, &["sync"]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""), "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM notices WHERE delivered_at IS NULL").await, 2);
        let ran = home.run_with(&secret, &["-v", "sync"]);
        assert!(!ran.stderr.contains(&base), "{ran:?}");
        let status = home.run_with(&secret, &["status", "--format", "table"]).stdout;
        assert!(status.contains("notices   2 wait for webhook since "), "{status}");
        let checked = home.run(&["check", "--format", "csv"]);
        assert!(checked.stdout.contains("notices to 'webhook',failed,notify 'webhook': the variable"), "{checked:?}");
    }

    async fn a_monitor_hears_of_a_database_that_cannot_be_opened(home: Home) {
        let receiver = Receiver::start();
        let base = receiver.url().replace("/hook", "");
        home.file("config.toml", format!("[notify]\nping_failure = \"{base}/fail\"\n"));
        home.file("broken.db", "This is no database, however long one looks at it.");
        assert_eq!(home.run(&["--database", "broken.db", "sync"]).code, 74);
        assert_eq!(receiver.came().pop().unwrap().path, "/fail");
    }

    async fn who_meets_another_poll_leaves_it_to_that_one_to_tell_the_monitor(home: Home) {
        let receiver = Receiver::start();
        let base = receiver.url().replace("/hook", "");
        home.heygen.add_avatar("a", |_| ());
        let gate = home.heygen.delay_next();
        let mut first = home.start(&["sync"]);
        let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
        home.file("config.toml", format!(
            "[notify]\nping_start = \"{base}/start\"\nping_success = \"{base}/ok\"\nping_failure = \"{base}/fail\"\n"
        ));
        assert_eq!(home.run(&["sync"]).code, 75);
        opener.release();
        assert!(first.wait().unwrap().success());
        let paths: Vec<String> = receiver.came().into_iter().map(|came| came.path).collect();
        assert_eq!(paths, ["/start"]);
    }

    async fn slack_is_told_in_its_own_form(home: Home) {
        let receiver = Receiver::start();
        home.heygen.add_avatar("a", |_| ());
        let url = receiver.url();
        let env = [("HEYGEN_SYNC_NOTIFY__URL", url.as_str()), ("HEYGEN_SYNC_NOTIFY__FORMAT", "slack")];
        assert_eq!(home.run_with(&env, &["sync"]).code, 0);
        let came = receiver.came().pop().unwrap();
        let text = "default: baseline, 1 avatar, 0 talking photos";
        assert_eq!(came.json(), serde_json::json!({"text": text}));
        assert!(!came.headers.contains_key("webhook-signature"));
    }

    async fn a_webhook_without_a_secret_is_told_once_and_waits(home: Home) {
        let receiver = Receiver::start();
        home.heygen.add_avatar("a", |_| ());
        let url = receiver.url();
        let ran = home.run_with(&[("HEYGEN_SYNC_NOTIFY__URL", &url)], &["sync"]);
        assert_eq!(ran.code, 0);
        assert!(ran.stderr.contains("notices are kept and not delivered"), "{ran:?}");
        assert!(!ran.stderr.contains(&url), "{ran:?}");
        assert!(receiver.came().is_empty());
    }
}
