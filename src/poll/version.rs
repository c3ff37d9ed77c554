//! Decides which version of the API a poll reads, from `polls` alone, and whether that version is
//! gone.
//!
//! `auto` reads v2 while it exists and v3 from then on, and never switches back by itself. An
//! account without history reads whichever of the two answers. Does not know how a version is read.

use std::time::Duration;

use crate::{
    catalog::{api_version::ApiVersion, catalogue::Catalogue},
    config::Version,
    error::{Error, Result, gravest},
    heygen::{Fetched, Presence, sunset},
    store::{
        Store,
        past::{Past, Reads, Superseded},
    },
    time::Timestamp,
};

/// The version that `auto` reads until it is gone.
pub(super) const OLD: ApiVersion = ApiVersion::V2;
/// The version that `auto` switches to.
const NEW: ApiVersion = ApiVersion::V3;
/// This many consecutive polls must have found the old version gone,
const POLLS: i64 = 3;
/// and they must span this much time.
const SPAN: Duration = Duration::from_secs(60 * 60);
/// Whether a notice contains the end date of the old version.
const READS: Reads = |notice| sunset::over_from(notice).is_some();
/// The first day after the end of the old version, unless it announces another.
const OVER_FROM: &str = "2026-11-01";

/// The versions that a poll asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPlan {
    /// The version to ask.
    pub ask: ApiVersion,
    /// The version to ask in the same poll if the first gives no list: only for an account without
    /// any history that could be mixed.
    pub else_ask: Option<ApiVersion>,
    /// Whether the account switches to another version with this poll.
    pub switches: bool,
    /// What is known of the old version, for an account that `auto` keeps on it.
    watch: Option<Watch>,
}

/// What is known of the old version before a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watch {
    /// From when the old version has ended, as far as it has announced that.
    over_from: Option<Timestamp>,
    /// Whether an item is current, so that an empty list would lack it.
    any_current: bool,
    /// The polls so far that found the old version gone.
    superseded: Superseded,
}

/// What an answer shows about the requested version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionVerdict {
    /// The version exists, or the answer shows nothing.
    Nothing,
    /// The version is gone.
    Gone,
    /// The version is gone if the new one answers in the same poll; otherwise nothing is shown.
    GoneIfNewAnswers,
}

impl VersionPlan {
    /// Returns the plan for the configured version, or for `auto` the one that follows from the past
    /// at `now`. Only one catalogue has two versions.
    pub fn new(version: Version, catalogue: Catalogue, past: &Past, now: Timestamp) -> Self {
        let fixed = |ask| Self { ask, else_ask: None, switches: false, watch: None };
        match version {
            _ if first_of(catalogue) == NEW => return fixed(NEW),
            Version::Fixed(version) => return fixed(version),
            Version::Auto => {}
        }
        let over_from = past.notice.as_deref().and_then(sunset::over_from);
        if past.newer_good {
            return fixed(NEW);
        }
        if !past.any_good {
            let (ask, other) = if is_over(over_from, now) { (NEW, OLD) } else { (OLD, NEW) };
            return Self { else_ask: Some(other), ..fixed(ask) };
        }
        if past.superseded.is_enough() {
            let switches = past.last_asked.as_deref() != Some(NEW.as_str());
            return Self { switches, ..fixed(NEW) };
        }
        let (any_current, superseded) = (past.any_current, past.superseded);
        Self { watch: Some(Watch { over_from, any_current, superseded }), ..fixed(OLD) }
    }

    /// Returns the plan of an account at `now`; `store` is `None` if there is no database yet.
    ///
    /// # Errors
    /// Fails if the database cannot be read.
    pub async fn of_account(
        version: Version,
        catalogue: Catalogue,
        account: &str,
        store: Option<&mut Store>,
        now: Timestamp,
    ) -> Result<Self> {
        let past = match (version, store) {
            (Version::Auto, Some(store)) => {
                store.past(account, catalogue, OLD.as_str(), NEW.as_str(), READS).await?
            }
            _ => Past::default(),
        };
        Ok(Self::new(version, catalogue, &past, now))
    }

    /// Returns the version to ask after the first has failed.
    pub fn after_failure(&self, presence: Presence) -> Option<ApiVersion> {
        self.else_ask.filter(|_| presence != Presence::Blocked)
    }

    /// Returns what the answer of `version` shows about it, at `now`.
    pub(super) fn verdict(
        &self,
        version: ApiVersion,
        fetched: &Fetched,
        now: Timestamp,
    ) -> VersionVerdict {
        if version != OLD {
            return VersionVerdict::Nothing;
        }
        if fetched.presence == Presence::Gone {
            return VersionVerdict::Gone;
        }
        let Some(watch) = &self.watch else { return VersionVerdict::Nothing };
        let announced = fetched.trace.notice.as_deref().and_then(sunset::over_from);
        if !is_over(announced.or(watch.over_from), now) {
            return VersionVerdict::Nothing;
        }
        match (is_empty(fetched), fetched.presence) {
            (true, _) if watch.any_current => VersionVerdict::GoneIfNewAnswers,
            (_, Presence::Unclear) => VersionVerdict::GoneIfNewAnswers,
            _ => VersionVerdict::Nothing,
        }
    }

    /// Returns what a poll adds to its error if it found its version gone: how far the account is
    /// from the new version, this poll included if it `counts` and began at `began`; else what to
    /// check.
    pub fn remedy(&self, counts: bool, began: Timestamp) -> String {
        match &self.watch {
            Some(Watch { superseded, .. }) if counts => superseded.and(began).to_string(),
            Some(Watch { superseded, .. }) => superseded.to_string(),
            None if self.ask == OLD && self.else_ask.is_none() => format!(
                "if HeyGen has retired {OLD}, set api.version to \"auto\"; else check api.base_url"
            ),
            None => "check api.base_url, and whether HeyGen has retired this list".into(),
        }
    }
}

/// Returns the oldest version that lists a catalogue.
pub(super) fn first_of(catalogue: Catalogue) -> ApiVersion {
    if catalogue == Catalogue::Avatars { OLD } else { NEW }
}

/// Combines the failures of both versions: the more serious kind, and both reasons.
pub fn both_failed(first: Error, second: Error) -> Error {
    let code = gravest([first.kind.exit_code(), second.kind.exit_code()]);
    let kind = if first.kind.exit_code() == code { first.kind } else { second.kind };
    Error::new(kind, format!("{}; {}", first.message, second.message))
}

/// Returns whether the answer has no record at all.
pub(super) fn is_empty(fetched: &Fetched) -> bool {
    let answer = fetched.answer.as_ref();
    answer.is_ok_and(|answer| answer.lists.iter().all(|list| list.is_empty))
}

fn is_over(over_from: Option<Timestamp>, now: Timestamp) -> bool {
    over_from.or_else(|| Timestamp::parse(OVER_FROM)).is_some_and(|over| now >= over)
}

impl Superseded {
    /// Returns whether the next poll reads the new version.
    fn is_enough(&self) -> bool {
        self.polls >= POLLS && self.spans_enough()
    }

    fn spans_enough(&self) -> bool {
        self.span.is_some_and(|(first, last)| last >= first.plus(SPAN))
    }

    /// Returns the count with one more poll, which began at `at`.
    fn and(&self, at: Timestamp) -> Self {
        let span = self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at)));
        Self { polls: self.polls + 1, span: Some(span) }
    }
}

impl std::fmt::Display for Superseded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let polls = self.polls;
        if self.is_enough() {
            write!(
                f,
                "{OLD} is gone, {polls} of {POLLS} polls; {NEW} is read from the next poll on"
            )
        } else if polls < POLLS {
            write!(f, "{OLD} is gone, {polls} of {POLLS} polls; {NEW} is read after the third")
        } else {
            write!(
                f,
                "{OLD} is gone in {polls} polls within an hour; {NEW} is read once they span an hour"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::parse("2026-06-01").unwrap().plus(Duration::from_secs(minutes * 60))
    }

    fn superseded(polls: i64, minutes: u64) -> Superseded {
        Superseded { polls, span: Some((at(0), at(minutes))) }
    }

    /// An account with a good poll of the old version.
    fn past(superseded: Superseded) -> Past {
        let last_asked = Some(OLD.as_str().into());
        Past { any_good: true, last_asked, superseded, ..Past::default() }
    }

    fn plan(past: &Past) -> VersionPlan {
        VersionPlan::new(Version::Auto, Catalogue::Avatars, past, at(0))
    }

    #[test]
    fn three_polls_that_span_an_hour_are_enough() {
        assert_eq!(plan(&past(Superseded::default())).ask, OLD);
        for (polls, minutes, ask) in [(2, 120, OLD), (3, 59, OLD), (9, 59, OLD), (3, 60, NEW)] {
            let plan = plan(&past(superseded(polls, minutes)));
            assert_eq!((plan.ask, plan.switches), (ask, ask == NEW), "{polls} {minutes}");
        }
    }

    #[test]
    fn the_switch_is_reported_once_and_lasts() {
        let already_switched = Past { last_asked: Some("v3".into()), ..past(superseded(3, 90)) };
        assert_eq!((plan(&already_switched).ask, plan(&already_switched).switches), (NEW, false));
        let good = Past { newer_good: true, ..past(Superseded::default()) };
        assert_eq!(plan(&good).ask, NEW);
    }

    #[test]
    fn an_account_without_history_asks_the_one_and_then_the_other() {
        let order = |now: &str, notice: Option<&str>| {
            let notice = notice.map(str::to_owned);
            let past = Past { notice, ..Past::default() };
            let plan = VersionPlan::new(
                Version::Auto,
                Catalogue::Avatars,
                &past,
                Timestamp::parse(now).unwrap(),
            );
            (plan.ask, plan.else_ask)
        };
        assert_eq!(order("2026-10-31T23:59:59.999Z", None), (OLD, Some(NEW)));
        assert_eq!(order("2026-11-01", None), (NEW, Some(OLD)));
        let later = Some("this endpoint ends on Thu, 31 Dec 2026 00:00:00 GMT");
        assert_eq!(order("2026-12-31", later), (OLD, Some(NEW)));
        assert_eq!(order("2027-01-01", later), (NEW, Some(OLD)));
        assert_eq!(order("2026-12-31", Some("this endpoint ends on some day")), (NEW, Some(OLD)));
        let plan = VersionPlan::new(Version::Auto, Catalogue::Avatars, &Past::default(), at(0));
        assert_eq!(plan.after_failure(Presence::Unclear), Some(NEW));
        assert_eq!(plan.after_failure(Presence::Blocked), None);
        for version in ApiVersion::all() {
            let plan = VersionPlan::new(
                Version::Fixed(version),
                Catalogue::Avatars,
                &Past::default(),
                at(0),
            );
            assert_eq!((plan.ask, plan.else_ask, plan.watch), (version, None, None));
        }
    }

    #[test]
    fn only_avatars_have_two_versions() {
        for catalogue in [Catalogue::AvatarGroups, Catalogue::Voices] {
            for version in [Version::Auto, Version::Fixed(OLD)] {
                let plan =
                    VersionPlan::new(version, catalogue, &past(Superseded::default()), at(0));
                assert_eq!((plan.ask, plan.else_ask, plan.watch), (NEW, None, None));
            }
        }
    }

    #[test]
    fn a_failed_poll_says_how_far_the_switch_is() {
        let after = |known, minutes| plan(&past(known)).remedy(true, at(minutes));
        let first = after(Superseded::default(), 0);
        assert_eq!(first, "v2 is gone, 1 of 3 polls; v3 is read after the third");
        let third = after(superseded(2, 20), 70);
        assert_eq!(third, "v2 is gone, 3 of 3 polls; v3 is read from the next poll on");
        let soon = after(superseded(2, 20), 30);
        assert!(soon.contains("3 polls within an hour"), "{soon}");
        let uncounted = plan(&past(superseded(2, 20))).remedy(false, at(70));
        assert!(uncounted.contains("2 of 3 polls"), "{uncounted}");
        let pinned =
            VersionPlan::new(Version::Fixed(OLD), Catalogue::Avatars, &Past::default(), at(0));
        assert!(pinned.remedy(true, at(0)).contains("set api.version"));
    }
}
