//! A copy of the database for readers who may not write beside it: one complete file that never changes.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    conn::Fault, copy::copy_without, fault::storage_error, location::Location, open::Store,
    registry::register, statements,
};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
    system::{open_lock, open_to_sync, with_mode},
    time::Timestamp,
};

/// The permissions of the file, before the umask.
const READABLE: u32 = 0o644;

/// Columns with links that are credentials.
const LINKS: [&str; 1] = ["signed_url"];

/// Removes the write-ahead log, so that readers need not write beside the file; returns the journal mode.
const WITHOUT_LOG: &str = "PRAGMA journal_mode = DELETE";

register! {
    /// The last poll that opened or closed a version.
    const LAST_CHANGE = "SELECT poll_id FROM polls \
         WHERE added + changed + removed + restored + learned > 0 ORDER BY poll_id DESC LIMIT 1";

    /// The number of missing items of each account, and since when the last of them is missing.
    fn missing_of(kind: Kind) {
        format!(
            "SELECT account, count(*), max(missing_since) FROM {} \
             WHERE missing_since IS NOT NULL AND removed_at IS NULL GROUP BY account",
            kind.table
        )
    }
}

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

/// Returns whether `file` must be written again: it lacks the last change in `store`, has other missing items,
/// cannot be read or does not exist.
pub async fn is_behind(store: &mut Store, file: &Path) -> Result<bool> {
    let (changed, missing) = (last_poll(store, LAST_CHANGE).await?, store.missing_items().await?);
    let published = Location::Sqlite(file.to_owned());
    // A file that cannot be read is replaced.
    let Ok(Some(mut copy)) = Store::open_if_there(&published).await else { return Ok(true) };
    let of_copy =
        (last_poll(&mut copy, statements::LAST_POLL_ID).await, copy.missing_items().await);
    Ok(match of_copy {
        (Ok(known), Ok(of_copy)) => known < changed.max(1) || of_copy != missing,
        _ => true,
    })
}

/// The missing items of each kind and account: (kind, account, number, since when the last is missing).
/// Two of these differ if other items are missing: an item that becomes missing does so after all others.
type Missing = BTreeSet<(&'static str, String, i64, Option<Timestamp>)>;

impl Store {
    async fn missing_items(&mut self) -> Result<Missing> {
        let mut all = Missing::new();
        for kind in Kind::ALL {
            let rows = self.all(missing_of(kind), &[], |row| {
                Ok((kind.as_str(), row.some_text(0)?, row.some_int(1)?, row.time(2)?))
            });
            all.extend(rows.await?);
        }
        Ok(all)
    }
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
    let mode = copy.conn.one(WITHOUT_LOG, &[], |row| row.text(0)).await;
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
