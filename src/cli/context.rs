//! The context that every command receives besides its own flags.

use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Origin, Sources},
    daemon::health::Health,
    error::Result,
    store::{Location, Store},
    time::Clock,
    words::shell_words,
};

/// The context of a command.
pub(super) struct Context {
    pub sources: Sources,
    pub quiet: bool,
    pub clock: Clock,
    /// The global flags, as they would be typed again.
    pub flags: Vec<String>,
    /// The link between the daemon and the work.
    pub service: DaemonLink,
}

/// The link between the daemon and the work; in a one-shot run there is no daemon at the other end.
#[derive(Default)]
pub(super) struct DaemonLink {
    /// Whether the command is the daemon.
    pub is_daemon: bool,
    /// Cancelled when the work should end.
    pub stop: CancellationToken,
    /// Where the work reports its progress.
    pub health: Health,
}

impl Context {
    /// Returns the program and its global flags, quoted for a shell: the start of a command to be typed.
    pub fn program(&self) -> String {
        shell_words(["heygen-sync"].into_iter().chain(self.flags.iter().map(String::as_str)))
    }

    /// Whether progress bars and spinners may be drawn: they would clutter a log.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && !self.service.is_daemon
    }

    /// Returns the line that is printed instead of an empty table; `--quiet` leaves it out.
    pub fn nothing(&self, line: &'static str) -> &'static str {
        if self.quiet { "" } else { line }
    }

    /// Returns the configuration, its origin and the location of the database.
    pub fn config(&self) -> Result<(Config, Origin, Location)> {
        let (config, origin) = Config::load(&self.sources)?;
        let location = Location::parse(&config.database)?;
        Ok((config, origin, location))
    }

    /// Returns the location of the database.
    pub fn location(&self) -> Result<Location> {
        self.config().map(|(_, _, location)| location)
    }

    /// Returns the configuration and the database with a read transaction begun; `account`, if given,
    /// must have been polled.
    pub async fn reading(&self, account: Option<&str>) -> Result<(Config, Store)> {
        let (config, _, location) = self.config()?;
        let mut store = Store::open_to_read(&location).await?;
        store.begin_reading().await?;
        if let Some(account) = account {
            store.expect_account(account).await?;
        }
        Ok((config, store))
    }
}
