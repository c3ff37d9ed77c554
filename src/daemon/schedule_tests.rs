//! Slots against a brute-force oracle that steps through time minute by minute.

use std::collections::HashSet;

use chrono::Timelike;
use proptest::prelude::*;

use super::*;

fn schedule(cron: &str, zone: &str, jitter: u64) -> Schedule {
    let daemon = Daemon {
        schedule: cron.into(),
        timezone: zone.into(),
        jitter: Duration::from_secs(jitter),
        ..Daemon::default()
    };
    Schedule::new(&daemon, 7).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.trim_end_matches('Z')).unwrap()
}

/// Returns the slots after `from` up to `until`, as `DD HH:MM` in UTC.
fn slots(schedule: &Schedule, from: &str, until: &str) -> Vec<String> {
    let (mut now, until) = (at(from), at(until));
    let mut slots = vec![];
    while let Some(next) = schedule.next(now).filter(|next| *next <= until) {
        slots.push(next.to_string()[8..16].replace('T', " "));
        now = next;
    }
    slots
}

#[test]
fn a_fixed_time_that_spring_leaves_out_is_due_right_after_the_change() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    let daily = schedule("30 2 * * *", "Europe/Berlin", 0);
    let found = slots(&daily, "2026-03-27T12:00Z", "2026-03-31T12:00Z");
    assert_eq!(found, ["28 01:30", "29 01:00", "30 00:30", "31 00:30"]);
}

#[test]
fn a_fixed_time_that_autumn_brings_twice_is_due_once() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
    let daily = schedule("30 2 * * *", "Europe/Berlin", 0);
    let found = slots(&daily, "2026-10-24T12:00Z", "2026-10-27T12:00Z");
    assert_eq!(found, ["25 00:30", "26 01:30", "27 01:30"]);
    // Asked from within the second of the two hours, the search does not go back.
    assert_eq!(daily.next(at("2026-10-25T01:10Z")), Some(at("2026-10-26T01:30Z")));
}

#[test]
fn several_fixed_times_a_day_are_kept_over_both_changes() {
    let twice = schedule("30 2,14 * * *", "Europe/Berlin", 0);
    let found = slots(&twice, "2026-03-28T18:00Z", "2026-03-30T01:00Z");
    assert_eq!(found, ["29 01:00", "29 12:30", "30 00:30"]);
    let found = slots(&twice, "2026-10-24T18:00Z", "2026-10-26T02:00Z");
    assert_eq!(found, ["25 00:30", "25 13:30", "26 01:30"]);
    // Two times that are skipped are one poll, and so is one at the change itself.
    let often = schedule("0,30 2-4 * * *", "Europe/Berlin", 0);
    let found = slots(&often, "2026-03-28T18:00Z", "2026-03-29T12:00Z");
    assert_eq!(found, ["29 01:00", "29 01:30", "29 02:00", "29 02:30"]);
    let found = slots(&often, "2026-10-24T18:00Z", "2026-10-25T02:30Z");
    assert_eq!(found, ["25 00:00", "25 00:30", "25 02:00", "25 02:30"]);
}

#[test]
fn a_star_in_minutes_or_hours_follows_the_clock_on_the_wall() {
    // Skipped in spring, and repeated in autumn, as in crontab.
    let ten = schedule("*/30 2 * * *", "Europe/Berlin", 0);
    assert_eq!(slots(&ten, "2026-03-28T12:00Z", "2026-03-30T12:00Z"), ["30 00:00", "30 00:30"]);
    assert_eq!(
        slots(&ten, "2026-10-24T12:00Z", "2026-10-25T12:00Z"),
        ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]
    );
    assert_eq!(
        slots(
            &schedule("20 */2 * * *", "Europe/Berlin", 0),
            "2026-03-28T21:30Z",
            "2026-03-29T04:00Z"
        ),
        ["28 23:20", "29 02:20"]
    );
}

#[test]
fn a_time_once_a_year_in_the_hour_that_comes_twice_is_due_the_first_time() {
    let yearly = schedule("30 2 25 10 *", "Europe/Berlin", 0);
    assert_eq!(yearly.next(at("2025-11-01")), Some(at("2026-10-25T00:30Z")));
    assert_eq!(yearly.next(at("2026-10-25T00:30Z")), Some(at("2027-10-25T00:30Z")));
    let often = schedule("*/30 2 25 10 *", "Europe/Berlin", 0);
    assert_eq!(often.next(at("2025-11-01")), Some(at("2026-10-25T00:00Z")));
}

#[test]
fn the_next_slots_are_shown_by_the_clock_of_the_zone() {
    let twice = schedule("30 2,14 * * *", "Europe/Berlin", 60);
    let shown = twice.preview(at("2026-10-24T18:00Z"), 3);
    assert_eq!(
        shown,
        ["2026-10-25T02:30:00+02:00", "2026-10-25T14:30:00+01:00", "2026-10-26T02:30:00+01:00"]
    );
}

#[test]
fn an_hourly_schedule_goes_on_evenly_over_both_changes() {
    let hourly = schedule("@hourly", "Europe/Berlin", 0);
    let even = |from: &str, until: &str| slots(&hourly, from, until);
    assert_eq!(
        even("2026-03-28T23:30Z", "2026-03-29T03:30Z"),
        ["29 00:00", "29 01:00", "29 02:00", "29 03:00"]
    );
    assert_eq!(
        even("2026-10-24T23:30Z", "2026-10-25T03:30Z"),
        ["25 00:00", "25 01:00", "25 02:00", "25 03:00"]
    );
}

#[test]
fn seconds_may_lead_and_days_may_be_named() {
    let seconds = schedule("*/20 * * * * *", "UTC", 0);
    assert_eq!(seconds.next(at("2026-11-23T10:00:19.999Z")), Some(at("2026-11-23T10:00:20Z")));
    assert_eq!(seconds.next(at("2026-11-23T10:00:20Z")), Some(at("2026-11-23T10:00:40Z")));
    assert_eq!(seconds.next(at("2026-11-23T10:00:20.001Z")), Some(at("2026-11-23T10:00:40Z")));
    let workdays = schedule("0 17 6 * * MON-FRI", "UTC", 0);
    assert_eq!(workdays.next(at("2026-11-20T07:00Z")), Some(at("2026-11-23T06:17Z")));
    // A match of the day of the month or of the week suffices, as in crontab.
    let either = schedule("0 0 1 * MON", "UTC", 0);
    assert_eq!(either.next(at("2026-11-24T00:00Z")), Some(at("2026-11-30T00:00Z")));
    assert_eq!(either.next(at("2026-11-30T00:00Z")), Some(at("2026-12-01T00:00Z")));
}

#[test]
fn a_slot_that_lies_years_ahead_is_found() {
    let leap = schedule("30 2 29 2 *", "Europe/Berlin", 0);
    assert_eq!(leap.next(at("2026-11-23")), Some(at("2028-02-29T01:30Z")));
    // Once a year, in the hour that is skipped in spring.
    let yearly = schedule("30 2 29 3 *", "Europe/Berlin", 0);
    assert_eq!(yearly.next(at("2025-04-01")), Some(at("2026-03-29T01:00Z")));
}

/// The minutes or the hours of a generated expression: their text and their values.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    values: Vec<u32>,
}

fn part(size: u32) -> impl Strategy<Value = Part> {
    let every = (1..size / 2).prop_map(move |step| Part {
        text: if step == 1 { "*".into() } else { format!("*/{step}") },
        values: (0..size).step_by(step as usize).collect(),
    });
    let one = (0..size).prop_map(|value| Part { text: value.to_string(), values: vec![value] });
    let some = prop::collection::btree_set(0..size, 2..4).prop_map(|values| {
        let values: Vec<u32> = values.into_iter().collect();
        let text: Vec<String> = values.iter().map(u32::to_string).collect();
        Part { text: text.join(","), values }
    });
    prop_oneof![every, one, some]
}

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Pacific/Apia",
];

/// Returns all slots of the 72 hours after `start`.
fn oracle(minutes: &Part, hours: &Part, zone: Tz, start: DateTime<Utc>) -> Vec<Timestamp> {
    let fixed = !minutes.text.starts_with('*') && !hours.text.starts_with('*');
    let matches = |local: NaiveDateTime| {
        minutes.values.contains(&local.minute()) && hours.values.contains(&local.hour())
    };
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let mut seen = HashSet::new();
    let mut slots = vec![];
    // The time before `start` is included, to know which local times are repeated.
    for minute in -26 * 60..=72 * 60 {
        let now = start + TimeDelta::minutes(minute);
        let (before, here) = (local(now - TimeDelta::minutes(1)), local(now));
        let mut due = matches(here) && !(fixed && seen.contains(&here));
        if fixed {
            let mut left_out = before + TimeDelta::minutes(1);
            while left_out < here {
                due |= matches(left_out);
                left_out += TimeDelta::minutes(1);
            }
        }
        seen.insert(here);
        if due && minute > 0 {
            slots.push(Timestamp::from(now));
        }
    }
    slots
}

/// Returns the first day within a year on which the zone's clock changes, or else `day` itself.
fn near_a_change(zone: Tz, day: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let days = (0..366).map(|n| day + TimeDelta::days(n));
    days.into_iter().find(|at| offset(*at) != offset(*at + TimeDelta::days(1))).unwrap_or(day)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn slots_are_those_that_a_walk_through_time_finds(
        minutes in part(60),
        hours in part(24),
        zone in 0..ZONES.len(),
        // Any day from 2010 to 2037, in whole minutes, and mostly near a clock change.
        day in 14_610i64..24_800,
        minute in 0i64..1_440,
        near in prop::bool::weighted(0.8),
    ) {
        let zone: Tz = ZONES[zone].parse().unwrap();
        let day = DateTime::from_timestamp(day * 86_400, 0).unwrap();
        let start = if near { near_a_change(zone, day) } else { day } + TimeDelta::minutes(minute - 720);
        let schedule = schedule(&format!("{} {} * * *", minutes.text, hours.text), zone.name(), 0);
        let wanted = oracle(&minutes, &hours, zone, start);
        let mut now = Timestamp::from(start);
        for slot in wanted {
            let next = schedule.next(now);
            prop_assert_eq!(next, Some(slot), "after {} in {}", now, zone);
            // It is also the next slot from any time before it.
            let middle = Timestamp::from_millis((now.millis() + slot.millis()) / 2);
            prop_assert_eq!(schedule.next(middle.max(now)), Some(slot));
            now = slot;
        }
    }

    #[test]
    fn a_delay_is_less_than_the_jitter_and_ends_before_the_next_slot(
        jitter in 0u64..8_000,
        seed in any::<u64>(),
        minute in 0i64..100_000,
    ) {
        let mut schedule = schedule("*/7 * * * *", "Europe/Berlin", jitter);
        schedule.seed = seed;
        let slot = schedule.next(at("2026-03-20").plus(Duration::from_secs(60 * minute as u64))).unwrap();
        let due = schedule.due(slot);
        prop_assert!(slot <= due && due < schedule.next(slot).unwrap());
        prop_assert!(due < slot.plus(Duration::from_secs(jitter.max(1))));
        prop_assert_eq!(due, schedule.due(slot), "the delay of a slot stays the same");
    }
}
