//! Windows 10 and later.

use std::{
    convert::Infallible,
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::windows::{fs::OpenOptionsExt, io::AsHandle},
    path::{Component, Path, PathBuf, Prefix},
    process::Command,
};

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
use winapi_util::file::information;

use super::file_state::FileState;

/// The environment variable that contains the home folder.
pub const HOME: &str = "USERPROFILE";

/// Allows opening folders, too.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// Returns the machine's folder for the configuration.
pub fn config_folder() -> PathBuf {
    let all = env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    PathBuf::from(all).join("heygen-sync")
}

/// Requests to stop: Ctrl-C, Ctrl-Break, a console that is closed, a shutdown.
pub struct Stop {
    interrupt: CtrlC,
    break_off: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Stop {
    /// Starts to listen for the signals.
    ///
    /// # Errors
    /// Fails if the system cannot add another handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            break_off: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next request. Cancel-safe: a dropped wait loses none.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.break_off.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

/// Requests to reload the configuration: there are none.
pub struct Reload;

impl Reload {
    /// Succeeds.
    ///
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for ever.
    pub async fn requested(&mut self) {
        std::future::pending().await
    }
}

/// Returns the name of this machine.
pub fn host() -> String {
    whoami::hostname().unwrap_or_default()
}

/// Always false: there is no root.
pub fn is_root() -> bool {
    false
}

/// Not supported.
///
/// # Errors
/// Always.
pub fn become_program(_: &mut Command, _: Option<OsString>) -> io::Result<Infallible> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns standard input and output without the buffers of the standard library.
///
/// # Errors
/// Fails if one is closed.
pub fn standard_streams() -> io::Result<(File, File)> {
    let copy = |own: &dyn AsHandle| own.as_handle().try_clone_to_owned().map(File::from);
    Ok((copy(&io::stdin())?, copy(&io::stdout())?))
}

/// The processes that a program starts; here only the program itself is killed, by `kill_on_drop`.
pub struct Group;

impl Group {
    /// Does nothing.
    pub fn begin(_: &mut tokio::process::Command) {}

    /// Returns a group for any program.
    pub fn of(_: &tokio::process::Child) -> Self {
        Self
    }

    /// Does nothing.
    pub fn release(&mut self) {}
}

/// Changes nothing: the permissions of a new file are those of its folder.
pub fn with_mode(options: &mut OpenOptions, _: u32) -> &mut OpenOptions {
    options
}

/// Creates a folder and its missing parents.
///
/// # Errors
/// As [`fs::create_dir_all`].
pub fn create_folders(folder: &Path, _: u32) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Returns whether this user may write to it, without checking access control.
pub fn is_writable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir() || !found.permissions().readonly())
}

impl FileState {
    /// Returns the state of the file at `path`.
    ///
    /// # Errors
    /// Fails if there is none, or its metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
        let file = information(&options.open(path)?)?;
        // In units of 100 ns.
        let time = |ticks: Option<u64>| (ticks.unwrap_or(0).cast_signed(), 0);
        Ok(Self {
            id: (file.volume_serial_number(), file.file_index()),
            links: file.number_of_links(),
            owner: None,
            bytes: file.file_size(),
            modified: time(file.last_write_time()),
            changed: time(file.creation_time()),
        })
    }
}

/// Returns the name of the network file system of the folder, by its path alone.
pub fn network_file_system(folder: &Path) -> Option<&'static str> {
    match folder.canonicalize().ok()?.components().next()? {
        Component::Prefix(prefix) => match prefix.kind() {
            Prefix::UNC(..) | Prefix::VerbatimUNC(..) => Some("SMB"),
            _ => None,
        },
        _ => None,
    }
}

/// Opens a file to be synced; `None` for a folder, which the system does not sync.
///
/// # Errors
/// As [`File::open`].
pub fn open_to_sync(path: &Path) -> io::Result<Option<File>> {
    if path.is_dir() {
        return Ok(None);
    }
    OpenOptions::new().write(true).open(path).map(Some)
}

/// Always false: no call does it without the rights of an administrator.
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

/// A substitute for systemd, which does not exist here.
pub mod systemd {
    use std::time::Duration;

    /// Does nothing.
    pub fn ready() {}

    /// Does nothing.
    pub fn status(_: &str) {}

    /// Does nothing.
    pub fn watchdog() {}

    /// Does nothing.
    pub fn reloading() {}

    /// Does nothing.
    pub fn stopping(_: Duration) {}

    /// Always `None`: there is no watchdog.
    pub fn watchdog_every() -> Option<Duration> {
        None
    }
}
