//! What operating systems do differently, by the same names for all: signals, permissions, the state
//! of a file, durable writes, standard streams, groups of processes, the service manager. All else in
//! the program uses what they have in common.

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

/// Opens a file that processes lock: created with these permissions if it is not there, never
/// emptied. For reading, too, since Windows locks no file that is only appended to.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn open_lock(path: &Path, mode: u32) -> io::Result<File> {
    with_mode(OpenOptions::new().read(true).append(true).create(true), mode).open(path)
}
