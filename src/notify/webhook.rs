//! Sends a message over HTTP: signed as in Standard Webhooks, or in Slack's form.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, redirect};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use url::Url;

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// Posts to one receiver.
pub(super) struct Poster {
    http: Client,
    url: Url,
    key: Option<SecretSlice<u8>>,
    timeout: Duration,
}

impl Poster {
    /// Creates a poster that signs with the key; without one, it uses Slack's form.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if TLS cannot be set up.
    pub fn new(url: Url, key: Option<SecretSlice<u8>>, timeout: Duration) -> Result<Self> {
        Ok(Self { http: client(&url, timeout)?, url, key, timeout })
    }

    /// Sends a message; `Err` is why it was not accepted, without the URL.
    pub async fn send(&self, message: &Json, now: Timestamp) -> Result<(), String> {
        let request = self.http.post(self.url.clone()).header("content-type", "application/json");
        let request = match &self.key {
            None => request.body(slack(message)),
            Some(key) => {
                let id = message["id"].as_str().unwrap_or_default();
                let seconds = (now.millis() / 1000).to_string();
                let text = message.to_string();
                request
                    .header("webhook-id", id)
                    .header("webhook-timestamp", &seconds)
                    .header("webhook-signature", sign(key.expose_secret(), id, &seconds, &text))
                    .body(text)
            }
        };
        let response =
            request.send().await.map_err(|fault| fault_in_words(&fault, self.timeout))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the receiver answered HTTP {}", status.as_u16())),
        }
    }
}

/// Creates a client for a secret URL: without redirects, and without a proxy for plain http.
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

/// Returns the signature of Standard Webhooks: over id, time and body, separated by dots.
fn sign(key: &[u8], id: &str, seconds: &str, body: &str) -> String {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Returns the text for people in Slack's form, escaped so that a name cannot be a command.
fn slack(body: &Json) -> String {
    let text = body["data"]["text"].as_str().unwrap_or_default();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": text }).to_string()
}

fn fault_in_words(fault: &reqwest::Error, timeout: Duration) -> String {
    match fault {
        fault if fault.is_timeout() => {
            format!("the receiver did not answer within {} s", timeout.as_secs_f64())
        }
        fault if fault.is_connect() => "the receiver cannot be reached".into(),
        _ => "the connection to the receiver broke".into(),
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
    fn a_name_is_no_command_of_slacks() {
        let body = json!({"data": {"text": "<!channel> & co"}});
        assert_eq!(slack(&body), r#"{"text":"&lt;!channel&gt; &amp; co"}"#);
    }
}
