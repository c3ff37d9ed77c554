//! The HTTP server: checks, routes and answers requests.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
};

use super::{
    api::{self, problem::Problem},
    api_link::api_link,
    app::App,
    assets,
    atom::atom,
    cache,
    error_page::{ErrorFormat, failed, not_found, nothing_polled},
    failure::PageFailure,
    files,
    previews::{self, NoPreview},
    response::plain,
    route::{Route, route},
    security::{self, Refusal},
    view::{asked, viewed},
};
use crate::{
    error::{Error, Result},
    metrics,
    store::{
        browse::{Unreadable, preview::PreviewKey},
        figures::Figures,
    },
};

/// Returns the routes with the layers of every response.
fn router(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    let small = DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/"))
        .and(NotForContentType::const_new("application/octet-stream"));
    routes
        .layer(CatchPanicLayer::custom(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "broken")))
        .layer(from_fn_with_state(app.clone(), guarded))
        .layer(CompressionLayer::new().compress_when(small))
        .with_state(app)
}

/// Serves until `stop` completes; calls `listening` with the bound address.
pub async fn serve(
    mut app: App,
    address: SocketAddr,
    listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    app.settings.access.suffices(address)?;
    app.settings.access.listens_at(address);
    let cannot = |fault| {
        Error::config(format!(
            "serve.listen: cannot listen at {address}: {fault}; give another address"
        ))
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(cannot)?;
    listening(listener.local_addr().map_err(cannot)?);
    let router = router(api::router().fallback(answer), Arc::new(app));
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    // Open downloads delay the shutdown by at most five seconds.
    let last = async move {
        let _ = stopped.await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        served = server => served.map_err(|fault| Error::unforeseen(format!("cannot serve: {fault}"))),
        () = last => Ok(()),
    }
}

/// Refuses requests without access, and adds the headers of every response.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    let open = matches!(route(request.uri().path()), Route::Live | Route::Ready);
    let refusal = app.settings.access.admits(request.method(), request.headers(), open);
    let mut response = match refusal {
        Some(refusal) => refused(refusal, is_api(request.uri().path())),
        None => next.run(request).await,
    };
    for (name, value) in security::HEADERS {
        response.headers_mut().insert(name, value);
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, cache::NO_STORE);
    }
    // For HEAD the router drops the body and keeps its length.
    response
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (request, _) = request.into_parts();
    let (app, request) = (&app, &request);
    match route(request.uri.path()) {
        Route::Live => plain(StatusCode::OK, "ok"),
        Route::Ready => ready(app).await,
        Route::Metrics => metrics_of(app).await,
        Route::Asset(name) => assets::response(&name).unwrap_or_else(|| not_found(app, request)),
        Route::File(hash) => file(app, &hash, request).await,
        Route::Preview(key) => preview(app, &key, request).await,
        Route::Moved(path) => match request.uri.query() {
            Some(query) => Redirect::permanent(&format!("{path}?{query}")),
            None => Redirect::permanent(&path),
        }
        .into_response(),
        Route::Unknown if is_api(request.uri.path()) => {
            Problem::not_found("there is no such path; see /api/v1/openapi.json").into_response()
        }
        Route::Unknown => not_found(app, request),
        Route::Json(view) => match asked(app, request, &view) {
            Ok((viewpoint, ask)) => match api_link(&viewpoint, &view, &ask.parameters()) {
                Some(path) => Redirect::permanent(&path).into_response(),
                None => not_found(app, request),
            },
            Err(bad) => failed(app, request, ErrorFormat::Json, bad.into()),
        },
        Route::Feed => match atom(app, request).await {
            Ok(response) => response,
            Err(failure) => failed(app, request, ErrorFormat::Plain, failure),
        },
        Route::View(view, format) => match viewed(app, request, &view, format).await {
            Ok(response) => response,
            Err(PageFailure::NothingYet(message)) => {
                nothing_polled(request, &view, format, &message)
            }
            Err(failure) => failed(app, request, ErrorFormat::of(format), failure),
        },
    }
}

fn refused(refusal: Refusal, api: bool) -> Response<Body> {
    let (status, why, header) = match refusal {
        Refusal::Method => {
            let allowed = HeaderValue::from_static("GET, HEAD");
            let header = Some((header::ALLOW, allowed));
            (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD", header)
        }
        Refusal::Host => {
            let why = "this gallery does not serve that host name; see serve.hosts";
            (StatusCode::MISDIRECTED_REQUEST, why, None)
        }
        Refusal::Token => {
            let ask = match api {
                true => "Bearer realm=\"heygen-sync\"",
                false => "Basic realm=\"heygen-sync\", charset=\"UTF-8\"",
            };
            let header = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(ask)));
            (StatusCode::UNAUTHORIZED, "the token is the password", header)
        }
    };
    let mut response = match api {
        true => Problem::new(status, why).into_response(),
        false => plain(status, why),
    };
    response.headers_mut().extend(header);
    response
}

async fn ready(app: &App) -> Response<Body> {
    match app.reader.page().await {
        Ok(reading) => {
            reading.end().await;
            plain(StatusCode::OK, "ok")
        }
        Err(Unreadable::NoCatalogue) => plain(StatusCode::SERVICE_UNAVAILABLE, "no catalogue yet"),
        Err(why) => unavailable(&why, "the database cannot be read"),
    }
}

/// Logs an error with this message, and returns the response.
fn unavailable(why: &Unreadable, message: &str) -> Response<Body> {
    if let Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error) = why {
        tracing::error!(%error, "{message}");
    }
    plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read")
}

/// Returns the response with the metrics.
async fn metrics_of(app: &App) -> Response<Body> {
    let read = async {
        let mut reading = app.reader.page().await?;
        let figures = reading.figures(app.clock.now()).await?;
        reading.end().await;
        Ok::<_, Unreadable>(figures)
    };
    let figures = match read.await {
        Ok(figures) => figures,
        Err(Unreadable::NoCatalogue) => Figures::default(),
        Err(why) => return unavailable(&why, "no metrics"),
    };
    let kind = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (kind, metrics::text(figures, &app.configured)).into_response()
}

/// Returns the response with a preview.
async fn preview(app: &App, key: &PreviewKey, request: &Parts) -> Response<Body> {
    let Some(previews) = &app.settings.previews else { return not_found(app, request) };
    let read = async {
        let mut reading = app.reader.preview().await?;
        let link = reading.preview_link(key, app.clock.now()).await?;
        reading.end().await;
        Ok::<_, Unreadable>(link)
    };
    let link = match read.await {
        Ok(link) => link,
        Err(Unreadable::NoCatalogue) => None,
        Err(why) => return unavailable(&why, "no preview"),
    };
    let Some(link) = link else { return previews::missing(NoPreview::Failed) };
    match previews.get(link, key.role).await {
        Ok(content) => previews::response(&content, key, &request.method, &request.headers),
        Err(why) => previews::missing(why),
    }
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

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::{store::Location, time::Clock, web::GallerySettings};

    #[tokio::test]
    async fn the_answer_to_a_panic_has_the_headers_of_every_response() {
        let access = security::Access { token: None, behind_proxy: false, hosts: vec![] };
        let settings = GallerySettings::new(access, None);
        let app = App::new(Location::Sqlite("none.db".into()), settings, Clock::system());
        async fn broken() -> &'static str {
            panic!("as a test")
        }
        let router = router(Router::new().route("/", get(broken)), Arc::new(app));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(response.status(), 500);
        let headers = response.headers().clone();
        assert_eq!(response.text().await.unwrap(), "broken\n");
        for (name, value) in security::HEADERS {
            assert_eq!(headers.get(&name), Some(&value), "{name}");
        }
        assert_eq!(headers.get(header::CACHE_CONTROL), Some(&cache::NO_STORE));
    }
}
