//! A request from its arrival to its answer: guard, route, and who answers it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
};

use super::{
    assets,
    atom::atom,
    cache::{self, Kept},
    failure::{Failure, Tongue, failed, not_found, nothing},
    files,
    response::{moved, plain},
    route::{Route, route},
    security::{self, Guard, Refusal},
    view::viewed,
};
use crate::{
    error::{Error, Result},
    metrics,
    mirror::Blobs,
    store::{
        Location,
        browse::{Reader, Unreadable, items::Facets},
        figures::Figures,
    },
    time::Clock,
};

/// How the gallery is served.
#[derive(Clone)]
pub struct Settings {
    /// Who may ask.
    pub guard: Guard,
    /// The store of the mirror; `None` where it cannot be used.
    pub files: Option<Arc<Blobs>>,
    /// The program and the flags that lead to this database, as a shell takes them: what every
    /// command on a page begins with. Never a password.
    pub program: String,
    /// So long may the reader of an export take nothing before it is given up.
    pub patience: Duration,
}

impl Settings {
    /// For a program without flags.
    pub fn new(guard: Guard, files: Option<Arc<Blobs>>) -> Self {
        let patience = Duration::from_secs(30);
        Self { guard, files, program: "heygen-sync".into(), patience }
    }
}

/// The gallery.
pub struct App {
    pub(super) reader: Reader,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// The facets of the last lists, by what was asked of which state.
    pub(super) facets: Kept<Facets>,
    /// The last pages, by their tags: two visitors who ask the same between two polls cost one page.
    pub(super) pages: Kept<String>,
    /// The configured accounts, whose metrics are told even before their first poll.
    pub accounts: Vec<String>,
}

/// So many lists' facets are kept.
const FACETS: usize = 64;

/// So many pages are kept, of at most so many bytes each.
const PAGES: usize = 48;
pub(super) const PAGE_BYTES: usize = 128 * 1024;

impl App {
    /// A gallery of the database at `location`.
    pub fn new(location: Location, settings: Settings, clock: Clock) -> Self {
        let reader = Reader::new(location);
        let (facets, pages) = (Kept::new(FACETS), Kept::new(PAGES));
        Self { reader, settings, clock, facets, pages, accounts: vec![] }
    }

    /// The routes, ready to be served.
    pub fn router(self: Arc<Self>) -> Router {
        let small = DefaultPredicate::new()
            .and(NotForContentType::const_new("video/"))
            .and(NotForContentType::const_new("application/octet-stream"));
        Router::new()
            .fallback(answer)
            .layer(CompressionLayer::new().compress_when(small))
            .layer(CatchPanicLayer::custom(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "broken")))
            .with_state(self)
    }
}

/// Serves until `stop` is over; `listening` is told the address.
pub async fn serve(
    mut app: App,
    address: SocketAddr,
    listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    app.settings.guard.suffices(address)?;
    app.settings.guard.listens_at(address);
    let cannot = |fault| {
        Error::config(format!(
            "serve.listen: cannot listen at {address}: {fault}; give another address"
        ))
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(cannot)?;
    listening(listener.local_addr().map_err(cannot)?);
    let router = Arc::new(app).router();
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    // Open downloads do not hold up the end for long.
    let last = async move {
        let _ = stopped.await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        served = server => served.map_err(|fault| Error::unforeseen(format!("cannot serve: {fault}"))),
        () = last => Ok(()),
    }
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (request, _) = request.into_parts();
    let mut response = guarded(&app, &request).await;
    for (name, value) in security::HEADERS {
        response.headers_mut().insert(name, value);
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, cache::NEVER);
    }
    // Of an answer to HEAD the router leaves out the body, and keeps its length.
    response
}

async fn guarded(app: &Arc<App>, request: &Parts) -> Response<Body> {
    let route = route(request.uri.path());
    let open = matches!(route, Route::Live | Route::Ready);
    if let Some(refusal) = app.settings.guard.admits(&request.method, &request.headers, open) {
        return refused(refusal);
    }
    match route {
        Route::Live => plain(StatusCode::OK, "ok"),
        Route::Ready => ready(app).await,
        Route::Metrics => told(app).await,
        Route::Asset(name) => assets::response(&name).unwrap_or_else(|| not_found(app, request)),
        Route::File(hash) => file(app, &hash, request).await,
        Route::Moved(path) => moved(&path, request.uri.query()),
        Route::Unknown => not_found(app, request),
        Route::Feed => match atom(app, request).await {
            Ok(response) => response,
            Err(failure) => failed(app, request, Tongue::Plain, failure),
        },
        Route::View(view, format) => match viewed(app, request, &view, format).await {
            Ok(response) => response,
            Err(Failure::NothingYet(message)) => nothing(request, &view, format, &message),
            Err(failure) => failed(app, request, Tongue::of(format), failure),
        },
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::Method => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        Refusal::Host => plain(
            StatusCode::MISDIRECTED_REQUEST,
            "this gallery is not known by that name; see serve.hosts",
        ),
        Refusal::Token => {
            let mut response = plain(StatusCode::UNAUTHORIZED, "the token is the password");
            let ask = HeaderValue::from_static("Basic realm=\"heygen-sync\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
            response
        }
    }
}

async fn ready(app: &App) -> Response<Body> {
    match app.reader.page().await {
        Ok(reading) => {
            reading.end().await;
            plain(StatusCode::OK, "ok")
        }
        Err(Unreadable::NoCatalogue) => plain(StatusCode::SERVICE_UNAVAILABLE, "no catalogue yet"),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::error!(%error, "the database cannot be read");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read")
        }
    }
}

/// The metrics, with the token where there is one.
async fn told(app: &App) -> Response<Body> {
    let read = async {
        let mut reading = app.reader.page().await?;
        let figures = reading.figures(app.clock.now()).await?;
        reading.end().await;
        Ok::<_, Unreadable>(figures)
    };
    let figures = match read.await {
        Ok(figures) => figures,
        Err(Unreadable::NoCatalogue) => Figures::default(),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::error!(%error, "no metrics");
            return plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read");
        }
    };
    let mut response = Response::new(Body::from(metrics::text(&figures, &app.accounts)));
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn file(app: &App, hash: &str, request: &Parts) -> Response<Body> {
    let Some(store) = &app.settings.files else { return not_found(app, request) };
    match files::response(store, hash, &request.method, &request.headers).await {
        Ok(found) => found.unwrap_or_else(|| not_found(app, request)),
        Err(error) => {
            tracing::error!(%error, "a file cannot be read");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the mirror's store cannot be read")
        }
    }
}
