//! The file of a SQLite database, before SQLite opens it.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use super::{
    conn::Fault,
    fault::{storage_error, unusable_lock},
    location::Location,
};
use crate::{
    error::{Error, Result},
    system::{self, FileState},
};

/// The smallest page size of a SQLite database, in bytes.
const SMALLEST: u64 = 512;

/// The permissions of new files, before the umask: the links in them are credentials.
pub(super) const FILE_MODE: u32 = 0o640;

/// Fails for a folder and for a file too small for SQLite. Only SQLite itself opens the file and checks it:
/// a process that closes a file loses all its locks on it (POSIX), those of its other connections too.
pub(super) fn refuse_other_things(path: &Path) -> Result<()> {
    let Ok(file) = std::fs::metadata(path) else { return Ok(()) };
    let what = match () {
        () if file.is_dir() => "is a folder, not a file",
        // SQLite would treat it as empty.
        () if (1..SMALLEST).contains(&file.len()) => {
            "is not a SQLite database and is not changed; give another path"
        }
        () => return Ok(()),
    };
    Err(Error::storage(format!("{} {what}", path.display())))
}

/// Whether there is no database yet: no file, or an empty one, which SQLite treats as an empty database.
pub(super) fn is_nothing(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(file) => file.len() == 0,
        Err(fault) => fault.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Fails if the file has hard links. SQLite names the write-ahead log after the database: a writer by one
/// name does not see what was written by another, and its own writes can be lost.
pub(super) fn refuse_hard_links(path: &Path) -> Result<()> {
    match FileState::of(path) {
        Ok(file) if file.links > 1 => Err(Error::storage(format!(
            "{0} has {1} names (hard links, as `cp -al` backups make them), and a write by one of \
             them can be lost: make it a separate file (cp {0} {0}.new && mv {0}.new {0}) and back \
             it up with `heygen-sync copy`",
            path.display(),
            file.links
        ))),
        _ => Ok(()),
    }
}

/// Creates the file if it does not exist: SQLite would create it readable by everybody. SQLite gives its
/// other files the same permissions.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    match path.exists() {
        true => Ok(()),
        false => {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(false);
            system::with_mode(options, FILE_MODE).open(path).map(drop)
        }
    }
}

/// Takes the lock for creating or migrating a file; the kernel releases it when the process ends.
pub(super) async fn opening_lock(location: &Location) -> Result<Option<File>> {
    let Some(path) = location.file() else { return Ok(None) };
    let lock = lock_path_beside(path, "open");
    let locked = match system::open_lock(&lock, FILE_MODE) {
        // On another thread, since waiting may take long, and signals must be handled meanwhile.
        Ok(file) => tokio::task::spawn_blocking(move || file.lock().map(|()| file))
            .await
            .map_err(Error::unforeseen)?,
        Err(fault) => Err(fault),
    };
    locked.map(Some).map_err(|fault| {
        match path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
            true => unusable_lock(&lock, &fault),
            false => storage_error(location, "open", &Fault::Io(fault)),
        }
    })
}

/// Returns the path of `heygen.db.WHAT.lock`, beside the target if `heygen.db` is a symbolic link.
pub(super) fn lock_path_beside(path: &Path, what: &str) -> PathBuf {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}.lock"));
    real.with_file_name(name)
}

/// Warns of a network file system, which lacks the shared memory that the write-ahead log needs.
pub(super) fn warn_of_network(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Some(name) = system::network_file_system(folder) {
        tracing::warn!(
            database = %path.display(),
            file_system = name,
            "SQLite's write-ahead log is not safe on a network file system; move the file to a local disk"
        );
    }
}
