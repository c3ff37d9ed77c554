//! The signals that a service gets.

use tokio::signal::unix::{self, SignalKind};

use crate::error::{Error, Result};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: come to an end.
    Stop,
    /// SIGHUP: read the configuration anew.
    Reload,
}

/// Those that are waited for.
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// From now on they are waited for.
    pub fn new() -> Result<Self> {
        let wait = |kind| {
            unix::signal(kind)
                .map_err(|fault| Error::unforeseen(format!("cannot wait for signals: {fault}")))
        };
        Ok(Self {
            terminate: wait(SignalKind::terminate())?,
            interrupt: wait(SignalKind::interrupt())?,
            hang_up: wait(SignalKind::hangup())?,
        })
    }

    /// The next one. A wait that is dropped loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}
