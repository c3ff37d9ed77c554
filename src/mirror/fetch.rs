//! One download: ask, follow by hand, take the bytes as they come, resume where that is safe, and
//! put what is right into the store.
//!
//! It decides nothing about rows ([`super::plan`] does), and nothing that it tells holds a
//! signature: URLs are never repeated, hosts are.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Response, StatusCode, Version,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap,
        HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
        LOCATION, RANGE, RETRY_AFTER, TRANSFER_ENCODING,
    },
    redirect::Policy,
};
use tokio::sync::Semaphore;
use url::Url;

use super::{
    blob::{Blobs, Spool},
    guard::{self, Forbidden, Guard},
    pace::{Pace, Stop},
    plan::{self, Content, Outcome},
    settings::Settings,
    sniff::{self, Media},
    workspace::{GROUP, Workspace},
};
use crate::{
    error::{Error, Result, io_message},
    store::queue::Asset,
    time::{Clock, Timestamp},
    words::counted,
};

/// A server that sends nothing for this long has hung up.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest that one download may take.
pub const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Redirects that are followed.
const HOPS: usize = 5;
/// Further tries within a run, of a request and of a body that broke off.
const TRIES: u32 = 3;

/// Bodies that wait until they are stored take no more memory than this, in KiB.
const ROOM: u32 = 16 << 10;
/// Nor are there more than so many of them that are files.
const FILES: u32 = 32;

/// Downloads, as configured.
pub struct Fetcher {
    http: Client,
    guard: Guard,
    pace: Pace,
    blobs: Arc<Blobs>,
    workspace: Arc<Workspace>,
    max_file: u64,
    retry_pause: Duration,
    clock: Clock,
    /// Who may download.
    turns: Semaphore,
    /// Who may wait with a body until it is stored, in KiB.
    room: Semaphore,
}

/// A whole body that is what is kept.
struct Right {
    spool: Spool,
    media: Media,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// Why a body did not come to its end.
enum Broken {
    Off,
    TooLong,
    Store(Error),
}

/// What says that two answers are of the same content, and how much of it there is.
struct Whole {
    validator: Option<HeaderValue>,
    len: Option<u64>,
}

impl Fetcher {
    /// Puts what it downloads into `blobs`, by way of `workspace`.
    pub fn new(
        settings: &Settings,
        clock: &Clock,
        blobs: Arc<Blobs>,
        workspace: Arc<Workspace>,
    ) -> Result<Self> {
        let guard = Guard::new(&settings.mirror.allowed_hosts);
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
            .dns_resolver(guard.resolver(settings.resolver.clone()))
            .build()
            .map_err(|fault| Error::config(format!("cannot set up TLS: {fault}")))?;
        let pace = Pace::new(settings.mirror.requests_per_second);
        let max_file = settings.mirror.max_file;
        Ok(Self {
            http,
            guard,
            pace,
            blobs,
            workspace,
            max_file,
            retry_pause: settings.retry_pause,
            clock: clock.clone(),
            turns: Semaphore::new(settings.mirror.concurrency),
            room: Semaphore::new(ROOM as usize),
        })
    }

    /// The store that it puts contents into.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Downloads an asset, when it is its turn, and stores it. An `Err` is the store's: then
    /// nothing more can be saved.
    pub async fn fetch(&self, asset: &Asset) -> Result<Outcome> {
        // Fair: in the order of urgency. It is never closed.
        let turn = self.turns.acquire().await;
        let right = match self.patiently(asset).await? {
            Ok(right) => right,
            Err(outcome) => return Ok(outcome),
        };
        let _held = if self.blobs.takes_many() {
            let room = self.room.acquire_many(room_for(&right.spool)).await;
            // Others download while this one waits for its group.
            drop(turn);
            room
        } else {
            turn
        };
        match tokio::time::timeout(LONGEST, self.keep(right)).await {
            Ok(outcome) => outcome,
            Err(_) => Ok(Outcome::Passing("storing took too long".into(), None)),
        }
    }

    /// Downloads an asset, with what further tries are due at once.
    async fn patiently(&self, asset: &Asset) -> Result<Result<Right, Outcome>> {
        let mut pause = self.retry_pause;
        for _ in 0..TRIES {
            match self.attempt(asset).await? {
                Err(Outcome::Passing(_, wait)) if wait.is_none_or(|wait| wait < SILENCE) => {
                    tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                    pause *= 2;
                }
                got => return Ok(got),
            }
        }
        self.attempt(asset).await
    }

    async fn attempt(&self, asset: &Asset) -> Result<Result<Right, Outcome>> {
        match tokio::time::timeout(LONGEST, self.download(asset)).await {
            Ok(got) => got,
            Err(_) => Ok(Err(Outcome::Passing("the download took too long".into(), None))),
        }
    }

    async fn download(&self, asset: &Asset) -> Result<Result<Right, Outcome>> {
        if asset.signed_url.is_some() && !guard::goes_as_written(asset.link()) {
            let why = "its signed link cannot be sent byte for byte: it has characters or dots \
                       that no URL has as they stand";
            return Ok(Err(Outcome::Forbidden(why.into())));
        }
        let conditions = conditions(asset);
        let response = match self.ask(asset.link(), &conditions).await {
            Ok(response) => response,
            Err(outcome) => return Ok(Err(outcome)),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if !conditions.is_empty() => {
                return Ok(Err(Outcome::Unchanged));
            }
            status => return Ok(Err(self.refusal(asset, &response, status))),
        }
        if let Some(refused) = self.head(&response) {
            return Ok(Err(refused));
        }
        let mut whole = Whole::of(&response);
        let framed = is_framed(&response);
        let text = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let (etag, last_modified) = (text(ETAG), text(LAST_MODIFIED));
        let mut spool = Spool::new(&self.workspace);
        spool.expect(whole.len.unwrap_or_default());
        let mut read = self.body(response, &mut spool).await;
        for _ in 0..TRIES {
            if !matches!(read, Err(Broken::Off)) {
                break;
            }
            let Some((rest, len)) = self.rest(asset, &whole, &spool).await else { break };
            whole.len = Some(len);
            read = self.body(rest, &mut spool).await;
        }
        Ok(match read {
            Ok(()) if whole.len.is_none_or(|len| len == spool.len()) => {
                let media = judge(&spool, framed);
                media.map(|media| Right { spool, media, etag, last_modified })
            }
            Ok(()) | Err(Broken::Off) => Err(Outcome::Passing(cut_off(&spool, &whole), None)),
            Err(Broken::TooLong) => Err(self.too_long()),
            Err(Broken::Store(error)) => return Err(error),
        })
    }

    /// The rest of a body that broke off, where it is sure to be of the same content, and how long
    /// the whole is.
    async fn rest(&self, asset: &Asset, whole: &Whole, spool: &Spool) -> Option<(Response, u64)> {
        let validator = whole.validator.clone().filter(|_| !spool.is_empty())?;
        let more = [(RANGE, range_from(spool.len())), (IF_RANGE, validator)];
        let rest = self.ask(asset.link(), &more).await.ok()?;
        let len = whole.continued_by(&rest, spool.len())?;
        self.head(&rest).is_none().then_some((rest, len))
    }

    /// Sends a request and follows its redirects, each checked like the first.
    async fn ask(
        &self,
        link: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Response, Outcome> {
        let mut url =
            Url::parse(link).map_err(|_| Outcome::Refused("the URL cannot be read".into()))?;
        for hop in 0..=HOPS {
            let wrong = |why: String| match hop {
                0 => Outcome::NotAllowed(why),
                _ => Outcome::Refused(format!("a redirect leads elsewhere: {why}")),
            };
            self.guard.check(&url).map_err(wrong)?;
            let response = self.send(&url, headers).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED
            {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let next = location.and_then(|to| url.join(to).ok());
            let next = next.ok_or_else(|| Outcome::Refused("a redirect leads nowhere".into()))?;
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
        self.pace.turn(host).await.map_err(|stop| match stop {
            Stop::Asked(wait) => {
                Outcome::Passing(format!("the host '{host}' asked to be left alone"), Some(wait))
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
                let wait = retry_after(response.headers(), self.clock.now());
                match response.status().as_u16() {
                    429 | 500..=599 => self.pace.trouble(host, wait),
                    _ => self.pace.fine(host),
                }
                Ok(response)
            }
            Err(fault) if forbidden(&fault) => Err(Outcome::Refused(Forbidden.to_string())),
            Err(fault) => {
                self.pace.trouble(host, None);
                Err(Outcome::Passing(told(&fault), None))
            }
        }
    }

    fn refusal(&self, asset: &Asset, response: &Response, status: StatusCode) -> Outcome {
        let signed = asset.signed_url.is_some();
        plan::of_status(status.as_u16(), signed, retry_after(response.headers(), self.clock.now()))
    }

    /// What can be told before the body.
    fn head(&self, response: &Response) -> Option<Outcome> {
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Some(Outcome::Refused("the body is encoded, which was not asked for".into()));
        }
        let len = response.content_length();
        len.is_some_and(|len| len > self.max_file).then(|| self.too_long())
    }

    fn too_long(&self) -> Outcome {
        Outcome::Forbidden(format!("it is longer than mirror.max_file ({} bytes)", self.max_file))
    }

    async fn body(&self, mut response: Response, spool: &mut Spool) -> Result<(), Broken> {
        let store = |fault: std::io::Error| {
            Broken::Store(Error::storage(format!(
                "cannot write what is downloaded for {}: {}; the queue is intact",
                self.blobs.shown(),
                io_message(&fault)
            )))
        };
        while let Some(bytes) = response.chunk().await.map_err(|_| Broken::Off)? {
            if spool.len() + bytes.len() as u64 > self.max_file {
                return Err(Broken::TooLong);
            }
            spool.push(&bytes).await.map_err(store)?;
        }
        spool.finish().await.map_err(store)
    }

    /// Puts a whole body into the store.
    async fn keep(&self, right: Right) -> Result<Outcome> {
        let Right { spool, media, etag, last_modified } = right;
        let (sha256, bytes) = (spool.sha256(), spool.len());
        let file = format!("sha256/{}/{sha256}.{}", &sha256[..2], media.ending);
        let content_type = media.content_type;
        self.blobs.put(spool, &file, content_type).await?;
        Ok(Outcome::Saved(Content { sha256, file, bytes, content_type, etag, last_modified }))
    }
}

/// Whether a whole body is what is kept.
fn judge(spool: &Spool, framed: bool) -> Result<Media, Outcome> {
    if !framed && !sniff::tells_its_length(spool.head()) {
        let why = "the server did not say how long the body is, so that it may be cut off";
        return Err(Outcome::Refused(why.into()));
    }
    sniff::judge(spool.head(), spool.len()).map_err(|why| Outcome::Refused(why.into()))
}

/// The share of [`ROOM`] that a body takes: no more bodies than a group wait at once, and few that
/// are open files.
fn room_for(spool: &Spool) -> u32 {
    let kib = u32::try_from(spool.in_memory() >> 10).unwrap_or(ROOM);
    let least = if spool.is_in_memory() { GROUP as u32 } else { FILES };
    kib.clamp(ROOM / least, ROOM)
}

impl Whole {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let offered = headers.get(ACCEPT_RANGES).is_some_and(|units| units == "bytes");
        // A weak ETag does not say that the bytes are the same.
        let strong = headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\""));
        let validator = strong.filter(|_| offered).cloned();
        Self { validator, len: response.content_length() }
    }

    /// How long the whole is, where `rest` is what follows its first `at` bytes. What does not say
    /// it cannot be judged at its end.
    fn continued_by(&self, rest: &Response, at: u64) -> Option<u64> {
        let range = rest.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = format!("bytes {at}-");
        let total = range.and_then(|range| range.rsplit('/').next()?.parse().ok());
        let continues = rest.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|range| range.starts_with(&begins))
            && rest.headers().get(ETAG) == self.validator.as_ref();
        total.filter(|total| continues && self.len.is_none_or(|len| len == *total))
    }
}

/// Whether a body that breaks off shows as one: it has a length, or pieces with an end. Without
/// either, HTTP/1 takes the end of the connection for the end of the body.
fn is_framed(response: &Response) -> bool {
    let pieces = response.headers().get(TRANSFER_ENCODING);
    response.content_length().is_some()
        || response.version() > Version::HTTP_11
        || pieces.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn range_from(at: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes={at}-")).unwrap_or(HeaderValue::from_static("bytes=0-"))
}

fn cut_off(spool: &Spool, whole: &Whole) -> String {
    match whole.len {
        Some(len) => format!("the body was cut off after {} of {len} bytes", spool.len()),
        None => format!("the body was cut off after {}", counted(spool.len(), "byte", "bytes")),
    }
}

/// Only a good copy can be found unchanged.
fn conditions(asset: &Asset) -> Vec<(HeaderName, HeaderValue)> {
    let header = |name: HeaderName, value: &Option<String>| {
        Some((name, HeaderValue::from_str(value.as_deref()?).ok()?))
    };
    let all = [header(IF_NONE_MATCH, &asset.etag), header(IF_MODIFIED_SINCE, &asset.last_modified)];
    all.into_iter().flatten().filter(|_| asset.saved()).collect()
}

/// In seconds or as a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    at.checked_sub(Duration::from_millis(u64::try_from(now.millis()).ok()?))
}

fn forbidden(fault: &reqwest::Error) -> bool {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(fault);
    while let Some(one) = inner {
        if one.is::<Forbidden>() {
            return true;
        }
        inner = one.source();
    }
    false
}

/// Why a request failed, without its URL.
fn told(fault: &reqwest::Error) -> String {
    match () {
        () if fault.is_timeout() => "the server did not answer in time".into(),
        () if fault.is_connect() => "the server cannot be reached".into(),
        () => "the connection broke".into(),
    }
}
