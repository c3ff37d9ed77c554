//! A SQLite file that SQLite cannot read where it is: its folder is not writable (another user's, a
//! read-only mount), and to read a database with a write-ahead log SQLite creates files beside it.
//! Such a file is read from a copy in memory, taken while nobody has written to it.

use std::{io, path::Path, time::Duration};

use sqlx::sqlite::SqliteOwnedBuf;

use crate::system::{FileState, is_writable};

/// A copy of a file that changes is taken anew this often, then SQLite says what is wrong.
const TRIES: usize = 20;
/// The pause before the next try.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes 18 and 19 of a database are its write and read versions: 1 without a write-ahead log.
const VERSIONS: std::ops::RangeInclusive<usize> = 18..=19;

/// What a file was when it was read; another stamp means that it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp(FileState);

impl FileStamp {
    /// Whether a copy of the file as it was is still one of the file as it is.
    pub(super) fn is_current(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|now| now == self) && !is_open(path)
    }

    fn of(path: &Path) -> io::Result<Self> {
        FileState::of(path).map(Self)
    }
}

/// A copy of the database, and what the file was; `None` where SQLite reads the file itself: the
/// folder is writable, or somebody has the database open, whose files beside it serve us, too.
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

/// Also where the file alone is read-only: what we would create beside it, its owner could not open.
fn is_needed(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real.parent().unwrap_or(Path::new("."));
    !(is_open(path) || is_writable(folder) && is_writable(&real))
}

/// Whether a write-ahead log, or the journal of a transaction under way, is beside it.
fn is_open(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside = |end: &str| {
        let mut name = real.as_os_str().to_owned();
        name.push(end);
        Path::new(&name).exists()
    };
    beside("-wal") || beside("-journal")
}
