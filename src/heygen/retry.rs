//! When to retry: growing pauses, the wait that the API asks for, and a limit on the total time.
//!
//! Pure, except for the random jitter. Does not know which failures are worth a retry.

use std::time::Duration;

/// The longest pause of our own; the API may ask for more.
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses before each retry: doubling from the first, each multiplied by 0.75 to 1.25, at most
/// 30 s.
pub(super) struct Pauses {
    next: Duration,
    left: u32,
}

impl Pauses {
    pub(super) fn new(first: Duration, retries: u32) -> Self {
        Self { next: first, left: retries }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next.min(LONGEST);
        self.next = pause.saturating_mul(2);
        Some(pause.mul_f64(0.75 + fastrand::f64() / 2.0).min(LONGEST))
    }
}

/// Returns the pause to make: our own, or the one that the API asked for if that is longer. `Err`
/// contains it if it would end after `limit`; `elapsed` is the time used so far.
pub(super) fn within(
    pause: Duration,
    requested: Option<Duration>,
    elapsed: Duration,
    limit: Duration,
) -> Result<Duration, Duration> {
    let pause = requested.map_or(pause, |requested| requested.max(pause));
    if elapsed.saturating_add(pause) > limit { Err(pause) } else { Ok(pause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_with_jitter_up_to_half_a_minute_and_end() {
        let pauses: Vec<_> = Pauses::new(SECOND, 8).collect();
        assert_eq!(pauses.len(), 8);
        for (n, pause) in pauses.iter().enumerate() {
            let base = SECOND.saturating_mul(1 << n).min(LONGEST);
            assert!(*pause >= base.mul_f64(0.75), "{n}: {pause:?}");
            assert!(*pause <= base.mul_f64(1.25).min(LONGEST), "{n}: {pause:?}");
        }
    }

    #[test]
    fn the_api_may_ask_for_more_than_our_own_pause_but_not_past_the_limit() {
        let limit = 60 * SECOND;
        assert_eq!(within(SECOND, None, SECOND, limit), Ok(SECOND));
        assert_eq!(within(SECOND, Some(Duration::ZERO), SECOND, limit), Ok(SECOND));
        assert_eq!(within(SECOND, Some(59 * SECOND), SECOND, limit), Ok(59 * SECOND));
        assert_eq!(within(SECOND, Some(60 * SECOND), SECOND, limit), Err(60 * SECOND));
        assert_eq!(within(SECOND, Some(Duration::MAX), SECOND, limit), Err(Duration::MAX));
    }
}
