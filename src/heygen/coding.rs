//! Content codings (RFC 9110, section 8.4): case-insensitive names, `x-gzip` for `gzip`, several
//! codings in sequence, and gzip with several members.
//!
//! Converts a response into a reader of its decoded body. The caller limits how much is read.

use std::{io, pin::Pin};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use futures_util::TryStreamExt;
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, HeaderMap},
};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};
use tokio_util::io::StreamReader;

/// The supported codings, as the value of `accept-encoding`.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

/// A body that is being read.
pub(super) type DecodedBody = Pin<Box<dyn AsyncRead + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// Returns the decoded body of `response`. A fault of the connection is an I/O error that contains
/// the [`reqwest::Error`]; a fault of the data is one that does not.
///
/// # Errors
/// The name of an unknown coding.
pub(super) fn decoded(response: Response) -> Result<DecodedBody, String> {
    let codings = codings(response.headers())?;
    let pieces = response.bytes_stream().map_err(io::Error::other);
    let mut body: Pin<Box<dyn AsyncBufRead + Send>> = Box::pin(StreamReader::new(pieces));
    // Codings are listed in the order in which they were applied.
    for coding in codings.into_iter().rev() {
        body = Box::pin(BufReader::new(decoder(coding, body)));
    }
    Ok(Box::pin(body))
}

fn decoder(coding: Coding, body: Pin<Box<dyn AsyncBufRead + Send>>) -> DecodedBody {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(body);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Coding::Brotli => Box::pin(BrotliDecoder::new(body)),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::new(body);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Returns the codings of a body, in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let names = values.iter().flat_map(|value| value.split(',')).map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    let coding = |name: &str| match name.to_ascii_lowercase().as_str() {
        "identity" => None,
        "gzip" | "x-gzip" => Some(Ok(Coding::Gzip)),
        "br" => Some(Ok(Coding::Brotli)),
        "zstd" => Some(Ok(Coding::Zstd)),
        _ => Some(Err(name.to_owned())),
    };
    names.filter_map(coding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_known_by_all_their_names_and_in_their_order() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            codings(&headers)
        };
        assert_eq!(of(&[]), Ok(vec![]));
        assert_eq!(of(&["X-GZip"]), Ok(vec![Coding::Gzip]));
        assert_eq!(of(&["identity, Br", " zstd,"]), Ok(vec![Coding::Brotli, Coding::Zstd]));
        assert_eq!(of(&["gzip, compress"]), Err("compress".into()));
    }
}
