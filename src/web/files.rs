//! Mirrored pictures and videos, by hash: whole or a range of them, as what their first bytes say
//! they are.
//!
//! It knows where the store keeps a content (`sha256/ab/HASH.TYPE`), and nothing of the catalogue.

use std::{
    io::SeekFrom,
    path::{Path, PathBuf},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use futures_util::stream;
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::cache;

/// So much is read and sent at a time.
const CHUNK: usize = 64 * 1024;

/// The answer to a request for a content; `None` where the store does not have it.
pub async fn response(
    store: &Path,
    hash: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let path = find(store, hash).await?;
    let mut file = File::open(&path).await.ok()?;
    let length = file.metadata().await.ok().filter(|meta| meta.is_file())?.len();
    let mut head = [0; 16];
    let known = file.read(&mut head).await.ok()?;
    let tag = format!("\"{hash}\"");
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), media_type(&head[..known]), hash, &tag);
    if cache::has(headers, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    let (from, until) = match wanted(headers, length, &tag) {
        Wanted::All => (0, length),
        Wanted::Part(from, until) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {from}-{}/{length}", until - 1);
            insert(response.headers_mut(), header::CONTENT_RANGE, &range);
            (from, until)
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let range = format!("bytes */{length}");
            insert(response.headers_mut(), header::CONTENT_RANGE, &range);
            return Some(response);
        }
    };
    insert(response.headers_mut(), header::CONTENT_LENGTH, &(until - from).to_string());
    if method != Method::HEAD {
        file.seek(SeekFrom::Start(from)).await.ok()?;
        *response.body_mut() = body(file, until - from);
    }
    Some(response)
}

/// The file of a hash, whatever its ending. Nothing but 64 hex digits names one.
async fn find(store: &Path, hash: &str) -> Option<PathBuf> {
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let folder = store.join("sha256").join(is_hash.then(|| &hash[..2])?);
    for end in ENDINGS {
        let path = folder.join(format!("{hash}{end}"));
        if fs::try_exists(&path).await.unwrap_or(false) {
            return Some(path);
        }
    }
    let mut entries = fs::read_dir(&folder).await.ok()?;
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let own = name.to_str().and_then(|name| name.strip_prefix(hash));
        if own.is_some_and(|end| end.starts_with('.')) {
            return Some(entry.path());
        }
    }
    None
}

/// The endings that are tried before a look into the folder.
const ENDINGS: [&str; 8] = [".webp", ".jpg", ".png", ".mp4", ".jpeg", ".webm", ".gif", ""];

fn describe(headers: &mut HeaderMap, media: Option<&'static str>, hash: &str, tag: &str) {
    insert(headers, header::CONTENT_TYPE, media.unwrap_or("application/octet-stream"));
    if media.is_none() {
        let name = format!("attachment; filename=\"{}.bin\"", &hash[..16]);
        insert(headers, header::CONTENT_DISPOSITION, &name);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, cache::FOR_EVER);
    insert(headers, header::ETAG, tag);
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// By the first bytes. What is not one of these is a download.
fn media_type(head: &[u8]) -> Option<&'static str> {
    let at = |from: usize, bytes: &[u8]| head.get(from..from + bytes.len()) == Some(bytes);
    match () {
        () if at(0, b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        () if at(0, b"\xff\xd8\xff") => Some("image/jpeg"),
        () if at(0, b"RIFF") && at(8, b"WEBP") => Some("image/webp"),
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Some("image/gif"),
        () if at(4, b"ftyp") => Some("video/mp4"),
        () if at(0, b"\x1a\x45\xdf\xa3") => Some("video/webm"),
        () => None,
    }
}

/// What of a content is wanted: bytes from, until.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(u64, u64),
    Nothing,
}

/// One range is served; several, or one that cannot be read, mean all of it.
fn wanted(headers: &HeaderMap, length: u64, tag: &str) -> Wanted {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Wanted::All;
    }
    let range = text(header::RANGE).and_then(|range| range.strip_prefix("bytes="));
    let Some((from, last)) = range.and_then(|range| range.trim().split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (number(from), number(last), from.is_empty(), last.is_empty()) {
        (Some(from), _, _, true) if from < length => Wanted::Part(from, length),
        (Some(from), Some(last), ..) if from <= last && from < length => {
            Wanted::Part(from, last.saturating_add(1).min(length))
        }
        (None, Some(last), true, _) if last > 0 && length > 0 => {
            Wanted::Part(length.saturating_sub(last), length)
        }
        (Some(from), ..) if from >= length => Wanted::Nothing,
        (None, Some(0), true, _) => Wanted::Nothing,
        _ => Wanted::All,
    }
}

fn body(file: File, length: u64) -> Body {
    let chunks = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    });
    Body::from_stream(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_browsers_write_it() {
        let ask = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            wanted(&headers, 100, "\"t\"")
        };
        assert_eq!(ask("bytes=0-"), Wanted::Part(0, 100));
        assert_eq!(ask("bytes=10-19"), Wanted::Part(10, 20));
        assert_eq!(ask("bytes=90-500"), Wanted::Part(90, 100));
        assert_eq!(ask("bytes=-10"), Wanted::Part(90, 100));
        assert_eq!(ask("bytes=-500"), Wanted::Part(0, 100));
        assert_eq!(ask("bytes=100-"), Wanted::Nothing);
        assert_eq!(ask("bytes=-0"), Wanted::Nothing);
        for all in ["bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=-"] {
            assert_eq!(ask(all), Wanted::All, "{all}");
        }
    }

    #[test]
    fn only_pictures_and_videos_have_a_type() {
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(media_type(b"\0\0\0\x20ftypisom"), Some("video/mp4"));
        assert_eq!(media_type(b"<svg xmlns="), None);
        assert_eq!(media_type(b"<html>"), None);
        assert_eq!(media_type(b""), None);
    }
}
