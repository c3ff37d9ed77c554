//! A receiver of notices and pings: stores requests, answers as the test sets, and can be down. It
//! runs on a separate thread, so that tests may wait for a command.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, Uri},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::postgres::free_port;

/// The secret that the receiver and the sender share.
pub const SECRET: &str = "a secret of both";

/// A received request.
#[derive(Clone, Debug)]
pub struct Came {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns whether `webhook-signature` is right for this request.
    pub fn is_signed(&self) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{time}.{}", self.body).as_bytes());
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature") == wanted
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Status(u16),
    /// Accepts the notice and never answers.
    Never,
}

#[derive(Default)]
struct Shared {
    came: Vec<Came>,
    answers: VecDeque<Answer>,
    /// The number of requests still to come, and the sender that signals their arrival.
    awaited: Option<(usize, oneshot::Sender<()>)>,
}

/// A receiver; see the module. Answers 204 unless a test sets other answers.
pub struct Receiver {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Receiver {
    /// Starts a receiver that is up.
    pub fn start() -> Self {
        // A port that is still free when it listens again.
        let port = free_port();
        let mut receiver = Self { port, shared: Arc::default(), stop: None, thread: None };
        receiver.up();
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Sets the next answers, each for one request.
    pub fn answer(&self, answers: &[Answer]) {
        self.shared.lock().unwrap().answers.extend(answers);
    }

    /// Stops listening.
    pub fn down(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }

    /// Listens at the same address as before.
    pub fn up(&mut self) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = Router::new().fallback(take).with_state(self.shared.clone());
        self.stop = Some(stop);
        self.thread = Some(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = async { axum::serve(listener, app).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        }));
    }

    /// Completes when the next request has arrived.
    pub fn next(&self) -> oneshot::Receiver<()> {
        self.after(1)
    }

    /// Completes when `requests` more have arrived, the last of which is not answered yet.
    pub fn after(&self, requests: usize) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.shared.lock().unwrap().awaited = Some((requests, tell));
        told
    }

    /// Returns the requests so far.
    pub fn came(&self) -> Vec<Came> {
        self.shared.lock().unwrap().came.clone()
    }

    /// Returns the poll ids of the notices, in the order of their arrival.
    pub fn polls(&self) -> Vec<i64> {
        self.came().iter().map(|came| came.json()["data"]["poll_id"].as_i64().unwrap()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn take(
    State(shared): State<Arc<Mutex<Shared>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let answer = {
        let mut shared = shared.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        shared.came.push(Came { path: uri.path().to_owned(), headers, body });
        let answer = shared.awaited.take().and_then(|(requests, tell)| match requests {
            0 | 1 => {
                let _ = tell.send(());
                None
            }
            more => Some((more - 1, tell)),
        });
        shared.awaited = answer;
        shared.answers.pop_front().unwrap_or(Answer::Status(204))
    };
    match answer {
        Answer::Status(status) => Response::builder().status(status).body(Body::empty()).unwrap(),
        Answer::Never => std::future::pending().await,
    }
}
