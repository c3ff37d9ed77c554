//! The result of one request: a complete reply, or a failure with what is known of its answer.
//!
//! Decides the kind of a failure (its exit code) and whether a retry can help. Knows HTTP statuses
//! and connection faults; does not know when or how often to retry.

use std::{fmt, io, time::Duration};

use sha2::{Digest, Sha256};

use super::quote::{ErrorBody, Quote};
use crate::{
    error::{Error, causes, root_cause},
    time::Timestamp,
    words::{duration, hex},
};

/// What a poll records of an answer, successful or not; empty if there was no answer at all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The HTTP status; `None` also for a saved answer.
    pub status: Option<u16>,
    /// When the body had been received, or when reading it ended.
    pub received_at: Option<Timestamp>,
    /// The API's id of the request, cleaned, at most 200 characters.
    pub request_id: Option<String>,
    /// The size of the decoded body in bytes; `None` if it was not received completely.
    pub bytes: Option<u64>,
    /// SHA-256 of the decoded body, lower-case hex; `None` if it was not received completely.
    pub sha256: Option<String>,
    /// The end of the API that headers and body announce, and why the list may be incomplete.
    pub notice: Option<String>,
}

impl Trace {
    /// Adds the size and the hash of a body that was received completely.
    pub(super) fn with_body(self, body: &[u8]) -> Self {
        let bytes = u64::try_from(body.len()).ok();
        Self { bytes, sha256: Some(hex(&Sha256::digest(body))), ..self }
    }
}

/// An answer with status 200 whose body was received completely.
pub struct Reply {
    /// What a poll records of it.
    pub trace: Trace,
    /// The decoded body.
    pub body: Vec<u8>,
}

/// Omits the body: it contains signed URLs.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("trace", &self.trace).finish_non_exhaustive()
    }
}

/// What a failure shows about the requested version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing, and another version would fail in the same way: no connection, the key, a limit.
    Blocked,
    /// The version exists, but not for this key, or its list is larger than the cap.
    There,
    /// No catalogue was received; whether the version exists is unknown.
    Unclear,
    /// The version is gone: the status or the error's own message shows it.
    Gone,
}

/// The end of the message of a failure that may be temporary.
pub(super) const TRY_LATER: &str = "; try again later";
/// The end of the message of a timeout.
const RAISE_TIMEOUT: &str = "; the list can take minutes: raise api.timeout";

/// Returns the message of a failure without its advice, for a caller that adds its own.
pub fn without_advice(message: &str) -> &str {
    let short = [TRY_LATER, RAISE_TIMEOUT].iter().find_map(|advice| message.strip_suffix(advice));
    short.unwrap_or(message)
}

/// Why a request gave no reply.
#[derive(Debug)]
pub struct Failure {
    /// The failure as the poll reports it.
    pub error: Error,
    /// What is known of the answer, if there was one.
    pub trace: Option<Box<Trace>>,
    /// What the failure shows about the requested version.
    pub presence: Presence,
    /// Whether a retry can help.
    pub(super) transient: bool,
    /// Whether no complete answer was received in time.
    pub(super) timed_out: bool,
    /// The wait the API asked for.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// Creates a failure that a retry does not fix.
    pub(super) fn permanent(error: Error, presence: Presence) -> Self {
        Self { error, trace: None, presence, transient: false, timed_out: false, retry_after: None }
    }

    /// Creates a failure that a retry may fix.
    pub(super) fn transient(error: Error, presence: Presence) -> Self {
        Self { transient: true, ..Self::permanent(error, presence) }
    }

    /// Adds what is known of the answer.
    pub(super) fn with(self, trace: Trace) -> Self {
        Self { trace: Some(Box::new(trace)), ..self }
    }

    /// Creates the failure of an answer whose status is not 200; `body` is the contents of its
    /// body. The statuses 429, 500, 502, 503 and 504 are retried, as in the vendor's own client.
    pub(super) fn of_status(
        source: &str,
        status: u16,
        body: &ErrorBody,
        retry_after: Option<Duration>,
    ) -> Self {
        let quoted = body.text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
        let start = format!("{source} answered HTTP {status}{quoted}");
        let presence = presence(status, body);
        match status {
            401..=403 => {
                let refusal = refusal(status, body);
                Self::permanent(Error::refused(format!("{start}: {refusal}")), presence)
            }
            429 | 500 | 502 | 503 | 504 => {
                Self { retry_after, ..Self::transient(Error::unavailable(start), presence) }
            }
            _ => {
                let error = Error::not_a_catalogue(format!("{start}{}", meaning(status)));
                Self::permanent(error, presence)
            }
        }
    }

    /// Creates the failure of a request for which no response head was received.
    pub(super) fn of_request(
        source: &str,
        fault: reqwest::Error,
        quote: &Quote,
        limit: Duration,
    ) -> Self {
        let fault = fault.without_url();
        let cause = quote.clean(&root_cause(&fault));
        if fault.is_builder() {
            return Self::permanent(
                Error::config(format!(
                    "cannot send a request to {source}: {cause}; check api.base_url"
                )),
                Presence::Blocked,
            );
        }
        if is_untrusted(&fault) {
            let error = Error::unavailable(format!(
                "the certificate of {source} is not trusted ({cause}); if a proxy or a server of \
                 your own presents it, add its CA certificate to the system's, or name a file of \
                 certificates in SSL_CERT_FILE"
            ));
            return Self::permanent(error, Presence::Blocked);
        }
        if fault.is_connect() {
            let error = Error::unavailable(format!(
                "cannot reach {source}: {cause}; check the network, the proxy and api.base_url"
            ));
            return Self::transient(error, Presence::Blocked);
        }
        if fault.is_timeout() {
            return Self::timed_out(source, limit);
        }
        let error = Error::unavailable(format!(
            "the connection to {source} broke before it answered: {cause}"
        ));
        Self::transient(error, Presence::Unclear)
    }

    /// Creates the failure of a body that could not be read. A body that a connection cut off is
    /// retried; one whose compression is broken is complete but wrong.
    pub(super) fn of_body(source: &str, fault: io::Error, quote: &Quote, limit: Duration) -> Self {
        let kind = fault.kind();
        let fault = fault.downcast::<reqwest::Error>().map(reqwest::Error::without_url);
        let (cause, of_connection, in_time) = match &fault {
            Ok(fault) => (root_cause(fault), true, !fault.is_timeout()),
            // Compressed data that merely ends too early was cut off as well, further upstream.
            Err(fault) => (fault.to_string(), kind == io::ErrorKind::UnexpectedEof, true),
        };
        let cause = quote.clean(&cause);
        if !in_time {
            return Self::timed_out(source, limit);
        }
        if !of_connection {
            return Self::undecodable(source, &cause);
        }
        let error = Error::unavailable(format!(
            "the connection to {source} broke during its answer: {cause}"
        ));
        Self::transient(error, Presence::Unclear)
    }

    /// Creates the failure of a body that does not match its content coding, or has an unknown one.
    pub(super) fn undecodable(source: &str, cause: &str) -> Self {
        let error = Error::not_a_catalogue(format!(
            "the answer of {source} cannot be decompressed: {cause}; nothing was changed"
        ));
        Self::permanent(error, Presence::Unclear)
    }

    /// Creates the failure of a request that took too long as a whole. A retry would be as slow.
    fn timed_out(source: &str, limit: Duration) -> Self {
        let error = Error::unavailable(format!(
            "{source} gave no complete answer within {}{RAISE_TIMEOUT}",
            duration(limit)
        ));
        Self { timed_out: true, ..Self::permanent(error, Presence::Unclear) }
    }

    /// Returns the failure as that of one page of many: a timeout is retried, since the connection
    /// may have stalled.
    pub(super) fn of_page(self) -> Self {
        Self { transient: self.transient || self.timed_out, ..self }
    }

    /// Creates the failure of a body that is larger than the cap.
    pub(super) fn too_large(source: &str, cap: u64) -> Self {
        let error = Error::not_a_catalogue(format!(
            "the answer of {source} is larger than {}; if that is right, raise api.max_response",
            bytesize::ByteSize(cap)
        ));
        Self::permanent(error, Presence::There)
    }

    /// Adds how the retries ended to the message. Failures without retries are not changed.
    pub(super) fn after(mut self, ending: &str) -> Self {
        if self.transient {
            self.error.message.push_str(ending);
        }
        self
    }
}

/// Returns what a status other than 200 shows about the requested version.
fn presence(status: u16, body: &ErrorBody) -> Presence {
    match status {
        401 | 402 | 429 => Presence::Blocked,
        _ if body.names_v3 => Presence::Gone,
        300..=303 | 307 | 308 | 404 | 405 | 410 | 501 => Presence::Gone,
        403 => Presence::There,
        _ => Presence::Unclear,
    }
}

/// Returns what a refusal means and what to do. The API's code and message are quoted before it.
fn refusal(status: u16, body: &ErrorBody) -> String {
    match (status, &body.scope) {
        (401, _) => "the API key was refused; check the key of this account".into(),
        (402, _) => {
            "the key is valid, but the account's plan or credit does not allow this; check \
                     the account at HeyGen"
                .into()
        }
        (_, Some(scope)) => format!(
            "the key is valid, but lacks the scope {scope}; add it to the key at HeyGen, or use \
             another key"
        ),
        _ if body.lacks_scope => {
            "the key is valid, but lacks a scope; add it to the key at HeyGen, \
                                  or use another key"
                .into()
        }
        _ => "the key is valid, but may not read this list; check what HeyGen allows this key and \
              its account"
            .into(),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        304 => {
            ": \"not modified\", although the request was not conditional, so a cache or proxy \
             between here and HeyGen is at fault; check the proxy and api.base_url"
        }
        300..=399 => ": redirects are not followed; nothing was changed",
        404 | 405 | 410 | 501 => ": there is no such list; nothing was changed",
        _ => ", which is not a catalogue; nothing was changed",
    }
}

/// Returns whether the peer's certificate was refused: a retry would end in the same way.
fn is_untrusted(fault: &reqwest::Error) -> bool {
    causes(fault).any(holds_certificate_fault)
}

/// Returns whether `fault` is one of a certificate. The `source` of an I/O error skips its inner
/// one.
fn holds_certificate_fault(fault: &(dyn std::error::Error + 'static)) -> bool {
    match fault.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => holds_certificate_fault(held),
        None => matches!(fault.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))),
    }
}
