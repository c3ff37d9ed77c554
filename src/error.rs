//! Errors, by what the caller does about them: each kind has its exit code.
//!
//! Messages state what failed, why, and what to do, in one or two lines. They never contain a key, a
//! signature, a password or a response's body.

use std::{error::Error as StdError, fmt, io, iter, panic::AssertUnwindSafe};

use futures_util::FutureExt;

/// The kind of a failure, which alone decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unforeseen (a clock that ran backwards, a bug): 1.
    Unforeseen,
    /// The command line asks for something that cannot be done: 2.
    Usage,
    /// The answer is not a catalogue, or has a status that is not retried: 65.
    NotACatalogue,
    /// The API cannot be reached, broke off or kept failing after retries: 69.
    Unavailable,
    /// The database or a file failed: 74.
    Storage,
    /// A database that must exist does not: 74.
    Gone,
    /// Another poll is running: 75.
    Busy,
    /// The key was refused, or may not do this: 77.
    Refused,
    /// The configuration is invalid, or there is no key: 78.
    Config,
}

impl Kind {
    /// Returns the exit code, which callers of the program rely on.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unforeseen => 1,
            Self::Usage => 2,
            Self::NotACatalogue => 65,
            Self::Unavailable => 69,
            Self::Storage | Self::Gone => 74,
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
    /// The kind, which decides the exit code.
    pub kind: Kind,
    /// What failed, why, and what to do.
    pub message: String,
}

impl Error {
    /// Creates a failure of the kind `kind` with this message.
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

    /// Returns the same failure with `context` first: "context: message".
    pub fn context(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }
}

/// Returns the message of an I/O error, with what to do if the error determines that.
pub fn io_message(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::StorageFull => "the disk is full; free some space, then run again".into(),
        io::ErrorKind::QuotaExceeded => {
            "the disk quota of this user is used up; free some space, then run again".into()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only".into(),
        _ => fault.to_string(),
    }
}

/// Returns an error and its causes, the innermost last.
pub fn causes<'a>(
    fault: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(fault), |one| (**one).source())
}

/// Returns the message of the innermost cause of an error, without the layers around it.
pub fn root_cause(fault: &(dyn StdError + 'static)) -> String {
    causes(fault).last().map(ToString::to_string).unwrap_or_default()
}

/// The result of what may fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Runs `work`; a panic in it (a bug, here or in a dependency) becomes an error that ends only this
/// work. Only for work whose state is not used afterwards.
///
/// # Errors
/// Those of `work`; [`Kind::Unforeseen`] after a panic.
pub async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|_| {
        Err(Error::unforeseen("this failed because of a bug; please report it"))
    })
}

/// Returns the gravest of several exit codes, in the order of the contract: 1, 78, 74, 77, 65, 69,
/// 75, 3, 4, 10, 0. A usage error (2) ends a run before it can meet another.
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

    #[tokio::test]
    async fn a_panic_ends_the_work_and_becomes_an_error() {
        let broken = async { if true { panic!("secret") } else { Ok(()) } };
        let error = caught(broken).await.unwrap_err();
        assert!(error.kind == Kind::Unforeseen && !error.message.contains("secret"), "{error}");
        assert_eq!(caught(async { Ok(7) }).await, Ok(7));
    }

    #[test]
    fn a_full_disk_is_named_with_its_remedy() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(io_message(&full), "the disk is full; free some space, then run again");
        let other = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(io_message(&other), "timed out");
    }

    #[test]
    fn the_gravest_of_several_exit_codes_wins() {
        assert_eq!(gravest([]), 0);
        assert_eq!(gravest([0, 10, 3]), 3);
        assert_eq!(gravest([75, 69, 77]), 77);
        assert_eq!(gravest([65, 78, 0]), 78);
        assert_eq!(gravest([3, 1]), 1);
    }
}
