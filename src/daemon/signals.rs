//! The signals that the daemon handles.

use crate::{
    error::{Error, Result},
    system::{Reload, Stop},
};

/// The request that a signal makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop.
    Stop,
    /// SIGHUP: reload the configuration.
    Reload,
}

/// The signals that are waited for.
pub struct Signals {
    stop: Stop,
    reload: Reload,
}

impl Signals {
    /// Starts to listen for the signals.
    pub fn new() -> Result<Self> {
        let cannot = |fault| Error::unforeseen(format!("cannot wait for signals: {fault}"));
        let stop = Stop::new().map_err(cannot)?;
        Ok(Self { stop, reload: Reload::new().map_err(cannot)? })
    }

    /// Waits for the next signal. Cancel-safe: a dropped wait loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            () = self.stop.requested() => Signal::Stop,
            () = self.reload.requested() => Signal::Reload,
        }
    }
}
