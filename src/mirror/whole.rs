//! Downloads one preview into memory, for immediate use. Nothing is resumed and nothing is stored.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use reqwest::StatusCode;
use sha2::{Digest, Sha256};

use super::{
    guard,
    plan::Outcome,
    request::{Requests, detect, is_framed},
};
use crate::{catalog::record::SignedUrl, words::hex};

/// The timeout of one preview.
const LONGEST: Duration = Duration::from_secs(30);

/// A complete body of a type that the mirror keeps.
#[derive(Debug)]
pub struct Whole {
    /// The body.
    pub bytes: Bytes,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its media type, by its first bytes.
    pub content_type: &'static str,
}

/// Fetches the preview at a canonical URL, by its signed link if it has one. `received` counts the
/// bytes of bodies, including those that are refused.
pub async fn fetch_preview(
    requests: &Requests,
    url: &str,
    signed: Option<&SignedUrl>,
    received: &AtomicU64,
) -> Result<Whole, Outcome> {
    let late = Outcome::Passing("the download took too long".into(), None);
    let fetched = fetch(requests, url, signed, received);
    tokio::time::timeout(LONGEST, fetched).await.unwrap_or(Err(late))
}

async fn fetch(
    requests: &Requests,
    url: &str,
    signed: Option<&SignedUrl>,
    received: &AtomicU64,
) -> Result<Whole, Outcome> {
    let link = signed.map_or(url, SignedUrl::expose);
    if signed.is_some() && !guard::is_sent_as_written(link) {
        return Err(Outcome::Forbidden("its signed link cannot be sent byte for byte".into()));
    }
    let mut response = requests.ask(link, &[]).await?;
    if response.status() != StatusCode::OK {
        return Err(requests.refusal(signed.is_some(), &response));
    }
    if let Some(refused) = requests.head(&response) {
        return Err(refused);
    }
    let (framed, length) = (is_framed(&response), response.content_length());
    let mut body = Vec::new();
    let broken = |_| Outcome::Passing("the body was cut off".into(), None);
    while let Some(part) = response.chunk().await.map_err(broken)? {
        received.fetch_add(part.len() as u64, Ordering::Relaxed);
        if (body.len() + part.len()) as u64 > requests.longest() {
            return Err(requests.too_long());
        }
        body.extend_from_slice(&part);
    }
    if length.is_some_and(|length| length != body.len() as u64) {
        return Err(Outcome::Passing("the body was cut off".into(), None));
    }
    Whole::of(body, framed)
}

impl Whole {
    /// Checks that the mirror keeps this type; `framed` if a truncated body would be recognised.
    pub fn of(mut body: Vec<u8>, framed: bool) -> Result<Self, Outcome> {
        let content_type = detect(&body, body.len() as u64, framed)?.content_type;
        let sha256 = hex(&Sha256::digest(&body));
        // Its excess capacity would be kept, too.
        body.shrink_to_fit();
        Ok(Self { bytes: body.into(), sha256, content_type })
    }
}
