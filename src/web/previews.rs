//! Previews on demand: a preview that is not mirrored is fetched from where HeyGen stores it, cached in
//! memory and in a folder for a while, and served by the gallery. A browser sees neither the signed link
//! nor another host.
//!
//! Concurrent requests for one preview cause one fetch. Concurrent fetches, bytes per hour, the memory and
//! the folder are bounded, and failures are remembered. Only complete contents of the types that the mirror
//! keeps are cached and served.

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
    response::IntoResponse,
};
use bounded::Bounded;
pub use folder::PreviewFolder;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::Instant};

use super::files;
use crate::{
    catalog::kind::Role,
    error::caught,
    mirror::{
        plan::Outcome,
        request::Requests,
        whole::{Whole, fetch_preview},
    },
    store::browse::preview::{PreviewKey, PreviewLink},
};

/// The maximum number of concurrent fetches.
const AT_ONCE: usize = 6;
/// The maximum number of fetches that wait for their turn.
const WAITING: usize = 240;
/// The maximum number of bytes that are fetched per hour.
const HOURLY: u64 = 2 << 30;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// The longest time for which a failure is remembered.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// The maximum number of failures that are remembered.
const FAILURES: usize = 10_000;
/// One preview may take the memory divided by `SHARE`, but no more than `LARGEST` bytes.
const SHARE: u64 = 2;
const LARGEST: u64 = 64 << 20;
/// How long a content is served before it is fetched again.
const FRESH: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a viewer waits for a picture, while fewer than `LONG_WAITS` others do. A browser opens six
/// connections to a host, and one that waits is not free for the next page. The fetch continues, and the
/// page's script requests the picture again. Videos have no such limit: only one plays at a time.
const WAIT: Duration = Duration::from_secs(2);
/// How long the other viewers wait.
const SHORT: Duration = Duration::from_millis(100);
/// The maximum number of viewers that wait for `WAIT`.
const LONG_WAITS: usize = 3;
/// How long a picture is wanted after its last request: a page's script waits at most nine seconds between
/// two requests.
const WANTED: Duration = Duration::from_secs(10);
/// The same for a video, which is requested once.
const VIDEO_WANTED: Duration = Duration::from_secs(10 * 60);

/// How long a browser shows a preview without revalidating it.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// Fetches previews and caches some of them.
pub struct Previews(Arc<Inner>);

struct Inner {
    requests: Requests,
    turns: Semaphore,
    long_waits: Semaphore,
    received: AtomicU64,
    folder: Option<Arc<PreviewFolder>>,
    state: Mutex<PreviewsState>,
}

/// The state of the previews. All its keys are canonical URLs.
struct PreviewsState {
    /// Each with the time at which it expires.
    contents: Bounded<(Arc<Whole>, Instant)>,
    failures: HashMap<String, Instant>,
    /// Each with the time until which it is wanted.
    under_way: HashMap<String, (Fetch, Instant)>,
    /// When the current hour began, and how many bytes had been received by then.
    hour: Option<(Instant, u64)>,
}

/// A fetch, shared by all viewers that wait for it.
type Fetch = Shared<BoxFuture<'static, Result<Arc<Whole>, NoPreview>>>;

/// Why there is no preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPreview {
    /// The preview cannot be fetched, at least for a while.
    Failed,
    /// The preview is not available yet, or a limit is reached.
    NotYet,
}

/// Returns the length of the longest body that is accepted for a memory of `most` bytes.
pub fn longest(most: u64) -> u64 {
    (most / SHARE).min(LARGEST)
}

impl Previews {
    /// Creates a cache of at most `most` bytes in memory, backed by the folder if there is one.
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
            long_waits: Semaphore::new(LONG_WAITS),
            received: AtomicU64::new(0),
            folder: folder.map(Arc::new),
            state: Mutex::new(state),
        }))
    }

    /// Returns the content of a preview, from memory, from the folder or fetched.
    pub async fn get(&self, link: PreviewLink, role: Role) -> Result<Arc<Whole>, NoPreview> {
        let fetch = {
            let mut state = self.0.state();
            match state.known(&link.url) {
                Some(known) => return known,
                None => self.fetch(&mut state, link, role)?,
            }
        };
        if role != Role::Image {
            return fetch.await;
        }
        let long = self.0.long_waits.try_acquire();
        let wait = if long.is_ok() { WAIT } else { SHORT };
        tokio::time::timeout(wait, fetch).await.unwrap_or(Err(NoPreview::NotYet))
    }

    /// Returns the fetch of a link, which is started unless it is running.
    fn fetch(
        &self,
        state: &mut PreviewsState,
        link: PreviewLink,
        role: Role,
    ) -> Result<Fetch, NoPreview> {
        let now = Instant::now();
        let until = now + if role == Role::Image { WANTED } else { VIDEO_WANTED };
        if let Some((fetch, wanted_until)) = state.under_way.get_mut(&link.url) {
            *wanted_until = until;
            return Ok(fetch.clone());
        }
        if state.under_way.len() >= AT_ONCE + WAITING {
            state.under_way.retain(|_, (_, wanted_until)| now < *wanted_until);
        }
        if state.under_way.len() >= AT_ONCE + WAITING {
            return Err(NoPreview::NotYet);
        }
        let (inner, url) = (self.0.clone(), link.url.clone());
        // A task of its own, so that it is completed even if the first viewer leaves.
        let task = tokio::spawn(async move { inner.found(link).await });
        let fetch = task.map(|done| done.unwrap_or(Err(NoPreview::Failed))).boxed().shared();
        state.under_way.insert(url, (fetch.clone(), until));
        Ok(fetch)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, PreviewsState> {
        // A panic elsewhere cannot leave this state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a viewer may still wait for a preview.
    fn is_wanted(&self, url: &str) -> bool {
        self.state().under_way.get(url).is_some_and(|(_, until)| Instant::now() < *until)
    }

    /// Returns whether the bytes of this hour are used up.
    fn is_spent(&self, state: &mut PreviewsState) -> bool {
        let received = self.received.load(Ordering::Relaxed);
        let (since, before) = match state.hour {
            Some((since, before)) if since.elapsed() < HOUR => (since, before),
            _ => (Instant::now(), received),
        };
        state.hour = Some((since, before));
        received - before >= HOURLY
    }

    /// Returns the content from the folder, or fetched, and caches it for the next viewers.
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

    /// Returns the content of a URL from the folder, unless it is too old.
    async fn in_folder(&self, url: &str) -> Option<(Whole, Duration)> {
        let (folder, url) = (self.folder.clone()?, url.to_owned());
        let found = spawn_blocking(move || folder.read(&url)).await.ok()?;
        found.filter(|(_, age)| *age < FRESH)
    }

    async fn fetched(&self, link: PreviewLink) -> Result<Arc<Whole>, NoPreview> {
        // The semaphore is never closed.
        let turn = self.turns.acquire().await;
        if !self.is_wanted(&link.url) || self.is_spent(&mut self.state()) {
            return Err(NoPreview::NotYet);
        }
        let got = fetch_preview(&self.requests, &link.url, link.signed.as_ref(), &self.received);
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
        let why = outcome.failure().map_or("", |(_, why)| why);
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
    /// Returns what is cached for a URL: its content, or that it failed a short while ago.
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

    /// Caches a content of this age.
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

/// Returns the response with a preview, whole or a range.
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

/// Returns the response without a preview.
pub fn missing(why: NoPreview) -> Response<Body> {
    match why {
        NoPreview::Failed => {
            // The browser answers the script's next requests from its cache.
            let kept = [(header::CACHE_CONTROL, "private, max-age=60")];
            (StatusCode::NOT_FOUND, kept, "this preview cannot be shown\n").into_response()
        }
        NoPreview::NotYet => {
            let later = [(header::RETRY_AFTER, "3")];
            (StatusCode::SERVICE_UNAVAILABLE, later, "this preview is not there yet\n")
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::{config::Mirror, mirror::guard::System, time::Clock};

    /// Returns previews from this machine.
    fn previews() -> Previews {
        let mirror = Mirror { allowed_hosts: vec!["127.0.0.1".into()], ..Mirror::default() };
        let limit = (1 << 20, "the cache");
        let requests = Requests::new(&mirror, Arc::new(System), limit, &Clock::system());
        Previews::new(requests.unwrap(), 1 << 20, None)
    }

    async fn get(previews: &Previews, url: String) -> NoPreview {
        let link = PreviewLink { url, signed: None };
        previews.get(link, Role::Image).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_fetched_once_the_bytes_of_the_hour_are_used_up() {
        let previews = previews();
        // The host is not allowed, so a fetch fails without a request.
        let get = |name: &str| get(&previews, format!("https://other.test/{name}"));
        assert_eq!(get("a").await, NoPreview::Failed, "the hour begins");
        previews.0.received.fetch_add(HOURLY, Ordering::Relaxed);
        assert_eq!(get("b").await, NoPreview::NotYet);
        tokio::time::advance(HOUR - Duration::from_secs(1)).await;
        assert_eq!(get("b").await, NoPreview::NotYet);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get("b").await, NoPreview::Failed, "the next hour");
    }

    #[tokio::test(start_paused = true)]
    async fn pictures_that_are_late_leave_connections_free_and_room_for_others() {
        let previews = previews();
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", silent.local_addr().unwrap());
        let waited = async |name: String| {
            let began = Instant::now();
            assert_eq!(get(&previews, format!("{base}/{name}")).await, NoPreview::NotYet);
            began.elapsed()
        };
        let all = (0..AT_ONCE + WAITING).map(|nth| waited(nth.to_string()));
        let all = futures_util::future::join_all(all).await;
        let long = all.iter().filter(|waited| **waited > SHORT * 2).count();
        assert_eq!(long, LONG_WAITS, "the others make room for the next page");
        let running = || previews.0.state().under_way.len();
        assert_eq!(waited("full".into()).await, Duration::ZERO, "too many are wanted");
        assert_eq!(running(), AT_ONCE + WAITING);
        tokio::time::advance(WANTED).await;
        assert!(
            waited("next".into()).await > Duration::ZERO,
            "nobody wants the first ones any more"
        );
        assert_eq!(running(), 1);
    }
}
