//! The entity tags by which browsers revalidate stored responses.

use std::sync::OnceLock;

use axum::http::{HeaderMap, header, request::Parts};
use sha2::{Digest, Sha256};

use super::assets;
use crate::{store::browse::Stamp, words::hex};

/// Returns the tag of a page. It is weak, because the page may be sent compressed or not.
pub fn tag(stamp: &Stamp, moment: &str, url: &str) -> String {
    let mut hash = Sha256::new();
    for part in [build(), &format!("{stamp:?}"), moment, url, &assets::paths().concat()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("W/\"{}\"", &hex(&hash.finalize())[..32])
}

/// Returns the path and the query of a request.
pub fn url(request: &Parts) -> String {
    request.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

/// Returns an identifier of the build: the version, and when the executable was written.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let written = std::env::current_exe().and_then(|exe| exe.metadata()?.modified());
        format!("{} {written:?}", env!("CARGO_PKG_VERSION"))
    })
}

/// Returns whether the browser has the response with this tag. `*` is not accepted: it names no response.
pub fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| opaque(known) == opaque(tag))
}
