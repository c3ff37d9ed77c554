//! The fake CDN: contents behind paths, real expiry, and every fault that has been observed in a
//! CDN. It runs on a separate thread and counts requests.
#![allow(dead_code)] // Each test uses a part of it.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, Uri, header},
};
use futures_util::{StreamExt, stream};
use heygen_sync::time::Clock;
use sha2::{Digest, Sha256};

/// A fault of the content behind a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Every answer has this status, with XML like the real one's 403.
    Status(u16),
    /// The next answer has this status.
    StatusOnce(u16),
    /// Status 200 with this text instead.
    Instead(&'static str),
    /// The body always breaks off half way.
    CutOff,
    /// The body breaks off half way once, and can be resumed.
    CutOnce,
    /// Half of a body without a content length, always; a range request for the rest is answered
    /// like this.
    HalfThen(Rest),
    /// Half of the body, in an HTTP/1.0 answer without a length: the end of the connection ends it.
    Unframed,
    /// Half of the body, and then nothing for as long as the client waits.
    Stalled,
    /// Redirects to this URL.
    Redirect(String),
}

/// The answer to a request for the rest of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rest {
    Whole,
    /// A hundred bytes of it.
    Short,
    /// All of it, without the total length.
    OfUnknown,
    /// All of it, labelled with a content encoding.
    Encoded,
}

/// The file type at the start of a thing.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Picture,
    Video,
    Sound,
}

/// The content behind a path.
#[derive(Clone, Debug)]
pub struct Thing {
    pub seed: u64,
    pub size: usize,
    pub what: What,
    pub fault: Option<Fault>,
}

#[derive(Default)]
struct Shared {
    things: HashMap<String, Thing>,
    asked: HashMap<String, u32>,
    written: HashMap<String, String>,
    headers: HashMap<String, HeaderMap>,
    total: u64,
    /// After this many requests, links with this expiry are refused.
    dying: Option<(u64, i64)>,
}

type Handle = Arc<(Mutex<Shared>, Condvar, Clock)>;

/// A running fake.
pub struct FakeCdn {
    pub base: String,
    shared: Handle,
}

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dice = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| dice.u8(..)).take(8 << 20).collect()
});

impl Thing {
    pub fn picture(seed: u64, size: usize) -> Self {
        Self { seed, size, what: What::Picture, fault: None }
    }

    pub fn video(seed: u64, size: usize) -> Self {
        Self { seed, size, what: What::Video, fault: None }
    }

    pub fn sound(seed: u64, size: usize) -> Self {
        Self { what: What::Sound, ..Self::picture(seed, size) }
    }

    pub fn with(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Returns bytes that only this seed has, with the header of a real file.
    pub fn body(&self) -> Vec<u8> {
        let mut body = match self.what {
            What::Sound => b"ID3\x04\0\0\0\0\0\x23TSSE".to_vec(),
            What::Video => b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec(),
            What::Picture => {
                let rest = (self.size as u32 - 8).to_le_bytes();
                [b"RIFF".as_slice(), &rest, b"WEBPVP8 "].concat()
            }
        };
        body.extend(self.seed.to_le_bytes());
        let from = (self.seed as usize * 131) % (4 << 20);
        body.extend(&NOISE[from..from + self.size - body.len()]);
        body
    }

    pub fn sha256(&self) -> String {
        Sha256::digest(self.body()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FakeCdn {
    /// Starts a CDN whose links expire by `clock`.
    pub fn start(clock: Clock) -> Self {
        let shared: Handle = Arc::new((Mutex::default(), Condvar::new(), clock));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(shared.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { base, shared }
    }

    /// Puts something behind a path; returns its URL.
    pub fn put(&self, path: &str, thing: Thing) -> String {
        self.shared.0.lock().unwrap().things.insert(path.to_owned(), thing);
        format!("{}{path}", self.base)
    }

    /// Removes what is behind a path; returns it.
    pub fn take(&self, path: &str) -> Option<Thing> {
        self.shared.0.lock().unwrap().things.remove(path)
    }

    /// Makes links with this expiry fail after `total` requests.
    pub fn kill_links(&self, total: u64, expires: i64) {
        self.shared.0.lock().unwrap().dying = Some((total, expires));
    }

    /// Removes the fault of what is behind a path.
    pub fn mend(&self, path: &str) {
        if let Some(thing) = self.shared.0.lock().unwrap().things.get_mut(path) {
            thing.fault = None;
        }
    }

    pub fn asked(&self, path: &str) -> u32 {
        self.shared.0.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// Returns how often each path was requested.
    pub fn all_asked(&self) -> HashMap<String, u32> {
        self.shared.0.lock().unwrap().asked.clone()
    }

    /// Returns the last request for a path, as it was written.
    pub fn written(&self, path: &str) -> String {
        self.shared.0.lock().unwrap().written[path].clone()
    }

    /// Returns the headers of the last request for a path.
    pub fn headers(&self, path: &str) -> HeaderMap {
        self.shared.0.lock().unwrap().headers[path].clone()
    }

    pub fn total(&self) -> u64 {
        self.shared.0.lock().unwrap().total
    }

    /// Waits until `total` requests have arrived; returns whether they did.
    pub fn wait_for(&self, total: u64) -> bool {
        let shared = self.shared.0.lock().unwrap();
        let patience = Duration::from_secs(120);
        let waited = self.shared.1.wait_timeout_while(shared, patience, |s| s.total < total);
        !waited.unwrap().1.timed_out()
    }
}

async fn answer(State(shared): State<Handle>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = uri.path().to_owned();
    let (thing, dying) = {
        let mut state = shared.0.lock().unwrap();
        *state.asked.entry(path.clone()).or_default() += 1;
        state.total += 1;
        shared.1.notify_all();
        state.headers.insert(path.clone(), headers.clone());
        state.written.insert(path.clone(), uri.to_string());
        let dying = state.dying.filter(|(after, _)| state.total > *after).map(|(_, at)| at);
        let Some(thing) = state.things.get_mut(&path) else { return denied(403) };
        let once = matches!(thing.fault, Some(Fault::StatusOnce(_) | Fault::CutOnce));
        let now = thing.clone();
        if once {
            thing.fault = None;
        }
        (now, dying)
    };
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let expires = query.get("Expires").and_then(|at| at.parse::<i64>().ok());
    if expires.is_some_and(|at| at * 1000 <= shared.2.now().millis() || dying == Some(at)) {
        return denied(403);
    }
    match &thing.fault {
        Some(Fault::Status(status) | Fault::StatusOnce(status)) => denied(*status),
        Some(Fault::Instead(text)) => Response::new(Body::from(*text)),
        Some(Fault::Redirect(to)) => Response::builder()
            .status(302)
            .header(header::LOCATION, to)
            .body(Body::empty())
            .unwrap(),
        Some(Fault::Unframed) => {
            let body = thing.body();
            let half = stream::iter([Ok::<_, std::io::Error>(body[..body.len() / 2].to_vec())]);
            let answer = Response::builder().version(axum::http::Version::HTTP_10);
            answer.body(Body::from_stream(half)).unwrap()
        }
        Some(Fault::Stalled) => stalled(&thing),
        Some(Fault::HalfThen(rest)) => half_then(&thing, &headers, *rest),
        fault => content(&thing, &headers, matches!(fault, Some(Fault::CutOff | Fault::CutOnce))),
    }
}

fn half_then(thing: &Thing, headers: &HeaderMap, rest: Rest) -> Response<Body> {
    let etag = format!("\"{}\"", thing.seed);
    let (body, half) = (thing.body(), thing.size / 2);
    let answer =
        Response::builder().header(header::ETAG, &etag).header(header::ACCEPT_RANGES, "bytes");
    let Some(range) = headers.get(header::RANGE) else {
        return answer.body(broken_off(body[..half].to_vec())).unwrap();
    };
    assert_eq!(range, &format!("bytes={half}-"));
    assert_eq!(headers[header::IF_RANGE], etag);
    let end = if rest == Rest::Short { half + 100 } else { body.len() };
    let total = if rest == Rest::OfUnknown { "*".to_owned() } else { body.len().to_string() };
    let answer = match rest {
        Rest::Encoded => answer.header(header::CONTENT_ENCODING, "gzip"),
        _ => answer,
    };
    let range = format!("bytes {half}-{}/{total}", end - 1);
    let answer = answer.status(206).header(header::CONTENT_RANGE, range);
    answer.body(Body::from(body[half..end].to_vec())).unwrap()
}

/// Sends some bytes, and then breaks the connection.
fn broken_off(bytes: Vec<u8>) -> Body {
    let end = stream::once(async {
        // A part that is not ready yet makes the server send what it has.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(stream::iter([Ok(bytes)]).chain(end))
}

fn denied(status: u16) -> Response<Body> {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

fn stalled(thing: &Thing) -> Response<Body> {
    let body = thing.body();
    let half = stream::iter([Ok::<_, std::io::Error>(body[..body.len() / 2].to_vec())]);
    let answer = Response::builder().header(header::CONTENT_LENGTH, body.len());
    answer.body(Body::from_stream(half.chain(stream::pending()))).unwrap()
}

fn content(thing: &Thing, headers: &HeaderMap, cut: bool) -> Response<Body> {
    let etag = format!("\"{}\"", thing.seed);
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if said(header::IF_NONE_MATCH) == Some(&etag) {
        return Response::builder().status(304).body(Body::empty()).unwrap();
    }
    let body = thing.body();
    let len = body.len();
    let answer = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_TYPE, "application/octet-stream");
    let from = said(header::RANGE).and_then(|range| range.strip_prefix("bytes="));
    let from: Option<usize> = from.and_then(|range| range.strip_suffix('-')?.parse().ok());
    if let Some(from) = from.filter(|_| !cut && said(header::IF_RANGE) == Some(&etag)) {
        let range = format!("bytes {from}-{}/{len}", len - 1);
        let answer = answer.status(206).header(header::CONTENT_RANGE, range);
        return answer.body(Body::from(body[from..].to_vec())).unwrap();
    }
    if cut {
        let answer = answer.header(header::CONTENT_LENGTH, len);
        return answer.body(broken_off(body[..len / 2].to_vec())).unwrap();
    }
    answer.body(Body::from(body)).unwrap()
}
