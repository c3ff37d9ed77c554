//! What is due next, and when. Pure: the time and what the tables say come in by argument.
//!
//! The plan has one number, `base`: the moment up to which all slots have been seen to. A poll is
//! due at the first slot after it. When something was done, `base` becomes the time at which it
//! ended. From this follow the rules:
//!
//! - *no overlap*: a slot that passes while a poll runs is passed over, not queued;
//! - *catch-up*: at the start `base` is the account's last poll, so that slots missed while the
//!   program was down are due at once, and once;
//! - *suspend, or a clock set forward*: the same, for however many slots were missed;
//! - *a clock set back*: `base` lies ahead of the time; the plan starts anew from now, so that
//!   slots are neither repeated at once nor waited for until the old time comes again.

use std::time::Duration;

use super::schedule::Schedule;
use crate::{mirror::plan::REFRESH_EVERY, store::ahead::Ahead, time::Timestamp};

/// So long before a link of an unsaved preview dies, a fresh list is fetched.
pub const LEAD: Duration = Duration::from_secs(60 * 60);
/// The mirror's queue is worked, and notices are tried, between polls no more often than this.
pub const MIRROR_EVERY: Duration = Duration::from_secs(60);
/// A clock that is behind by less than this is not counted as set back.
pub const SLACK: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A round of polls, as scheduled.
    Poll,
    /// A round of polls ahead of time, for fresh links.
    Refresh,
    /// The mirror's queue alone: what failed is due again.
    Mirror,
    /// The notices alone: one that was not accepted may be tried again.
    Notices,
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Not before this.
    pub at: Timestamp,
    /// What.
    pub work: Work,
}

/// See the head of the file.
#[derive(Clone, Debug)]
pub struct Plan {
    schedule: Schedule,
    base: Option<Timestamp>,
    refreshed: Option<Timestamp>,
    worked: Option<Timestamp>,
}

impl Plan {
    /// A plan for a program that starts at `now`, after the polls that `ahead` tells of.
    pub fn new(schedule: Schedule, ahead: &Ahead, now: Timestamp) -> Self {
        let base = ahead.last_poll.map(|last| last.min(now));
        Self { schedule, base, refreshed: None, worked: None }
    }

    /// From now on by another schedule. What the old one missed is not caught up by the new one.
    pub fn reschedule(&mut self, schedule: Schedule, now: Timestamp) {
        self.schedule = schedule;
        self.base = self.base.map(|_| now);
    }

    /// What is due next, as seen at `now`.
    pub fn next(&mut self, ahead: &Ahead, now: Timestamp) -> Next {
        let Some(mut base) = self.base else { return Next { at: now, work: Work::Poll } };
        if now < base.minus(SLACK) {
            tracing::warn!("the clock was set back, from {base} or later to {now}");
            base = now;
            self.base = Some(now);
        }
        let slot = self.schedule.next(base).map(|slot| self.schedule.due(slot));
        let poll = slot.map(|at| Next { at, work: Work::Poll });
        let early = ahead.link_dies.map(|dies| {
            let last = latest(self.refreshed, ahead.last_refresh, now);
            let at = dies.minus(LEAD).max(last.map_or(now, |last| last.plus(REFRESH_EVERY)));
            Next { at, work: Work::Refresh }
        });
        let between = latest(self.worked, None, now).map_or(now, |last| last.plus(MIRROR_EVERY));
        let again = |at: Timestamp, work| Next { at: at.max(between), work };
        let mirror = ahead.retry.map(|retry| again(retry, Work::Mirror));
        let notices = ahead.notice.map(|retry| again(retry, Work::Notices));
        let far = Next { at: Timestamp::from_millis(i64::MAX), work: Work::Poll };
        // The first of equals: a scheduled poll does the others' work, too.
        [poll, early, mirror, notices]
            .into_iter()
            .flatten()
            .min_by_key(|next| next.at)
            .unwrap_or(far)
    }

    /// `work` has begun at `began` and ended at `now`.
    pub fn done(&mut self, work: Work, now: Timestamp) {
        self.worked = Some(now);
        match work {
            Work::Poll => self.base = Some(now),
            // Slots that passed meanwhile have been seen to as well.
            Work::Refresh => {
                self.refreshed = Some(now);
                self.base = Some(now);
            }
            Work::Mirror | Work::Notices => {}
        }
    }
}

/// The later of two times; what lies ahead of `now` counts as now.
fn latest(a: Option<Timestamp>, b: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    a.max(b).map(|time| time.min(now))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
