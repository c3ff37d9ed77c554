//! The signals that a service gets.

use crate::{
    error::{Error, Result},
    system::{Reload, Stop},
};

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
    stop: Stop,
    reload: Reload,
}

impl Signals {
    /// From now on they are waited for.
    pub fn new() -> Result<Self> {
        let cannot = |fault| Error::unforeseen(format!("cannot wait for signals: {fault}"));
        let stop = Stop::new().map_err(cannot)?;
        Ok(Self { stop, reload: Reload::new().map_err(cannot)? })
    }

    /// The next one. A wait that is dropped loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            () = self.stop.requested() => Signal::Stop,
            () = self.reload.requested() => Signal::Reload,
        }
    }
}
