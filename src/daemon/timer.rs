//! The timer: tokio-cron-scheduler, used for one-shots only, one after the other.
//!
//! Its own cron jobs keep the UTC offset of the day on which they were added, may run twice at once
//! and may stop permanently when late. So the times come from [`super::schedule`], and a shot only
//! wakes the loop, which asks the plan whether something is due. A shot may be up to two seconds
//! early (the crate counts in whole seconds) or, after a clock change, far too late: the loop also
//! checks every few seconds by itself.

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// The timer; see the module's documentation.
pub struct Timer {
    scheduler: JobScheduler,
    shots: mpsc::Sender<Timestamp>,
    armed: Option<(Timestamp, Job)>,
}

impl Timer {
    /// Starts a timer. The channel holds one shot at most: the time that the timer was armed for.
    pub async fn start() -> Result<(Self, mpsc::Receiver<Timestamp>)> {
        let scheduler = JobScheduler::new().await.map_err(cannot)?;
        scheduler.start().await.map_err(cannot)?;
        let (shots, arriving) = mpsc::channel(1);
        Ok((Self { scheduler, shots, armed: None }, arriving))
    }

    /// Arms the timer for `at` only.
    pub async fn arm(&mut self, at: Timestamp, now: Timestamp) -> Result<()> {
        if self.armed.as_ref().is_some_and(|(armed, _)| *armed == at) {
            return Ok(());
        }
        self.disarm().await;
        let wait = at.since(now);
        let shots = self.shots.clone();
        let job = Job::new_one_shot_async(wait, move |_, _| {
            let shots = shots.clone();
            Box::pin(async move {
                // If the channel is full, the waiting shot already wakes the loop.
                let _ = shots.try_send(at);
            })
        });
        let job = job.map_err(cannot)?;
        self.scheduler.add(job.clone()).await.map_err(cannot)?;
        self.armed = Some((at, job));
        Ok(())
    }

    /// Records that the shot has arrived.
    pub fn fired(&mut self) {
        self.armed = None;
    }

    async fn disarm(&mut self) {
        if let Some((_, job)) = self.armed.take() {
            // It may go off at this very moment: an additional check is harmless.
            let _ = self.scheduler.remove(&job.guid()).await;
        }
    }
}

fn cannot(fault: JobSchedulerError) -> Error {
    Error::unforeseen(format!("the timer failed: {fault}"))
}
