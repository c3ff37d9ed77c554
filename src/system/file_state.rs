//! The state of a file, without reading its contents.

/// The state of a file; another value means that it has changed or was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Identifies the file: device and number.
    pub id: (u64, u64),
    /// The number of hard links.
    pub links: u64,
    /// The id of its owner, on systems where users have numbers.
    pub owner: Option<u32>,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was last written, in a unit of the system.
    pub modified: (i64, i64),
    /// When its bytes or its attributes last changed; on Windows when it was created.
    pub changed: (i64, i64),
}
