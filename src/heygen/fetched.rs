//! The result of a fetch, and its progress.

use super::{
    failure::{Failure, Presence, Trace},
    sunset,
};
use crate::{
    catalog::{list::Answer, stripped::Bodies},
    error::Result,
};

/// What one poll received from the API, by whichever version: the answer or why there is none, and
/// what the `polls` row stores in either case.
pub struct Fetched {
    /// The URL that the list was read from, without credentials or query.
    pub source: String,
    /// What the poll records of the last answer; size and hash are those of the whole list.
    pub trace: Trace,
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
        Self { source, trace, answer, bodies: None, presence, broke_off: None }
    }

    /// Creates the result of a failure.
    pub(super) fn failed(source: String, failure: Failure) -> Self {
        let Failure { error, trace, presence, .. } = failure;
        let trace = trace.map_or_else(Trace::default, |trace| *trace);
        Self::of(source, trace, Err(error), presence)
    }

    /// Marks the lists as possibly lacking records.
    pub fn incomplete(&mut self, why: &str) {
        let warning = format!("the list may be incomplete: {why}");
        self.trace.notice = sunset::join(self.trace.notice.as_deref(), Some(warning));
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
