//! The differences between operating systems, under the same names for all: signals, permissions,
//! the state of a file, durable writes, standard streams, process groups, the service manager. The
//! rest of the program uses what they have in common.

mod file_state;
#[cfg(unix)]
pub mod systemd;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use file_state::FileState;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

/// Opens a lock file: created with these permissions if it does not exist, never truncated. It is
/// opened for reading, too, since Windows does not lock an append-only file.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn open_lock(path: &Path, mode: u32) -> io::Result<File> {
    with_mode(OpenOptions::new().read(true).append(true).create(true), mode).open(path)
}
