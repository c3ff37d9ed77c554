//! The type of a body, by its first bytes alone: a content has one name, regardless of how the
//! server or the URL names it. Knows no HTTP.

/// The number of first bytes that are enough.
pub const ENOUGH: usize = 4096;

/// A type of picture, video or sound that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The ending of its file name.
    pub ending: &'static str,
    /// Its media type.
    pub content_type: &'static str,
}

/// The types that are kept. No SVG: it can contain a script.
const KEPT: [(&str, &str); 19] = [
    ("webp", "image/webp"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("gif", "image/gif"),
    ("avif", "image/avif"),
    ("heif", "image/heif"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("mp4", "video/mp4"),
    ("m4v", "video/x-m4v"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mkv", "video/x-matroska"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/m4a"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/x-flac"),
    ("wav", "audio/x-wav"),
];

/// Returns the endings of the stored files' names.
pub fn endings() -> impl Iterator<Item = &'static str> {
    KEPT.into_iter().map(|(ending, _)| ending)
}

/// Returns the type of a body of `len` bytes that begins with `head`; `Err` is what it is instead.
pub fn detect(head: &[u8], len: u64) -> Result<Media, &'static str> {
    if len == 0 {
        return Err("the body is empty");
    }
    match found(head) {
        Some(_) if cut_off(head, len) => Err("the body is cut off"),
        Some(("bmp", _)) if !is_bmp(head) => Err(rejected_type(head)),
        Some((ending, content_type)) => Ok(Media { ending, content_type }),
        None => Err(rejected_type(head)),
    }
}

/// Returns the media type that the first bytes show, if it is kept.
pub fn kept(head: &[u8]) -> Option<&'static str> {
    found(head).map(|(_, content_type)| content_type)
}

fn found(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let found = infer::get(head)?.mime_type();
    KEPT.into_iter().find(|(_, kept)| *kept == found)
}

/// Returns whether a content contains its length, which is checked then.
pub fn contains_length(head: &[u8]) -> bool {
    announced_length(head).is_some()
}

/// Returns the length that a RIFF file (WebP, WAV) contains. A streamed recording does not contain
/// its own: the value is 0 or nearly the maximum of 32 bits.
fn announced_length(head: &[u8]) -> Option<u64> {
    match head {
        [b'R', b'I', b'F', b'F', a, b, c, d, kind @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            let unknown = kind.starts_with(b"WAVE") && (length == 0 || length >= 0x7FFF_FF00);
            (!unknown).then_some(8 + u64::from(length))
        }
        _ => None,
    }
}

/// Any text may begin with `BM`; a picture has four reserved bytes of zero, after its size.
fn is_bmp(head: &[u8]) -> bool {
    head.get(6..10) == Some(&[0; 4])
}

/// Returns whether the body is shorter than the length that it contains.
fn cut_off(head: &[u8], len: u64) -> bool {
    announced_length(head).is_some_and(|length| len < length)
}

fn rejected_type(head: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(head).to_lowercase();
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.contains("<svg") {
        "the body is SVG, which can carry scripts"
    } else if text.starts_with("<!doctype html") || text.contains("<html") {
        "the body is HTML, not a picture, video or sound"
    } else if text.starts_with('<') {
        "the body is XML, not a picture, video or sound"
    } else if text.starts_with(['{', '[']) {
        "the body is JSON, not a picture, video or sound"
    } else {
        "the body is of a type that is not a picture, video or sound"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_the_ending() {
        let ending = |head: &[u8]| detect(head, 1 << 30).map(|media| media.ending);
        assert_eq!(ending(b"RIFF\x08\0\0\0WEBPVP8 "), Ok("webp"));
        assert_eq!(ending(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Ok("png"));
        assert_eq!(ending(b"\xff\xd8\xff\xe0\0\x10JFIF"), Ok("jpg"));
        assert_eq!(ending(b"GIF89a\x01\0"), Ok("gif"));
        assert_eq!(ending(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0"), Ok("bmp"));
        assert_eq!(ending(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"), Ok("mp4"));
        assert_eq!(ending(b"ID3\x04\0\0\0\0\0\x23TSSE"), Ok("mp3"));
        assert_eq!(ending(b"\xff\xf3\x84\xc4\0\0\0\0"), Ok("mp3"));
        assert_eq!(ending(b"RIFF\x08\0\0\0WAVEfmt "), Ok("wav"));
        assert_eq!(ending(b"RIFF\xff\xff\xff\xffWAVEfmt "), Ok("wav"));
        assert_eq!(ending(b"\0\0\0\x18ftypisom\0\0\0\0mp42isom"), Ok("mp4"));
    }

    #[test]
    fn the_first_bytes_show_the_media_type() {
        assert_eq!(kept(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(kept(b"\0\0\0\x20ftypisom"), Some("video/mp4"));
        assert_eq!(kept(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"), Some("image/avif"));
        assert_eq!(kept(b"\0\0\0\x14ftypqt  \0\0\0\0qt  "), Some("video/quicktime"));
        let matroska =
            |kind: &[u8]| [b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", kind, &[0; 300]].concat();
        assert_eq!(kept(&matroska(b"\x42\x82\x84webm")), Some("video/webm"));
        assert_eq!(kept(&matroska(b"\x42\x82\x88matroska")), Some("video/x-matroska"));
        for mp3 in [b"ID3\x04\0\0", b"\xff\xfb\x90\x64\0\0", b"\xff\xf3\x84\xc4\0\0"] {
            assert_eq!(kept(mp3), Some("audio/mpeg"));
        }
        for other in [&b"<svg xmlns="[..], b"<html>", b""] {
            assert_eq!(kept(other), None);
        }
    }

    #[test]
    fn error_pages_and_what_can_carry_scripts_are_refused() {
        let rejection = |head: &[u8]| detect(head, head.len() as u64).unwrap_err();
        assert_eq!(rejection(b""), "the body is empty");
        assert!(rejection(b"<?xml version=\"1.0\"?><Error><Code>AccessDenied").contains("XML"));
        assert!(rejection(b" <!DOCTYPE html><html>").contains("HTML"));
        assert!(rejection(b"\n<html><body>").contains("HTML"));
        assert!(rejection(b"{\"error\":1}").contains("JSON"));
        assert!(rejection(b"<svg xmlns='http://www.w3.org/2000/svg'>").contains("SVG"));
        assert!(rejection(b"<?xml version='1.0'?><svg>").contains("SVG"));
        assert!(rejection(b"PK\x03\x04").contains("type"));
        assert!(rejection(b"BMW proxy: upstream unavailable").contains("type"));
        assert!(rejection(b"RIFF\xff\0\0\0WEBPVP8 ").contains("cut off"));
        assert!(rejection(b"RIFF\xff\0\0\0WAVEfmt ").contains("cut off"));
        assert!(!contains_length(b"RIFF\xff\xff\xff\xffWAVEfmt "));
    }
}
