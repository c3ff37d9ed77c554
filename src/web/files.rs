//! Mirrored files by hash (`sha256/ab/HASH.TYPE`), whole or as a range, with the media type that their
//! first bytes show.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use futures_util::TryStreamExt;

use super::{cache, etag};
use crate::{
    error::Result,
    mirror::{Blobs, sniff},
};

/// Returns the response with a file; `None` if the store does not have it.
pub async fn response(
    store: &Blobs,
    hash: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Response<Body>>> {
    let Some((file, length)) = find(store, hash).await? else { return Ok(None) };
    let head = beginning(store, &file, length).await?;
    let (mut response, part) = outline(headers, hash, sniff::kept(&head), length);
    response.headers_mut().insert(header::CACHE_CONTROL, cache::IMMUTABLE);
    if let Some((from, until)) = part.filter(|(from, until)| method != Method::HEAD && until > from)
    {
        *response.body_mut() = Body::from_stream(store.part(&file, from..until).await?);
    }
    Ok(Some(response))
}

/// Returns the response without its body, and the range (from, until) of the bytes to send as the body.
pub fn outline(
    headers: &HeaderMap,
    hash: &str,
    media: Option<&'static str>,
    length: u64,
) -> (Response<Body>, Option<(u64, u64)>) {
    let tag = format!("\"{hash}\"");
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), media, hash, &tag);
    if etag::matches(headers, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return (response, None);
    }
    let (from, until) = match requested(headers, length, &tag) {
        ByteRange::All => (0, length),
        ByteRange::Part(from, until) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {from}-{}/{length}", until - 1);
            insert(response.headers_mut(), header::CONTENT_RANGE, &range);
            (from, until)
        }
        ByteRange::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let range = format!("bytes */{length}");
            insert(response.headers_mut(), header::CONTENT_RANGE, &range);
            return (response, None);
        }
    };
    insert(response.headers_mut(), header::CONTENT_LENGTH, &(until - from).to_string());
    (response, Some((from, until)))
}

/// Returns the name and the size of a file; `None` if it is missing or `hash` is not 64 hex digits.
async fn find(store: &Blobs, hash: &str) -> Result<Option<(String, u64)>> {
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash {
        return Ok(None);
    }
    for ending in sniff::endings() {
        let file = format!("sha256/{}/{hash}.{ending}", &hash[..2]);
        if let Some(length) = store.size(&file).await? {
            return Ok(Some((file, length)));
        }
    }
    Ok(None)
}

/// Returns the first bytes, which show the media type.
async fn beginning(store: &Blobs, file: &str, length: u64) -> Result<Vec<u8>> {
    let mut head = vec![];
    if length > 0 {
        let mut stream = store.part(file, 0..length.min(sniff::ENOUGH as u64)).await?;
        while let Some(bytes) = stream.try_next().await? {
            let bytes: Bytes = bytes;
            head.extend_from_slice(&bytes);
        }
    }
    Ok(head)
}

fn describe(headers: &mut HeaderMap, media: Option<&'static str>, hash: &str, tag: &str) {
    insert(headers, header::CONTENT_TYPE, media.unwrap_or("application/octet-stream"));
    if media.is_none() {
        let name = format!("attachment; filename=\"{}.bin\"", &hash[..16]);
        insert(headers, header::CONTENT_DISPOSITION, &name);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(headers, header::ETAG, tag);
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The requested part of a file: from (inclusive) and until (exclusive), in bytes.
#[derive(Debug, PartialEq, Eq)]
enum ByteRange {
    All,
    Part(u64, u64),
    Nothing,
}

/// Returns the requested range; several ranges or an unreadable one mean the whole file.
fn requested(headers: &HeaderMap, length: u64, tag: &str) -> ByteRange {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|known| known != tag) {
        return ByteRange::All;
    }
    let range = text(header::RANGE).and_then(|range| range.strip_prefix("bytes="));
    let Some((from, last)) = range.and_then(|range| range.trim().split_once('-')) else {
        return ByteRange::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (number(from), number(last), from.is_empty(), last.is_empty()) {
        (Some(from), _, _, true) if from < length => ByteRange::Part(from, length),
        (Some(from), Some(last), ..) if from <= last && from < length => {
            ByteRange::Part(from, last.saturating_add(1).min(length))
        }
        (None, Some(last), true, _) if last > 0 && length > 0 => {
            ByteRange::Part(length.saturating_sub(last), length)
        }
        (Some(from), ..) if from >= length => ByteRange::Nothing,
        (None, Some(0), true, _) => ByteRange::Nothing,
        _ => ByteRange::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_browsers_write_it() {
        let ask = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            requested(&headers, 100, "\"t\"")
        };
        assert_eq!(ask("bytes=0-"), ByteRange::Part(0, 100));
        assert_eq!(ask("bytes=10-19"), ByteRange::Part(10, 20));
        assert_eq!(ask("bytes=90-500"), ByteRange::Part(90, 100));
        assert_eq!(ask("bytes=-10"), ByteRange::Part(90, 100));
        assert_eq!(ask("bytes=-500"), ByteRange::Part(0, 100));
        assert_eq!(ask("bytes=100-"), ByteRange::Nothing);
        assert_eq!(ask("bytes=-0"), ByteRange::Nothing);
        for all in ["bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=-"] {
            assert_eq!(ask(all), ByteRange::All, "{all}");
        }
    }
}
