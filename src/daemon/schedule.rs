//! When the slots are: a cron expression on the clock of a time zone. Pure: no clock, no database.
//!
//! Croner matches and searches on a clock without daylight saving (it goes back in time when asked
//! from within the hour that comes twice); what a change of the clock means is decided here, as
//! crontab does it:
//!
//! - a schedule of fixed times, with no `*` in its minutes and hours, keeps them: what falls into
//!   the hour that is left out is due at once after it, and in the hour that comes twice it is due
//!   only the first time;
//! - any other schedule (every hour, every ten minutes) goes on evenly: what is left out is left
//!   out, what comes twice is due twice.

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
    /// Fixed times of the day, as crontab understands it.
    fixed: bool,
    jitter: Duration,
    /// What makes this process's delays differ from another's.
    seed: u64,
}

impl Schedule {
    /// As configured; delays by chance follow from `seed`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for what cannot be read.
    pub fn new(daemon: &Daemon, seed: u64) -> Result<Self> {
        let cron = daemon.cron()?;
        let fixed = !cron.pattern.minutes.from_wildcard && !cron.pattern.hours.from_wildcard;
        Ok(Self { cron, zone: daemon.zone()?, fixed, jitter: daemon.jitter, seed })
    }

    /// The first slot later than `after`; `None` when there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = after.to_chrono();
        // Slots are whole seconds, and a slot is later than what lies before it in its second.
        from = DateTime::from_timestamp(from.timestamp(), 0)?;
        let mut inclusive = false;
        // Each turn passes a slot that does not count, or a change of the clock: a few a year.
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

    /// The next slots after `now`, as the clock of the zone shows them: RFC 3339 with its offset.
    pub fn preview(&self, now: Timestamp, count: usize) -> Vec<String> {
        let slots = std::iter::successors(self.next(now), |slot| self.next(*slot)).take(count);
        let local = |slot: Timestamp| slot.to_chrono().with_timezone(&self.zone);
        slots.map(|slot| local(slot).to_rfc3339_opts(SecondsFormat::Secs, true)).collect()
    }

    /// When the poll of a slot is due: the slot and a delay by chance, less than the configured
    /// jitter, and never as late as the next slot.
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

    /// The next local time that matches, on a clock that never changes.
    fn cron_next(&self, local: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let next = self.cron.find_next_occurrence(&local.and_utc(), inclusive).ok()?;
        Some(next.naive_utc())
    }

    fn offset(&self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&at.naive_utc());
        TimeDelta::seconds(offset.fix().local_minus_utc().into())
    }

    /// Whether the local time `local` came before, in the first of two equal hours.
    fn is_repeated(&self, local: NaiveDateTime, slot: DateTime<Utc>) -> bool {
        let first = self.zone.from_local_datetime(&local).earliest();
        first.is_some_and(|first| first.with_timezone(&Utc) < slot)
    }

    /// Whether a slot falls into the local time that the change at `change` leaves out.
    fn falls_in_gap(&self, change: DateTime<Utc>, before: TimeDelta) -> bool {
        let (from, to) = (change.naive_utc() + before, change.naive_utc() + self.offset(change));
        from < to && self.cron_next(from, true).is_some_and(|local| local < to)
    }

    /// The first moment after `from`, and not after `to`, at which the offset is no longer `offset`.
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
