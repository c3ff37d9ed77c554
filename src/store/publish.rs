//! A copy of the database for readers who may not write beside it: one complete file that never changes.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    conn::Fault, copy::copy_without, fault::storage_error, location::Location, open::Store,
    statements,
};
use crate::{
    error::{Error, Result},
    system::{open_lock, open_to_sync, with_mode},
    time::Timestamp,
};

/// The permissions of the file, before the umask.
const READABLE: u32 = 0o644;

/// Columns with links that are credentials.
const LINKS: [&str; 1] = ["signed_url"];

/// Copies all of `source` but its signed links into the SQLite file `file`, which is replaced atomically
/// when the new one is complete. The file has no write-ahead log.
///
/// # Errors
/// [`crate::error::Kind::Config`] if `file` is the database itself; [`crate::error::Kind::Storage`] if it
/// cannot be written.
pub async fn publish(source: &Location, file: &Path, now: Timestamp) -> Result<()> {
    let published = Location::Sqlite(file.to_owned());
    if source.is_same_as(&published) {
        return Err(Error::config(format!(
            "publish.file is the database itself ({published}): name another file"
        )));
    }
    let failed = |fault: io::Error| storage_error(&published, "write", &Fault::Io(fault));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".publishing");
    let folder = file.with_file_name(name);
    let lock = lock(folder.with_added_extension("lock")).await?.map_err(failed)?;
    remove(&folder).and_then(|()| fs::create_dir(&folder)).map_err(failed)?;
    let written = write(source, &folder.join("catalogue.db"), now).await;
    let moved = written.and_then(|()| move_to(&folder.join("catalogue.db"), file).map_err(failed));
    let removed = remove(&folder).map_err(failed);
    drop(lock);
    moved.and(removed)
}

/// Returns whether `file` lacks the last change in `store` or does not exist.
pub async fn is_behind(store: &mut Store, file: &Path) -> Result<bool> {
    let changed = last_poll(store, statements::LAST_CHANGE).await?;
    let published = Location::Sqlite(file.to_owned());
    let known = match Store::open_if_there(&published).await {
        Ok(Some(mut known)) => last_poll(&mut known, statements::LAST_POLL_ID).await,
        // A file that cannot be read is replaced.
        _ => Ok(0),
    };
    Ok(known.unwrap_or(0) < changed.max(1))
}

async fn last_poll(store: &mut Store, sql: &'static str) -> Result<i64> {
    Ok(store.one(sql, &[], |row| row.some_int(0)).await?.unwrap_or(0))
}

async fn write(source: &Location, file: &Path, now: Timestamp) -> Result<()> {
    let target = Location::Sqlite(file.to_owned());
    let mut options = OpenOptions::new();
    let created = with_mode(options.write(true).create_new(true), READABLE).open(file);
    created.map_err(|fault| storage_error(&target, "create", &Fault::Io(fault)))?;
    let (_, mut copy) = copy_without(&LINKS, source, &target, now).await?;
    // The statement returns the journal mode in force.
    let mode = copy.conn.one(statements::WITHOUT_LOG, &[], |row| row.text(0)).await;
    let mode = mode.map_err(|fault| storage_error(&target, "write", &fault))?;
    if mode.flatten().as_deref() != Some("delete") {
        return Err(Error::storage(format!("{target} still uses a write-ahead log")));
    }
    copy.close().await
}

/// Takes the lock of a published file; waits while another writer has it.
async fn lock(path: PathBuf) -> Result<io::Result<File>> {
    let wait = move || {
        let file = open_lock(&path, READABLE)?;
        file.lock().map(|()| file)
    };
    tokio::task::spawn_blocking(wait).await.map_err(Error::unforeseen)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}

/// Renames a file over another durably: the change survives a power cut.
fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    sync(from)?;
    fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    sync(folder)
}

fn sync(path: &Path) -> io::Result<()> {
    open_to_sync(path)?.map_or(Ok(()), |file| file.sync_all())
}
