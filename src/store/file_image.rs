//! Reads a SQLite file that SQLite cannot read in place: its folder is not writable (another user's, a
//! read-only mount), but SQLite creates files beside a database with a write-ahead log, even to read it.
//! Such a file is read from a copy in memory, taken while nobody writes to it.

use std::{io, path::Path, time::Duration};

use sqlx::sqlite::SqliteOwnedBuf;

use crate::system::{FileState, is_writable};

/// How often to try to copy a file that changes meanwhile; then SQLite opens it and reports the error.
const TRIES: usize = 20;
/// The pause before a retry.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes 18 and 19 of a database are its write and read versions: 1 without a write-ahead log.
const VERSIONS: std::ops::RangeInclusive<usize> = 18..=19;

/// The state of a file when it was read; a different stamp means that the file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp(FileState);

impl FileStamp {
    /// Whether a copy of the file with this stamp is still up to date.
    pub(super) fn is_current(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|now| now == self) && !is_open(path)
    }

    fn of(path: &Path) -> io::Result<Self> {
        FileState::of(path).map(Self)
    }
}

/// Returns a copy of the database and the stamp of the file; `None` if SQLite is to read the file itself:
/// the folder is writable, or another process has the database open and we can use its files beside it.
pub(super) async fn take(path: &Path) -> io::Result<Option<(SqliteOwnedBuf, FileStamp)>> {
    for _ in 0..TRIES {
        if !is_needed(path) {
            return Ok(None);
        }
        let before = FileStamp::of(path)?;
        let mut image = std::fs::read(path)?;
        if FileStamp::of(path)? == before && !is_open(path) {
            image.iter_mut().take(VERSIONS.end() + 1).skip(*VERSIONS.start()).for_each(|b| *b = 1);
            let image = SqliteOwnedBuf::try_from(&image[..]).map_err(io::Error::other)?;
            return Ok(Some((image, before)));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

/// Whether a copy is needed; also for a read-only file: its owner could not open the files that we create.
fn is_needed(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real.parent().unwrap_or(Path::new("."));
    !(is_open(path) || is_writable(folder) && is_writable(&real))
}

/// Whether a write-ahead log, or the journal of an open transaction, is beside the file.
fn is_open(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside = |end: &str| {
        let mut name = real.as_os_str().to_owned();
        name.push(end);
        Path::new(&name).exists()
    };
    beside("-wal") || beside("-journal")
}
