//! The daemon for a while, polling every second while the API and the previews fail in many ways.
//! The requests that the fake API counts set the pace: a dozen by default; with
//! `HEYGEN_SYNC_TEST_FULL` set, as many as arrive in three minutes.

use std::time::{Duration, Instant};

use super::service::{EVERY_SECOND, Memory, Service};
use crate::{
    fake::Kind,
    home::{Home, at_home},
    mirror::cdn::{FakeCdn, Fault, Thing},
};

const MIRROR: [(&str, &str); 3] = [
    ("HEYGEN_SYNC_MIRROR__ENABLED", "true"),
    ("HEYGEN_SYNC_MIRROR__STORE", "store"),
    ("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"127.0.0.1\"]"),
];

/// The expected outcomes of the polls.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    succeeded: usize,
    failed: usize,
}

/// Makes the answer that is held back now one of several kinds, good or faulty.
fn misbehave(home: &Home, cdn: &FakeCdn, number: usize, tally: &mut Tally) {
    let heygen = &home.heygen;
    heygen.recover();
    match number % 8 {
        1 => heygen.fail_next(500),
        3 => heygen.cut_body(1000),
        5 => heygen.replace_body("<html>an edge</html>"),
        7 => heygen.fail_next(429),
        kind => {
            heygen.rename(Kind::Avatar, "a7", &format!("Name {number}"));
            heygen.shuffle(number as u64);
            heygen.resign();
            match kind {
                2 => photo(home, cdn, &format!("cut{number}"), Fault::CutOnce),
                4 => heygen.remove(Kind::Avatar, &format!("a{}", 10 + number)),
                6 => photo(home, cdn, &format!("late{number}"), Fault::StatusOnce(503)),
                _ => {}
            }
            tally.succeeded += 1;
            return;
        }
    }
    tally.failed += 1;
}

fn photo(home: &Home, cdn: &FakeCdn, id: &str, fault: Fault) {
    let thing = Thing::picture(id.len() as u64, 90_000).with(fault);
    let url = cdn.put(&format!("/{id}"), thing);
    home.heygen.add_photo(id);
    home.heygen.set(Kind::TalkingPhoto, id, "preview_image_url", url);
}

/// Returns the most memory among samples, in kB.
fn most(samples: &[Memory]) -> u64 {
    samples.iter().map(|memory| memory.resident).max().unwrap()
}

at_home! {
    async fn polling_every_second_through_faults_it_counts_each_poll_and_does_not_grow(home: Home) {
        let full = std::env::var_os("HEYGEN_SYNC_TEST_FULL").is_some();
        let (least, time) = if full { (16, 180) } else { (12, 0) };
        let cdn = FakeCdn::start(heygen_sync::time::Clock::system());
        for n in 0..1000 {
            home.heygen.add_avatar(&format!("a{n}"), |_| ());
        }
        let env = [&EVERY_SECOND[..], &MIRROR].concat();
        let mut gate = home.heygen.delay_next();
        let begun = Instant::now();
        let service = Service::start(&home, &env);
        let (mut tally, mut memory) = (Tally::default(), vec![]);
        while memory.len() < least || begun.elapsed() < Duration::from_secs(time) {
            gate.reached().await;
            let next = home.heygen.delay_next();
            misbehave(&home, &cdn, memory.len(), &mut tally);
            memory.push(service.memory());
            gate.release();
            gate = next;
        }
        // In the middle of a poll: the poll is finished first.
        gate.reached().await;
        home.heygen.recover();
        tally.succeeded += 1;
        service.signal("TERM");
        service.wait_told("STOPPING=1");
        gate.release();
        let (code, log) = service.end();
        assert_eq!(code, Some(0), "{log:?}");

        let asked = home.heygen.request_count();
        let of = |outcome: &str| format!("SELECT 1 FROM polls WHERE trigger = 'schedule' AND outcome = '{outcome}'");
        let counted = Tally {
            succeeded: home.count(&of("succeeded")).await,
            failed: home.count(&of("failed")).await,
        };
        assert_eq!(counted, tally, "{log:?}");
        assert_eq!((counted.succeeded + counted.failed, home.count("SELECT 1 FROM polls").await), (asked, asked));
        assert_eq!(home.heygen.most_at_once(), 1);
        assert!(asked as u64 <= begun.elapsed().as_secs() + 2, "one a second at most: {asked}");
        let told = log.iter().filter(|line| line.contains(" ERROR ")).count();
        assert!(told >= tally.failed, "each failure is told: {log:?}");

        let quarter = memory.len() / 4;
        let (early, late) = (most(&memory[..quarter]), most(&memory[memory.len() - quarter..]));
        let peak = memory.last().unwrap().peak;
        let engine = if home.is_sqlite() { "SQLite" } else { "PostgreSQL" };
        println!("{engine}: {asked} polls ({counted:?}), resident {early} kB in the first quarter, {late} kB in the last, at most {peak} kB");
        let allowed = if full { early + early / 4 } else { early * 3 / 2 };
        assert!(late <= allowed, "{memory:?}");

        // In the middle of a download: the download is abandoned.
        photo(&home, &cdn, "stalled", Fault::Stalled);
        let service = Service::start(&home, &env);
        let begun = Instant::now();
        while cdn.asked("/stalled") == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", service.log());
            service.wait_told("");
        }
        let (code, log) = service.stop();
        assert_eq!(code, Some(0), "{log:?}");
        assert!(!log.iter().any(|line| line.contains("abandoned")), "{log:?}");
        let left = "SELECT 1 FROM assets WHERE url LIKE '%stalled' AND state = 'pending'";
        assert_eq!(home.count(left).await, 1);
        let verified = home.run_with(&MIRROR, &["verify", "--assets"]);
        assert_eq!(verified.code, 0, "{verified:?}");
    }
}
