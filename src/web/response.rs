//! HTTP responses: pages, redirects, tags.

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::{Html, IntoResponse},
};

use super::{cache, failure::PageFailure, message::MessagePage};
use crate::error::Error;

/// Renders a page as HTML.
pub fn render(page: &impl Template) -> Result<String, PageFailure> {
    page.render()
        .map_err(|fault| Error::unforeseen(format!("cannot render a page: {fault}")).into())
}

pub(super) fn rendered(status: StatusCode, message: &MessagePage) -> Response<Body> {
    match message.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => plain(status, &message.heading),
    }
}

/// Returns a response with a line of text.
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    (status, format!("{text}\n")).into_response()
}

/// Adds the tag of a page's or an answer's content.
pub(super) fn tagged(mut response: Response<Body>, tag: &str) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache::REVALIDATE);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Returns the response to a client that has the content with this tag.
pub(super) fn not_modified(tag: &str) -> Response<Body> {
    // The same as in the full response, which may be compressed.
    let vary = [(header::VARY, "accept-encoding")];
    tagged((StatusCode::NOT_MODIFIED, vary).into_response(), tag)
}
