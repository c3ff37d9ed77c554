//! The work that is due next, and when. Pure: the time and the contents of the tables are
//! arguments.
//!
//! The plan has one number, `base`: the time up to which all slots have been handled. A poll is due
//! at the first slot after it. When a poll ends, `base` becomes that time. The rules follow from
//! this:
//!
//! - *no overlap*: a slot that passes while a poll runs is skipped, not queued;
//! - *catch-up*: at the start `base` is the account's last poll, so slots missed while the program
//!   was down are due immediately, and only once;
//! - *suspend, or a clock set forward*: the same, however many slots were missed;
//! - *a clock set back*: `base` is later than the current time; the plan restarts from now, so
//!   slots are neither repeated immediately nor delayed until the old time is reached again. Other
//!   recorded times that are in the future are ignored and delay nothing.
//!
//! Work between polls that stays due after each attempt (because a secret or a folder is missing)
//! is retried with growing pauses, and immediately after the configuration has changed.

use std::time::Duration;

use super::schedule::Schedule;
use crate::{
    mirror::plan::REFRESH_EVERY,
    store::ahead::Ahead,
    time::{SLACK, Timestamp},
};

/// How long before the link of an unsaved preview expires a fresh list is fetched.
pub const LEAD: Duration = Duration::from_secs(60 * 60);
/// The shortest pause between attempts at the mirror's queue or at notices, outside of polls.
pub const MIRROR_EVERY: Duration = Duration::from_secs(60);
/// The longest of these pauses, if attempts change nothing.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A scheduled round of polls.
    Poll,
    /// A round of polls ahead of schedule, for fresh links.
    Refresh,
    /// The mirror's queue alone: failed downloads are due for a retry.
    Mirror,
    /// The notices alone: one that was not accepted may be retried.
    Notices,
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextWork {
    /// The earliest time.
    pub at: Timestamp,
    /// The kind of work.
    pub work: Work,
}

/// The plan; see the module's documentation.
#[derive(Clone, Debug)]
pub struct Plan {
    schedule: Schedule,
    base: Option<Timestamp>,
    refreshed: Option<Timestamp>,
    worked: Option<Timestamp>,
    mirror: Tries,
    notices: Tries,
}

/// Attempts at work that may stay due in spite of them.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// Since when the work was due, at the last attempt.
    due: Option<Timestamp>,
    /// The number of attempts that left `due` unchanged, the last one included.
    count: u32,
    /// When the last attempt ended.
    last: Option<Timestamp>,
}

impl Tries {
    /// Records an attempt that ended at `now`, at work that has been due since `due`.
    fn made(&mut self, due: Option<Timestamp>, now: Timestamp) {
        let same = due.is_some() && due == self.due;
        let count = if same { self.count.saturating_add(1) } else { 1 };
        *self = Self { due, count, last: Some(now) };
    }

    /// Returns the earliest time of the next attempt, as of `now`.
    fn next(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let last = known(self.last, now).filter(|_| self.due == Some(due));
        let doublings = self.count.saturating_sub(1).min(16);
        let pause = MIRROR_EVERY.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        last.map_or(due, |last| due.max(last.plus(pause)))
    }
}

impl Plan {
    /// Creates the plan of a program that starts at `now`, after the polls in `ahead`.
    pub fn new(schedule: Schedule, ahead: &Ahead, now: Timestamp) -> Self {
        let (mirror, notices) = (Tries::default(), Tries::default());
        let mut plan =
            Self { schedule, base: None, refreshed: None, worked: None, mirror, notices };
        plan.begin(ahead, now);
        plan
    }

    /// Begins as at a start: an account that was never polled is polled immediately, and the missed
    /// slots of others are caught up. Called when accounts have been added.
    pub fn begin(&mut self, ahead: &Ahead, now: Timestamp) {
        self.base = ahead.last_poll.map(|last| last.min(now));
    }

    /// Ends all pauses: under another configuration, work that failed may succeed.
    pub fn try_at_once(&mut self) {
        self.worked = None;
        self.mirror = Tries::default();
        self.notices = Tries::default();
    }

    /// Replaces the schedule. Slots that the old schedule missed are not caught up by the new one.
    pub fn reschedule(&mut self, schedule: Schedule, now: Timestamp) {
        self.schedule = schedule;
        self.base = self.base.map(|_| now);
    }

    /// Returns the work that is due next, as of `now`.
    pub fn next(&mut self, ahead: &Ahead, now: Timestamp) -> NextWork {
        let Some(mut base) = self.base else { return NextWork { at: now, work: Work::Poll } };
        if now < base.minus(SLACK) {
            tracing::warn!("the clock was set back, from {base} or later to {now}");
            base = now;
            self.base = Some(now);
        }
        let slot = self.schedule.next(base).map(|slot| self.schedule.due(slot));
        let poll = slot.map(|at| NextWork { at, work: Work::Poll });
        let early = ahead.next_expiry.map(|expiry| {
            let last = known(self.refreshed, now).max(known(ahead.last_refresh, now));
            let at = expiry.minus(LEAD).max(last.map_or(now, |last| last.plus(REFRESH_EVERY)));
            NextWork { at, work: Work::Refresh }
        });
        let between = known(self.worked, now).map_or(now, |last| last.plus(MIRROR_EVERY));
        let again =
            |due, tries: &Tries, work| NextWork { at: tries.next(due, now).max(between), work };
        let mirror = ahead.retry.map(|due| again(due, &self.mirror, Work::Mirror));
        let notices = ahead.notice.map(|due| again(due, &self.notices, Work::Notices));
        let far = NextWork { at: Timestamp::from_millis(i64::MAX), work: Work::Poll };
        // Of equal times the first wins: a scheduled poll does the work of the others, too.
        [poll, early, mirror, notices]
            .into_iter()
            .flatten()
            .min_by_key(|next| next.at)
            .unwrap_or(far)
    }

    /// Records that `work` has ended at `now`; `ahead` was read before it began.
    pub fn done(&mut self, work: Work, ahead: &Ahead, now: Timestamp) {
        self.worked = Some(now);
        let due = |at: Option<Timestamp>| at.filter(|at| *at <= now);
        // All work delivers notices, and all but `Notices` processes the mirror's queue.
        self.notices.made(due(ahead.notice), now);
        if work != Work::Notices {
            self.mirror.made(due(ahead.retry), now);
        }
        match work {
            Work::Poll => self.base = Some(now),
            // Slots that passed meanwhile have been handled as well.
            Work::Refresh => {
                self.refreshed = Some(now);
                self.base = Some(now);
            }
            Work::Mirror | Work::Notices => {}
        }
    }
}

/// Returns `time`, or `None` if it was recorded by a clock that was ahead.
fn known(time: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    time.filter(|time| time.can_be_past(now))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
