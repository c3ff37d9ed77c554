//! Whether the program makes progress: the input of the watchdog, `/livez` and `/readyz`.
//!
//! The work reports each step, and how long the next step may take by the configuration (a slow
//! list is no fault; a step that exceeds all its own limits is one). The loop reports each
//! iteration. A watchdog fed by a timer alone would report a dead-locked poll as healthy.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A loop without an iteration for this long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Shared by the loop, the work and the HTTP server.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<HealthState>>);

#[derive(Debug)]
struct HealthState {
    turned: Instant,
    /// The deadline of the current step; `None` while no work runs.
    step_ends: Option<Instant>,
    stopping: bool,
}

impl Default for Health {
    fn default() -> Self {
        let state = HealthState { turned: Instant::now(), step_ends: None, stopping: false };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Health {
    /// Records an iteration of the loop.
    pub fn record_iteration(&self) {
        self.with(|state| state.turned = Instant::now());
    }

    /// Records that the work has made progress, and that its next step may take up to `most`.
    pub fn step(&self, most: Duration) {
        self.with(|state| state.step_ends = Instant::now().checked_add(most));
    }

    /// Records that no work runs.
    pub fn rest(&self) {
        self.with(|state| state.step_ends = None);
    }

    /// Records that shutdown has begun.
    pub fn stop(&self) {
        self.with(|state| state.stopping = true);
    }

    /// Returns whether the work makes progress.
    pub fn makes_progress(&self) -> bool {
        self.makes_progress_at(Instant::now())
    }

    fn makes_progress_at(&self, now: Instant) -> bool {
        self.with(|state| state.step_ends.is_none_or(|end| now <= end))
    }

    /// Returns what is wrong if the loop does not iterate or the work makes no progress.
    pub fn fault(&self) -> Option<&'static str> {
        self.fault_at(Instant::now())
    }

    fn fault_at(&self, now: Instant) -> Option<&'static str> {
        let turned = self.with(|state| state.turned);
        match () {
            () if now.saturating_duration_since(turned) > STUCK => {
                Some("the daemon's loop has not run for more than a minute")
            }
            () if !self.makes_progress_at(now) => {
                Some("the current work exceeds all its time limits")
            }
            () => None,
        }
    }

    /// Returns whether shutdown has begun.
    pub fn is_stopping(&self) -> bool {
        self.with(|state| state.stopping)
    }

    fn with<T>(&self, act: impl FnOnce(&mut HealthState) -> T) -> T {
        // A panic while the lock is held cannot leave the state inconsistent.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_outlasts_its_own_limit_is_not_getting_on() {
        let health = Health::default();
        let now = Instant::now();
        assert!(health.makes_progress_at(now));
        health.step(Duration::from_secs(30));
        assert!(health.makes_progress_at(now + Duration::from_secs(29)));
        assert!(!health.makes_progress_at(now + Duration::from_secs(31)));
        health.rest();
        assert!(health.makes_progress_at(now + Duration::from_secs(31)));
    }

    #[test]
    fn a_loop_that_turns_no_more_is_at_fault_and_not_the_work() {
        let health = Health::default();
        health.record_iteration();
        let now = Instant::now();
        assert_eq!(health.fault_at(now + STUCK - Duration::from_secs(1)), None);
        let stuck = "the daemon's loop has not run for more than a minute";
        assert_eq!(health.fault_at(now + STUCK + Duration::from_secs(1)), Some(stuck));
        health.step(Duration::from_secs(30));
        let overdue = "the current work exceeds all its time limits";
        assert_eq!(health.fault_at(now + Duration::from_secs(31)), Some(overdue));
    }
}
