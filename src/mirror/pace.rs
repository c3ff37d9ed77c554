//! How fast the mirror may go: requests per second over all, and a rest for a host that is in
//! trouble. It knows no HTTP.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// No host is waited for longer than this within a run.
const PATIENCE: Duration = Duration::from_secs(60);
/// A host's first rest; it doubles with each failure in a row.
const FIRST_REST: Duration = Duration::from_millis(250);

/// Hands out the moments at which requests may be sent.
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
    /// At most so many requests each second.
    pub fn new(per_second: u32) -> Self {
        let gap = Duration::from_secs(1) / per_second.max(1);
        Self { gap, next: Mutex::default(), hosts: Mutex::default() }
    }

    /// Waits for this request's turn; `Err` when the host rests for longer than can be waited.
    pub async fn turn(&self, host: &str) -> Result<(), Duration> {
        loop {
            let now = Instant::now();
            let until = lock(&self.hosts).get(host).map(|rest| rest.until);
            let until = until.filter(|until| *until > now);
            match until {
                Some(until) if until - now > PATIENCE => return Err(until - now),
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
        sleep_until(at).await;
        Ok(())
    }

    /// The host answered as it should.
    pub fn fine(&self, host: &str) {
        lock(&self.hosts).remove(host);
    }

    /// The host is in trouble, and says for how long where it says so.
    pub fn trouble(&self, host: &str, retry_after: Option<Duration>) {
        let now = Instant::now();
        let mut hosts = lock(&self.hosts);
        let rest = hosts.entry(host.to_owned()).or_insert(Rest { failures: 0, until: now });
        // Requests that were under way together count as one failure.
        if rest.until <= now {
            rest.failures = (rest.failures + 1).min(6);
        }
        let pause = retry_after.unwrap_or(FIRST_REST * (1 << (rest.failures.max(1) - 1)));
        rest.until = rest.until.max(now + pause.min(Duration::from_secs(86_400)));
    }
}

/// A panic elsewhere leaves nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
