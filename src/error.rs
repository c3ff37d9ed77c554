//! What can go wrong, by what the caller does about it: each kind has its exit code.
//!
//! Messages say what failed, why, and what to do, in one or two lines. They never hold a key, a
//! signature, a password or a response's body.

use std::fmt;

/// The kind of a failure, which decides the exit code and nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unforeseen (a clock that ran backwards, a bug): 1.
    Unforeseen,
    /// The command line asks for something that cannot be done: 2.
    Usage,
    /// The answer is not a catalogue, or a status that is not retried: 65.
    NotACatalogue,
    /// The API cannot be reached, broke off or kept failing after retries: 69.
    Unavailable,
    /// Trouble with the database or a file: 74.
    Storage,
    /// Another poll is running: 75.
    Busy,
    /// The key was refused, or may not do this: 77.
    Refused,
    /// Configuration, no key too: 78.
    Config,
}

impl Kind {
    /// The exit code that outsiders rely on.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unforeseen => 1,
            Self::Usage => 2,
            Self::NotACatalogue => 65,
            Self::Unavailable => 69,
            Self::Storage => 74,
            Self::Busy => 75,
            Self::Refused => 77,
            Self::Config => 78,
        }
    }
}

/// A failure: its kind and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// What failed, why, and what to do.
    pub message: String,
}

impl Error {
    /// A failure of the kind `kind`, told as `message`.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// [`Kind::Unforeseen`].
    pub fn unforeseen(message: impl fmt::Display) -> Self {
        Self::new(Kind::Unforeseen, message)
    }

    /// [`Kind::Usage`].
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// [`Kind::NotACatalogue`].
    pub fn not_a_catalogue(message: impl fmt::Display) -> Self {
        Self::new(Kind::NotACatalogue, message)
    }

    /// [`Kind::Unavailable`].
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// [`Kind::Storage`].
    pub fn storage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Storage, message)
    }

    /// [`Kind::Busy`].
    pub fn busy(message: impl fmt::Display) -> Self {
        Self::new(Kind::Busy, message)
    }

    /// [`Kind::Refused`].
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// [`Kind::Config`].
    pub fn config(message: impl fmt::Display) -> Self {
        Self::new(Kind::Config, message)
    }

    /// The same failure with `context` said first: "context: message".
    pub fn context(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }
}

/// What may fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Of several exit codes the gravest, in the order of the contract: 1, 78, 74, 77, 65, 69, 75,
/// 3, 4, 10, 0. A usage error (2) ends a run before it can meet another.
pub fn gravest(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 12] = [1, 2, 78, 74, 77, 65, 69, 75, 3, 4, 10, 0];
    codes
        .into_iter()
        .min_by_key(|code| ORDER.iter().position(|known| known == code).unwrap_or(0))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_of_several_exit_codes_wins() {
        assert_eq!(gravest([]), 0);
        assert_eq!(gravest([0, 10, 3]), 3);
        assert_eq!(gravest([75, 69, 77]), 77);
        assert_eq!(gravest([65, 78, 0]), 78);
        assert_eq!(gravest([3, 1]), 1);
    }
}
