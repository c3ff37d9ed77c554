//! What a poll writes.

use super::row::PollRow;
use crate::{catalog::diff::Diff, error::Error};

/// What a poll writes, worked out between the reading and the writing.
pub struct Outcome {
    /// The poll's own row. Its number and its digest are given by the store; one that has them
    /// already (in a replay) must come out with just these.
    pub row: PollRow,
    /// What it does to the tables; `None` when it failed.
    pub diff: Option<Diff>,
    /// Why it failed.
    pub error: Option<Error>,
}
