//! The time of a poll in history: strictly after the last good poll of its catalogue.

use std::time::Duration;

use crate::{
    catalog::catalogue::Catalogue,
    error::{Error, Result},
    time::Timestamp,
};

/// How far behind the last good poll an answer may be to be dated 1 ms after that poll.
const NUDGE: Duration = Duration::from_secs(10 * 60);

/// Returns the time of a poll by its answer's, but at least 1 ms after the `last` good poll.
///
/// # Errors
/// Fails if the last poll is far in the future: see [`ahead_of_clock`].
pub(super) fn after(
    last: Option<Timestamp>,
    received: Timestamp,
    account: &str,
    catalogue: Catalogue,
) -> Result<Timestamp> {
    let Some(last) = last.filter(|last| received <= *last) else { return Ok(received) };
    if let Some(error) = ahead_of_clock(account, catalogue, last, received) {
        return Err(error);
    }
    let nudged = last.plus(Duration::from_millis(1));
    tracing::warn!(
        "the clock is behind the last poll ({received}, {last}); this one is dated {nudged}"
    );
    Ok(nudged)
}

/// Refuses a backfill that is dated in the future.
///
/// # Errors
/// [`crate::error::Kind::Usage`].
pub(super) fn refuse_future(observed_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match observed_at.filter(|observed_at| *observed_at > now.plus(NUDGE)) {
        Some(observed_at) => Err(Error::usage(format!(
            "--observed-at {observed_at} is in the future (it is {now}); give the time at which the \
             list was received"
        ))),
        None => Ok(()),
    }
}

/// Returns why no poll of `account` can follow its last good one, if that is dated in the future at
/// `now`. A difference of less than `NUDGE` is tolerated.
pub fn ahead_of_clock(
    account: &str,
    catalogue: Catalogue,
    last_good: Timestamp,
    now: Timestamp,
) -> Option<Error> {
    (now < last_good.minus(NUDGE)).then(|| {
        let account_label = account_label(account, catalogue);
        Error::unforeseen(format!(
            "the last good poll of {account_label} is dated {last_good}, in the future (this \
             machine's clock: {now}), and no poll can be added before that time; set the clock if it \
             is wrong, else restore a backup from before that poll, or set its history aside: \
             `account rename {account} NEW_NAME`, then `sync --new-account`, both with the --config \
             and --database of this command"
        ))
    })
}

/// Returns the error of a backfill that is not later than the last good poll.
pub(super) fn too_early(
    account: &str,
    catalogue: Catalogue,
    observed_at: Timestamp,
    last: Timestamp,
) -> Error {
    let account_label = account_label(account, catalogue);
    Error::usage(format!(
        "--observed-at {observed_at} is not later than the last good poll of {account_label} ({last}): \
         history can only be continued at its end"
    ))
}

/// Returns `account 'default'`, with its catalogue if that is not the usual one.
pub fn account_label(account: &str, catalogue: Catalogue) -> String {
    catalogue.of(&format!("account '{account}'"))
}
