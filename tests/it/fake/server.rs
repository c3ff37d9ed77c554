//! The HTTP server of the fake HeyGen: key, failures, delays, encodings, and the log of requests.
//!
//! It takes bodies from the state without knowing their contents. A new version of the API is a new
//! arm in [`body_for`].

use std::{
    collections::VecDeque,
    io::Write as _,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract,
    http::{HeaderMap, Response, StatusCode, Uri},
};
use futures_util::stream;
use tokio::sync::oneshot;

use super::{KEY, State};

/// A request as received.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path, for instance `/v2/avatars`.
    pub path: String,
    /// The query, without the `?`.
    pub query: Option<String>,
    /// All headers, by lower-case name.
    pub headers: HeaderMap,
    /// When it was received.
    pub at: Instant,
}

/// An answer that is not a list.
#[derive(Clone)]
pub struct Refusal {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// Makes a refusal with the body that the real API sends with this status.
    pub fn of(status: u16) -> Self {
        let json = |code, message| {
            format!(r#"{{"data":null,"error":{{"code":"{code}","message":"{message}"}}}}"#)
        };
        let body = match status {
            400 => json("invalid_parameter", "Bad request"),
            401 => json("internal_error", "Unauthorized"),
            403 => json("internal_error", "forbidden"),
            429 => json("rate_limit_exceeded", "Too many requests"),
            _ => format!("<html><head><title>{status}</title></head><body>edge</body></html>"),
        };
        Self { status, body, headers: Vec::new() }
    }

    /// Makes a refusal that never answers.
    pub fn silence() -> Self {
        Self::of(0)
    }

    /// Makes an answer with both lists, empty.
    pub fn empty_lists() -> Self {
        let body = r#"{"error":null,"data":{"avatars":[],"talking_photos":[]}}"#;
        Self { body: body.into(), ..Self::of(200) }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The answers of the fake, apart from the lists.
pub struct Conversation {
    pub key: String,
    pub refusals: VecDeque<Refusal>,
    pub always: Option<Refusal>,
    /// One for each request: signals its arrival, then waits.
    pub gates: VecDeque<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
    pub cut_at: Option<usize>,
    pub body: Option<Vec<u8>>,
    /// The answer to every request of v2; v3 is not affected.
    pub v2_gone: Option<Refusal>,
    pub sunset: Option<String>,
    /// The expiry in `/v3/api_keys/self`; without it that page does not exist.
    pub key_expires_at: Option<String>,
    pub gzip: bool,
    pub requests: Vec<Request>,
    /// The number of requests that are being answered, and the highest number at once.
    pub in_flight: (usize, usize),
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            key: KEY.to_owned(),
            refusals: VecDeque::new(),
            always: None,
            gates: VecDeque::new(),
            cut_at: None,
            body: None,
            v2_gone: None,
            sunset: None,
            key_expires_at: None,
            gzip: false,
            requests: Vec::new(),
            in_flight: (0, 0),
        }
    }
}

impl Conversation {
    pub fn recover(&mut self) {
        self.refusals.clear();
        (self.always, self.cut_at, self.body, self.v2_gone) = (None, None, None, None);
    }
}

/// Serves `state` on a free port until `stopped`; returns the base URL.
pub fn spawn(state: Arc<Mutex<State>>, stopped: oneshot::Receiver<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let router = Router::new().fallback(answer).with_state(state);
            tokio::select! {
                served = async { axum::serve(listener, router).await } => served.unwrap(),
                _ = stopped => {}
            }
        });
    });
    base_url
}

async fn answer(
    extract::State(state): extract::State<Arc<Mutex<State>>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let gate = {
        let mut state = state.lock().unwrap();
        let request = Request {
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            headers: headers.clone(),
            at: Instant::now(),
        };
        state.conversation.requests.push(request);
        let (now, most) = &mut state.conversation.in_flight;
        *now += 1;
        *most = (*most).max(*now);
        state.conversation.gates.pop_front()
    };
    if let Some((arrive, opened)) = gate {
        let _ = arrive.send(());
        let _ = opened.await;
    }
    let silent = {
        let state = state.lock().unwrap();
        let gone = state.conversation.v2_gone.as_ref().filter(|_| uri.path() == "/v2/avatars");
        gone.is_some_and(|gone| gone.status == 0)
    };
    if silent {
        std::future::pending::<()>().await;
    }
    let mut state = state.lock().unwrap();
    state.conversation.in_flight.0 -= 1;
    respond(&mut state, &uri, &headers)
}

fn respond(state: &mut State, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    if uri.path() == "/v3/api_keys/self" {
        // Requested failures apply to the lists only.
        let known = state.conversation.key_expires_at.as_ref();
        let body =
            known.map(|at| format!(r#"{{"data":{{"scope_mode":"all","expires_at":"{at}"}}}}"#));
        let status = if body.is_some() { 200 } else { 404 };
        let body = Body::from(body.unwrap_or_default());
        return Response::builder().status(status).body(body).unwrap();
    }
    let number = state.conversation.requests.len();
    match refusal(state, headers).map_or_else(|| body_for(state, uri), Err) {
        Ok((body, cut)) => list(&state.conversation, headers, number, body, cut),
        Err(refusal) => {
            let response = Response::builder().status(refusal.status);
            let response = response.header("x-request-id", format!("req-{number}"));
            let with = refusal.headers.into_iter();
            with.fold(response, |response, (name, value)| response.header(name, value))
                .body(Body::from(refusal.body))
                .unwrap()
        }
    }
}

/// Returns the refusal, if any. Requested failures precede the check of the key, as at an edge.
fn refusal(state: &mut State, headers: &HeaderMap) -> Option<Refusal> {
    let conversation = &mut state.conversation;
    let planned = conversation.refusals.pop_front().or_else(|| conversation.always.clone());
    let key = headers.get("x-api-key").map(|key| key.as_bytes());
    let wrong = key != Some(conversation.key.as_bytes());
    planned.or_else(|| wrong.then(|| Refusal::of(401)))
}

/// Returns a body, and the number of bytes after which it breaks off.
fn body_for(state: &mut State, uri: &Uri) -> Result<(Vec<u8>, Option<usize>), Refusal> {
    let State { catalogue, conversation, paging, lists } = state;
    let cut = conversation.cut_at;
    match uri.path() {
        "/v2/avatars" => match (&conversation.v2_gone, &conversation.body) {
            (Some(gone), _) => Err(gone.clone()),
            (None, Some(body)) => Ok((body.clone(), cut)),
            (None, None) => Ok((catalogue.v2_body(), cut)),
        },
        "/v3/avatars/looks" => match &conversation.body {
            Some(body) => Ok((body.clone(), cut)),
            None => {
                let plain = paging.plain;
                let page = paging.page(|| catalogue.looks(plain), uri.query())?;
                Ok((page.body, page.cut.or(cut)))
            }
        },
        path => match (&conversation.body, lists.page(path, uri.query())) {
            (_, None) => Err(Refusal::of(404)),
            (Some(body), _) => Ok((body.clone(), cut)),
            (None, Some(page)) => page.map(|body| (body, cut)),
        },
    }
}

fn list(
    talk: &Conversation,
    headers: &HeaderMap,
    number: usize,
    body: Vec<u8>,
    cut_at: Option<usize>,
) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header("content-type", "application/json")
        .header("x-request-id", format!("req-{number}"));
    if let Some(sunset) = &talk.sunset {
        response = response.header("deprecation", "true").header("sunset", sunset);
    }
    let accepted = headers.get("accept-encoding").and_then(|value| value.to_str().ok());
    let zip = talk.gzip && accepted.is_some_and(|value| value.contains("gzip"));
    if zip {
        response = response.header("content-encoding", "gzip");
    }
    let body = if zip { gzip(&body) } else { body };
    response = response.header("content-length", body.len());
    response.body(cut_at.map_or_else(|| Body::from(body.clone()), |at| cut(&body, at))).unwrap()
}

/// Sends the first `at` bytes, then breaks the connection.
fn cut(body: &[u8], at: usize) -> Body {
    let start = Bytes::copy_from_slice(&body[..at.min(body.len())]);
    Body::from_stream(stream::iter([Ok(start), Err(std::io::Error::other("cut off"))]))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}
