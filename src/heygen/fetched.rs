//! What a fetch gives back, and how far it has come.

use super::{
    failure::{Failure, Presence, Trace},
    sunset,
};
use crate::{
    catalog::{list::Answer, stripped::Bodies},
    error::Result,
    time::Timestamp,
};

/// What one poll got from the API, whichever version served it: the answer or why there is none,
/// and what the `polls` row keeps of it in either case.
pub struct Fetched {
    /// Where the list was read: the URL without credentials or query.
    pub source: String,
    /// When the response had been received; `None` when there was no answer at all.
    pub received_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// The API's own name for the request.
    pub request_id: Option<String>,
    /// Size of the decoded body; `None` when it did not come whole.
    pub response_bytes: Option<u64>,
    /// SHA-256 of the decoded body in lower-case hex; `None` when it did not come whole.
    pub response_sha256: Option<String>,
    /// The API's own deprecation or sunset notice, from headers and body.
    pub warning: Option<String>,
    /// The decoded list, or what kept it from being one.
    pub answer: Result<Answer>,
    /// What the list was decoded from, where that was to be kept.
    pub bodies: Option<Bodies>,
    /// What a failure shows about the version; [`Presence::There`] where there is an answer.
    pub presence: Presence,
    /// Why the reading ended before a page that was the last one, if so. It is not marked in the
    /// answer: a second reading may show that nothing is lacking.
    pub broke_off: Option<String>,
}

impl Fetched {
    /// What came with `trace`.
    pub(super) fn of(
        source: String,
        trace: Trace,
        answer: Result<Answer>,
        presence: Presence,
    ) -> Self {
        Self {
            source,
            received_at: Some(trace.received_at),
            http_status: Some(trace.status),
            request_id: trace.request_id,
            response_bytes: trace.bytes,
            response_sha256: trace.sha256,
            warning: trace.notice,
            answer,
            bodies: None,
            presence,
            broke_off: None,
        }
    }

    /// What a failure leaves.
    pub(super) fn failed(source: String, failure: Failure) -> Self {
        let Failure { error, trace, presence, .. } = failure;
        match trace {
            Some(trace) => Self::of(source, *trace, Err(error), presence),
            None => Self {
                source,
                received_at: None,
                http_status: None,
                request_id: None,
                response_bytes: None,
                response_sha256: None,
                warning: None,
                answer: Err(error),
                bodies: None,
                presence,
                broke_off: None,
            },
        }
    }

    /// Marks the lists as lists that may lack records.
    pub fn incomplete(&mut self, why: &str) {
        let said = format!("the list may not be whole: {why}");
        tracing::warn!("{}: {said}", self.source);
        self.warning = sunset::join(self.warning.as_deref(), Some(said));
        if let Ok(answer) = &mut self.answer {
            answer.incomplete(why);
        }
        if let Some(bodies) = &mut self.bodies {
            bodies.incomplete(why);
        }
    }
}

/// How far a fetch has come, for whoever shows it to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Decoded bytes of the body so far. Starts over when a request is repeated.
    Bytes(u64),
    /// Whole pages of the list so far.
    Pages {
        /// How many.
        pages: u64,
        /// The records on them, repeats included.
        items: u64,
    },
}

/// Told of progress while a list is being read.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);
