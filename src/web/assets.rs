//! The style sheet, the script and the icon. They are part of the binary and named by their content, so
//! browsers cache them without revalidation.

use std::sync::OnceLock;

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
    response::IntoResponse,
};
use sha2::{Digest, Sha256};

use super::cache;
use crate::words::hex;

/// The style sheet.
pub const CSS: &str = include_str!("../../templates/gallery.css");
/// The script.
pub const JS: &str = include_str!("../../templates/gallery.js");
/// The icon.
const ICON: &str = include_str!("../../templates/icon.svg");

struct StaticFile {
    name: String,
    content_type: &'static str,
    body: &'static str,
}

fn all() -> &'static [StaticFile; 3] {
    static ALL: OnceLock<[StaticFile; 3]> = OnceLock::new();
    ALL.get_or_init(|| {
        let asset = |end: &str, content_type, body: &'static str| {
            let hash = hex(&Sha256::digest(body));
            StaticFile { name: format!("{}.{end}", &hash[..16]), content_type, body }
        };
        [
            asset("css", "text/css; charset=utf-8", CSS),
            asset("js", "text/javascript; charset=utf-8", JS),
            asset("svg", "image/svg+xml", ICON),
        ]
    })
}

/// Returns the paths of the style sheet, the script and the icon.
pub fn paths() -> [String; 3] {
    all().each_ref().map(|asset| format!("/assets/{}", asset.name))
}

/// Returns the response with the file of this name, if there is one.
pub fn response(name: &str) -> Option<Response<Body>> {
    let asset = all().iter().find(|asset| asset.name == name)?;
    let content_type = HeaderValue::from_static(asset.content_type);
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache::IMMUTABLE)];
    Some((headers, asset.body).into_response())
}
