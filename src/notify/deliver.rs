//! Delivery: the outbox to its receiver, oldest first, each until it is accepted.
//!
//! What is not accepted stays first in line and is tried again by a later run, after a pause that
//! doubles. Nothing here can fail a poll: trouble is logged, and noted beside the notice.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, redirect};
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tokio::time::Instant;
use url::Url;

use crate::{
    config::{Notify, Receiver, Sources},
    error::{Error, Result},
    store::{
        Store,
        outbox::{Claimed, LONGEST_PAUSE},
    },
    time::{Clock, Timestamp},
};

/// The longest that one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No delivery begins later than this after the first of a run.
const RUN: Duration = Duration::from_secs(30);
/// The longest that a run of deliveries lasts, with a margin.
pub const LONGEST_RUN: Duration = Duration::from_secs(60);
/// How long a sender alone may try a notice: longer than a delivery lasts.
const CLAIM: Duration = Duration::from_secs(60);
/// The pause after a first failure, which then doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(30);

/// What a run delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Notices that were accepted.
    pub accepted: u64,
    /// Whether one was not.
    pub refused: bool,
}

/// Delivers what waits, for a while; to be called after each round of polls. Never an error:
/// what goes wrong is logged here and waits for the next run.
pub async fn deliver(
    store: &mut Store,
    clock: &Clock,
    notify: &Notify,
    sources: &Sources,
) -> Delivered {
    let mut delivered = Delivered::default();
    let sender = match Sender::new(notify, sources) {
        Ok(Some(sender)) => sender,
        Ok(None) => return delivered,
        Err(error) => {
            tracing::error!("notices are kept and not delivered: {error}");
            return delivered;
        }
    };
    let begun = Instant::now();
    while begun.elapsed() < RUN {
        match next(store, clock, &sender).await {
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

/// Tries the oldest: whether it was accepted; `None` when none may be tried now.
async fn next(store: &mut Store, clock: &Clock, sender: &Sender<'_>) -> Result<Option<bool>> {
    let now = clock.now();
    let Some(notice) = store.claim_notice(now, now.plus(CLAIM)).await? else { return Ok(None) };
    match sender.send(&notice, now).await {
        Ok(()) => {
            store.notice_accepted(notice.notice_id, clock.now()).await?;
            Ok(Some(true))
        }
        Err(why) => {
            let again = clock.now().plus(pause(notice.attempts));
            tracing::warn!(notice = notice.notice_id, %again, "not delivered: {why}");
            store.notice_not_accepted(notice.notice_id, again, &why).await?;
            Ok(Some(false))
        }
    }
}

fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(u32::MAX).min(16);
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// What a delivery needs.
struct Sender<'a> {
    http: Client,
    receiver: Receiver<'a>,
}

impl<'a> Sender<'a> {
    fn new(notify: &'a Notify, sources: &Sources) -> Result<Option<Self>> {
        let Some(receiver) = notify.receiver(sources)? else { return Ok(None) };
        let http = client(receiver.url(), TIMEOUT)?;
        Ok(Some(Self { http, receiver }))
    }

    /// Sends a notice; else why it was not accepted, without the URL.
    async fn send(&self, notice: &Claimed, now: Timestamp) -> Result<(), String> {
        // Both engines render JSON in their own way; what is sent and signed is ours.
        let body: Json = serde_json::from_str(&notice.body).map_err(|_| "not JSON".to_owned())?;
        let request = self.http.post(self.receiver.url().clone());
        let request = request.header("content-type", "application/json");
        let request = match &self.receiver {
            Receiver::Slack(_) => request.body(slack(&body)),
            Receiver::Webhook(_, key) => {
                let id = body["id"].as_str().unwrap_or_default();
                let seconds = (now.millis() / 1000).to_string();
                let text = body.to_string();
                request
                    .header("webhook-id", id)
                    .header("webhook-timestamp", &seconds)
                    .header("webhook-signature", sign(key.expose_secret(), id, &seconds, &text))
                    .body(text)
            }
        };
        let response = request.send().await.map_err(|fault| fault_in_words(&fault))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the receiver answered HTTP {}", status.as_u16())),
        }
    }
}

/// A client for a secret URL: it follows no redirect, and in the clear goes through no proxy.
pub(super) fn client(url: &Url, timeout: Duration) -> Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("heygen-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .connect_timeout(timeout);
    if url.scheme() == "http" {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|_| {
        Error::config("cannot set up TLS; install the system's CA certificates (ca-certificates)")
    })
}

/// The signature of Standard Webhooks: over id, time and body, each after a dot.
fn sign(key: &[u8], id: &str, seconds: &str, body: &str) -> String {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The text for people, in which a name can be no command of Slack's.
fn slack(body: &Json) -> String {
    let text = body["data"]["text"].as_str().unwrap_or_default();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": text }).to_string()
}

fn fault_in_words(fault: &reqwest::Error) -> String {
    match fault {
        fault if fault.is_timeout() => {
            format!("the receiver did not answer within {} s", TIMEOUT.as_secs())
        }
        fault if fault.is_connect() => "the receiver cannot be reached".into(),
        _ => "the connection to the receiver broke off".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_or_default();
        let signed =
            sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn pauses_double_up_to_half_an_hour() {
        let seconds: Vec<u64> = (1..9).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1800, 1800]);
        assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_name_is_no_command_of_slacks() {
        let body = json!({"data": {"text": "<!channel> & co"}});
        assert_eq!(slack(&body), r#"{"text":"&lt;!channel&gt; &amp; co"}"#);
    }
}
