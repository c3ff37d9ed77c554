//! Where bodies are until they are complete, and how they get into a folder: written under a
//! temporary name, synced, renamed, and the folder synced.
//!
//! One thread does it for all callers, a group at a time: syncing a hundred files takes a disk
//! hardly longer than syncing one. While the thread waits for the disk the next group gathers, and
//! one sync covers the bytes of a group and the names of the group before. Knows nothing of
//! contents and their names, nor of S3.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::system;

/// The maximum number of files in a group.
pub const GROUP: usize = 512;
/// The same if each is open until it is synced separately.
const OPEN: usize = 64;
/// How long a group gathers while many files arrive: a sync costs the same for more of them.
const GATHERING: Duration = Duration::from_millis(10);
/// From this many files on, the whole file system is synced by one call.
const MANY: usize = 8;
/// How many files are synced in parallel if each is synced separately.
const SIDE_BY_SIDE: usize = 8;

/// The permissions of new files and folders, less the umask.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// The place of bodies until they are complete. Its remaining files are removed with it.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    next: AtomicU64,
    /// `None` if files are nameless and stored elsewhere.
    inside: Option<Inside>,
}

/// The parts of a workspace inside a store's folder.
#[derive(Debug)]
struct Inside {
    /// The lock that shows that this process is alive.
    _own: File,
    /// `None` once the workspace ends.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// A complete body that is to be stored.
pub enum Body {
    /// In memory.
    Small(Vec<u8>),
    /// Already written, under a name of the workspace's.
    Spooled(File, PathBuf),
}

/// A body and its target name.
struct Job {
    body: Body,
    target: PathBuf,
    reply: oneshot::Sender<io::Result<()>>,
}

/// A file with all its bytes, which may not be on the disk yet.
struct WrittenFile {
    /// The open file, if it is synced separately.
    file: Option<File>,
    path: PathBuf,
    target: PathBuf,
    reply: oneshot::Sender<io::Result<()>>,
}

/// The files that have been renamed, which may not be on the disk yet.
#[derive(Default)]
struct Placed {
    folders: BTreeSet<PathBuf>,
    replies: Vec<oneshot::Sender<io::Result<()>>>,
}

impl Workspace {
    /// Creates a workspace of nameless files, in the system's temporary folder.
    pub fn without_name() -> Self {
        Self { folder: std::env::temp_dir(), next: AtomicU64::new(0), inside: None }
    }

    /// Creates a workspace in `root`, after removing what dead processes left there.
    pub fn in_folder(root: &Path) -> io::Result<Self> {
        let all = root.join("tmp");
        create_folders(&all)?;
        // Held while a workspace is created, so that it is not swept before it is locked.
        let door = system::open_lock(&all.join("lock"), FILE_MODE)?;
        door.lock()?;
        sweep(&all)?;
        let name = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
        let folder = all.join(name);
        create_folders(&folder)?;
        let own = system::open_lock(&folder.join("lock"), FILE_MODE)?;
        own.lock()?;
        let disk = Disk::of(root);
        let (jobs, arriving) = channel();
        let place = folder.clone();
        let thread = thread::Builder::new().name("mirror-store".into());
        let thread = thread.spawn(move || store(&arriving, &place, &disk))?;
        let inside = Inside { _own: own, jobs: Some(jobs), thread: Some(thread) };
        Ok(Self { folder, next: AtomicU64::new(0), inside: Some(inside) })
    }

    /// Creates a new file: named beside the store's own files, nameless elsewhere.
    pub fn file(&self) -> io::Result<(File, Option<PathBuf>)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = match self.inside {
            Some(_) => format!("{number}.part"),
            None => {
                format!("heygen-sync-{}-{:016x}-{number}", std::process::id(), fastrand::u64(..))
            }
        };
        let path = self.folder.join(name);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        let file = system::with_mode(options, FILE_MODE).open(&path)?;
        match self.inside {
            Some(_) => Ok((file, Some(path))),
            None => fs::remove_file(&path).map(|()| (file, None)),
        }
    }

    /// Stores a body under its name. Both are on the disk when this returns.
    pub async fn store(&self, body: Body, target: PathBuf) -> io::Result<()> {
        let ended = || io::Error::other("the thread that stores files has ended");
        let jobs = self.inside.as_ref().and_then(|inside| inside.jobs.as_ref());
        let (reply, stored) = oneshot::channel();
        jobs.ok_or_else(ended)?.send(Job { body, target, reply }).map_err(|_| ended())?;
        stored.await.map_err(|_| ended())?
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Some(inside) = &mut self.inside {
            drop(inside.jobs.take());
            let _ = inside.thread.take().map(JoinHandle::join);
            // If this fails, the next process does it.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Removes the workspaces whose processes are dead.
fn sweep(all: &Path) -> io::Result<()> {
    for left in fs::read_dir(all)? {
        let left = left?.path();
        // Some file systems lock only files open for writing; Windows none that are append-only.
        let lock = OpenOptions::new().read(true).append(true).open(left.join("lock"));
        let dead = match lock {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(fault) => fault.kind() == io::ErrorKind::NotFound,
        };
        if left.is_dir() && dead {
            // A process that ends may remove its own meanwhile.
            match fs::remove_dir_all(&left) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Stores the jobs that arrive, until the channel is closed.
fn store(arriving: &Receiver<Job>, folder: &Path, disk: &Disk) {
    let mut placed = Placed::default();
    let mut busy = false;
    for group in 0_u64.. {
        let mut written = vec![];
        let mut write = |job: Job| {
            let path = folder.join(format!("{group}-{}.small", written.len()));
            written.extend(job.write(path, disk));
        };
        // With nothing to sync, there is time to wait.
        if placed.replies.is_empty() {
            match arriving.recv() {
                Ok(job) => write(job),
                Err(_) => return,
            }
        }
        if busy {
            thread::sleep(GATHERING);
        }
        arriving.try_iter().take(disk.group() - 1).for_each(&mut write);
        busy = written.len() >= MANY;
        let synced = disk.sync(&written, &placed.folders);
        std::mem::take(&mut placed).end(&synced);
        written.into_iter().for_each(|one| placed.take(one, &synced));
    }
}

impl Job {
    /// Writes the body; `None` if that fails, which is reported to the caller.
    fn write(self, path: PathBuf, disk: &Disk) -> Option<WrittenFile> {
        let Self { body, target, reply } = self;
        let written = match body {
            Body::Spooled(file, path) => Ok((file, path)),
            Body::Small(bytes) => write_new(&path, &bytes).map(|file| (file, path)),
        };
        match written {
            Ok((file, path)) => {
                let file = Some(file).filter(|_| !disk.at_once);
                Some(WrittenFile { file, path, target, reply })
            }
            Err(fault) => {
                // The caller may have given up.
                let _ = reply.send(Err(fault));
                None
            }
        }
    }
}

/// Creates a folder and its missing parents.
fn create_folders(folder: &Path) -> io::Result<()> {
    system::create_folders(folder, FOLDER_MODE)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true);
    let mut file = system::with_mode(options, FILE_MODE).open(path)?;
    let written = file.write_all(bytes);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map(|()| file)
}

impl Placed {
    /// Renames a file to its target, if its bytes are on the disk.
    fn take(&mut self, written: WrittenFile, synced: &io::Result<()>) {
        let WrittenFile { file, path, target, reply } = written;
        drop(file);
        let placed = match synced {
            Ok(()) => self.rename(&path, &target),
            Err(fault) => Err(same(fault)),
        };
        match placed {
            Ok(()) => self.replies.push(reply),
            Err(fault) => {
                let _ = fs::remove_file(&path);
                let _ = reply.send(Err(fault));
            }
        }
    }

    fn rename(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let folder = target.parent().unwrap_or(target);
        if !self.folders.contains(folder) {
            if !folder.is_dir() {
                create_folders(folder)?;
                self.folders.extend(folder.ancestors().skip(1).take(2).map(Path::to_owned));
            }
            self.folders.insert(folder.to_owned());
        }
        fs::rename(path, target)
    }

    /// Reports the result to the callers that wait.
    fn end(self, synced: &io::Result<()>) {
        for reply in self.replies {
            let _ = reply.send(synced.as_ref().map(|&()| ()).map_err(same));
        }
    }
}

/// Copies the fault for another caller that waits.
fn same(fault: &io::Error) -> io::Error {
    match fault.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(fault.kind(), fault.to_string()),
    }
}

/// How files are synced.
struct Disk {
    root: PathBuf,
    /// Whether one call syncs all that was written, and reports what could not be synced.
    at_once: bool,
}

impl Disk {
    fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), at_once: system::can_sync_file_system(root) }
    }

    fn group(&self) -> usize {
        if self.at_once { GROUP } else { OPEN }
    }

    fn sync(&self, written: &[WrittenFile], folders: &BTreeSet<PathBuf>) -> io::Result<()> {
        if self.at_once && written.len() + folders.len() >= MANY {
            match system::sync_file_system(&self.root) {
                // Some sandboxes forbid the call.
                Err(fault) if is_forbidden(&fault) => {}
                done => return done,
            }
        }
        let closed = written.iter().filter(|one| one.file.is_none()).map(|one| &one.path);
        let paths: Vec<&PathBuf> = closed.chain(folders).collect();
        let mut own: Vec<&File> = written.iter().filter_map(|one| one.file.as_ref()).collect();
        for part in paths.chunks(OPEN) {
            let opened = part.iter().filter_map(|path| system::open_to_sync(path).transpose());
            let opened: Vec<File> = opened.collect::<io::Result<_>>()?;
            // The first part includes the files that are open already.
            let all: Vec<&File> = own.drain(..).chain(&opened).collect();
            each(&all)?;
        }
        each(&own)
    }
}

fn is_forbidden(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
}

/// Syncs each file separately, several in parallel.
fn each(files: &[&File]) -> io::Result<()> {
    let sync = |part: &[&File]| part.iter().try_for_each(|file| file.sync_all());
    if files.len() <= 1 {
        return sync(files);
    }
    let share = files.len().div_ceil(SIDE_BY_SIDE);
    thread::scope(|scope| {
        let parts: Vec<_> =
            files.chunks(share).map(|part| scope.spawn(move || sync(part))).collect();
        let ended = |part: thread::ScopedJoinHandle<'_, io::Result<()>>| {
            part.join().unwrap_or_else(|_| Err(io::Error::other("a sync was interrupted")))
        };
        // All are waited for, even if one fails.
        parts.into_iter().map(ended).fold(Ok(()), Result::and)
    })
}

#[cfg(test)]
mod tests;
