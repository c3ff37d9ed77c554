//! The mirror's pace: requests per second in total, and a back-off for each host that fails. Knows
//! no HTTP.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The longest wait for a host within a run.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first pause of a host; it doubles with each consecutive failure.
const FIRST_REST: Duration = Duration::from_millis(250);
/// The consecutive failures after which the pause of a host no longer grows.
const LONGEST_REST: u32 = 6;
/// After this many consecutive failures, half a minute of pauses, a host is given up for the run.
const GIVEN_UP: u32 = 9;
/// When a host that was given up is tried again.
const LATER: Duration = Duration::from_secs(5 * 60);

/// Why a request may not be sent in this run, and when it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The host asked for a longer pause than a run waits.
    Asked(Duration),
    /// It failed too often in a row.
    GivenUp(Duration),
}

/// Determines when each request may be sent.
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
    hosts: Mutex<HashMap<String, Rest>>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    failures: u32,
    until: Instant,
}

impl Pace {
    /// Creates a pace of at most `per_second` requests each second.
    pub fn new(per_second: u32) -> Self {
        let gap = Duration::from_secs(1) / per_second.max(1);
        Self { gap, next: Mutex::default(), hosts: Mutex::default() }
    }

    /// Waits for this request's turn; fails if it has none in this run.
    pub async fn wait_for_turn(&self, host: &str) -> Result<(), Stop> {
        loop {
            let now = Instant::now();
            let rest = lock(&self.hosts).get(host).copied();
            if rest.is_some_and(|rest| rest.failures >= GIVEN_UP && now < rest.until + LATER) {
                return Err(Stop::GivenUp(LATER));
            }
            let until = rest.map(|rest| rest.until).filter(|until| *until > now);
            match until {
                Some(until) if until - now > PATIENCE => return Err(Stop::Asked(until - now)),
                Some(until) => sleep_until(until).await,
                None => break,
            }
        }
        let at = {
            let mut next = lock(&self.next);
            let at = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(at + self.gap);
            at
        };
        // The timer counts in milliseconds: a shorter wait is skipped, and the rate stays the same.
        if at > Instant::now() + Duration::from_millis(5) {
            sleep_until(at).await;
        }
        Ok(())
    }

    /// Records that the host answered normally.
    pub fn record_success(&self, host: &str) {
        lock(&self.hosts).remove(host);
    }

    /// Records that the host failed, with the pause that it asked for, if any.
    pub fn record_failure(&self, host: &str, retry_after: Option<Duration>) {
        let now = Instant::now();
        let mut hosts = lock(&self.hosts);
        let rest = hosts.entry(host.to_owned()).or_insert(Rest { failures: 0, until: now });
        // Failures of concurrent requests count as one.
        if rest.until <= now {
            rest.failures = (rest.failures + 1).min(GIVEN_UP);
        }
        let doublings = rest.failures.clamp(1, LONGEST_REST) - 1;
        let pause = retry_after.unwrap_or(FIRST_REST * (1 << doublings));
        rest.until = rest.until.max(now + pause.min(Duration::from_secs(86_400)));
    }
}

/// Locks; a panic while the lock is held cannot leave the state inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_keeps_failing_is_given_up_and_others_are_not() {
        let pace = Pace::new(1_000);
        let begun = Instant::now();
        while pace.wait_for_turn("down").await.is_ok() {
            pace.record_failure("down", None);
        }
        assert_eq!(pace.wait_for_turn("down").await, Err(Stop::GivenUp(LATER)));
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        assert_eq!(pace.wait_for_turn("up").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_are_let_through_than_a_second_has() {
        let pace = Pace::new(10);
        let begun = Instant::now();
        for nth in 0..31 {
            pace.wait_for_turn(["one", "other"][nth % 2]).await.unwrap();
        }
        let took = begun.elapsed();
        assert!((2_990..3_050).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_now_and_then_is_no_reason_to_give_up() {
        let pace = Pace::new(1_000);
        for _ in 0..100 {
            pace.wait_for_turn("flaky").await.unwrap();
            pace.record_failure("flaky", None);
            pace.wait_for_turn("flaky").await.unwrap();
            pace.record_success("flaky");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_a_host_asks_for_is_kept_or_left_to_the_next_run() {
        let pace = Pace::new(1_000);
        pace.record_failure("busy", Some(Duration::from_secs(30)));
        let begun = Instant::now();
        pace.wait_for_turn("busy").await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(29));
        pace.record_failure("busy", Some(Duration::from_secs(3_600)));
        assert!(matches!(pace.wait_for_turn("busy").await, Err(Stop::Asked(_))));
    }
}
