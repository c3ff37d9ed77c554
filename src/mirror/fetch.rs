//! One download: receives the bytes, resumes where that is safe, and stores a valid body.
//! [`super::request`] sends the requests.
//!
//! It decides nothing about rows ([`super::plan`] does).

use std::{sync::Arc, time::Duration};

use reqwest::{
    Response, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
    },
};
use tokio::sync::Semaphore;

use super::{
    blob::Blobs,
    guard,
    plan::{Content, Outcome},
    request::{Requests, SILENCE, detect, is_framed},
    settings::MirrorSettings,
    sniff::Media,
    spool::Spool,
    workspace::{GROUP, Workspace},
};
use crate::{
    error::{Error, Result, io_message},
    store::queue::Asset,
    time::Clock,
    words::counted,
};

/// The timeout of one download.
pub const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The number of retries within a run, of a request and of a body that broke off.
const TRIES: u32 = 3;

/// The memory for bodies that wait to be stored, in KiB.
const ROOM: u32 = 16 << 10;
/// The most of these bodies that may be files.
const FILES: u32 = 32;

/// The downloader, as configured.
pub struct Fetcher {
    requests: Requests,
    blobs: Arc<Blobs>,
    workspace: Arc<Workspace>,
    retry_pause: Duration,
    /// Limits the concurrent downloads.
    turns: Semaphore,
    /// Limits the bodies that wait to be stored, in KiB.
    room: Semaphore,
}

/// A complete body of a type that is kept.
struct Right {
    spool: Spool,
    media: Media,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// Why a body is incomplete.
enum Broken {
    Off,
    TooLong,
    Store(Error),
}

/// What shows that two answers have the same content, and its length.
struct ContentIdentity {
    validator: Option<HeaderValue>,
    len: Option<u64>,
}

impl Fetcher {
    /// Creates a fetcher that downloads into `blobs`, through `workspace`.
    pub fn new(
        settings: &MirrorSettings,
        clock: &Clock,
        blobs: Arc<Blobs>,
        workspace: Arc<Workspace>,
    ) -> Result<Self> {
        let requests = Requests::new(
            &settings.mirror,
            settings.resolver.clone(),
            (settings.mirror.max_file, "mirror.max_file"),
            clock,
        )?;
        Ok(Self {
            requests,
            blobs,
            workspace,
            retry_pause: settings.retry_pause,
            turns: Semaphore::new(settings.mirror.concurrency),
            room: Semaphore::new(ROOM as usize),
        })
    }

    /// Returns the store of the downloads.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Downloads an asset, when it is its turn, and stores it. `Err` is a fault of the store:
    /// nothing more can be saved then.
    pub async fn fetch(&self, asset: &Asset) -> Result<Outcome> {
        // Fair, so in order of urgency, and never closed.
        let turn = self.turns.acquire().await;
        let right = match self.fetch_with_retries(asset).await? {
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

    /// Downloads an asset, with the retries that are due immediately.
    async fn fetch_with_retries(&self, asset: &Asset) -> Result<Result<Right, Outcome>> {
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
        if asset.signed_url.is_some() && !guard::is_sent_as_written(asset.link()) {
            let why = "its signed link cannot be sent byte for byte: a URL parser would change its \
                       characters or dots";
            return Ok(Err(Outcome::Forbidden(why.into())));
        }
        let conditions = conditions(asset);
        let response = match self.requests.ask(asset.link(), &conditions).await {
            Ok(response) => response,
            Err(outcome) => return Ok(Err(outcome)),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if !conditions.is_empty() => {
                return Ok(Err(Outcome::Unchanged));
            }
            _ => return Ok(Err(self.requests.refusal(asset.signed_url.is_some(), &response))),
        }
        if let Some(refused) = self.requests.head(&response) {
            return Ok(Err(refused));
        }
        let mut whole = ContentIdentity::of(&response);
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
            let Some((rest, len)) = self.fetch_rest(asset, &whole, &spool).await else { break };
            whole.len = Some(len);
            read = self.body(rest, &mut spool).await;
        }
        Ok(match read {
            Ok(()) if whole.len.is_none_or(|len| len == spool.len()) => {
                let media = detect(spool.head(), spool.len(), framed);
                media.map(|media| Right { spool, media, etag, last_modified })
            }
            Ok(()) | Err(Broken::Off) => Err(Outcome::Passing(cut_off(&spool, &whole), None)),
            Err(Broken::TooLong) => Err(self.requests.too_long()),
            Err(Broken::Store(error)) => return Err(error),
        })
    }

    /// Requests the rest of a body that broke off, if it is certain to be of the same content;
    /// returns it with the length of the whole.
    async fn fetch_rest(
        &self,
        asset: &Asset,
        whole: &ContentIdentity,
        spool: &Spool,
    ) -> Option<(Response, u64)> {
        let validator = whole.validator.clone().filter(|_| !spool.is_empty())?;
        let more = [(RANGE, range_from(spool.len())), (IF_RANGE, validator)];
        let rest = self.requests.ask(asset.link(), &more).await.ok()?;
        let len = whole.continued_by(&rest, spool.len())?;
        self.requests.head(&rest).is_none().then_some((rest, len))
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
            if spool.len() + bytes.len() as u64 > self.requests.longest() {
                return Err(Broken::TooLong);
            }
            spool.push(&bytes).await.map_err(store)?;
        }
        spool.finish().await.map_err(store)
    }

    /// Stores a complete body.
    async fn keep(&self, right: Right) -> Result<Outcome> {
        let Right { spool, media, etag, last_modified } = right;
        let (sha256, bytes) = (spool.sha256(), spool.len());
        let file = format!("sha256/{}/{sha256}.{}", &sha256[..2], media.ending);
        let content_type = media.content_type;
        self.blobs.put(spool, &file, content_type).await?;
        Ok(Outcome::Saved(Content { sha256, file, bytes, content_type, etag, last_modified }))
    }
}

/// Returns the share of [`ROOM`] that a body takes: at most one group of bodies waits at a time,
/// and few of them are open files.
fn room_for(spool: &Spool) -> u32 {
    let kib = u32::try_from(spool.in_memory() >> 10).unwrap_or(ROOM);
    let least = if spool.is_in_memory() { GROUP as u32 } else { FILES };
    kib.clamp(ROOM / least, ROOM)
}

impl ContentIdentity {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let offered = headers.get(ACCEPT_RANGES).is_some_and(|units| units == "bytes");
        // A weak ETag does not guarantee equal bytes.
        let strong = headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\""));
        let validator = strong.filter(|_| offered).cloned();
        Self { validator, len: response.content_length() }
    }

    /// Returns the length of the whole, if `rest` follows its first `at` bytes. Without a length
    /// its end could not be checked.
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

fn range_from(at: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes={at}-")).unwrap_or(HeaderValue::from_static("bytes=0-"))
}

fn cut_off(spool: &Spool, whole: &ContentIdentity) -> String {
    match whole.len {
        Some(len) => format!("the body was cut off after {} of {len} bytes", spool.len()),
        None => format!("the body was cut off after {}", counted(spool.len(), "byte", "bytes")),
    }
}

/// Returns the conditional headers: only a good copy can be found unchanged.
fn conditions(asset: &Asset) -> Vec<(HeaderName, HeaderValue)> {
    let header = |name: HeaderName, value: &Option<String>| {
        Some((name, HeaderValue::from_str(value.as_deref()?).ok()?))
    };
    let all = [header(IF_NONE_MATCH, &asset.etag), header(IF_MODIFIED_SINCE, &asset.last_modified)];
    all.into_iter().flatten().filter(|_| asset.saved()).collect()
}
