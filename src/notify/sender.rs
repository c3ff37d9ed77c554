//! Sends a message to a receiver, by the receiver's kind. Another kind needs another arm here and a
//! file beside this one.

use std::time::Duration;

use serde_json::Value as Json;

use super::{command, email, webhook};
use crate::{
    config::{Notify, Receiver, ReceiverKind, Sources},
    error::Result,
    time::Timestamp,
};

/// The timeout of a delivery unless configured otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The same for e-mail: a mail server may delay its answers.
const EMAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// The means of delivery to one receiver.
pub(super) struct Sender<'a> {
    way: Way<'a>,
    timeout: Duration,
}

enum Way<'a> {
    Http(webhook::Poster),
    Email(email::Mailer),
    Command(&'a [String]),
}

impl<'a> Way<'a> {
    fn new(receiver: Receiver<'a>, timeout: Duration) -> Result<Self> {
        Ok(match receiver {
            Receiver::Email(mail) => Self::Email(email::Mailer::new(mail, timeout)?),
            Receiver::Command(command) => Self::Command(command),
            Receiver::Webhook(url, key) => {
                Self::Http(webhook::Poster::new(url, Some(key), timeout)?)
            }
            Receiver::Slack(url) => Self::Http(webhook::Poster::new(url, None, timeout)?),
        })
    }
}

impl<'a> Sender<'a> {
    /// # Errors
    /// [`crate::error::Kind::Config`] if a secret cannot be read, or TLS cannot be set up.
    pub fn new(block: &'a Notify, sources: &Sources) -> Result<Self> {
        let usual = if block.kind == ReceiverKind::Email { EMAIL_TIMEOUT } else { TIMEOUT };
        let timeout = block.timeout.unwrap_or(usual);
        let way = Way::new(block.receiver(sources)?, timeout)
            .map_err(|error| error.context(format!("notify '{}'", block.name())))?;
        Ok(Self { way, timeout })
    }

    /// Returns the timeout of one delivery.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a message; `Err` is why it was not accepted, without a secret.
    pub async fn send(&self, message: &Json, now: Timestamp) -> Result<(), String> {
        match &self.way {
            Way::Http(poster) => poster.send(message, now).await,
            Way::Email(mailer) => mailer.send(message, now).await,
            Way::Command(command) => command::run(command, message, self.timeout).await,
        }
    }
}
