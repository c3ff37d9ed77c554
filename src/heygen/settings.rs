//! The settings for reaching the API, checked before anything is sent.
//!
//! Builds the HTTP client that sends the key; does not know the requests.

use std::time::Duration;

use reqwest::{header::HeaderValue, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::error::{Error, Result, root_cause};

/// The time from page to page: at most twenty pages a second, however fast the API answers.
pub const PACE: Duration = Duration::from_millis(50);

/// How to reach the API, with timeouts and limits.
#[derive(Clone)]
pub struct Settings {
    /// The base URL of the API; its path is prefixed to the API's own paths.
    pub base_url: Url,
    /// The timeout of one request as a whole, its body included.
    pub timeout: Duration,
    /// The timeout of the connection alone.
    pub connect_timeout: Duration,
    /// The largest size of a decoded body, in bytes.
    pub max_response: u64,
    /// The maximum number of retries of a failed request.
    pub retries: u32,
    /// How long after the last progress of a list (its start or a page) a retry may start.
    pub retry_time: Duration,
    /// The first pause between attempts, one second in production.
    pub backoff: Duration,
    /// The least time from one page of a list to the next, [`PACE`] in production.
    pub pace: Duration,
}

/// Builds the HTTP client: without redirects, which would send `x-api-key` to another host.
pub(super) fn build(settings: &Settings) -> Result<reqwest::Client> {
    check_base(&settings.base_url)?;
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("heygen-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout);
    if settings.base_url.scheme() == "http" {
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

/// Checks that an unencrypted key stays on this machine, and that the URL has no second secret.
fn check_base(base: &Url) -> Result<()> {
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Error::config("api.base_url must not contain a user name or a password"));
    }
    let host = base.host();
    let loopback = match &host {
        Some(Host::Domain(name)) => *name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match base.scheme() {
        "https" if host.is_some() => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(Error::config(
            "api.base_url is plain http: the API key would be readable on the way; use https",
        )),
        _ => Err(Error::config("api.base_url must be an https URL")),
    }
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
