//! The HTTP client: one request to the one configured host, its retries, and a body kept within
//! its bounds.
//!
//! It sends the key and nothing else that is secret, follows no redirect and keeps no cookie. It
//! does not know what a list looks like.

use std::{fmt, time::Duration};

use backon::Retryable;
use reqwest::{
    Response,
    header::{ACCEPT, HeaderMap, HeaderValue, RETRY_AFTER},
};
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

use super::{
    OnProgress, Progress,
    failure::{Failure, Reply, Trace},
    quote::{self, Quote},
    retry,
    settings::{self, Settings},
};
use crate::{
    error::Result,
    time::Clock,
    words::{counted, duration},
};

/// An error page is read only to quote and to measure it; beyond this it is left alone.
const ERROR_BODY_CAP: u64 = 1 << 20;

/// What the requests that read one list may take together.
pub(super) struct Bounds {
    /// When the first of them began: no retry starts later than the retries' time after it.
    pub started: Instant,
    /// How many decoded bytes may still come.
    pub bytes: u64,
}

/// Asks the API. Holds the key; prints without it.
pub struct Client {
    http: reqwest::Client,
    key: HeaderValue,
    quote: Quote,
    settings: Settings,
    clock: Clock,
}

impl Client {
    /// A client for `settings.base_url` that sends `key`.
    ///
    /// # Errors
    /// [`Kind::Config`](crate::error::Kind::Config): the base URL is not https (http is taken for
    /// loopback only) or holds credentials, the key cannot be sent, or TLS cannot be set up.
    pub fn new(settings: &Settings, key: SecretString, clock: Clock) -> Result<Self> {
        let http = settings::build(settings)?;
        let header = settings::key_header(&key)?;
        let settings = settings.clone();
        Ok(Self { http, key: header, quote: Quote::new(key), settings, clock })
    }

    /// The URL of `path_and_query` as it may be shown and stored: without the query.
    pub fn source(&self, path_and_query: &str) -> String {
        let mut url = self.url(path_and_query);
        url.set_query(None);
        url.into()
    }

    /// Gets `path_and_query`, asking again where that can help.
    ///
    /// # Errors
    /// After retries [`Kind::Unavailable`](crate::error::Kind::Unavailable), without any the kinds
    /// `Refused` (401, 403), `NotACatalogue` (every other status but 200, a body over the cap or
    /// not decodable) and `Unavailable` (the whole request timed out).
    pub async fn get(
        &self,
        path_and_query: &str,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let bounds = self.whole();
        self.repeated(path_and_query, &bounds, |failure| failure, progress).await
    }

    /// The bounds of a list whose reading begins now.
    pub(super) fn whole(&self) -> Bounds {
        Bounds { started: Instant::now(), bytes: self.settings.max_response }
    }

    /// As [`Client::get`] for one page of several, within the bounds of them all. One that timed out
    /// is asked for again.
    pub(super) async fn get_page(
        &self,
        path_and_query: &str,
        bounds: &Bounds,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        self.repeated(path_and_query, bounds, Failure::of_page, progress).await
    }

    async fn repeated(
        &self,
        path_and_query: &str,
        bounds: &Bounds,
        judge: fn(Failure) -> Failure,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let url = self.url(path_and_query);
        let source = self.source(path_and_query);
        let limit = self.settings.retry_time;
        let Bounds { started, bytes } = *bounds;
        let mut attempts = 1_u32;
        let mut too_long = None;
        let attempt =
            || async { self.attempt(&url, &source, bytes, progress).await.map_err(judge) };
        let outcome = attempt
            .retry(retry::Pauses::new(self.settings.backoff, self.settings.retries))
            .when(|failure| failure.passing)
            .adjust(|failure, pause| {
                retry::within(pause?, failure.retry_after, started.elapsed(), limit)
                    .inspect_err(|pause| too_long = Some(*pause))
                    .ok()
            })
            .notify(|failure, pause| {
                tracing::warn!(attempt = attempts, ?pause, "{}; asking again", failure.error);
                attempts += 1;
            })
            .await;
        outcome.map_err(|failure| failure.after(&ending(attempts, too_long, limit)))
    }

    /// Asks once and reads no further than the head of the answer: can the API be reached, does it
    /// take the key? The status when it is 200.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn probe(&self, path_and_query: &str) -> Result<u16> {
        let source = self.source(path_and_query);
        let response =
            self.send(&self.url(path_and_query), &source).await.map_err(|failure| failure.error)?;
        match response.status().as_u16() {
            200 => Ok(200),
            status => Err(Failure::of_status(&source, status, None, None).error),
        }
    }

    /// What the client was made with.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// `text` of the API on one line, with the key and all query strings masked.
    pub(super) fn mask(&self, text: &str) -> String {
        self.quote.mask(text)
    }

    async fn attempt(
        &self,
        url: &Url,
        source: &str,
        most: u64,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let mut response = self.send(url, source).await?;
        let head = self.head(&response);
        if head.status != 200 {
            return Err(self.refusal(response, head, source).await);
        }
        let body = self.body(&mut response, source, most, progress).await;
        let trace = Trace { received_at: self.clock.now(), ..head };
        match body {
            Ok(body) => Ok(Reply { trace: trace.with_body(&body), body }),
            Err(failure) => Err(failure.with(trace)),
        }
    }

    async fn send(&self, url: &Url, source: &str) -> Result<Response, Failure> {
        let request = self.http.get(url.clone());
        let request = request.header("x-api-key", &self.key).header(ACCEPT, "application/json");
        request
            .send()
            .await
            .map_err(|fault| Failure::of_request(source, fault, &self.quote, self.settings.timeout))
    }

    /// An answer other than 200. Its status decides; a body that cannot be read changes nothing.
    async fn refusal(&self, mut response: Response, head: Trace, source: &str) -> Failure {
        let wait = header(response.headers(), RETRY_AFTER.as_str());
        let wait = wait.and_then(|value| retry::retry_after(value, self.clock.now()));
        let cap = self.settings.max_response.min(ERROR_BODY_CAP);
        let body = self.body(&mut response, source, cap, &|_| ()).await.ok();
        let said = body.as_deref().and_then(|body| self.quote.error_body(body));
        let trace_status = head.status;
        let trace = Trace { received_at: self.clock.now(), ..head };
        let mut failure = Failure::of_status(source, trace.status, said.as_deref(), wait);
        failure.points_to_v3 = body.as_deref().is_some_and(|body| match trace_status {
            // A refused key, a limit or a fault says nothing of the list's future.
            401 | 429 | 500..=599 => false,
            // Nor does what may be a refused key, unless it says so itself.
            403 => quote::says_v3(body),
            _ => quote::points_to_v3(body),
        });
        failure.with(match body {
            Some(body) => trace.with_body(&body),
            None => trace,
        })
    }

    /// Reads the body piece by piece, so that one that unpacks to more than `cap` bytes is never
    /// held.
    async fn body(
        &self,
        response: &mut Response,
        source: &str,
        cap: u64,
        progress: OnProgress<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let mut size = 0_u64;
        loop {
            let chunk = response.chunk().await.map_err(|fault| {
                Failure::of_body(source, fault, &self.quote, self.settings.timeout)
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if size > cap {
                return Err(Failure::too_large(source, self.settings.max_response));
            }
            body.extend_from_slice(&chunk);
            progress(Progress::Bytes(size));
        }
    }

    fn head(&self, response: &Response) -> Trace {
        let headers = response.headers();
        Trace {
            status: response.status().as_u16(),
            received_at: self.clock.now(),
            request_id: header(headers, "x-request-id")
                .and_then(|value| self.quote.clean_or_none(value)),
            bytes: None,
            sha256: None,
            notice: notice(headers).map(|text| self.quote.clean(&text)),
        }
    }

    /// Always on the configured host: the path is set, never resolved.
    fn url(&self, path_and_query: &str) -> Url {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.settings.base_url.clone();
        url.set_path(&format!("{}{path}", self.settings.base_url.path().trim_end_matches('/')));
        url.set_query(query);
        url.set_fragment(None);
        url
    }
}

/// Without key and settings.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// How the retries of a request that kept failing ended, to be said after its last failure.
fn ending(attempts: u32, too_long: Option<Duration>, limit: Duration) -> String {
    let times = counted(attempts, "attempt", "attempts");
    match too_long {
        None => format!(" (gave up after {times}); try again later"),
        Some(pause) => {
            let seconds = Duration::from_secs(pause.as_secs_f64().ceil() as u64);
            format!(
                " (gave up after {times}: a wait of {} would pass the {} that retries may take); \
                 try again later",
                duration(seconds),
                duration(limit)
            )
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What the headers `deprecation` (RFC 9745, or plain `true`) and `sunset` (RFC 8594) announce.
fn notice(headers: &HeaderMap) -> Option<String> {
    let deprecation = header(headers, "deprecation").filter(|value| *value != "false");
    let sunset = header(headers, "sunset");
    match (deprecation, sunset) {
        (None, None) => None,
        (Some(_), None) => Some("this endpoint is deprecated".to_owned()),
        (None, Some(end)) => Some(format!("this endpoint ends on {end}")),
        (Some(_), Some(end)) => Some(format!("this endpoint is deprecated and ends on {end}")),
    }
}
