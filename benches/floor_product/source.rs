//! The answer: a file, or an HTTP/1.1 GET without TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// What was received, with the head before the body.
pub struct Received {
    bytes: Vec<u8>,
    start: usize,
}

impl Received {
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

pub fn read(source: &str) -> Received {
    match source.strip_prefix("http://") {
        Some(rest) => get(rest),
        None => Received { bytes: std::fs::read(source).expect("reads the file"), start: 0 },
    }
}

fn get(rest: &str) -> Received {
    let (host, path) = rest.split_once('/').expect("a URL with a path");
    let key = std::env::var("HEYGEN_API_KEY").expect("HEYGEN_API_KEY");
    let mut stream = TcpStream::connect(host).expect("connects");
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n"
    )
    .expect("sends the request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("reads the answer");
    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "the status is not 200");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    Received { bytes, start: end + 4 }
}
