//! What every command gets besides its own flags.

use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Origin, Sources},
    daemon::health::Health,
    error::Result,
    store::Location,
    time::Clock,
    words::shell_words,
};

/// What every verb is handed.
pub(super) struct Context {
    pub sources: Sources,
    pub quiet: bool,
    pub clock: Clock,
    /// The flags before the verb, as they would be typed again.
    pub flags: Vec<String>,
    /// What the daemon tells the work, and is told by it.
    pub service: DaemonLink,
}

/// Between the daemon and the work: nobody is at the other end in a one-shot run.
#[derive(Default)]
pub(super) struct DaemonLink {
    /// Whether it is the daemon that runs.
    pub is_daemon: bool,
    /// The work should come to an end.
    pub stop: CancellationToken,
    /// The work gets on.
    pub health: Health,
}

impl Context {
    /// The program and its flags, quoted for a shell: how a command begins that people are to type.
    pub fn program(&self) -> String {
        shell_words(["heygen-sync"].into_iter().chain(self.flags.iter().map(String::as_str)))
    }

    /// Whether bars and spinners may be drawn: they would spoil a log.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && !self.service.is_daemon
    }

    /// The configuration and where the database is.
    pub fn config(&self) -> Result<(Config, Origin, Location)> {
        let (config, origin) = Config::load(&self.sources)?;
        let location = Location::parse(&config.database)?;
        Ok((config, origin, location))
    }
}
