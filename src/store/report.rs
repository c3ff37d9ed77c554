//! What a poll did.

use super::{past::Overlap, row::PollRow};
use crate::{catalog::diff::Diff, config::ApiVersion, error::Error};

/// What a poll did, or would do.
#[derive(Debug, Default)]
pub struct Report {
    /// The poll's own row. Its number and its digest are given by the store as it is written; one
    /// that has them already (in a replay) must come out with just these. The number is 0 in a dry
    /// run.
    pub row: PollRow,
    /// What it does to the tables; `None` when it failed.
    pub diff: Option<Diff>,
    /// Why it failed.
    pub error: Option<Error>,
    /// The version of the API that the account has gone over to with this poll.
    pub switched_to: Option<ApiVersion>,
    /// At the first held poll after the version changed: what the two have in common.
    pub overlap: Option<Overlap>,
}

impl Report {
    /// Whether it changed an item or its history.
    pub fn changes_tables(&self) -> bool {
        self.diff.iter().flat_map(|diff| &diff.lists).any(|list| {
            let is_moved = !list.newly_missing.is_empty() || !list.found_again.is_empty();
            is_moved || !list.opened.is_empty() || !list.removed.is_empty()
        })
    }

    /// The exit code that the poll asks for; `changed_is_10` as `--exit-code` says.
    pub fn exit_code(&self, changed_is_10: bool) -> u8 {
        match (&self.error, &self.diff) {
            (Some(error), _) => error.kind.exit_code(),
            (None, Some(diff)) if diff.held() > 0 => 3,
            (None, Some(diff)) if changed_is_10 && diff.is_news() => 10,
            _ => 0,
        }
    }
}
