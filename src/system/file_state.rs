//! What is known of a file without reading it.

/// A file as it was; another value means that it has changed or was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Tells it from every other file: device and number.
    pub id: (u64, u64),
    /// The number of its names.
    pub links: u64,
    /// The number of its owner, where users have numbers.
    pub owner: Option<u32>,
    /// Its size.
    pub bytes: u64,
    /// When it was written last, in a unit of the system.
    pub modified: (i64, i64),
    /// When its bytes or its attributes changed last; on Windows when it was created.
    pub changed: (i64, i64),
}
