//! The result of a fetch, and its progress.

use super::{
    failure::{Failure, Presence, Trace},
    sunset,
};
use crate::{
    catalog::{list::Answer, stripped::Bodies},
    error::Result,
    time::Timestamp,
};

/// What one poll received from the API, by whichever version: the answer or why there is none, and
/// what the `polls` row stores in either case.
pub struct Fetched {
    /// The URL that the list was read from, without credentials or query.
    pub source: String,
    /// When the response had been received; `None` if there was no answer at all.
    pub received_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// The API's id of the request.
    pub request_id: Option<String>,
    /// The size of the decoded body; `None` if it was not received completely.
    pub response_bytes: Option<u64>,
    /// SHA-256 of the decoded body in lower-case hex; `None` if it was not received completely.
    pub response_sha256: Option<String>,
    /// The API's own deprecation or sunset notice, from headers and body.
    pub warning: Option<String>,
    /// The decoded list, or why there is none.
    pub answer: Result<Answer>,
    /// The bodies that the list was decoded from, if they were requested.
    pub bodies: Option<Bodies>,
    /// What a failure shows about the version; [`Presence::There`] if there is an answer.
    pub presence: Presence,
    /// Why the reading ended before the last page, if it did. The answer is not marked: a second
    /// reading may show that no record is missing.
    pub broke_off: Option<String>,
}

impl Fetched {
    /// Creates the result of an answer with `trace`.
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

    /// Creates the result of a failure.
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

    /// Marks the lists as possibly lacking records.
    pub fn incomplete(&mut self, why: &str) {
        let warning = format!("the list may be incomplete: {why}");
        tracing::warn!("{}: {warning}", self.source);
        self.warning = sunset::join(self.warning.as_deref(), Some(warning));
        if let Ok(answer) = &mut self.answer {
            answer.incomplete(why);
        }
        if let Some(bodies) = &mut self.bodies {
            bodies.incomplete(why);
        }
    }
}

/// The progress of a fetch, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The decoded bytes of the body so far. Starts again at 0 when a request is retried.
    Bytes(u64),
    /// The complete pages of the list so far.
    Pages {
        /// The number of pages.
        pages: u64,
        /// The number of records on them, duplicates included.
        items: u64,
    },
}

/// The callback for progress while a list is read.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);
