//! The HTTP client: one request to the one configured host, its retries, and the limit of its body.
//!
//! It sends no secret but the key, follows no redirect and keeps no cookie. It does not know the
//! form of a list.

use std::{fmt, time::Duration};

use backon::Retryable;
use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER},
};
use secrecy::SecretString;
use tokio::{io::AsyncReadExt, time::Instant};
use url::Url;

use super::{
    OnProgress, Progress, coding,
    failure::{Failure, Reply, TRY_LATER, Trace},
    quote::{ErrorBody, Quote},
    retry,
    settings::{self, Settings},
    sunset,
};
use crate::{
    error::Result,
    time::{Clock, retry_after},
    words::{counted, duration},
};

/// An error page is read only to quote and measure it, up to this many bytes.
const ERROR_BODY_CAP: u64 = 1 << 20;

/// A body is read in pieces of about this size.
const PIECE: usize = 64 << 10;

/// The headers that may contain a request's id; the first one present counts.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "x-amzn-request-id", "x-amzn-trace-id"];

/// The limits of the requests that read one list.
pub(super) struct Bounds {
    /// When the last of them made progress; no retry starts later than `retry_time` after that.
    pub progress_at: Instant,
    /// The number of decoded bytes that may still be received.
    pub bytes: u64,
}

/// The client of the API. Holds the key; its debug text does not contain it.
pub struct Client {
    http: reqwest::Client,
    key: HeaderValue,
    quote: Quote,
    settings: Settings,
    clock: Clock,
}

impl Client {
    /// Creates a client for `settings.api.base_url` that sends `key`.
    ///
    /// # Errors
    /// [`Kind::Config`](crate::error::Kind::Config) if the base URL is not https (http is accepted
    /// for loopback only) or contains credentials, the key cannot be sent, or TLS cannot be set up.
    pub fn new(settings: &Settings, key: SecretString, clock: Clock) -> Result<Self> {
        let http = settings::build(settings)?;
        let header = settings::key_header(&key)?;
        let settings = settings.clone();
        Ok(Self { http, key: header, quote: Quote::new(key), settings, clock })
    }

    /// Returns the URL of `path_and_query` as it is shown and stored: without the query.
    pub fn source(&self, path_and_query: &str) -> String {
        let mut url = self.url(path_and_query);
        url.set_query(None);
        url.into()
    }

    /// Requests `path_and_query`, with retries where they can help.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](crate::error::Kind::Unavailable) after the retries; without any retry
    /// the kinds `Refused` (401, 402, 403), `NotACatalogue` (every other status but 200, a body
    /// that is over the cap or not decodable) and `Unavailable` (the whole request timed out).
    pub async fn get(
        &self,
        path_and_query: &str,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let bounds = self.list_bounds();
        self.repeated(path_and_query, &bounds, |failure| failure, progress).await
    }

    /// Returns the limits of a list whose reading begins now.
    pub(super) fn list_bounds(&self) -> Bounds {
        Bounds { progress_at: Instant::now(), bytes: self.settings.api.max_response }
    }

    /// As [`Client::get`], for one page of several, within the limits of all of them. A page that
    /// timed out is retried.
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
        map_failure: fn(Failure) -> Failure,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let url = self.url(path_and_query);
        let source = self.source(path_and_query);
        let limit = self.settings.api.retry_time;
        let Bounds { progress_at, bytes } = *bounds;
        let mut attempts = 1_u32;
        let mut too_long = None;
        let attempt =
            || async { self.attempt(&url, &source, bytes, progress).await.map_err(map_failure) };
        let outcome = attempt
            .retry(retry::Pauses::new(self.settings.backoff, self.settings.api.retries))
            .when(|failure| failure.transient)
            .adjust(|failure, pause| {
                retry::within(pause?, failure.retry_after, progress_at.elapsed(), limit)
                    .inspect_err(|pause| too_long = Some(*pause))
                    .ok()
            })
            .notify(|failure, pause| {
                tracing::warn!(attempt = attempts, ?pause, "{}; retrying", failure.error);
                attempts += 1;
            })
            .await;
        outcome.map_err(|failure| failure.after(&ending(attempts, too_long, limit)))
    }

    /// Sends one request and reads only the head of the answer: checks that the API is reachable
    /// and accepts the key.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn probe(&self, path_and_query: &str) -> Result<(), Failure> {
        let source = self.source(path_and_query);
        let response = self.send(&self.url(path_and_query), &source).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal(response, &source).await),
        }
    }

    /// Returns the settings of the client.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the API's `text` on one line, with the key and all query strings masked.
    pub(super) fn mask(&self, text: &str) -> String {
        self.quote.mask(text)
    }

    /// Returns the contents of an error's body.
    pub(super) fn error_body(&self, body: &[u8]) -> ErrorBody {
        self.quote.error_body(body)
    }

    async fn attempt(
        &self,
        url: &Url,
        source: &str,
        most: u64,
        progress: OnProgress<'_>,
    ) -> Result<Reply, Failure> {
        let response = self.send(url, source).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, source).await);
        }
        let head = self.head(&response);
        let body = self.body(response, source, most, progress).await;
        let trace = Trace { received_at: Some(self.clock.now()), ..head };
        match body {
            Ok(body) => Ok(Reply { trace: trace.with_body(&body), body }),
            Err(failure) => Err(failure.with(trace)),
        }
    }

    async fn send(&self, url: &Url, source: &str) -> Result<Response, Failure> {
        let request = self.http.get(url.clone());
        request
            .header("x-api-key", &self.key)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, coding::ACCEPTED)
            .send()
            .await
            .map_err(|fault| {
                Failure::of_request(source, fault, &self.quote, self.settings.api.timeout)
            })
    }

    /// Creates the failure of a status other than 200. A body that cannot be read is ignored.
    async fn refusal(&self, response: Response, source: &str) -> Failure {
        let (status, head) = (response.status().as_u16(), self.head(&response));
        let wait = header(response.headers(), RETRY_AFTER.as_str());
        let wait = wait.and_then(|value| retry_after(value, self.clock.now()));
        let cap = self.settings.api.max_response.min(ERROR_BODY_CAP);
        let body = self.body(response, source, cap, &|_| ()).await.ok();
        let error_body = body.as_deref().map(|body| self.error_body(body)).unwrap_or_default();
        let failure = Failure::of_status(source, status, &error_body, wait);
        let notice = sunset::join(head.notice.as_deref(), error_body.warning);
        let trace = Trace { received_at: Some(self.clock.now()), notice, ..head };
        failure.with(match body {
            Some(body) => trace.with_body(&body),
            None => trace,
        })
    }

    /// Reads the body in pieces, and stops once it has been decompressed to more than `cap` bytes.
    async fn body(
        &self,
        response: Response,
        source: &str,
        cap: u64,
        progress: OnProgress<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let unknown = |coding: String| {
            let cause = format!("its content coding '{}' is unknown", self.quote.clean(&coding));
            Failure::undecodable(source, &cause)
        };
        let mut decoded = coding::decoded(response).map_err(unknown)?;
        let mut body = Vec::new();
        loop {
            body.reserve(PIECE);
            let read = decoded.read_buf(&mut body).await.map_err(|fault| {
                Failure::of_body(source, fault, &self.quote, self.settings.api.timeout)
            })?;
            if read == 0 {
                return Ok(body);
            }
            let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
            if size > cap {
                return Err(Failure::too_large(source, self.settings.api.max_response));
            }
            progress(Progress::Bytes(size));
        }
    }

    fn head(&self, response: &Response) -> Trace {
        let headers = response.headers();
        Trace {
            status: Some(response.status().as_u16()),
            request_id: REQUEST_IDS
                .iter()
                .filter_map(|name| header(headers, name))
                .find_map(|value| self.quote.clean_or_none(value)),
            notice: sunset::notice(headers).map(|text| self.quote.clean(&text)),
            ..Trace::default()
        }
    }

    /// Returns the URL, always on the configured host: the path is set, never resolved.
    fn url(&self, path_and_query: &str) -> Url {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.settings.api.base_url.clone();
        url.set_path(&format!("{}{path}", self.settings.api.base_url.path().trim_end_matches('/')));
        url.set_query(query);
        url.set_fragment(None);
        url
    }
}

/// Omits the key and the settings.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Returns how the retries of a request that kept failing ended, to append to its last failure.
fn ending(attempts: u32, too_long: Option<Duration>, limit: Duration) -> String {
    let times = counted(attempts, "attempt", "attempts");
    match too_long {
        None => format!(" (gave up after {times}){TRY_LATER}"),
        Some(pause) => {
            let seconds = Duration::from_secs(pause.as_secs_f64().ceil() as u64);
            format!(
                " (gave up after {times}: a wait of {} would exceed the {} that retries may \
                 take){TRY_LATER}",
                duration(seconds),
                duration(limit)
            )
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
