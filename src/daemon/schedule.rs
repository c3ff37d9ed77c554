//! The times of the slots: a cron expression in a time zone. Pure: no clock, no database.
//!
//! Croner matches and searches in local time without daylight saving (it goes back in time if asked
//! from within the hour that occurs twice); clock changes are handled here, as crontab does it:
//!
//! - a schedule of fixed times, without `*` in its minutes and hours, keeps them: a slot in the
//!   hour that is skipped is due immediately after it, and a slot in the hour that occurs twice is
//!   due only the first time;
//! - any other schedule (every hour, every ten minutes) continues evenly: slots in the skipped hour
//!   are omitted, slots in the repeated hour are due twice.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Offset, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

use crate::{config::Daemon, error::Result, time::Timestamp};

/// A schedule in its time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
    /// Whether the times of day are fixed, as crontab defines it.
    fixed: bool,
    jitter: Duration,
    /// The seed of this process's random delays, which makes them differ from those of others.
    seed: u64,
}

impl Schedule {
    /// Creates the configured schedule; `seed` determines the random delays.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for an invalid expression or time zone.
    pub fn new(daemon: &Daemon, seed: u64) -> Result<Self> {
        let cron = daemon.cron()?;
        let fixed = !cron.pattern.minutes.from_wildcard && !cron.pattern.hours.from_wildcard;
        Ok(Self { cron, zone: daemon.zone()?, fixed, jitter: daemon.jitter, seed })
    }

    /// Returns the first slot later than `after`; `None` if there is none.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = after.to_chrono();
        // Slots are whole seconds, and a slot is later than all fractions of the second before it.
        from = DateTime::from_timestamp(from.timestamp(), 0)?;
        let mut inclusive = false;
        // Each iteration passes a slot that does not count, or a clock change: a few a year.
        for _ in 0..100_000 {
            let offset = self.offset(from);
            let local = self.cron_next(from.naive_utc() + offset, inclusive)?;
            let slot = (local - offset).and_utc();
            let Some(change) = self.first_change(from, slot, offset) else {
                if !self.fixed || !self.is_repeated(local, slot) {
                    return Some(slot.into());
                }
                (from, inclusive) = (slot, false);
                continue;
            };
            if self.fixed && self.falls_in_gap(change, offset) {
                return Some(change.into());
            }
            (from, inclusive) = (change, true);
        }
        None
    }

    /// Returns the next slots after `now` in local time: RFC 3339 with the zone's offset.
    pub fn preview(&self, now: Timestamp, count: usize) -> Vec<String> {
        let slots = std::iter::successors(self.next(now), |slot| self.next(*slot)).take(count);
        let local = |slot: Timestamp| slot.to_chrono().with_timezone(&self.zone);
        slots.map(|slot| local(slot).to_rfc3339_opts(SecondsFormat::Secs, true)).collect()
    }

    /// Returns when the poll of a slot is due: the slot and a random delay, less than the
    /// configured jitter and always before the next slot.
    pub fn due(&self, slot: Timestamp) -> Timestamp {
        let gap = self.next(slot).map(|next| next.millis() - slot.millis());
        let jitter = i64::try_from(self.jitter.as_millis()).unwrap_or(i64::MAX);
        let most = jitter.min(gap.unwrap_or(i64::MAX));
        if most <= 0 {
            return slot;
        }
        let mut dice = fastrand::Rng::with_seed(self.seed ^ slot.millis() as u64);
        slot.plus(Duration::from_millis(dice.i64(0..most) as u64))
    }

    /// Returns the next local time that matches, without clock changes.
    fn cron_next(&self, local: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let next = self.cron.find_next_occurrence(&local.and_utc(), inclusive).ok()?;
        Some(next.naive_utc())
    }

    fn offset(&self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&at.naive_utc());
        TimeDelta::seconds(offset.fix().local_minus_utc().into())
    }

    /// Returns whether the local time `local` has occurred before, in the first of two equal hours.
    fn is_repeated(&self, local: NaiveDateTime, slot: DateTime<Utc>) -> bool {
        let first = self.zone.from_local_datetime(&local).earliest();
        first.is_some_and(|first| first.with_timezone(&Utc) < slot)
    }

    /// Returns whether a slot is in the local time that the change at `change` skips.
    fn falls_in_gap(&self, change: DateTime<Utc>, before: TimeDelta) -> bool {
        let (from, to) = (change.naive_utc() + before, change.naive_utc() + self.offset(change));
        from < to && self.cron_next(from, true).is_some_and(|local| local < to)
    }

    /// Returns the first time in (`from`, `to`] at which the offset is no longer `offset`.
    fn first_change(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        offset: TimeDelta,
    ) -> Option<DateTime<Utc>> {
        // No zone changes its clock twice within a day.
        let mut same = from;
        let mut other = loop {
            let day = (same + TimeDelta::days(1)).min(to);
            if self.offset(day) != offset {
                break day;
            }
            if day >= to {
                return None;
            }
            same = day;
        };
        while other - same > TimeDelta::seconds(1) {
            let middle = same + TimeDelta::seconds((other - same).num_seconds() / 2);
            match self.offset(middle) == offset {
                true => same = middle,
                false => other = middle,
            }
        }
        Some(other)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
