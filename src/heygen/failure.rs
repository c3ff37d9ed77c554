//! What came back from one request: a whole reply, or a failure and what is known of its answer.
//!
//! Decides the kind of a failure (its exit code) and whether asking again can help. Knows HTTP
//! statuses and the faults of a connection; does not know when or how often to ask again.

use std::{error::Error as _, fmt, io, time::Duration};

use sha2::{Digest, Sha256};

use super::quote::{Quote, Said};
use crate::{
    error::Error,
    time::Timestamp,
    words::{duration, hex},
};

/// What a poll records of an answer, good or bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The HTTP status.
    pub status: u16,
    /// When the body had been received, or when reading it ended.
    pub received_at: Timestamp,
    /// The API's own name for the request, cleaned, at most 200 characters.
    pub request_id: Option<String>,
    /// Size of the decoded body in bytes; `None` when it did not come whole.
    pub bytes: Option<u64>,
    /// SHA-256 of the decoded body, lower-case hex; `None` when it did not come whole.
    pub sha256: Option<String>,
    /// The end of the API that the headers, and the body of an error, announce.
    pub notice: Option<String>,
}

impl Trace {
    /// The same with the size and the hash of a body that came whole.
    pub(super) fn with_body(self, body: &[u8]) -> Self {
        let bytes = u64::try_from(body.len()).ok();
        Self { bytes, sha256: Some(hex(&Sha256::digest(body))), ..self }
    }
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

/// What a failure shows about the version of the API that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing, and another version would fail alike: no connection, the key, a limit.
    Blocked,
    /// It is there, but not for this key, or its list is larger than the cap.
    There,
    /// No catalogue came; whether the version is there is not known.
    Unclear,
    /// It is gone: the status or the error's own message shows it.
    Gone,
}

/// What ends the message of a failure that may be gone later.
pub(super) const TRY_LATER: &str = "; try again later";
/// What ends the message of one that took too long.
const RAISE_TIMEOUT: &str = "; the list can take minutes: raise api.timeout";

/// The message of a failure without its advice, where another one takes its place.
pub fn without_advice(message: &str) -> &str {
    let short = [TRY_LATER, RAISE_TIMEOUT].iter().find_map(|advice| message.strip_suffix(advice));
    short.unwrap_or(message)
}

/// Why a request gave no reply.
#[derive(Debug)]
pub struct Failure {
    /// The failure as the poll reports it.
    pub error: Error,
    /// What is known of the answer, where there was one.
    pub trace: Option<Box<Trace>>,
    /// What it shows about the version that was asked.
    pub presence: Presence,
    /// Whether asking again can help.
    pub(super) passing: bool,
    /// Whether no complete answer came in time.
    pub(super) timed_out: bool,
    /// The wait the API asked for.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that asking again does not cure.
    pub(super) fn lasting(error: Error, presence: Presence) -> Self {
        Self { error, trace: None, presence, passing: false, timed_out: false, retry_after: None }
    }

    /// A failure that may be gone at the next attempt.
    pub(super) fn passing(error: Error, presence: Presence) -> Self {
        Self { passing: true, ..Self::lasting(error, presence) }
    }

    /// The same, with what is known of the answer.
    pub(super) fn with(self, trace: Trace) -> Self {
        Self { trace: Some(Box::new(trace)), ..self }
    }

    /// An answer whose status is not 200. `said` is what its body says. Retried are 429, 500, 502,
    /// 503 and 504, as the vendor's own client does.
    pub(super) fn of_status(
        source: &str,
        status: u16,
        said: &Said,
        retry_after: Option<Duration>,
    ) -> Self {
        let quoted = said.text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
        let start = format!("{source} answered HTTP {status}{quoted}");
        let presence = presence(status, said);
        match status {
            401..=403 => {
                let refusal = refusal(status, said);
                Self::lasting(Error::refused(format!("{start}: {refusal}")), presence)
            }
            429 | 500 | 502 | 503 | 504 => {
                Self { retry_after, ..Self::passing(Error::unavailable(start), presence) }
            }
            _ => {
                let error = Error::not_a_catalogue(format!("{start}{}", meaning(status)));
                Self::lasting(error, presence)
            }
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
            return Self::lasting(
                Error::config(format!("cannot ask {source}: {cause}; check api.base_url")),
                Presence::Blocked,
            );
        }
        if is_untrusted(&fault) {
            let error = Error::unavailable(format!(
                "the certificate of {source} is not trusted ({cause}); if a proxy or a server of \
                 your own presents it, add its CA certificate to the system's, or name a file of \
                 certificates in SSL_CERT_FILE"
            ));
            return Self::lasting(error, Presence::Blocked);
        }
        if fault.is_connect() {
            let error = Error::unavailable(format!(
                "cannot reach {source}: {cause}; check the network, the proxy and api.base_url"
            ));
            return Self::passing(error, Presence::Blocked);
        }
        if fault.is_timeout() {
            return Self::timed_out(source, limit);
        }
        let error = Error::unavailable(format!("{source} broke off before it answered: {cause}"));
        Self::passing(error, Presence::Unclear)
    }

    /// A fault while the body was read. A body that a connection lost is worth another attempt;
    /// one whose compression is broken is complete but wrong.
    pub(super) fn of_body(source: &str, fault: io::Error, quote: &Quote, limit: Duration) -> Self {
        let kind = fault.kind();
        let fault = fault.downcast::<reqwest::Error>().map(reqwest::Error::without_url);
        let (cause, of_connection, in_time) = match &fault {
            Ok(fault) => (root_cause(fault), true, !fault.is_timeout()),
            // Compressed data that merely ends too soon was cut off as well, only further up.
            Err(fault) => (fault.to_string(), kind == io::ErrorKind::UnexpectedEof, true),
        };
        let cause = quote.clean(&cause);
        if !in_time {
            return Self::timed_out(source, limit);
        }
        if !of_connection {
            return Self::undecodable(source, &cause);
        }
        let error = Error::unavailable(format!("{source} broke off in its answer: {cause}"));
        Self::passing(error, Presence::Unclear)
    }

    /// A body that is not what its content coding says, or of an unknown coding.
    pub(super) fn undecodable(source: &str, cause: &str) -> Self {
        let error = Error::not_a_catalogue(format!(
            "the answer of {source} cannot be decompressed: {cause}; nothing was changed"
        ));
        Self::lasting(error, Presence::Unclear)
    }

    /// The whole request took too long. A slow list does not get faster by asking twice.
    fn timed_out(source: &str, limit: Duration) -> Self {
        let error = Error::unavailable(format!(
            "{source} gave no complete answer within {}{RAISE_TIMEOUT}",
            duration(limit)
        ));
        Self { timed_out: true, ..Self::lasting(error, Presence::Unclear) }
    }

    /// The same for one page of many, which others came before: a connection that stalled is worth
    /// another attempt.
    pub(super) fn of_page(self) -> Self {
        Self { passing: self.passing || self.timed_out, ..self }
    }

    /// The body went over the cap.
    pub(super) fn too_large(source: &str, cap: u64) -> Self {
        let error = Error::not_a_catalogue(format!(
            "the answer of {source} is larger than {}; if that is right, raise api.max_response",
            bytesize::ByteSize(cap)
        ));
        Self::lasting(error, Presence::There)
    }

    /// The same, saying also how the retries ended. Other failures than passing ones have none.
    pub(super) fn after(mut self, ending: &str) -> Self {
        if self.passing {
            self.error.message.push_str(ending);
        }
        self
    }
}

/// What an answer that is not 200 shows about the version that was asked.
fn presence(status: u16, said: &Said) -> Presence {
    match status {
        401 | 402 | 429 => Presence::Blocked,
        _ if said.names_v3 => Presence::Gone,
        300..=303 | 307 | 308 | 404 | 405 | 410 | 501 => Presence::Gone,
        403 => Presence::There,
        _ => Presence::Unclear,
    }
}

/// What a refusal means, and what to do. The API's own code and message are quoted before it.
fn refusal(status: u16, said: &Said) -> String {
    match (status, &said.scope) {
        (401, _) => "the API key was refused; check the key of this account".into(),
        (402, _) => "the key is valid, but the account's plan or credit does not allow this; \
                     look at the account at HeyGen"
            .into(),
        (_, Some(scope)) => format!(
            "the key is valid, but lacks the scope {scope}; add it to the key at HeyGen, or use \
             another key"
        ),
        _ if said.lacks_scope => {
            "the key is valid, but lacks a scope; add it to the key at HeyGen, \
                                  or use another key"
                .into()
        }
        _ => {
            "the key is valid, but may not read this list; look at what HeyGen allows this key and \
              its account"
                .into()
        }
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        304 => {
            ": \"not modified\" answers a question that was not asked, so a cache or proxy between here \
             and HeyGen is at fault; check the proxy and api.base_url"
        }
        300..=399 => ": it points elsewhere, and redirects are not followed; nothing was changed",
        404 | 405 | 410 | 501 => ": the list is not there; nothing was changed",
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

/// Whether the peer's certificate was refused: no other attempt ends otherwise.
fn is_untrusted(fault: &reqwest::Error) -> bool {
    let mut cause = fault.source();
    while let Some(inner) = cause {
        if holds_certificate_fault(inner) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// An I/O error hides what it was made of from its chain of sources.
fn holds_certificate_fault(fault: &(dyn std::error::Error + 'static)) -> bool {
    match fault.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => holds_certificate_fault(held),
        None => matches!(fault.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))),
    }
}
