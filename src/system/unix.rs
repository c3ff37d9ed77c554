//! Linux and macOS.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
};

use rustix::fs::{Access, access, statfs};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::file_state::FileState;

/// The environment variable that contains the home folder.
pub const HOME: &str = "HOME";

/// Returns the machine's folder for the configuration.
pub fn config_folder() -> PathBuf {
    PathBuf::from("/etc/heygen-sync")
}

/// Requests to stop: SIGTERM and SIGINT.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Starts to listen for the signals.
    ///
    /// # Errors
    /// Fails if the system cannot add another handler.
    pub fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next request. Cancel-safe: a dropped wait loses none.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Requests to reload the configuration: SIGHUP.
pub struct Reload(Signal);

impl Reload {
    /// Starts to listen for the signal.
    ///
    /// # Errors
    /// Fails if the system cannot add another handler.
    pub fn new() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next request. Cancel-safe: a dropped wait loses none.
    pub async fn requested(&mut self) {
        self.0.recv().await;
    }
}

/// Returns the name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns whether this process runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Replaces this process by `program`, under `name`; returns only if it cannot be started.
///
/// # Errors
/// Always.
pub fn become_program(program: &mut Command, name: Option<OsString>) -> io::Result<Infallible> {
    if let Some(name) = name {
        program.arg0(name);
    }
    Err(program.exec())
}

/// Returns standard input and output without the buffers of the standard library.
///
/// # Errors
/// Fails if one is closed.
pub fn standard_streams() -> io::Result<(File, File)> {
    let copy = |own: &dyn AsFd| own.as_fd().try_clone_to_owned().map(File::from);
    Ok((copy(&io::stdin())?, copy(&io::stdout())?))
}

/// The processes that a program starts: they are killed when this is dropped.
pub struct Group(Option<rustix::process::Pid>);

impl Group {
    /// Makes the program that `command` starts the first of a new group.
    pub fn begin(command: &mut tokio::process::Command) {
        command.process_group(0);
    }

    /// Returns the group that this program has begun.
    pub fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Lets the processes continue.
    pub fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may have ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Sets the permissions of a file that these options create, less the umask.
pub fn with_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    options.mode(mode)
}

/// Creates a folder and its missing parents, with these permissions, less the umask.
///
/// # Errors
/// As [`DirBuilder::create`].
pub fn create_folders(folder: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(folder)
}

/// Returns whether this user may write to the file or folder.
pub fn is_writable(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

impl FileState {
    /// Returns the state of the file at `path`.
    ///
    /// # Errors
    /// Fails if there is none, or its metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self {
            id: (file.dev(), file.ino()),
            links: file.nlink(),
            owner: Some(file.uid()),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Returns the name of the network file system of the folder; `None` for a local one.
pub fn network_file_system(folder: &Path) -> Option<&'static str> {
    by_magic(statfs(folder).ok()?.f_type as u64)
}

/// Identifies a file system by the magic numbers of statfs(2).
fn by_magic(magic: u64) -> Option<&'static str> {
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("CephFS"),
        _ => None,
    }
}

/// Opens a file or folder to be synced; `None` if the system does not sync its kind.
///
/// # Errors
/// As [`File::open`].
pub fn open_to_sync(path: &Path) -> io::Result<Option<File>> {
    File::open(path).map(Some)
}

pub use at_once::{can_sync_file_system, sync_file_system};

#[cfg(target_os = "linux")]
mod at_once {
    //! syncfs(2): waits as fsync does, on the file systems that are listed here; since Linux 5.8 it
    //! also reports what could not be written.

    use std::{fs::File, io, path::Path};

    /// The magic numbers of statfs(2).
    const GOOD: [u32; 5] = [
        0x0000_ef53, // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683e, // Btrfs
        0xf2f5_2010, // F2FS
        0x0102_1994, // tmpfs
    ];

    /// Returns whether one call syncs all that was written to the file system of `folder`.
    pub fn can_sync_file_system(folder: &Path) -> bool {
        let release = rustix::system::uname();
        let known = |stat: rustix::fs::StatFs| GOOD.contains(&(stat.f_type as u32));
        reports_faults(&release.release().to_string_lossy())
            && rustix::fs::statfs(folder).is_ok_and(known)
    }

    /// Syncs all that was written to the file system of `folder`.
    ///
    /// # Errors
    /// Fails if something could not be written, or the call is not allowed.
    pub fn sync_file_system(folder: &Path) -> io::Result<()> {
        rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from)
    }

    fn reports_faults(release: &str) -> bool {
        let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
            _ => false,
        }
    }

    #[test]
    fn only_a_kernel_that_tells_faults_is_trusted() {
        assert!(
            reports_faults("5.8.0") && reports_faults("6.1.0-18-amd64") && reports_faults("5.10")
        );
        assert!(
            !reports_faults("5.7.19") && !reports_faults("4.19.0-6") && !reports_faults("weird")
        );
    }
}

#[cfg(not(target_os = "linux"))]
mod at_once {
    use std::{io, path::Path};

    /// Always false: no such call is known.
    pub fn can_sync_file_system(_: &Path) -> bool {
        false
    }

    /// Not supported.
    ///
    /// # Errors
    /// Always.
    pub fn sync_file_system(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_by_their_magic_numbers() {
        assert_eq!(by_magic(0x6969), Some("NFS"));
        assert_eq!(by_magic(0xffff_ffff_ff53_4d42), Some("SMB"));
        assert_eq!(by_magic(0xef53), None);
    }
}
