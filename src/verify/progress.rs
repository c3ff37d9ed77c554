//! The progress of a verification, for display.

/// The progress: the polls are read first, then the versions.
#[derive(Clone, Copy, Debug)]
pub enum VerifyProgress {
    /// The number of polls so far.
    Polls(u64),
    /// The number of versions so far.
    Versions(u64),
}

/// The callback for progress, called after each piece.
pub type OnVerifyProgress<'a> = &'a (dyn Fn(VerifyProgress) + Sync);
