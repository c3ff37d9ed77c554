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
//!   slots are neither repeated at once nor waited for until the old time comes again. Other times
//!   that lie ahead tell nothing: nothing is put off by them.
//!
//! What is due between polls and stays due however often it is tried (a secret or a folder that is
//! missing) is tried more and more rarely, and at once under another configuration.

use std::time::Duration;

use super::schedule::Schedule;
use crate::{
    mirror::plan::REFRESH_EVERY,
    store::ahead::Ahead,
    time::{SLACK, Timestamp},
};

/// So long before a link of an unsaved preview dies, a fresh list is fetched.
pub const LEAD: Duration = Duration::from_secs(60 * 60);
/// The mirror's queue is worked, and notices are tried, between polls no more often than this.
pub const MIRROR_EVERY: Duration = Duration::from_secs(60);
/// The longest pause of these, when trying changes nothing.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

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
pub struct NextWork {
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
    mirror: Tries,
    notices: Tries,
}

/// Tries at something that may stay due in spite of them.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// Since when it was due at the last one.
    due: Option<Timestamp>,
    /// How many have left that as it was, the last one included.
    count: u32,
    /// When the last one ended.
    last: Option<Timestamp>,
}

impl Tries {
    /// One has ended at `now`, at what was due since then.
    fn made(&mut self, due: Option<Timestamp>, now: Timestamp) {
        let same = due.is_some() && due == self.due;
        let count = if same { self.count.saturating_add(1) } else { 1 };
        *self = Self { due, count, last: Some(now) };
    }

    /// When the next one may be made, as seen at `now`.
    fn next(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let last = known(self.last, now).filter(|_| self.due == Some(due));
        let doublings = self.count.saturating_sub(1).min(16);
        let pause = MIRROR_EVERY.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        last.map_or(due, |last| due.max(last.plus(pause)))
    }
}

impl Plan {
    /// A plan for a program that starts at `now`, after the polls that `ahead` tells of.
    pub fn new(schedule: Schedule, ahead: &Ahead, now: Timestamp) -> Self {
        let (mirror, notices) = (Tries::default(), Tries::default());
        let mut plan =
            Self { schedule, base: None, refreshed: None, worked: None, mirror, notices };
        plan.begin(ahead, now);
        plan
    }

    /// As at a start: an account that was never polled is polled at once, and what was missed of
    /// another is caught up. For accounts that have just come.
    pub fn begin(&mut self, ahead: &Ahead, now: Timestamp) {
        self.base = ahead.last_poll.map(|last| last.min(now));
    }

    /// Under another configuration what could not be done may work: it is tried without a pause.
    pub fn try_at_once(&mut self) {
        self.worked = None;
        self.mirror = Tries::default();
        self.notices = Tries::default();
    }

    /// From now on by another schedule. What the old one missed is not caught up by the new one.
    pub fn reschedule(&mut self, schedule: Schedule, now: Timestamp) {
        self.schedule = schedule;
        self.base = self.base.map(|_| now);
    }

    /// What is due next, as seen at `now`.
    pub fn next(&mut self, ahead: &Ahead, now: Timestamp) -> NextWork {
        let Some(mut base) = self.base else { return NextWork { at: now, work: Work::Poll } };
        if now < base.minus(SLACK) {
            tracing::warn!("the clock was set back, from {base} or later to {now}");
            base = now;
            self.base = Some(now);
        }
        let slot = self.schedule.next(base).map(|slot| self.schedule.due(slot));
        let poll = slot.map(|at| NextWork { at, work: Work::Poll });
        let early = ahead.link_dies.map(|dies| {
            let last = known(self.refreshed, now).max(known(ahead.last_refresh, now));
            let at = dies.minus(LEAD).max(last.map_or(now, |last| last.plus(REFRESH_EVERY)));
            NextWork { at, work: Work::Refresh }
        });
        let between = known(self.worked, now).map_or(now, |last| last.plus(MIRROR_EVERY));
        let again =
            |due, tries: &Tries, work| NextWork { at: tries.next(due, now).max(between), work };
        let mirror = ahead.retry.map(|due| again(due, &self.mirror, Work::Mirror));
        let notices = ahead.notice.map(|due| again(due, &self.notices, Work::Notices));
        let far = NextWork { at: Timestamp::from_millis(i64::MAX), work: Work::Poll };
        // The first of equals: a scheduled poll does the others' work, too.
        [poll, early, mirror, notices]
            .into_iter()
            .flatten()
            .min_by_key(|next| next.at)
            .unwrap_or(far)
    }

    /// `work` has ended at `now`; `ahead` is what lay ahead when it began.
    pub fn done(&mut self, work: Work, ahead: &Ahead, now: Timestamp) {
        self.worked = Some(now);
        let due = |at: Option<Timestamp>| at.filter(|at| *at <= now);
        // Each kind of work delivers notices, and all but one works the mirror's queue.
        self.notices.made(due(ahead.notice), now);
        if work != Work::Notices {
            self.mirror.made(due(ahead.retry), now);
        }
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

/// When something happened; not known where a clock that was ahead told it.
fn known(time: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    time.filter(|time| time.can_be_past(now))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
