//! The JSON API below `/api/v1`: the answers of [`crate::answers`], and the lists of the gallery page by
//! page. Its OpenAPI document is generated from the same routes, types and parameters.
//!
//! `request` checks the parameters against `parameter` and begins a reading; `items`, `feeds` and
//! `known` contain the handlers; `problem` contains the errors.

mod feeds;
mod items;
mod known;
mod parameter;
pub(super) mod problem;
mod request;

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Body,
    http::{Response, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{
    OpenApi,
    openapi::{
        SecurityRequirement,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{app::App, etag, response::tagged};
use crate::store::browse::Stamp;

/// The title, and the types that no route refers to.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "heygen-sync",
        description = "The local copy, with history, of the avatars, talking photos, avatar groups \
                       and voices that HeyGen offers to an account. Read-only. Every answer with \
                       status 200 has an ETag, for If-None-Match."
    ),
    components(schemas(problem::Problem))
)]
struct Base;

/// Returns the routes and their OpenAPI document.
fn described() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let api = OpenApiRouter::new()
        .routes(routes!(items::items))
        .routes(routes!(known::item))
        .routes(routes!(feeds::changes))
        .routes(routes!(feeds::polls))
        .routes(routes!(known::as_of))
        .routes(routes!(known::ids))
        .routes(routes!(known::status))
        .routes(routes!(document));
    let mut base = Base::openapi();
    let token = Http::new(HttpAuthScheme::Bearer);
    let components = base.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    // If the gallery is served without a token, none is needed.
    let with_token = SecurityRequirement::new("token", [""; 0]);
    base.security = Some(vec![SecurityRequirement::default(), with_token]);
    OpenApiRouter::with_openapi(base).nest("/api/v1", api).split_for_parts()
}

/// Returns the routes. A panic in one of them is answered with a problem document, like any failure.
pub fn router() -> Router<Arc<App>> {
    let broken = |_| {
        let detail = "this cannot be answered because of an error in heygen-sync; see its log";
        problem::Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
    };
    described().0.layer(CatchPanicLayer::custom(broken))
}

/// Returns the OpenAPI document.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> =
        LazyLock::new(|| described().1.to_pretty_json().unwrap_or_default());
    &DOCUMENT
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = 200, description = "The OpenAPI document", body = Object), problem::Problems)
)]
async fn document(request: Parts) -> Result<Response<Body>, problem::Stop> {
    let tag = etag::tag(&Stamp::default(), "", &etag::url(&request));
    if etag::matches(&request.headers, &tag) {
        return Err(problem::Stop::NotModified(tag));
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok(tagged((json, openapi()).into_response(), &tag))
}
