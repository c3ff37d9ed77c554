//! How far verifying is, for whoever shows it to a person.

/// How far it is: the polls are read first, then the versions.
#[derive(Clone, Copy, Debug)]
pub enum VerifyProgress {
    /// Polls so far.
    Polls(u64),
    /// Versions so far.
    Versions(u64),
}

/// Told of progress after each piece.
pub type OnVerifyProgress<'a> = &'a (dyn Fn(VerifyProgress) + Sync);
