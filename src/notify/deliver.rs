//! Delivers the outbox: to each receiver independently, oldest first, each notice until accepted.
//!
//! A notice that is not accepted stays first in its receiver's queue and is retried by a later run,
//! after a pause that doubles. Receivers are served concurrently, so none waits for another.
//! Nothing here can fail a poll: errors are logged, and stored with the notice.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{sync::Mutex, time::Instant};

use super::sender::Sender;
use crate::{
    config::{Notify, Sources},
    error::Result,
    store::{
        Store,
        outbox::{Claimed, LONGEST_PAUSE},
    },
    time::{Clock, Timestamp},
};

/// No delivery begins later than this after the start of a run.
const RUN: Duration = Duration::from_secs(30);
/// The longest that a run of deliveries lasts, with a margin.
pub const LONGEST_RUN: Duration = Duration::from_secs(120);
/// How long one sender has a claim on a notice, in addition to the timeout of one delivery.
const CLAIM: Duration = Duration::from_secs(50);
/// The pause after the first failure; it then doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(30);

/// The result of a run, for all receivers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The number of notices that were accepted.
    pub accepted: u64,
    /// Whether one was not accepted.
    pub refused: bool,
}

/// Delivers waiting notices, for a limited time; to be called after each round of polls. Never an
/// error: failures are logged here and left to the next run.
pub async fn deliver(
    store: &mut Store,
    clock: &Clock,
    blocks: &[Notify],
    sources: &Sources,
) -> Delivered {
    let store = Mutex::new(store);
    let receivers = blocks.iter().filter(|block| block.has_receiver());
    let runs = receivers.map(|block| run(&store, clock, block, sources));
    let all = join_all(runs).await;
    Delivered {
        accepted: all.iter().map(|one| one.accepted).sum(),
        refused: all.iter().any(|one| one.refused),
    }
}

/// Delivers the waiting notices of one receiver.
async fn run(
    store: &Mutex<&mut Store>,
    clock: &Clock,
    block: &Notify,
    sources: &Sources,
) -> Delivered {
    let mut delivered = Delivered::default();
    let sender = match Sender::new(block, sources) {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!("notices are kept and not delivered: {error}");
            return delivered;
        }
    };
    let begun = Instant::now();
    while begun.elapsed() < RUN {
        match next(store, clock, block.name(), &sender).await {
            Ok(Some(true)) => delivered.accepted += 1,
            Ok(Some(false)) => {
                delivered.refused = true;
                break;
            }
            Ok(None) => break,
            Err(error) => {
                tracing::error!("notices are not delivered: {error}");
                break;
            }
        }
    }
    delivered
}

/// Tries a receiver's oldest notice: returns whether it was accepted; `None` if none may be tried
/// now. The store is not locked during the delivery.
async fn next(
    store: &Mutex<&mut Store>,
    clock: &Clock,
    receiver: &str,
    sender: &Sender<'_>,
) -> Result<Option<bool>> {
    let now = clock.now();
    let until = now.plus(CLAIM + sender.timeout());
    let claimed = store.lock().await.claim_notice(receiver, now, until).await?;
    let Some(notice) = claimed else { return Ok(None) };
    match send(sender, &notice, now).await {
        Ok(()) => {
            store.lock().await.notice_accepted(notice.notice_id, clock.now()).await?;
            Ok(Some(true))
        }
        Err(why) => {
            let again = clock.now().plus(pause(notice.attempts));
            tracing::warn!(receiver, notice = notice.notice_id, %again, "not delivered: {why}");
            store.lock().await.notice_not_accepted(notice.notice_id, again, &why).await?;
            Ok(Some(false))
        }
    }
}

async fn send(sender: &Sender<'_>, notice: &Claimed, now: Timestamp) -> Result<(), String> {
    // Each engine renders JSON in its own way; what is sent and signed is rendered here.
    let message = serde_json::from_str(&notice.body).map_err(|_| "not JSON".to_owned())?;
    sender.send(&message, now).await
}

fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(u32::MAX).min(16);
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_an_hour() {
        let seconds: Vec<u64> = (1..9).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1800, 1800]);
        assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
    }
}
