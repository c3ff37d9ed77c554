//! The daemon as the real binary: what it polls, how it ends, what it reports to systemd and
//! Prometheus. Every wait is for an event of the fake API, of the notify socket or of the log.

mod grafana;
mod long;
mod metrics;
pub(crate) mod service;
mod silent;

use std::process::{Command, Stdio};

use serde_json::Value;
use service::{EVERY_SECOND, ONCE, Service};

use crate::{
    dump::run,
    fake::Kind,
    home::{Home, at_home},
    mirror::cdn::{FakeCdn, Fault, Thing},
    notices::receiver::{Receiver, SECRET},
};

const SCHEDULED: &str = "SELECT 1 FROM polls WHERE trigger = 'schedule' AND outcome = 'succeeded'";

at_home! {
    async fn it_polls_at_once_and_at_each_slot_and_ends_well_when_told_to(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        let gates: Vec<_> = (0..3).map(|_| home.heygen.delay_next()).collect();
        let service = Service::start(&home, &EVERY_SECOND);
        for mut gate in gates {
            gate.reached().await;
            gate.release();
        }
        let (code, log) = service.stop();
        assert_eq!(code, Some(0), "{log:?}");
        let polls = home.count(SCHEDULED).await;
        // The last poll may have been abandoned after its request.
        let asked = home.heygen.request_count();
        assert!(polls >= 2 && (polls == asked || polls + 1 == asked), "{polls} of {asked}: {log:?}");
        assert_eq!(home.heygen.most_at_once(), 1);
        assert_eq!(home.count("SELECT 1 FROM polls").await, polls);
        assert!(log.iter().any(|line| line.contains("poll_id=1") && line.contains("polled")), "{log:?}");
    }

    async fn told_to_stop_in_the_middle_of_a_poll_it_finishes_it(home: Home) {
        home.heygen.add_avatar("a", |_| ());
        let mut gate = home.heygen.delay_next();
        let service = Service::start(&home, &EVERY_SECOND);
        gate.reached().await;
        service.signal("TERM");
        let told = service.wait_told("STOPPING=1");
        assert!(told.contains("EXTEND_TIMEOUT_USEC=35000000"), "{told}");
        assert_eq!(service.get("/readyz").await.0, 503);
        assert_eq!(service.get("/livez").await.0, 200);
        gate.release();
        let (code, log) = service.end();
        assert_eq!(code, Some(0), "{log:?}");
        assert_eq!(home.count(SCHEDULED).await, 1, "{log:?}");
        assert_eq!(home.heygen.request_count(), 1);
    }

    async fn a_poll_that_cannot_end_in_time_is_abandoned_and_leaves_nothing(home: Home) {
        let mut gate = home.heygen.delay_next();
        let env = [&EVERY_SECOND[..], &[("HEYGEN_SYNC_DAEMON__STOP_TIME", "0s")]].concat();
        let service = Service::start(&home, &env);
        gate.reached().await;
        service.signal("INT");
        let (code, log) = service.end();
        assert_eq!(code, Some(0), "{log:?}");
        assert!(log.last().unwrap().contains("abandoned"), "{log:?}");
        assert_eq!(home.count("SELECT 1 FROM polls").await, 0);
        drop(gate);
        home.until_alone().await;
        // Nothing is locked.
        assert_eq!(home.sync(&[]).0, 0);
    }

    async fn a_second_signal_ends_it_at_once(home: Home) {
        let mut gate = home.heygen.delay_next();
        let env = [&EVERY_SECOND[..], &[("HEYGEN_SYNC_DAEMON__STOP_TIME", "1day")]].concat();
        let service = Service::start(&home, &env);
        gate.reached().await;
        service.signal("TERM");
        service.wait_told("STOPPING=1");
        service.signal("TERM");
        let (code, log) = service.end();
        assert_eq!(code, Some(1), "{log:?}");
        assert!(log.last().unwrap().contains("second stop signal"), "{log:?}");
        home.until_alone().await;
        assert_eq!(home.count("SELECT 1 FROM polls").await, 0);
        assert_eq!(home.sync(&[]).0, 0);
    }

    async fn each_account_is_polled_and_a_failure_of_one_is_told_once(home: Home) {
        home.file("config.toml", "[[accounts]]\nname = 'a'\napi_key_env = 'HEYGEN_API_KEY'\n\
                                  [[accounts]]\nname = 'b'\napi_key_env = 'OTHER_KEY'\n");
        let service = Service::start(&home, &[&ONCE[..], &[("OTHER_KEY", "wrong")]].concat());
        service.wait_logged("refused");
        service.wait_told("STATUS=next poll at 2028-02-29T00:00:00.000Z");
        let (code, log) = service.stop();
        assert_eq!(code, Some(0));
        let told: Vec<&String> = log.iter().filter(|line| line.contains(" ERROR ")).collect();
        assert_eq!(told.len(), 1, "{log:?}");
        assert!(told[0].contains("poll{account=\"b\" trigger=\"schedule\" poll_id=2}"), "{told:?}");
        assert_eq!(home.count("SELECT 1 FROM polls WHERE account = 'a' AND outcome = 'succeeded'").await, 1);
        assert_eq!(home.count("SELECT 1 FROM polls WHERE account = 'b' AND outcome = 'failed'").await, 1);
    }

    async fn it_stops_when_its_database_is_gone_and_begins_no_new_one(home: Home) {
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll at 2028");
        let file = home.folder().join("heygen.db");
        match home.is_sqlite() {
            true => std::fs::rename(&file, home.folder().join("elsewhere.db")).unwrap(),
            false => run(&home.database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
        }
        // The signal makes it read the database again.
        service.signal("HUP");
        let (code, log) = service.end();
        assert_eq!(code, Some(74), "{log:?}");
        let last = log.last().unwrap();
        assert!(last.contains("there is no catalogue in") && last.contains("mount its disk"), "{last}");
        assert!(!file.exists(), "nothing was created");
        assert_eq!(home.run_with(&ONCE, &["daemon", "--existing"]).code, 74);
    }

    async fn a_poll_finds_its_database_gone_and_the_daemon_stops(home: Home) {
        let service = Service::start(&home, &EVERY_SECOND);
        service.wait_logged("polled");
        // In one step, so that no poll sees half of it.
        match home.is_sqlite() {
            true => std::fs::rename(home.folder().join("heygen.db"), home.folder().join("x.db")).unwrap(),
            false => run(&home.database, "ALTER SCHEMA public RENAME TO elsewhere; CREATE SCHEMA public").await,
        }
        let (code, log) = service.end();
        assert_eq!(code, Some(74), "{log:?}");
        assert!(log.last().unwrap().contains("there is no catalogue in"), "{log:?}");
    }

    async fn a_restart_polls_nothing_that_was_polled_already(home: Home) {
        assert_eq!(home.sync(&[]).0, 0);
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll at 2028");
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(home.heygen.request_count(), 1);
    }

    async fn a_fresh_list_is_fetched_ahead_of_time_when_a_link_is_about_to_die(home: Home) {
        use heygen_sync::time::Clock;
        let now = Clock::system().now().millis() / 1000;
        home.heygen.sign_urls(now + 30 * 60);
        home.heygen.add_photo("p");
        home.file("saved.json", home.heygen.body());
        let before = Clock::system().now().minus(std::time::Duration::from_secs(86_400)).to_string();
        assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", &before]).0, 0);
        home.heygen.fail_next(500);
        assert_eq!(home.sync(&[]).0, 69);
        home.heygen.sign_urls(now + 7 * 86_400);
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll, for fresh links, at");
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(home.heygen.request_count(), 2);
        let fresh = "SELECT 1 FROM polls WHERE trigger = 'refresh' AND outcome = 'succeeded'";
        assert_eq!(home.count(fresh).await, 1);
    }

    async fn a_sync_told_to_stop_in_the_middle_of_a_download_tells_of_its_poll(home: Home) {
        let cdn = FakeCdn::start(heygen_sync::time::Clock::system());
        let url = cdn.put("/stalled", Thing::picture(2, 90_000).with(Fault::Stalled));
        home.heygen.add_photo("stalled");
        home.heygen.set(Kind::TalkingPhoto, "stalled", "preview_image_url", url.as_str());
        let mut sync = home.command(&["sync", "--format", "json"]);
        sync.env("HEYGEN_SYNC_MIRROR__ENABLED", "true");
        sync.env("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"127.0.0.1\"]");
        let sync = sync.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        assert!(cdn.wait_for(1));
        let pid = sync.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let told: Value = serde_json::from_slice(&sync.wait_with_output().unwrap().stdout).unwrap();
        let (added, failed) = (&told[0]["added"], &told[0]["mirror"]["failed"]);
        assert_eq!((added.as_i64(), failed.as_i64()), (Some(1), Some(0)), "{told}");
    }

    async fn told_to_stop_in_the_middle_of_a_download_it_keeps_what_is_saved(home: Home) {
        let cdn = FakeCdn::start(heygen_sync::time::Clock::system());
        for (id, thing) in [
            ("saved", Thing::picture(1, 900)),
            ("stalled", Thing::picture(2, 90_000).with(Fault::Stalled)),
        ] {
            let url = cdn.put(&format!("/{id}"), thing);
            home.heygen.add_photo(id);
            home.heygen.set(Kind::TalkingPhoto, id, "preview_image_url", url.as_str());
        }
        let mirror = [
            ("HEYGEN_SYNC_MIRROR__ENABLED", "true"),
            ("HEYGEN_SYNC_MIRROR__STORE", "store"),
            ("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"127.0.0.1\"]"),
        ];
        let service = Service::start(&home, &[&ONCE[..], &mirror].concat());
        assert!(cdn.wait_for(2));
        let (code, log) = service.stop();
        assert_eq!(code, Some(0), "{log:?}");
        assert!(!log.iter().any(|line| line.contains("abandoned")), "{log:?}");
        assert_eq!(home.count(SCHEDULED).await, 1);
        assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'pending'").await
            + home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await, 2);
        assert_eq!(home.count("SELECT 1 FROM assets WHERE url LIKE '%stalled' AND state = 'pending'").await, 1);
        cdn.put("/stalled", Thing::picture(2, 90_000));
        // Leases were released: the next run gets the entry at once.
        assert_eq!(home.run_with(&mirror, &["mirror"]).code, 0);
        assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await, 2);
        let inside = std::fs::read_dir(home.folder().join("store/tmp")).unwrap().flatten();
        assert_eq!(inside.filter(|entry| entry.path().is_dir()).count(), 0);
    }

    async fn a_hangup_reads_the_configuration_anew_or_keeps_the_old_one(home: Home) {
        let never = "[daemon]\nschedule = '0 0 29 2 *'\njitter = '0s'\nlisten = '127.0.0.1:0'\n";
        home.file("config.toml", never);
        let service = Service::start(&home, &[]);
        service.wait_told("READY=1");
        service.wait_told("STATUS=next poll at");
        home.file("config.toml", never.replace("schedule", "shedule"));
        service.signal("HUP");
        let told = service.wait_told("RELOADING=1");
        assert!(told.contains("MONOTONIC_USEC="), "{told}");
        service.wait_told("READY=1");
        let line = service.wait_logged("the old one stays in force");
        assert!(line.contains("shedule") && line.contains("config.toml:2"), "{line}");
        home.file("config.toml", never.replace("127.0.0.1:0", "127.0.0.1:1"));
        service.signal("HUP");
        service.wait_logged("cannot change while the daemon runs");
        let mut gate = home.heygen.delay_next();
        home.file("config.toml", never.replace("0 0 29 2 *", "* * * * * *"));
        service.signal("HUP");
        service.wait_logged("the configuration was reloaded");
        gate.reached().await;
        gate.release();
        assert_eq!(service.stop().0, Some(0));
    }

    async fn an_account_that_comes_with_a_hangup_is_polled_at_once_and_nothing_else_is(home: Home) {
        let account = |name: &str| format!("[[accounts]]\nname = '{name}'\napi_key_env = 'HEYGEN_API_KEY'\n");
        home.file("config.toml", account("a"));
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll at 2028");
        home.file("config.toml", account("a") + &account("b"));
        service.signal("HUP");
        service.wait_told("STATUS=polling");
        service.wait_told("STATUS=next poll at 2028");
        assert_eq!(home.count("SELECT 1 FROM polls WHERE account = 'b'").await, 1);
        let polls = home.count("SELECT 1 FROM polls").await;
        // The same configuration again adds no account.
        service.signal("HUP");
        service.wait_told("RELOADING=1");
        service.wait_told("STATUS=next poll at 2028");
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(home.count("SELECT 1 FROM polls").await, polls);
    }

    async fn an_account_that_comes_while_a_poll_runs_is_polled_right_after_it(home: Home) {
        let account = |name: &str| format!("[[accounts]]\nname = '{name}'\napi_key_env = 'HEYGEN_API_KEY'\n");
        home.file("config.toml", account("a"));
        let mut gate = home.heygen.delay_next();
        let service = Service::start(&home, &ONCE);
        gate.reached().await;
        home.file("config.toml", account("a") + &account("b"));
        service.signal("HUP");
        service.wait_logged("the configuration was reloaded");
        gate.release();
        service.wait_told("STATUS=next poll at 2028");
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(home.count("SELECT 1 FROM polls WHERE account = 'b'").await, 1);
    }

    async fn what_a_hangup_leaves_as_it_was_is_said(home: Home) {
        home.file("config.toml", "");
        let service = Service::start(&home, &ONCE);
        service.wait_told("STATUS=next poll at");
        home.file("config.toml", "[log]\nformat = 'json'\n");
        service.signal("HUP");
        let line = service.wait_logged("cannot change while the daemon runs");
        assert!(line.contains("log.format"), "{line}");
        assert_eq!(service.stop().0, Some(0));
    }

    async fn notices_without_a_secret_wait_and_travel_at_once_when_a_hangup_brings_one(home: Home) {
        let receiver = Receiver::start();
        let notify = format!("[notify]\nurl = '{}'\n", receiver.url());
        home.file("config.toml", &notify);
        home.heygen.add_avatar("a", |_| ());
        let service = Service::start(&home, &ONCE);
        service.wait_logged("notices are kept and not delivered");
        service.wait_told("STATUS=next notices at");
        let came = receiver.next();
        home.file("secret", SECRET);
        home.file("config.toml", notify + "secret_file = 'secret'\n");
        service.signal("HUP");
        came.await.unwrap();
        assert!(receiver.came().pop().unwrap().is_signed());
        service.wait_told("STATUS=next poll at 2028");
        let (code, log) = service.stop();
        let told = log.iter().filter(|line| line.contains(" ERROR ")).count();
        assert_eq!((code, told), (Some(0), 1), "{log:?}");
    }
}

#[tokio::test]
async fn systemd_is_told_of_its_start_its_progress_and_its_end() {
    let home = Home::sqlite().await;
    let mut gate = home.heygen.delay_next();
    let service = Service::start(&home, &ONCE);
    service.wait_told("READY=1");
    gate.reached().await;
    service.forget();
    // A poll that waits for a slow list counts as progress: it has its own timeouts.
    service.wait_told("WATCHDOG=1");
    gate.release();
    service.wait_told("STATUS=next poll at");
    service.wait_told("WATCHDOG=1");
    service.signal("TERM");
    service.wait_told("STOPPING=1");
    assert_eq!(service.end().0, Some(0));
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_told_with_its_exit_code() {
    let home = Home::sqlite().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = home.run_with(&[("HEYGEN_SYNC_DAEMON__LISTEN", &address)], &["daemon"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("daemon.listen: cannot listen at"), "{ran:?}");
    let ran = home.run_with(&[("HEYGEN_SYNC_DAEMON__SCHEDULE", "sometimes")], &["daemon"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    let ran = home.run_with(&[("HEYGEN_SYNC_DATABASE", "/proc/no.db"), ONCE[2]], &["daemon"]);
    assert_eq!(ran.code, 74, "{ran:?}");
}

#[tokio::test]
async fn every_line_of_a_json_log_is_an_object_with_the_poll_it_belongs_to() {
    let home = Home::sqlite().await;
    home.heygen.fail_next(500);
    let service =
        Service::start(&home, &[&ONCE[..], &[("HEYGEN_SYNC_LOG__FORMAT", "json")]].concat());
    service.wait_told("STATUS=next poll at");
    let (code, log) = service.stop();
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(failed["span"]["poll_id"], 1, "{failed}");
    assert_eq!(failed["span"]["account"], "default");
    assert!(failed["timestamp"].is_string() && failed["message"].as_str().unwrap().contains("500"));
    // Likewise for a one-shot run: no line in another format.
    home.heygen.fail_next(500);
    let ran = home.run_with(&[("HEYGEN_SYNC_LOG__FORMAT", "json")], &["sync"]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (69, 1), "{ran:?}");
    let line: Value = serde_json::from_str(ran.stderr.trim()).unwrap();
    assert_eq!(line["span"]["trigger"], "manual", "{line}");
}
