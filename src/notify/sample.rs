//! Sends a sample to a receiver, on request, and returns the result. The outbox is not used.

use serde_json::{Value as Json, json};

use super::sender::Sender;
use crate::{
    config::{Notify, Sources},
    error::{Error, Result},
    time::{Clock, Timestamp},
};

/// Sends a sample to one receiver.
///
/// # Errors
/// [`crate::error::Kind::Config`] if it cannot be set up, [`crate::error::Kind::Unavailable`] if it
/// did not accept.
pub async fn send_sample(block: &Notify, sources: &Sources, clock: &Clock) -> Result<()> {
    let sender = Sender::new(block, sources)?;
    let now = clock.now();
    let sent = sender.send(&sample(block.name(), now), now).await;
    sent.map_err(|why| Error::unavailable(format!("notify '{}': {why}", block.name())))
}

fn sample(receiver: &str, now: Timestamp) -> Json {
    let text = format!("a test of heygen-sync: notices reach the receiver '{receiver}'");
    json!({
        "id": format!("msg_test_{}", now.millis()),
        "type": "test",
        "timestamp": now.to_string(),
        "data": {"text": text},
    })
}
