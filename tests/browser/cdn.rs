//! A CDN on a bad day. The first segment of a path decides: `ok` returns a picture, `late` returns
//! one once the test releases it, `slow` never answers, `denied` refuses, `html` returns HTML under
//! the name of a picture, `private` redirects into the local network, `endless` never ends.

use std::{convert::Infallible, future::pending};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Response, StatusCode, Uri, header},
};
use futures_util::stream;
use tokio::sync::watch;

use crate::demo::paint;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Starts the CDN for the life of the runtime. Returns its URL and the switch that releases late pictures.
pub async fn start() -> (String, watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (told, late) = watch::channel(false);
    let app = Router::new().fallback(answer).with_state(late);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (base, told)
}

async fn answer(State(mut late): State<watch::Receiver<bool>>, uri: Uri) -> Response<Body> {
    let path = uri.path().trim_start_matches('/');
    let (what, seed) = path.split_once('/').unwrap_or((path, "0"));
    let seed = seed.trim_end_matches(".png").parse().unwrap_or(0);
    let picture = || paint::portrait(seed, seed % 2 == 0, seed * 3 + 1).to_vec();
    let (status, body) = match what {
        "slow" => pending().await,
        "late" => {
            let _ = late.wait_for(|is_there| *is_there).await;
            (StatusCode::OK, Body::from(picture()))
        }
        "denied" => (StatusCode::FORBIDDEN, Body::empty()),
        "html" => (StatusCode::OK, Body::from("<!doctype html><title>not a picture</title>")),
        "private" => (StatusCode::FOUND, Body::empty()),
        "endless" => {
            let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(PNG))]);
            let rest = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 64 << 10])));
            let all = futures_util::StreamExt::chain(first, rest);
            (StatusCode::OK, Body::from_stream(all))
        }
        _ => (StatusCode::OK, Body::from(picture())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if what == "private" {
        let inside = header::HeaderValue::from_static("http://169.254.169.254/latest");
        response.headers_mut().insert(header::LOCATION, inside);
    }
    response
}
