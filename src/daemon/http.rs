//! The endpoints `/metrics`, `/livez` and `/readyz`: read-only, without secrets, and without a log
//! line for each request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode, header},
    routing::get,
};
use tokio::net::TcpListener;

use super::health::Health;
use crate::{
    error::{Error, Result},
    metrics::{self, Configured},
    store::{
        Location,
        browse::{Reader, Unreadable},
        figures::Figures,
    },
    time::Clock,
};

/// The timeout of a database query: Prometheus waits for 10 s.
const PATIENCE: Duration = Duration::from_secs(9);

/// The state that responses are made from.
pub struct Site {
    reader: Reader,
    health: Health,
    clock: Clock,
    configured: Mutex<Configured>,
}

impl Site {
    /// Creates the state for the database at `location`.
    pub fn new(location: Location, health: Health, clock: Clock, configured: Configured) -> Self {
        Self { reader: Reader::new(location), health, clock, configured: Mutex::new(configured) }
    }

    /// Replaces the configured accounts and catalogues.
    pub fn set_configured(&self, configured: Configured) {
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) = configured;
    }

    fn configured(&self) -> Configured {
        self.configured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Binds the address; [`serve`] serves it.
///
/// # Errors
/// [`crate::error::Kind::Config`] if the address cannot be bound.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let cannot = |fault| {
        Error::config(format!(
            "daemon.listen: cannot listen at {address}: {fault}; give another address"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

/// Serves requests until the future is dropped.
pub async fn serve(listener: TcpListener, site: Arc<Site>) {
    let router = Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(site);
    if let Err(fault) = axum::serve(listener, router).await {
        tracing::error!("metrics are no longer served: {fault}");
    }
}

async fn serve_metrics(State(site): State<Arc<Site>>) -> Response<Body> {
    match figures(&site).await {
        Ok(figures) => {
            let text = metrics::text(figures, &site.configured());
            answer(StatusCode::OK, metrics::CONTENT_TYPE, text)
        }
        Err(Unreadable::NoCatalogue) => unavailable("there is no catalogue"),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::warn!("no metrics: {error}");
            unavailable("the database cannot be read")
        }
    }
}

async fn figures(site: &Site) -> Result<Figures, Unreadable> {
    in_time(async {
        let mut reading = site.reader.page().await?;
        let figures = reading.figures(site.clock.now()).await?;
        reading.end().await;
        Ok(figures)
    })
    .await
}

/// Returns the result of a database query, or an error if it takes longer than [`PATIENCE`].
async fn in_time<T>(query: impl Future<Output = Result<T, Unreadable>>) -> Result<T, Unreadable> {
    let late = |_| Err(Unreadable::Trouble(Error::storage("the database does not answer")));
    tokio::time::timeout(PATIENCE, query).await.unwrap_or_else(late)
}

async fn live(State(site): State<Arc<Site>>) -> Response<Body> {
    match site.health.fault() {
        None => plain(StatusCode::OK, "ok"),
        Some(fault) => unavailable(fault),
    }
}

async fn ready(State(site): State<Arc<Site>>) -> Response<Body> {
    if site.health.is_stopping() {
        return unavailable("the daemon is stopping");
    }
    let read = in_time(async {
        site.reader.page().await?.end().await;
        Ok(())
    });
    match read.await {
        Ok(()) => plain(StatusCode::OK, "ok"),
        Err(Unreadable::NoCatalogue) => unavailable("there is no catalogue"),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::warn!("not ready: {error}");
            unavailable("the database cannot be read")
        }
    }
}

fn unavailable(why: &str) -> Response<Body> {
    plain(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
