//! Which version of the API a poll asks, decided from `polls` alone.
//!
//! `auto` asks v2 while it answers with a catalogue. Once v2 has been gone in three polls in a row
//! it asks v3, and never goes back by itself: one bad answer from an edge must not flap history.
//! It does not know how a version is asked.

use crate::{
    config::{ApiVersion, Version},
    error::Result,
    heygen::POINTS_TO_V3,
    store::{
        Session, Store,
        past::{Past, PastPoll},
    },
};

/// What `auto` asks first.
const OLD: ApiVersion = ApiVersion::V2;
/// What it goes over to.
const NEW: ApiVersion = ApiVersion::V3;
/// In so many polls in a row the old version must have been gone.
const POLLS: usize = 3;

/// What a poll is to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// This version.
    pub ask: ApiVersion,
    /// And this one in the same poll, when the first answers that its list is not there: for an
    /// account without any history that could be mixed.
    pub else_ask: Option<ApiVersion>,
    /// Whether the account goes over to another version with this poll.
    pub switches: bool,
}

impl Plan {
    /// The version that is configured, or for `auto` what follows from the past.
    pub fn new(version: Version, past: &Past) -> Self {
        let fixed = |ask| Self { ask, else_ask: None, switches: false };
        let Version::Fixed(version) = version else {
            let gone = past.last.len() >= POLLS && past.last.iter().all(is_gone);
            if past.newer_good || gone {
                let switches = past.last_asked.as_deref() != Some(NEW.as_str());
                return Self { switches: switches && !past.newer_good, ..fixed(NEW) };
            }
            return Self { else_ask: (!past.any_good).then_some(NEW), ..fixed(OLD) };
        };
        fixed(version)
    }

    /// The plan of a poll that holds the account's lock.
    pub(super) async fn of_session(version: Version, session: &mut Session<'_>) -> Result<Self> {
        match version {
            Version::Fixed(_) => Ok(Self::new(version, &Past::default())),
            Version::Auto => {
                Ok(Self::new(version, &session.past(NEW.as_str(), POLLS as i64).await?))
            }
        }
    }

    /// The plan of whoever only wants to know; `store` is `None` where there is no database yet.
    pub async fn of_account(
        version: Version,
        account: &str,
        store: Option<&mut Store>,
    ) -> Result<Self> {
        let past = match (version, store) {
            (Version::Auto, Some(store)) => store.past(account, NEW.as_str(), POLLS as i64).await?,
            _ => Past::default(),
        };
        Ok(Self::new(version, &past))
    }

    /// The version to ask after an answer with `status` from the first.
    pub fn after(&self, status: Option<u16>) -> Option<ApiVersion> {
        self.else_ask.filter(|_| matches!(status, Some(404 | 410)))
    }
}

/// Whether a poll found the old version gone: not there, elsewhere, or pointing to the new one.
fn is_gone(poll: &PastPoll) -> bool {
    let PastPoll { api_version, failed, http_status, error } = poll;
    let points = error.as_deref().is_some_and(|error| error.contains(POINTS_TO_V3));
    let gone = matches!(http_status, Some(300 | 301 | 302 | 303 | 307 | 308 | 404 | 410));
    api_version == OLD.as_str() && *failed && (gone || points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(http_status: i64, error: &str) -> PastPoll {
        let api_version = "v2".into();
        let error = (!error.is_empty()).then(|| error.to_owned());
        PastPoll {
            api_version,
            failed: http_status != 200 || error.is_some(),
            http_status: Some(http_status),
            error,
        }
    }

    fn past(last: Vec<PastPoll>) -> Past {
        Past { any_good: true, newer_good: false, last_asked: Some("v2".into()), last }
    }

    fn asked(past: &Past) -> ApiVersion {
        Plan::new(Version::Auto, past).ask
    }

    #[test]
    fn the_old_version_must_be_gone_three_times_in_a_row() {
        let hint = format!("x; {POINTS_TO_V3}");
        let gone = || vec![poll(404, "x"), poll(301, "x"), poll(200, &hint)];
        assert_eq!(asked(&past(gone())), NEW);
        assert_eq!(asked(&past(gone()[..2].to_vec())), OLD);
        for other in [poll(200, ""), poll(500, "x"), poll(403, "x"), poll(200, "not JSON")] {
            for place in 0..3 {
                let mut polls = gone();
                polls[place] = other.clone();
                assert_eq!(asked(&past(polls)), OLD, "{other:?}");
            }
        }
    }

    #[test]
    fn the_switch_is_said_once_and_lasts() {
        let gone = past(vec![poll(410, "x"); 3]);
        assert!(Plan::new(Version::Auto, &gone).switches);
        let asked = Past { last_asked: Some("v3".into()), ..gone };
        let plan = Plan::new(Version::Auto, &asked);
        assert_eq!((plan.ask, plan.switches), (NEW, false));
        let good = Past { newer_good: true, last: vec![poll(200, "")], ..asked };
        assert_eq!(Plan::new(Version::Auto, &good).ask, NEW);
    }

    #[test]
    fn only_an_account_without_history_goes_over_at_once() {
        let plan = Plan::new(Version::Auto, &Past::default());
        assert_eq!(
            (plan.ask, plan.after(Some(404)), plan.after(Some(410))),
            (OLD, Some(NEW), Some(NEW))
        );
        assert_eq!(
            (plan.after(Some(301)), plan.after(Some(200)), plan.after(None)),
            (None, None, None)
        );
        let known = Plan::new(Version::Auto, &past(vec![poll(200, "")]));
        assert_eq!(known.after(Some(404)), None);
        for version in ApiVersion::all() {
            let plan = Plan::new(Version::Fixed(version), &Past::default());
            assert_eq!(plan, Plan { ask: version, else_ask: None, switches: false });
        }
    }
}
