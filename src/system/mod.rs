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
