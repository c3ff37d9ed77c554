//! The rules of the plan, with a simulated clock.

use proptest::prelude::*;

use super::*;
use crate::config::Daemon;

fn schedule(cron: &str) -> Schedule {
    let daemon = Daemon { schedule: cron.into(), jitter: Duration::ZERO, ..Daemon::default() };
    Schedule::new(&daemon, 1).unwrap()
}

fn at(clock: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-11-23T{clock}Z")).unwrap()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// A plan with a simulated clock, and the work that was done.
struct Run {
    plan: Plan,
    ahead: Ahead,
    now: Timestamp,
    lasts: Duration,
    done: Vec<(String, Work)>,
}

impl Run {
    fn start(last_poll: Option<Timestamp>, now: Timestamp) -> Self {
        let ahead = Ahead { last_poll, ..Ahead::default() };
        let plan = Plan::new(schedule("@hourly"), &ahead, now);
        Self { plan, ahead, now, lasts: Duration::from_secs(5), done: vec![] }
    }

    /// Advances the time to `end`, and does the work that is due.
    fn until(&mut self, end: Timestamp) {
        loop {
            let next = self.plan.next(&self.ahead, self.now);
            if next.at > end && next.at > self.now {
                self.now = self.now.max(end);
                return;
            }
            self.now = self.now.max(next.at);
            self.done.push((self.now.to_string()[11..16].to_owned(), next.work));
            self.now = self.now.plus(self.lasts);
            self.plan.done(next.work, &self.ahead, self.now);
            if self.now > end {
                return;
            }
        }
    }

    /// As [`Run::until`], but checks the clock every second, as the loop does.
    fn watch(&mut self, end: Timestamp) {
        while self.now < end {
            let next = self.plan.next(&self.ahead, self.now);
            if next.at <= self.now {
                self.done.push((self.now.to_string()[11..16].to_owned(), next.work));
                self.now = self.now.plus(self.lasts);
                self.plan.done(next.work, &self.ahead, self.now);
            }
            self.now = self.now.plus(Duration::from_secs(1));
        }
    }

    fn times(&self) -> Vec<&str> {
        self.done.iter().map(|(time, _)| time.as_str()).collect()
    }

    fn polls(&self) -> Vec<&str> {
        let polls = self.done.iter().filter(|(_, work)| *work == Work::Poll);
        polls.map(|(time, _)| time.as_str()).collect()
    }
}

#[test]
fn an_account_that_was_never_polled_is_polled_at_once() {
    let mut run = Run::start(None, at("10:20:00"));
    run.until(at("12:30:00"));
    assert_eq!(run.polls(), ["10:20", "11:00", "12:00"]);
}

#[test]
fn slots_missed_while_it_was_down_are_caught_up_once() {
    let mut run = Run::start(Some(at("03:00:05")), at("10:20:00"));
    run.until(at("11:30:00"));
    assert_eq!(run.polls(), ["10:20", "11:00"]);
}

#[test]
fn a_restart_between_two_slots_polls_nothing() {
    let mut run = Run::start(Some(at("10:00:05")), at("10:20:00"));
    run.until(at("11:30:00"));
    assert_eq!(run.polls(), ["11:00"]);
}

#[test]
fn a_slot_that_passes_while_a_poll_runs_is_passed_over() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.lasts = minutes(150);
    run.until(at("15:30:00"));
    assert_eq!(run.polls(), ["10:00", "13:00"]);
}

#[test]
fn a_suspend_over_many_slots_costs_one_poll_when_it_ends() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.until(at("10:30:00"));
    run.now = at("18:30:00");
    run.until(at("19:30:00"));
    assert_eq!(run.polls(), ["10:00", "18:30", "19:00"]);
}

#[test]
fn a_clock_set_back_repeats_nothing_at_once_and_does_not_fall_silent() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.until(at("10:30:00"));
    run.now = at("04:30:00");
    run.until(at("06:30:00"));
    assert_eq!(run.polls(), ["10:00", "05:00", "06:00"]);
}

#[test]
fn a_clock_that_is_a_little_behind_repeats_no_slot() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.until(at("10:00:30"));
    run.now = at("09:59:50");
    run.until(at("10:30:00"));
    assert_eq!(run.polls(), ["10:00"]);
}

#[test]
fn a_last_poll_from_the_future_holds_up_nothing() {
    let mut run = Run::start(Some(at("23:00:00")), at("09:10:00"));
    run.until(at("10:30:00"));
    assert_eq!(run.polls(), ["10:00"]);
}

#[test]
fn another_schedule_counts_from_now_on() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.reschedule(schedule("*/5 * * * *"), at("09:17:00"));
    run.now = at("09:17:00");
    run.until(at("09:31:00"));
    assert_eq!(run.polls(), ["09:20", "09:25", "09:30"]);
}

#[test]
fn a_fresh_list_is_fetched_before_the_links_of_unsaved_previews_die() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
    run.ahead.next_expiry = Some(at("12:30:00"));
    let next = run.plan.next(&run.ahead, run.now);
    assert_eq!(next, NextWork { at: at("11:30:00"), work: Work::Refresh });
    // A list that arrives with an earlier slot suffices as well.
    run.plan.reschedule(schedule("@hourly"), at("09:10:00"));
    assert_eq!(run.plan.next(&run.ahead, run.now).work, Work::Poll);
}

#[test]
fn fresh_lists_are_fetched_at_most_once_in_ten_minutes() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
    run.ahead.next_expiry = Some(at("09:40:00"));
    run.ahead.last_refresh = Some(at("09:05:00"));
    run.until(at("09:40:00"));
    let times: Vec<&str> = run.done.iter().map(|(time, _)| time.as_str()).collect();
    assert_eq!(times, ["09:15", "09:25", "09:35"]);
    assert!(run.done.iter().all(|(_, work)| *work == Work::Refresh));
}

#[test]
fn what_a_clock_that_was_ahead_has_told_puts_nothing_off() {
    // A fresh list that was requested in the future.
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
    run.ahead.next_expiry = Some(at("09:40:00"));
    run.ahead.last_refresh = Some(at("23:00:00"));
    run.watch(at("09:35:00"));
    assert_eq!(run.times(), ["09:10", "09:20", "09:30"]);
    assert!(run.done.iter().all(|(_, work)| *work == Work::Refresh));
    // Work that this process did while the clock was ahead.
    for work in [Work::Refresh, Work::Mirror, Work::Notices] {
        let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
        run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
        let due = Some(at("09:11:00"));
        match work {
            Work::Refresh => run.ahead.next_expiry = Some(at("09:40:00")),
            Work::Mirror => run.ahead.retry = due,
            _ => run.ahead.notice = due,
        }
        run.plan.done(work, &run.ahead, at("23:00:00"));
        run.watch(at("09:22:00"));
        assert!((2..=4).contains(&run.done.len()), "{work:?}: {:?}", run.done);
        assert!(run.done.iter().all(|(_, done)| *done == work), "{:?}", run.done);
    }
}

#[test]
fn a_clock_that_is_a_little_ahead_is_believed() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
    run.ahead.next_expiry = Some(at("09:40:00"));
    run.ahead.last_refresh = Some(at("09:10:30"));
    run.watch(at("09:25:00"));
    assert_eq!(run.times(), ["09:20"]);
}

#[test]
fn what_failed_is_tried_again_when_it_is_due_but_not_all_the_time() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    // Each attempt makes the first due time later, as a failure does.
    for minute in 20..23 {
        run.ahead.retry = Some(at(&format!("09:{minute}:00")));
        run.until(at(&format!("09:{minute}:50")));
    }
    assert_eq!(run.times(), ["09:20", "09:21", "09:22"]);
    assert!(run.done.iter().all(|(_, work)| *work == Work::Mirror));
}

#[test]
fn what_stays_due_whatever_is_tried_is_tried_more_and_more_rarely() {
    for work in [Work::Mirror, Work::Notices] {
        let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
        run.plan.reschedule(schedule("0 8 * * *"), at("09:10:00"));
        run.lasts = Duration::ZERO;
        match work {
            Work::Mirror => run.ahead.retry = Some(at("09:20:00")),
            _ => run.ahead.notice = Some(at("09:20:00")),
        }
        run.watch(at("11:30:00"));
        let rarely =
            ["09:20", "09:21", "09:23", "09:27", "09:35", "09:51", "10:21", "10:51", "11:21"];
        assert_eq!(run.times(), rarely);
        assert!(run.done.iter().all(|(_, done)| *done == work), "{:?}", run.done);
        // Immediately under another configuration, which may not help either.
        run.done.clear();
        run.plan.try_at_once();
        run.watch(at("11:32:00"));
        assert_eq!(run.times(), ["11:30", "11:31"]);
        // Other due work does not count as an attempt at the first.
        run.done.clear();
        match work {
            Work::Mirror => run.ahead.retry = Some(at("11:32:30")),
            _ => run.ahead.notice = Some(at("11:32:30")),
        }
        run.watch(at("11:34:00"));
        assert_eq!(run.times(), ["11:32", "11:33"]);
    }
}

#[test]
fn neither_notices_nor_polls_keep_the_mirror_from_its_tries() {
    let mut run = Run::start(Some(at("09:00:05")), at("09:01:00"));
    run.ahead.retry = Some(at("09:02:00"));
    for minute in 2..59 {
        run.ahead.notice = Some(at(&format!("09:{minute:02}:00")));
        run.watch(at(&format!("09:{minute:02}:59")));
    }
    let tries = run.done.iter().filter(|(_, work)| *work == Work::Mirror).count();
    assert!(tries >= 5, "{:?}", run.done);
}

#[test]
fn accounts_that_have_just_come_are_treated_as_at_a_start() {
    // Never polled: immediately, and then by the schedule.
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    run.plan.begin(&Ahead::default(), at("09:10:00"));
    run.until(at("10:30:00"));
    assert_eq!(run.times(), ["09:10", "10:00"]);
    // Polled a while ago, under an earlier configuration.
    let mut run = Run::start(Some(at("09:00:05")), at("09:10:00"));
    let ahead = Ahead { last_poll: Some(at("03:00:05")), ..Ahead::default() };
    run.plan.begin(&ahead, at("09:10:00"));
    run.until(at("10:30:00"));
    assert_eq!(run.times(), ["09:10", "10:00"]);
}

/// An event of the simulated clock.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Jump(i64),
    Busy(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1u64..400).prop_map(Event::Pass),
        1 => (-90_000i64..90_000).prop_map(Event::Jump),
        1 => (1u64..900).prop_map(Event::Busy),
    ]
}

#[test]
fn a_notice_that_waits_is_tried_between_polls_and_not_all_the_time() {
    let mut run = Run::start(Some(at("12:00:00")), at("12:00:10"));
    run.ahead.notice = Some(at("12:00:40"));
    run.until(at("12:04:00"));
    assert!(run.done.iter().all(|(_, work)| *work == Work::Notices), "{:?}", run.done);
    let times: Vec<&str> = run.done.iter().map(|(time, _)| time.as_str()).collect();
    assert_eq!(times, ["12:00", "12:01", "12:03"]);
    run.ahead.notice = None;
    run.until(at("12:59:59"));
    assert_eq!(run.done.len(), 3);
}

proptest! {
    #[test]
    fn whatever_the_clock_does_there_is_neither_a_storm_nor_silence(
        events in prop::collection::vec(event(), 1..80),
    ) {
        let ahead = Ahead { last_poll: Some(at("12:00:00")), ..Ahead::default() };
        let mut plan = Plan::new(schedule("*/5 * * * *"), &ahead, at("12:01:00"));
        let mut now = at("12:01:00");
        let (mut polls, mut elapsed, mut jumps, mut quiet) = (0u64, 0u64, 0u64, 0u64);
        for event in events {
            let (steps, busy) = match event {
                Event::Pass(seconds) => (seconds, 0),
                Event::Busy(seconds) => (1, seconds),
                Event::Jump(seconds) => {
                    now = Timestamp::from_millis(now.millis() + seconds * 1000);
                    jumps += 1;
                    quiet = 0;
                    (1, 0)
                }
            };
            // Every second, as the loop checks the clock.
            for _ in 0..steps {
                let next = plan.next(&ahead, now);
                if next.at <= now {
                    polls += 1;
                    quiet = 0;
                    now = now.plus(Duration::from_secs(busy));
                    elapsed += busy;
                    plan.done(next.work, &ahead, now);
                }
                now = now.plus(Duration::from_secs(1));
                elapsed += 1;
                quiet += 1;
                prop_assert!(quiet <= 300 + 60 + 1, "no poll for {quiet} s");
            }
        }
        // A jump may catch up one slot, and the next may follow soon.
        let most = elapsed / 300 + 1 + 2 * jumps;
        prop_assert!(polls <= most, "{polls} polls in {elapsed} s, {jumps} jumps");
    }
}
