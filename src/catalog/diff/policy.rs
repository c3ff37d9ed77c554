//! The conditions of a comparison: the guard's settings and the poll whose answer is compared.

use super::snapshot::Snapshot;
use crate::{catalog::held::HeldSet, time::Timestamp};

/// The conditions for carrying out removals (rule 8).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// A removal is due once its item was missing in this many polls in a row; at least 1.
    pub after_polls: u32,
    /// Up to this many due removals pass the guard, regardless of their share.
    pub min_count: u64,
    /// Due removals up to this share of the current items pass the guard.
    pub max_share: f64,
    /// The held removals that are carried out in this poll.
    pub accepted: Accepted,
}

/// The value of `--accept-removals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Not given: held removals stay held.
    None,
    /// Held removals are carried out if they are at most this many in total.
    UpTo(u64),
    /// This set is removed if the last held poll held it and all of its items are still missing.
    Set(HeldSet),
    /// All held removals are carried out.
    All,
}

/// The poll whose answer is compared.
#[derive(Clone, Debug)]
pub struct PollContext<'a> {
    /// When the response had been received.
    pub observed_at: Timestamp,
    /// The version of the API that answered.
    pub api_version: &'a str,
    /// The conditions for carrying out removals.
    pub policy: &'a Policy,
    /// Whether the mirror is on; unsigned previews are then assets, too.
    pub mirror: bool,
}

impl Accepted {
    /// Returns whether an answer that has no known id is applied (rule 11).
    pub fn replaces_all(self, snapshot: &Snapshot) -> bool {
        match self {
            Self::None | Self::UpTo(_) => false,
            Self::Set(set) => set == snapshot.current_set(),
            Self::All => true,
        }
    }
}
