//! The result and the progress of a run.

use std::collections::HashMap;

use super::plan::FailureCategory;
use crate::{store::queue::Failures, time::Timestamp};

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of files saved.
    pub saved: u64,
    /// Their size, in bytes.
    pub bytes: u64,
    /// The number of copies found unchanged.
    pub unchanged: u64,
    /// The number of assets that failed and are retried.
    pub failed: u64,
    /// The number of assets that are no longer available.
    pub gone: u64,
    /// The number of assets that the configuration forbids.
    pub skipped: u64,
    /// Whether an asset is gone or skipped that was not, or for another reason, at its last
    /// attempt.
    pub is_news: bool,
    /// The reasons of the failed, gone and skipped assets.
    pub reasons: Vec<Failures>,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct MirrorProgress {
    /// The number of assets handled.
    pub done: u64,
    /// The number of assets that were due at the start or have got a fresh link since.
    pub due: u64,
    /// The number of bytes saved.
    pub bytes: u64,
}

/// A bad outcome of an asset.
pub(super) struct BadOutcome {
    pub what: FailureCategory,
    pub why: String,
    /// When it is retried.
    pub next: Option<Timestamp>,
}

impl Summary {
    /// Adds the bad outcomes, by URL.
    pub(super) fn with(mut self, bad: HashMap<String, BadOutcome>) -> Self {
        for BadOutcome { what, .. } in bad.values() {
            match what {
                FailureCategory::Gone => self.gone += 1,
                FailureCategory::Skipped => self.skipped += 1,
                FailureCategory::Failed => self.failed += 1,
            }
        }
        let reasons = bad.into_iter().map(|(url, BadOutcome { why, next, .. })| (url, why, next));
        self.reasons = Failures::group(reasons);
        self
    }
}
