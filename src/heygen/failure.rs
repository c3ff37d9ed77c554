//! What came back from one request: a whole reply, or a failure and what is known of its answer.
//!
//! Decides the kind of a failure (its exit code) and whether asking again can help. Knows HTTP
//! statuses and the faults of a connection; does not know when or how often to ask again.

use std::{error::Error as _, fmt, io, time::Duration};

use sha2::{Digest, Sha256};

use super::quote::Quote;
use crate::{error::Error, time::Timestamp, words::duration};

/// What a poll records of an answer, good or bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The HTTP status.
    pub status: u16,
    /// When the body had been received, or when reading it ended.
    pub received_at: Timestamp,
    /// `X-Request-Id`, cleaned, at most 200 characters.
    pub request_id: Option<String>,
    /// Size of the decoded body in bytes; `None` when it did not come whole.
    pub bytes: Option<u64>,
    /// SHA-256 of the decoded body, lower-case hex; `None` when it did not come whole.
    pub sha256: Option<String>,
    /// What the `deprecation` and `sunset` headers announce, for people.
    pub notice: Option<String>,
}

impl Trace {
    /// The same with the size and the hash of a body that came whole.
    pub(super) fn with_body(self, body: &[u8]) -> Self {
        let bytes = u64::try_from(body.len()).ok();
        Self { bytes, sha256: Some(hex(&Sha256::digest(body))), ..self }
    }
}

/// In lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer with status 200 whose body came whole.
pub struct Reply {
    /// What a poll records of it.
    pub trace: Trace,
    /// The decoded body.
    pub body: Vec<u8>,
}

/// Without the body: it holds signed URLs.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("trace", &self.trace).finish_non_exhaustive()
    }
}

/// Why a request gave no reply.
#[derive(Debug)]
pub struct Failure {
    /// The failure as the poll reports it.
    pub error: Error,
    /// What is known of the answer, where there was one.
    pub trace: Option<Box<Trace>>,
    /// Whether asking again can help.
    pub(super) passing: bool,
    /// Whether no complete answer came in time.
    pub(super) timed_out: bool,
    /// Whether the body of an error says something of v3.
    pub(super) points_to_v3: bool,
    /// The wait the API asked for.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that asking again does not cure.
    pub(super) fn lasting(error: Error) -> Self {
        Self {
            error,
            trace: None,
            passing: false,
            timed_out: false,
            points_to_v3: false,
            retry_after: None,
        }
    }

    /// A failure that may be gone at the next attempt.
    pub(super) fn passing(error: Error) -> Self {
        Self { passing: true, ..Self::lasting(error) }
    }

    /// The same, with what is known of the answer.
    pub(super) fn with(self, trace: Trace) -> Self {
        Self { trace: Some(Box::new(trace)), ..self }
    }

    /// An answer whose status is not 200. `said` is what its body may be quoted with. Retried are
    /// 429, 500, 502, 503 and 504, as the vendor's own client does.
    pub(super) fn of_status(
        source: &str,
        status: u16,
        said: Option<&str>,
        retry_after: Option<Duration>,
    ) -> Self {
        let said = said.map(|text| format!(" ({text})")).unwrap_or_default();
        let start = format!("{source} answered HTTP {status}{said}");
        match status {
            401 | 403 => Self::lasting(Error::refused(format!(
                "{start}: the API key was refused; check the key of this account"
            ))),
            429 | 500 | 502 | 503 | 504 => {
                Self { retry_after, ..Self::passing(Error::unavailable(start)) }
            }
            _ => Self::lasting(Error::not_a_catalogue(format!("{start}{}", remedy(status)))),
        }
    }

    /// A fault before the answer's head had come.
    pub(super) fn of_request(
        source: &str,
        fault: reqwest::Error,
        quote: &Quote,
        limit: Duration,
    ) -> Self {
        let fault = fault.without_url();
        let cause = quote.clean(&root_cause(&fault));
        if fault.is_builder() {
            return Self::lasting(Error::config(format!(
                "cannot ask {source}: {cause}; check api.base_url"
            )));
        }
        if fault.is_connect() {
            return Self::passing(Error::unavailable(format!(
                "cannot reach {source}: {cause}; check the network, the proxy and api.base_url"
            )));
        }
        if fault.is_timeout() {
            return Self::timed_out(source, limit);
        }
        Self::passing(Error::unavailable(format!("{source} broke off before it answered: {cause}")))
    }

    /// A fault while the body was read. A body that a connection lost is worth another attempt;
    /// one whose compression is broken is complete but wrong.
    pub(super) fn of_body(
        source: &str,
        fault: reqwest::Error,
        quote: &Quote,
        limit: Duration,
    ) -> Self {
        let fault = fault.without_url();
        let cause = quote.clean(&root_cause(&fault));
        if fault.is_timeout() {
            return Self::timed_out(source, limit);
        }
        if is_undecodable(&fault) {
            return Self::lasting(Error::not_a_catalogue(format!(
                "the answer of {source} cannot be decompressed: {cause}; nothing was changed"
            )));
        }
        Self::passing(Error::unavailable(format!("{source} broke off in its answer: {cause}")))
    }

    /// The whole request took too long. A slow list does not get faster by asking twice.
    fn timed_out(source: &str, limit: Duration) -> Self {
        let error = Error::unavailable(format!(
            "{source} gave no complete answer within {}; the list can take minutes: raise api.timeout",
            duration(limit)
        ));
        Self { timed_out: true, ..Self::lasting(error) }
    }

    /// The same for one page of many, which others came before: a connection that stalled is worth
    /// another attempt.
    pub(super) fn of_page(self) -> Self {
        Self { passing: self.passing || self.timed_out, ..self }
    }

    /// The body went over the cap.
    pub(super) fn too_large(source: &str, cap: u64) -> Self {
        Self::lasting(Error::not_a_catalogue(format!(
            "the answer of {source} is larger than {}; if that is right, raise api.max_response",
            bytesize::ByteSize(cap)
        )))
    }

    /// The same, saying also how the retries ended. Other failures than passing ones have none.
    pub(super) fn after(mut self, ending: &str) -> Self {
        if self.passing {
            self.error.message.push_str(ending);
        }
        self
    }
}

fn remedy(status: u16) -> &'static str {
    match status {
        304 => {
            ": \"not modified\" answers a question that was not asked, so a cache or proxy between here \
             and HeyGen is at fault; check the proxy and api.base_url"
        }
        300..=399 => {
            ": it points elsewhere, and redirects are not followed; check api.base_url, \
             and whether HeyGen has retired this list"
        }
        404 | 410 => {
            ": the list is not there; nothing was changed; check api.base_url, \
             and whether HeyGen has retired this list"
        }
        _ => ", which is not a catalogue; nothing was changed",
    }
}

/// The innermost cause: what the system said, without the layers around it.
fn root_cause(fault: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = fault;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether a decompressor found fault with its input, rather than the connection with its line.
/// Below reqwest's own layers the former is a bare I/O error, the latter one of the connection's.
/// Compressed data that merely ends too soon was cut off as well, only further up.
fn is_undecodable(fault: &reqwest::Error) -> bool {
    let mut cause = fault.source();
    while let Some(inner) = cause.and_then(|cause| cause.downcast_ref::<reqwest::Error>()) {
        cause = inner.source();
    }
    cause
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|error| error.kind() != io::ErrorKind::UnexpectedEof)
}
