//! Previews in a folder, kept across restarts. A file's name is the SHA-256 of its canonical URL and that
//! of its content, which is checked at every read. Only one process uses a folder at a time.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

use super::bounded::Bounded;
use crate::{
    error::{Error, Result},
    mirror::whole::Whole,
    system::{create_folders, open_lock},
    words::hex,
};

/// The folder of previews.
pub struct PreviewFolder {
    root: PathBuf,
    /// The names of the files, by the first half of the name.
    files: Mutex<Bounded<String>>,
    /// Holds the lock that marks the folder as in use.
    _lock: File,
}

/// The ending of a file that is being written.
const PART: &str = ".part";
/// The length of a SHA-256 in hex.
const HASH: usize = 64;

impl PreviewFolder {
    /// Opens the folder `root` for at most `most` bytes; creates it if it does not exist.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if it cannot be used.
    pub fn open(root: &Path, most: u64) -> Result<Self> {
        let cannot = |why: String| {
            Error::config(format!(
                "serve.preview_cache_folder: cannot use '{}': {why}; give a folder of its own",
                root.display()
            ))
        };
        let lock = lock(root).map_err(|fault| match fault {
            fs::TryLockError::WouldBlock => cannot("another gallery uses it".into()),
            fs::TryLockError::Error(fault) => cannot(fault.to_string()),
        })?;
        let folder =
            Self { root: root.to_owned(), files: Mutex::new(Bounded::new(most)), _lock: lock };
        folder.find().map_err(|fault| cannot(fault.to_string()))?;
        Ok(folder)
    }

    fn files(&self) -> MutexGuard<'_, Bounded<String>> {
        // A panic elsewhere cannot leave this state inconsistent.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the previews that an earlier process left, and removes the files that it did not complete.
    fn find(&self) -> io::Result<()> {
        let mut found: Vec<(SystemTime, String, u64)> = vec![];
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            match (key(&name), name.strip_suffix(PART).and_then(key)) {
                (Some(_), _) => {
                    let about = entry.metadata()?;
                    found.push((about.modified()?, name, about.len()));
                }
                (None, Some(_)) => fs::remove_file(entry.path())?,
                // Not a preview.
                (None, None) => {}
            }
        }
        found.sort();
        for (_, name, size) in found {
            self.keep(name, size);
        }
        Ok(())
    }

    /// Returns the preview of a URL and its age. A file whose content does not match its name is removed.
    pub(super) fn read(&self, url: &str) -> Option<(Whole, Duration)> {
        let key = hash(url.as_bytes());
        let name = self.files().get(&key)?.clone();
        let read = || -> io::Result<(Vec<u8>, SystemTime)> {
            let path = self.root.join(&name);
            Ok((fs::read(&path)?, fs::metadata(&path)?.modified()?))
        };
        let found = read().ok().and_then(|(bytes, written)| {
            let whole = Whole::of(bytes, true).ok()?;
            // If the clock was set back, the age is zero.
            let age = written.elapsed().unwrap_or_default();
            name.ends_with(&whole.sha256).then_some((whole, age))
        });
        if found.is_none() {
            self.files().remove(&key);
            self.delete(&name);
        }
        found
    }

    /// Stores the preview of a URL. A failure is only logged.
    pub(super) fn write(&self, url: &str, whole: &Whole) {
        let name = format!("{}-{}", hash(url.as_bytes()), whole.sha256);
        let part = self.root.join(format!("{name}{PART}"));
        let written =
            fs::write(&part, &whole.bytes).and_then(|()| fs::rename(&part, self.root.join(&name)));
        match written {
            Ok(()) => self.keep(name, whole.bytes.len() as u64),
            Err(fault) => {
                tracing::warn!(%fault, "a preview cannot be kept in serve.preview_cache_folder");
                let _ = fs::remove_file(&part);
            }
        }
    }

    fn keep(&self, name: String, size: u64) {
        let Some(key) = key(&name).map(str::to_owned) else { return };
        let mut files = self.files();
        let mut gone = files.put(key.clone(), name.clone(), size);
        if files.get(&key) == Some(&name) {
            // The same content was stored again, so its file stays.
            gone.retain(|gone| *gone != name);
        }
        drop(files);
        gone.iter().for_each(|gone| self.delete(gone));
    }

    fn delete(&self, name: &str) {
        match fs::remove_file(self.root.join(name)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%fault, "a file in serve.preview_cache_folder cannot be removed");
            }
            _ => {}
        }
    }
}

/// Creates and locks the folder. Returns the lock.
fn lock(root: &Path) -> Result<File, fs::TryLockError> {
    create_folders(root, 0o750).map_err(fs::TryLockError::Error)?;
    let file = open_lock(&root.join("lock"), 0o640).map_err(fs::TryLockError::Error)?;
    file.try_lock().map(|()| file)
}

/// Returns the key in a file's name: the SHA-256 of the URL.
fn key(name: &str) -> Option<&str> {
    let (key, content) = name.split_once('-')?;
    let is_hash = |text: &str| text.len() == HASH && text.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hash(key) && is_hash(content)).then_some(key)
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
