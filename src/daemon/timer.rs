//! The timer: tokio-cron-scheduler, used for one-shots only, one after the other.
//!
//! Its own cron jobs keep the offset of the day on which they were added, may run twice at once and
//! may stop for good when late, so the times come from [`super::schedule`] and a shot only says that
//! it is time to look: whether something is due is for the plan to say. A shot may come up to two
//! seconds early (the crate counts in whole seconds) or, when the clock is changed, far too late:
//! the loop looks again by itself every few seconds.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// See the head of the file.
pub struct Timer {
    scheduler: JobScheduler,
    shots: mpsc::Sender<Timestamp>,
    armed: Option<(Timestamp, Job)>,
}

impl Timer {
    /// A timer and where its shots arrive, one at most: each is the time that it was armed for.
    pub async fn start() -> Result<(Self, mpsc::Receiver<Timestamp>)> {
        let scheduler = JobScheduler::new().await.map_err(cannot)?;
        scheduler.start().await.map_err(cannot)?;
        let (shots, arriving) = mpsc::channel(1);
        Ok((Self { scheduler, shots, armed: None }, arriving))
    }

    /// Arms it for `at`, and for nothing else.
    pub async fn arm(&mut self, at: Timestamp, now: Timestamp) -> Result<()> {
        if self.armed.as_ref().is_some_and(|(armed, _)| *armed == at) {
            return Ok(());
        }
        self.disarm().await;
        let wait = Duration::from_millis((at.millis() - now.millis()).max(0) as u64);
        let shots = self.shots.clone();
        let job = Job::new_one_shot_async(wait, move |_, _| {
            let shots = shots.clone();
            Box::pin(async move {
                // One that waits already says the same.
                let _ = shots.try_send(at);
            })
        });
        let job = job.map_err(cannot)?;
        self.scheduler.add(job.clone()).await.map_err(cannot)?;
        self.armed = Some((at, job));
        Ok(())
    }

    /// The shot has come.
    pub fn went_off(&mut self) {
        self.armed = None;
    }

    async fn disarm(&mut self) {
        if let Some((_, job)) = self.armed.take() {
            // It may go off at this very moment: a look too many does no harm.
            let _ = self.scheduler.remove(&job.guid()).await;
        }
    }
}

fn cannot(fault: JobSchedulerError) -> Error {
    Error::unforeseen(format!("the timer failed: {fault}"))
}
