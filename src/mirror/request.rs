//! The requests for previews: where they may be sent, how fast, and what is known of an answer
//! before its body is stored.
//!
//! No message contains a URL or a signature; hosts are named.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Response, StatusCode, Version,
    dns::Resolve,
    header::{
        ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION,
        RETRY_AFTER, TRANSFER_ENCODING,
    },
    redirect::Policy,
};
use url::Url;

use super::{
    guard::{Forbidden, Guard},
    pace::{Pace, Stop},
    plan::{self, Outcome},
    sniff::{self, Media},
};
use crate::{
    config::Mirror,
    error::{Error, Result, causes},
    time::{Clock, Timestamp, retry_after},
};

/// The read timeout: a server that sends nothing for this long is considered gone.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// The number of redirects that are followed.
const HOPS: usize = 5;

/// Sends requests for previews.
pub struct Requests {
    http: Client,
    guard: Guard,
    pace: Pace,
    longest: u64,
    limit: &'static str,
    clock: Clock,
}

impl Requests {
    /// Creates a client for the allowed hosts of `mirror`, with bodies of at most `longest` bytes;
    /// `limit` names the setting that limits them.
    pub fn new(
        mirror: &Mirror,
        resolver: Arc<dyn Resolve>,
        (longest, limit): (u64, &'static str),
        clock: &Clock,
    ) -> Result<Self> {
        let guard = Guard::new(&mirror.allowed_hosts);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let http = Client::builder()
            .user_agent(concat!("heygen-sync/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .dns_resolver(guard.resolver(resolver))
            .build()
            .map_err(|fault| Error::config(format!("cannot set up TLS: {fault}")))?;
        let pace = Pace::new(mirror.requests_per_second);
        Ok(Self { http, guard, pace, longest, limit, clock: clock.clone() })
    }

    /// Returns the longest body, in bytes.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// Sends a request and follows its redirects, each checked like the first.
    pub async fn ask(
        &self,
        link: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Response, Outcome> {
        let mut url =
            Url::parse(link).map_err(|_| Outcome::Refused("the URL is invalid".into()))?;
        for hop in 0..=HOPS {
            let wrong = |why: String| match hop {
                0 => Outcome::NotAllowed(why),
                _ => Outcome::Refused(format!("a redirect is not allowed: {why}")),
            };
            self.guard.check(&url).map_err(wrong)?;
            let response = self.send(&url, headers).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED
            {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let next = location.and_then(|to| url.join(to).ok());
            let next =
                next.ok_or_else(|| Outcome::Refused("a redirect has no valid target".into()))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(Outcome::Refused("a redirect leads from https to http".into()));
            }
            url = next;
        }
        Err(Outcome::Refused("too many redirects".into()))
    }

    async fn send(
        &self,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Response, Outcome> {
        let host = url.host_str().unwrap_or_default();
        self.pace.wait_for_turn(host).await.map_err(|stop| match stop {
            Stop::Asked(wait) => {
                Outcome::Passing(format!("the host '{host}' asked to wait"), Some(wait))
            }
            Stop::GivenUp(wait) => {
                Outcome::Passing(format!("the host '{host}' keeps failing"), Some(wait))
            }
        })?;
        let mut request = self.http.get(url.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => {
                let wait = wait(response.headers(), self.clock.now());
                match response.status().as_u16() {
                    429 | 500..=599 => self.pace.record_failure(host, wait),
                    _ => self.pace.record_success(host),
                }
                Ok(response)
            }
            Err(fault) if forbidden(&fault) => Err(Outcome::Refused(Forbidden.to_string())),
            Err(fault) => {
                self.pace.record_failure(host, None);
                Err(Outcome::Passing(reason(&fault), None))
            }
        }
    }

    /// Returns what a status other than success means for a link, `signed` or not.
    pub fn refusal(&self, signed: bool, response: &Response) -> Outcome {
        let wait = wait(response.headers(), self.clock.now());
        plan::of_status(response.status().as_u16(), signed, wait)
    }

    /// Returns why a body is refused by its headers alone, if it is.
    pub fn head(&self, response: &Response) -> Option<Outcome> {
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Some(Outcome::Refused("the body is encoded, which was not requested".into()));
        }
        let len = response.content_length();
        len.is_some_and(|len| len > self.longest).then(|| self.too_long())
    }

    /// Returns the outcome of a body that is too long.
    pub fn too_long(&self) -> Outcome {
        Outcome::Forbidden(format!("it is longer than {} ({} bytes)", self.limit, self.longest))
    }
}

/// Returns the type of a complete body, or why it is not kept.
pub(super) fn detect(head: &[u8], len: u64, framed: bool) -> Result<Media, Outcome> {
    if !framed && !sniff::contains_length(head) {
        let why = "the server did not send the length of the body, so it may be cut off";
        return Err(Outcome::Refused(why.into()));
    }
    sniff::detect(head, len).map_err(|why| Outcome::Refused(why.into()))
}

/// Returns whether a truncated body is recognised: it has a length, or chunks with an end. Without
/// either, HTTP/1 takes the end of the connection for the end of the body.
pub(super) fn is_framed(response: &Response) -> bool {
    let pieces = response.headers().get(TRANSFER_ENCODING);
    response.content_length().is_some()
        || response.version() > Version::HTTP_11
        || pieces.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Returns the wait that the server asks for; `None` if that is over.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let wait = retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now);
    wait.filter(|wait| !wait.is_zero())
}

/// Returns whether an address of the host may not be reached.
fn forbidden(fault: &reqwest::Error) -> bool {
    causes(fault).any(|cause| cause.is::<Forbidden>())
}

/// Returns why a request failed, without its URL.
fn reason(fault: &reqwest::Error) -> String {
    match () {
        () if fault.is_timeout() => "the server did not answer in time".into(),
        () if fault.is_connect() => "the server cannot be reached".into(),
        () => "the connection broke".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_no_wait_gets_the_usual_one() {
        let asked = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            wait(&headers, Timestamp::parse("2026-11-23").unwrap())
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
