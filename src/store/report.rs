//! The report of a poll.

use super::{past::Overlap, row::PollRow};
use crate::{
    catalog::{api_version::ApiVersion, diff::Diff},
    error::Error,
};

/// What a poll did or, in a dry run, would do.
#[derive(Debug, Default)]
pub struct Report {
    /// The poll's own row. The store sets its number and its digest when it writes the row; if they are
    /// already set (in a replay), the new values must be equal. The number is 0 in a dry run.
    pub row: PollRow,
    /// What it changes in the tables; `None` if it failed.
    pub diff: Option<Diff>,
    /// Why it failed.
    pub error: Option<Error>,
    /// The version of the API to which the account switched with this poll.
    pub switched_to: Option<ApiVersion>,
    /// The items that both versions have in common, at the first held poll after a switch.
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

    /// Returns the exit code of the poll; `changed_is_10` is the flag `--exit-code`.
    pub fn exit_code(&self, changed_is_10: bool) -> u8 {
        match (&self.error, &self.diff) {
            (Some(error), _) => error.kind.exit_code(),
            (None, Some(diff)) if diff.held() > 0 => 3,
            (None, Some(diff)) if changed_is_10 && diff.is_news() => 10,
            _ => 0,
        }
    }
}
