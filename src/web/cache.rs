//! When a browser may keep what it has: a page until something was polled or mirrored, a file for
//! ever. Pure.

use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::store::{browse::Mark, lock::hex};

/// For what is named by its content.
pub const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For pages: kept, but asked for each time.
pub const ASK: HeaderValue = HeaderValue::from_static("private, no-cache");
/// For what must not be kept.
pub const NEVER: HeaderValue = HeaderValue::from_static("no-store");

/// The tag of a page. Weak, since it may travel compressed or not.
pub fn tag(mark: &Mark, moment: &str, url: &str) -> String {
    let mut hash = Sha256::new();
    for part in [build(), &format!("{mark:?}"), moment, url, &super::assets::paths().concat()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("W/\"{}\"", &hex(&hash.finalize())[..32])
}

/// The build: the version, and when the program's file was written.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let written = std::env::current_exe().and_then(|exe| exe.metadata()?.modified());
        format!("{} {written:?}", env!("CARGO_PKG_VERSION"))
    })
}

/// Whether the browser has what is tagged `tag`.
pub fn has(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}
