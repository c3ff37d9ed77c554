//! The effect of an answer on a row: pure, without clock, network or SQL.
//!
//! A good copy stays regardless of later answers; a failed download is retried, later each time,
//! but before its link expires; what is unavailable is distinguished from what may come back.

use std::time::Duration;

use crate::{
    store::queue::{Asset, AssetState, Settled},
    time::{DAY, Timestamp},
};

/// The wait after the first failure; it doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(5 * 60);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = DAY;
/// The shortest time between two requests for a fresh list.
pub const REFRESH_EVERY: Duration = Duration::from_secs(10 * 60);

/// How often a link that was refused before its expiry is tried, over about a day.
const LAST_CHANCES: i64 = 8;

/// A content that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its name within the store.
    pub file: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Its media type.
    pub content_type: &'static str,
    /// The answer's ETag.
    pub etag: Option<String>,
    /// The answer's Last-Modified.
    pub last_modified: Option<String>,
}

/// The outcome of fetching an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the store.
    Saved(Content),
    /// The existing copy is still the right one.
    Unchanged,
    /// The signed link does not work, or no longer: a fresh list may contain another.
    LinkDead(String),
    /// The unsigned URL does not exist.
    Missing(String),
    /// The body is not of a type that is kept, or the server refuses.
    Refused(String),
    /// The failure may be temporary; the duration is the server's wait before a retry, if any.
    Passing(String, Option<Duration>),
    /// The configuration forbids it.
    Forbidden(String),
    /// The configuration does not allow its host: decided without a request.
    NotAllowed(String),
}

/// The category of a bad outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCategory {
    /// It is worth a retry.
    Failed,
    /// It is no longer available, though a copy may be kept.
    Gone,
    /// The configuration excludes it.
    Skipped,
}

impl Outcome {
    /// Returns the category of a bad outcome, and why it is bad.
    pub fn failure(&self) -> Option<(FailureCategory, &str)> {
        match self {
            Self::Saved(_) | Self::Unchanged => None,
            Self::LinkDead(why) | Self::Refused(why) | Self::Passing(why, _) => {
                Some((FailureCategory::Failed, why))
            }
            Self::Missing(why) => Some((FailureCategory::Gone, why)),
            Self::Forbidden(why) | Self::NotAllowed(why) => Some((FailureCategory::Skipped, why)),
        }
    }
}

/// Returns the meaning of a status without a wanted body.
pub fn of_status(status: u16, signed: bool, retry_after: Option<Duration>) -> Outcome {
    let why = format!("the server answered {status}");
    match status {
        403 | 404 | 410 if signed => Outcome::LinkDead(why),
        // A store that does not reveal its names also refuses what does not exist.
        403 | 404 | 410 => Outcome::Missing(why),
        408 | 425 | 429 | 500 | 502 | 503 | 504 => Outcome::Passing(why, retry_after),
        _ => Outcome::Refused(why),
    }
}

/// What to do with an asset that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Download it.
    Fetch,
    /// Its link has expired: only a fresh list helps.
    Renew,
    /// A saved asset with a signed link needs nothing: new media gets a new path.
    Nothing,
}

/// Returns what to do with a due asset at `now`.
pub fn task(asset: &Asset, now: Timestamp) -> Task {
    match (&asset.signed_url, asset.saved()) {
        (Some(_), true) => Task::Nothing,
        (Some(_), false) if asset.expires_at.is_some_and(|at| at <= now) => Task::Renew,
        _ => Task::Fetch,
    }
}

/// Returns the row of an asset after `outcome` at `now`; unsigned ones are checked again after
/// `recheck`.
pub fn settle(asset: Asset, outcome: Outcome, now: Timestamp, recheck: Duration) -> Settled {
    match outcome {
        Outcome::Saved(content) => saved(asset, content, now, recheck),
        Outcome::Unchanged => {
            let next = asset.signed_url.is_none().then(|| now.plus(recheck));
            let asset = Asset {
                state: AssetState::Mirrored,
                attempts: 0,
                next_attempt_at: next,
                checked_at: Some(now),
                last_error: None,
                ..asset
            };
            asset.into()
        }
        Outcome::LinkDead(why) => {
            let distrusted = asset.expires_at.is_some_and(|at| at > now);
            let next = next_attempt(&asset, now, Some(REFRESH_EVERY));
            Settled { distrusted, ..settled_failure(asset, AssetState::Failed, why, next) }
        }
        Outcome::Missing(why) => settled_failure(asset, AssetState::Gone, why, now.plus(recheck)),
        Outcome::Forbidden(why) => {
            let next = before_its_end(&asset, now, recheck);
            settled_failure(asset, AssetState::Skipped, why, next)
        }
        // It costs no request, and the configuration may be fixed at any time.
        Outcome::NotAllowed(why) => {
            let attempts = asset.attempts;
            let settled = settled_failure(asset, AssetState::Skipped, why, now.plus(FIRST_WAIT));
            let asset = Asset { attempts, ..settled.asset };
            asset.into()
        }
        Outcome::Refused(why) => {
            let next = next_attempt(&asset, now, None);
            settled_failure(asset, AssetState::Failed, why, next)
        }
        Outcome::Passing(why, retry_after) => {
            let next = next_attempt(&asset, now, retry_after);
            settled_failure(asset, AssetState::Failed, why, next)
        }
    }
}

/// Returns the row of an asset for which no list has a working link. A link that was refused before
/// its expiry is tried a few more times: the server's fault may have been temporary.
pub fn gone(asset: Asset, why: String, now: Timestamp) -> Settled {
    let refused = asset.expires_at.is_none_or(|at| at > now) && asset.attempts < LAST_CHANCES;
    let next = refused.then(|| next_attempt(&asset, now, Some(REFRESH_EVERY)));
    let asset = Asset {
        state: AssetState::Gone,
        attempts: asset.attempts + 1,
        next_attempt_at: next,
        last_error: Some(format!("{why}, and a fresh list gave no other link")),
        ..asset
    };
    asset.into()
}

/// Returns the row of a signed asset that needs nothing.
pub fn at_rest(asset: Asset) -> Settled {
    let asset = Asset { state: AssetState::Mirrored, next_attempt_at: None, ..asset };
    asset.into()
}

fn saved(asset: Asset, content: Content, now: Timestamp, recheck: Duration) -> Settled {
    let Content { sha256, file, bytes, content_type, etag, last_modified } = content;
    let new_content = asset.sha256.as_ref() != Some(&sha256);
    let stored_now = new_content || !asset.saved();
    let asset = Asset {
        state: AssetState::Mirrored,
        sha256: Some(sha256),
        file: Some(file),
        bytes: i64::try_from(bytes).ok(),
        content_type: Some(content_type.to_owned()),
        etag,
        last_modified,
        attempts: 0,
        next_attempt_at: asset.signed_url.is_none().then(|| now.plus(recheck)),
        mirrored_at: if stored_now { Some(now) } else { asset.mirrored_at },
        checked_at: Some(now),
        last_error: None,
        ..asset
    };
    Settled { new_content, stored: true, ..asset.into() }
}

/// Returns the row of an asset whose fetch failed: in `state`, unless a good copy is in the store.
fn settled_failure(asset: Asset, state: AssetState, why: String, next: Timestamp) -> Settled {
    let asset = Asset {
        state: if asset.saved() { AssetState::Mirrored } else { state },
        attempts: asset.attempts + 1,
        next_attempt_at: Some(next),
        last_error: Some(why),
        ..asset
    };
    asset.into()
}

/// Returns when to retry: later each time, well before the link expires, after `retry_after`.
fn next_attempt(asset: &Asset, now: Timestamp, retry_after: Option<Duration>) -> Timestamp {
    let doublings = asset.attempts.clamp(0, 20) as u32;
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let next = before_its_end(asset, now, wait);
    next.max(now.plus(retry_after.unwrap_or_default().min(LONGEST_WAIT)))
}

/// Returns the time after `wait`, but well before the link expires.
fn before_its_end(asset: &Asset, now: Timestamp, wait: Duration) -> Timestamp {
    let left = asset.expires_at.map(|at| at.since(now));
    now.plus(left.map_or(wait, |left| wait.min((left / 4).max(FIRST_WAIT))))
}

/// Returns a limit of twice the longest wait: a later time was set by a clock that was ahead, not
/// by one that differs a little, nor by a slightly longer interval of another run.
pub fn latest(now: Timestamp, recheck: Duration) -> Timestamp {
    now.plus(LONGEST_WAIT.max(recheck).saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::record::SignedUrl;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000)
    }

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn asset() -> Asset {
        Asset {
            url: "https://files2.heygen.ai/a".into(),
            signed_url: None,
            expires_at: None,
            state: AssetState::Pending,
            sha256: None,
            file: None,
            bytes: None,
            content_type: None,
            etag: None,
            last_modified: None,
            attempts: 0,
            next_attempt_at: None,
            mirrored_at: None,
            checked_at: None,
            last_error: None,
        }
    }

    fn signed(hours_left: i64) -> Asset {
        Asset {
            signed_url: Some(SignedUrl::new("https://files2.heygen.ai/a?Signature=x")),
            expires_at: Some(Timestamp::from_millis(now().millis() + hours_left * 3_600_000)),
            ..asset()
        }
    }

    fn copy(asset: Asset) -> Asset {
        let content = Content {
            sha256: "aa".into(),
            file: "sha256/aa/aa.webp".into(),
            bytes: 3,
            content_type: "image/webp",
            etag: Some("\"1\"".into()),
            last_modified: None,
        };
        settle(asset, Outcome::Saved(content), now(), WEEK).asset
    }

    #[test]
    fn a_good_copy_stays_whatever_comes_later() {
        let good = copy(asset());
        for outcome in [
            Outcome::Missing("the server answered 404".into()),
            Outcome::Refused("the body is HTML".into()),
            Outcome::Passing("cut off".into(), None),
            Outcome::Forbidden("too long".into()),
            Outcome::NotAllowed("its host is not allowed".into()),
            Outcome::LinkDead("403".into()),
        ] {
            let after = settle(good.clone(), outcome, now(), WEEK).asset;
            assert_eq!(
                (after.state, &after.file, &after.etag),
                (AssetState::Mirrored, &good.file, &good.etag)
            );
            assert!(after.last_error.is_some() && after.next_attempt_at > Some(now()));
        }
    }

    #[test]
    fn only_unsigned_ones_are_looked_at_again() {
        assert_eq!(copy(asset()).next_attempt_at, Some(now().plus(WEEK)));
        assert_eq!(copy(signed(48)).next_attempt_at, None);
        assert_eq!(task(&copy(signed(48)), now()), Task::Nothing);
        assert_eq!(task(&copy(asset()), now()), Task::Fetch);
    }

    #[test]
    fn a_content_seen_before_is_no_new_version() {
        let good = copy(asset());
        let again = Content {
            sha256: "aa".into(),
            file: "sha256/aa/aa.webp".into(),
            bytes: 3,
            content_type: "image/webp",
            etag: None,
            last_modified: None,
        };
        assert!(!settle(good.clone(), Outcome::Saved(again.clone()), now(), WEEK).new_content);
        let other = Content { sha256: "bb".into(), ..again };
        assert!(settle(good, Outcome::Saved(other), now(), WEEK).new_content);
    }

    #[test]
    fn a_link_past_its_expiry_is_not_asked() {
        assert_eq!(task(&signed(-1), now()), Task::Renew);
        assert_eq!(task(&signed(1), now()), Task::Fetch);
    }

    #[test]
    fn waits_double_up_to_a_day_and_end_before_the_link_dies() {
        let wait = |asset: Asset| {
            let next =
                settle(asset, Outcome::Refused("no".into()), now(), WEEK).asset.next_attempt_at;
            (next.unwrap().millis() - now().millis()) / 60_000
        };
        assert_eq!(wait(asset()), 5);
        assert_eq!(wait(Asset { attempts: 3, ..asset() }), 40);
        assert_eq!(wait(Asset { attempts: 30, ..asset() }), 24 * 60);
        assert_eq!(wait(Asset { attempts: 30, ..signed(8) }), 2 * 60);
        let after = Outcome::Passing("429".into(), Some(Duration::from_secs(3600)));
        let next = settle(asset(), after, now(), WEEK).asset.next_attempt_at;
        assert_eq!(next, Some(now().plus(Duration::from_secs(3600))));
    }

    #[test]
    fn what_the_configuration_leaves_out_is_looked_at_before_its_link_dies() {
        let wait = |asset: Asset, outcome: Outcome| {
            let next = settle(asset, outcome, now(), WEEK).asset.next_attempt_at;
            (next.unwrap().millis() - now().millis()) / 60_000
        };
        let long = || Outcome::Forbidden("too long".into());
        assert_eq!(wait(asset(), long()), 7 * 24 * 60);
        assert_eq!(wait(signed(8), long()), 2 * 60);
        assert_eq!(wait(signed(8), Outcome::NotAllowed("its host".into())), 5);
    }

    #[test]
    fn a_link_refused_before_its_time_is_no_longer_believed() {
        let dead = || Outcome::LinkDead("403".into());
        assert!(settle(signed(48), dead(), now(), WEEK).distrusted);
        assert!(!settle(signed(-1), dead(), now(), WEEK).distrusted);
    }

    #[test]
    fn statuses_mean_what_the_cdn_means_by_them() {
        assert!(matches!(of_status(403, true, None), Outcome::LinkDead(_)));
        assert!(matches!(of_status(404, true, None), Outcome::LinkDead(_)));
        assert!(matches!(of_status(404, false, None), Outcome::Missing(_)));
        assert!(matches!(of_status(403, false, None), Outcome::Missing(_)));
        assert!(matches!(of_status(401, false, None), Outcome::Refused(_)));
        assert!(matches!(of_status(503, true, None), Outcome::Passing(..)));
    }
}
