//! HTTP responses: bodies, media types, tags.

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};

pub(super) use super::body::{html, plain};
use super::{cache, failure::PageFailure, message::MessagePage};
use crate::error::Error;

/// Renders a page as HTML.
pub fn render(page: &impl Template) -> Result<String, PageFailure> {
    page.render()
        .map_err(|fault| Error::unforeseen(format!("cannot render a page: {fault}")).into())
}

pub(super) fn rendered(status: StatusCode, message: &MessagePage) -> Response<Body> {
    match message.render() {
        Ok(text) => html(status, text),
        Err(_) => plain(status, &message.heading),
    }
}

/// Redirects to a path of this gallery, built by `route` or `api_link` from known words and encoded values.
pub(super) fn moved(path: &str, query: Option<&str>) -> Response<Body> {
    let to = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

pub(super) fn tagged(
    mut response: Response<Body>,
    status: StatusCode,
    tag: &str,
) -> Response<Body> {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::NOT_MODIFIED {
        // The same as in the full response, which may be compressed.
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(header::CACHE_CONTROL, cache::REVALIDATE);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
