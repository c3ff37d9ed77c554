//! How to reach the API, checked before anything is sent.
//!
//! Builds the HTTP client that the key is sent with; does not know what is asked of it.

use std::time::Duration;

use reqwest::{header::HeaderValue, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::error::{Error, Result};

/// At most twenty pages a second, however fast the API answers.
pub const PACE: Duration = Duration::from_millis(50);

/// How to reach the API, and how patiently.
#[derive(Clone)]
pub struct Settings {
    /// Where the API is; a path in it is kept in front of the API's own paths.
    pub base_url: Url,
    /// For one request as a whole, its body included.
    pub timeout: Duration,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// The most that a body may hold once decoded, in bytes.
    pub max_response: u64,
    /// How often a failed request is repeated at most.
    pub retries: u32,
    /// From the first attempt for a list on; neither a retry nor a page of it starts later.
    pub retry_time: Duration,
    /// The first pause between attempts, one second in production.
    pub backoff: Duration,
    /// The least time from one page of a list to the next, [`PACE`] in production.
    pub pace: Duration,
}

/// The HTTP client for `settings`: no redirects, since `x-api-key` would go along to another host.
pub(super) fn build(settings: &Settings) -> Result<reqwest::Client> {
    check_base(&settings.base_url)?;
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("heygen-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout);
    if settings.base_url.scheme() == "http" {
        // A proxy would see the key in the clear.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|fault| {
        Error::config(format!(
            "cannot set up TLS: {}; install the system's CA certificates (package \
             ca-certificates) or name a file of them in SSL_CERT_FILE",
            deepest(&fault)
        ))
    })
}

/// The key in the clear goes to this machine at most, and no second secret goes along.
fn check_base(base: &Url) -> Result<()> {
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Error::config("api.base_url must not hold a user name or a password"));
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

/// The value of `x-api-key`, kept out of every debug text.
pub(super) fn key_header(key: &SecretString) -> Result<HeaderValue> {
    let key = key.expose_secret();
    let value = HeaderValue::from_str(key).ok().filter(|_| !key.is_empty());
    let mut value = value.ok_or_else(|| {
        Error::config(
            "the API key is empty or holds a character that cannot be sent, a line break perhaps",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn deepest(fault: &dyn std::error::Error) -> String {
    fault.source().map_or_else(|| fault.to_string(), deepest)
}
