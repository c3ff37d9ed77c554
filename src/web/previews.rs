//! Previews on demand: what the mirror does not have is fetched from where HeyGen keeps it, kept in
//! memory and in a folder for a while, and served from here. A browser sees neither a link nor another
//! host.
//!
//! Many viewers of one preview cause one fetch. Fetches at a time, bytes an hour, the memory and the
//! folder are bounded, and a failure is remembered. Only complete contents of the types that the mirror
//! keeps are kept and served.

mod bounded;
mod folder;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use bounded::Bounded;
pub use folder::PreviewFolder;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::Instant};

use super::{body::plain, files};
use crate::{
    catalog::kind::Role,
    error::caught,
    mirror::{
        plan::Outcome,
        request::Requests,
        whole::{Whole, whole},
    },
    store::browse::preview::{PreviewKey, PreviewLink},
};

/// Fetches at a time.
const AT_ONCE: usize = 6;
/// Fetches that wait for their turn, at most.
const WAITING: usize = 240;
/// Bytes that are fetched in an hour, at most.
const HOURLY: u64 = 2 << 30;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long a failure is remembered at most.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// Failures that are remembered, at most.
const FAILURES: usize = 10_000;
/// The share of the memory that one preview may take, and the most that it may take.
const SHARE: u64 = 2;
const LARGEST: u64 = 64 << 20;
/// How long a content is shown without being fetched again.
const FRESH: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a viewer waits for a picture. A browser has six connections to a host: pictures that took
/// longer would keep it from its next page. The fetch goes on, and the page's script asks again. Of videos
/// one plays at a time.
const WAIT: Duration = Duration::from_secs(2);

/// For how long a browser shows a preview without asking again.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// Fetches previews and keeps some of them.
pub struct Previews(Arc<Inner>);

struct Inner {
    requests: Requests,
    turns: Semaphore,
    received: AtomicU64,
    folder: Option<Arc<PreviewFolder>>,
    state: Mutex<PreviewsState>,
}

/// By canonical URL, like everything here.
struct PreviewsState {
    /// Each with the end of its time.
    contents: Bounded<(Arc<Whole>, Instant)>,
    failures: HashMap<String, Instant>,
    under_way: HashMap<String, Fetch>,
    /// Since when the received bytes are counted, and how many there were before.
    hour: Option<(Instant, u64)>,
}

/// A fetch that all its viewers wait for.
type Fetch = Shared<BoxFuture<'static, Result<Arc<Whole>, NoPreview>>>;

/// Why there is no preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPreview {
    /// It cannot be had, at least for a while.
    Failed,
    /// It is not there yet, or a bound is reached.
    NotYet,
}

/// The longest body that fits a memory of `most` bytes.
pub fn longest(most: u64) -> u64 {
    (most / SHARE).min(LARGEST)
}

impl Previews {
    /// Keeps `most` bytes in memory at most, and what the folder takes.
    pub fn new(requests: Requests, most: u64, folder: Option<PreviewFolder>) -> Self {
        let state = PreviewsState {
            contents: Bounded::new(most),
            failures: HashMap::new(),
            under_way: HashMap::new(),
            hour: None,
        };
        Self(Arc::new(Inner {
            requests,
            turns: Semaphore::new(AT_ONCE),
            received: AtomicU64::new(0),
            folder: folder.map(Arc::new),
            state: Mutex::new(state),
        }))
    }

    /// The content of a preview, from memory, from the folder or fetched.
    pub async fn get(&self, link: PreviewLink, role: Role) -> Result<Arc<Whole>, NoPreview> {
        let fetch = {
            let mut state = self.0.state();
            match state.known(&link.url) {
                Some(known) => return known,
                None => self.fetch(&mut state, link)?,
            }
        };
        match role {
            Role::Image => {
                tokio::time::timeout(WAIT, fetch).await.unwrap_or(Err(NoPreview::NotYet))
            }
            _ => fetch.await,
        }
    }

    /// The fetch of a link, begun unless it is under way.
    fn fetch(&self, state: &mut PreviewsState, link: PreviewLink) -> Result<Fetch, NoPreview> {
        if let Some(fetch) = state.under_way.get(&link.url) {
            return Ok(fetch.clone());
        }
        if state.under_way.len() >= AT_ONCE + WAITING {
            return Err(NoPreview::NotYet);
        }
        let (inner, url) = (self.0.clone(), link.url.clone());
        // A task of its own: it is completed even if the first viewer leaves.
        let task = tokio::spawn(async move { inner.found(link).await });
        let fetch = task.map(|done| done.unwrap_or(Err(NoPreview::Failed))).boxed().shared();
        state.under_way.insert(url, fetch.clone());
        Ok(fetch)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, PreviewsState> {
        // A panic elsewhere leaves nothing half-done here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the hour's bytes are used up.
    fn is_spent(&self, state: &mut PreviewsState) -> bool {
        let received = self.received.load(Ordering::Relaxed);
        let (since, before) = match state.hour {
            Some((since, before)) if since.elapsed() < HOUR => (since, before),
            _ => (Instant::now(), received),
        };
        state.hour = Some((since, before));
        received - before >= HOURLY
    }

    /// The content from the folder or fetched, kept for the next viewers.
    async fn found(&self, link: PreviewLink) -> Result<Arc<Whole>, NoPreview> {
        let url = link.url.clone();
        let (got, age) = match self.in_folder(&url).await {
            Some((known, age)) => (Ok(Arc::new(known)), age),
            None => (self.fetched(link).await, Duration::ZERO),
        };
        let mut state = self.state();
        state.under_way.remove(&url);
        if let Ok(content) = &got {
            state.keep(url, content.clone(), age);
        }
        got
    }

    /// What the folder has of a URL, unless it is too old.
    async fn in_folder(&self, url: &str) -> Option<(Whole, Duration)> {
        let (folder, url) = (self.folder.clone()?, url.to_owned());
        let found = spawn_blocking(move || folder.read(&url)).await.ok()?;
        found.filter(|(_, age)| *age < FRESH)
    }

    async fn fetched(&self, link: PreviewLink) -> Result<Arc<Whole>, NoPreview> {
        // It is never closed.
        let turn = self.turns.acquire().await;
        if self.is_spent(&mut self.state()) {
            return Err(NoPreview::NotYet);
        }
        let got = whole(&self.requests, &link.url, link.signed.as_ref(), &self.received);
        let got = caught(async { Ok(got.await) }).await;
        drop(turn);
        let outcome = match got {
            Ok(Ok(content)) => {
                let content = Arc::new(content);
                if let Some(folder) = self.folder.clone() {
                    let whole = content.clone();
                    let _ = spawn_blocking(move || folder.write(&link.url, &whole)).await;
                }
                return Ok(content);
            }
            Ok(Err(outcome)) => outcome,
            Err(bug) => Outcome::Refused(bug.message),
        };
        let why = outcome.misfortune().map_or("", |(_, why)| why);
        tracing::debug!(why, "a preview cannot be shown");
        let wait = match &outcome {
            Outcome::Passing(_, wait) => wait.unwrap_or(REMEMBERED / 10).min(REMEMBERED),
            _ => REMEMBERED,
        };
        self.state().fail(link.url, wait);
        Err(NoPreview::Failed)
    }
}

impl PreviewsState {
    /// What is kept of a URL: its content, or that it failed a short while ago.
    fn known(&mut self, url: &str) -> Option<Result<Arc<Whole>, NoPreview>> {
        let now = Instant::now();
        match self.contents.get(url) {
            Some((content, end)) if now < *end => return Some(Ok(content.clone())),
            _ => self.contents.remove(url),
        };
        let until = self.failures.get(url).copied()?;
        if now < until {
            return Some(Err(NoPreview::Failed));
        }
        self.failures.remove(url);
        None
    }

    /// Keeps a content that is so old.
    fn keep(&mut self, url: String, content: Arc<Whole>, age: Duration) {
        let size = content.bytes.len() as u64;
        self.contents.put(url, (content, Instant::now() + FRESH.saturating_sub(age)), size);
    }

    fn fail(&mut self, url: String, wait: Duration) {
        let now = Instant::now();
        if self.failures.len() >= FAILURES {
            self.failures.retain(|_, until| *until > now);
        }
        if self.failures.len() < FAILURES {
            self.failures.insert(url, now + wait);
        }
    }
}

/// The answer with a preview, whole or a range.
pub fn response(
    content: &Whole,
    key: &PreviewKey,
    method: &Method,
    headers: &HeaderMap,
) -> Response<Body> {
    let media = content.content_type;
    if media.split('/').next() != Some(key.role.as_str()) {
        return missing(NoPreview::Failed);
    }
    let length = content.bytes.len() as u64;
    let (mut response, part) = files::outline(headers, &content.sha256, Some(media), length);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    if let Some((from, until)) = part.filter(|_| method != Method::HEAD) {
        *response.body_mut() = Body::from(content.bytes.slice(from as usize..until as usize));
    }
    response
}

/// The answer without a preview.
pub fn missing(why: NoPreview) -> Response<Body> {
    match why {
        NoPreview::Failed => plain(StatusCode::NOT_FOUND, "this preview cannot be shown"),
        NoPreview::NotYet => {
            let later = "this preview is not there yet";
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, later);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
            response
        }
    }
}
