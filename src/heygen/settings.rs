//! The settings for reaching the API, checked before anything is sent.
//!
//! Builds the HTTP client that sends the key; does not know the requests.

use std::time::Duration;

use reqwest::{header::HeaderValue, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{Api, base_url_fault},
    error::{Error, Result, root_cause},
};

/// The time from page to page: at most twenty pages a second, however fast the API answers.
pub const PACE: Duration = Duration::from_millis(50);

/// How to reach the API.
#[derive(Clone)]
pub struct Settings {
    /// The base URL of the API, whose path is prefixed to the API's own paths; timeouts and limits.
    pub api: Api,
    /// The first pause between attempts, one second in production.
    pub backoff: Duration,
    /// The least time from one page of a list to the next, [`PACE`] in production.
    pub pace: Duration,
}

/// Builds the HTTP client: without redirects, which would send `x-api-key` to another host.
pub(super) fn build(settings: &Settings) -> Result<reqwest::Client> {
    let api = &settings.api;
    if let Some(fault) = base_url_fault(&api.base_url) {
        return Err(Error::config(format!("api.base_url {fault}")));
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("heygen-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(api.timeout)
        .connect_timeout(api.connect_timeout);
    if api.base_url.scheme() == "http" {
        // A proxy would see the key in plain text.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|fault| {
        Error::config(format!(
            "cannot set up TLS: {}; install the system's CA certificates (package \
             ca-certificates) or name a file of them in SSL_CERT_FILE",
            root_cause(&fault)
        ))
    })
}

/// Returns the value of `x-api-key`, marked as sensitive so that debug texts omit it.
pub(super) fn key_header(key: &SecretString) -> Result<HeaderValue> {
    let key = key.expose_secret();
    let value = HeaderValue::from_str(key).ok().filter(|_| !key.is_empty());
    let mut value = value.ok_or_else(|| {
        Error::config(
            "the API key is empty or contains a character that cannot be sent, such as a line \
             break",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
