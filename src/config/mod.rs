//! Configuration: flags over environment over `config.toml` over defaults, and the API keys.
//!
//! What can be set, with its default, is said by the structs here and nowhere else: the file's
//! unknown keys, the names of the environment's variables and the test of the shipped
//! `config.toml` are all found from them. A new section is one struct and one line in
//! [`Config`]. How a database is opened or a key is used is not known here.

mod daemon;
mod env;
mod file;
mod keys;
mod notify;
mod serve;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

pub use self::{
    daemon::{Daemon, Log, LogFormat, Metrics},
    env::{Env, unset_empty},
    notify::{Form, Notify, Receiver},
    serve::Serve,
    sources::{Origin, Sources},
    values::is_loopback_url,
};
use crate::error::{Error, Result};
pub use crate::heygen::ApiVersion;

/// All that can be configured. Made by [`Config::load`]; its values have been judged.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the history is kept: a file's name, or a URL that may hold a password. Not shown by
    /// `Debug`, nor by any message from here.
    #[serde(deserialize_with = "values::database")]
    pub database: String,
    /// How the API is asked.
    pub api: Api,
    /// When an item that is no longer listed counts as removed.
    pub removals: Removals,
    /// How previews are saved.
    pub mirror: Mirror,
    /// What is kept of the answers.
    pub archive: Archive,
    /// Where the gallery listens.
    pub serve: Serve,
    /// Who is told.
    pub notify: Notify,
    /// When the daemon polls.
    pub daemon: Daemon,
    /// Where a one-shot run leaves its metrics.
    pub metrics: Metrics,
    /// How the log is written.
    pub log: Log,
    /// The accounts that are polled; empty means one, `default`.
    #[serde(deserialize_with = "values::accounts")]
    pub accounts: Vec<Account>,
}

/// The section `[api]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Where the API is. Plain http to loopback only; no credentials, query or fragment.
    #[serde(with = "values::base_url")]
    pub base_url: Url,
    /// Which version of the API is read.
    #[serde(with = "values::version")]
    pub version: Version,
    /// The longest that one request may take, its body included.
    #[serde(with = "values::duration")]
    pub timeout: Duration,
    /// The longest that connecting may take.
    #[serde(with = "values::duration")]
    pub connect_timeout: Duration,
    /// The longest answer that is read, in bytes after decompression.
    #[serde(deserialize_with = "values::size")]
    pub max_response: u64,
    /// How often a request that failed is tried again.
    #[serde(deserialize_with = "values::retries")]
    pub retries: u32,
    /// The longest that one poll's requests and the waits between them may take together.
    #[serde(with = "values::duration")]
    pub retry_time: Duration,
}

/// Which version of the API is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The older one while it answers, then the newer one for good.
    Auto,
    /// This one and no other.
    Fixed(ApiVersion),
}

/// The section `[removals]`: rule 8 of history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removals {
    /// In how many polls in a row an item must be missing; `None` leaves it to the API's version,
    /// see [`Removals::after_polls_on`].
    #[serde(deserialize_with = "values::after_polls")]
    pub after_polls: Option<u32>,
    /// So many removals of one list are let through, whatever their share.
    #[serde(deserialize_with = "values::min_count")]
    pub min_count: u64,
    /// The share of a list's current items that may go in one poll, 0 to 1.
    #[serde(deserialize_with = "values::share")]
    pub max_share: f64,
}

/// The section `[mirror]`: previews saved before their links die.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mirror {
    /// Whether previews are saved at all.
    pub enabled: bool,
    /// Where: a folder, or `s3://bucket/prefix`.
    #[serde(deserialize_with = "values::store")]
    pub store: String,
    /// Whom they are fetched from: names, `*.suffix`, addresses.
    #[serde(deserialize_with = "values::hosts")]
    pub allowed_hosts: Vec<String>,
    /// Whether pictures are saved.
    pub pictures: bool,
    /// Whether videos are saved.
    pub videos: bool,
    /// Downloads side by side.
    #[serde(deserialize_with = "values::concurrency")]
    pub concurrency: usize,
    /// Requests in a second, at most.
    #[serde(deserialize_with = "values::per_second")]
    pub requests_per_second: u32,
    /// Longer files are left out, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub max_file: u64,
    /// After how long an unsigned one that we have is looked at again.
    #[serde(with = "values::interval")]
    pub recheck: Duration,
}

/// The section `[archive]`: every answer kept, so that the database can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// Whether answers are kept at all.
    pub enabled: bool,
    /// Where: a folder, or `s3://bucket/prefix`.
    #[serde(deserialize_with = "values::store")]
    pub store: String,
}

/// One entry of `[[accounts]]`; exactly one of the two sources of its key is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What the account is called in the database.
    pub name: String,
    /// The environment variable that holds its key.
    pub api_key_env: Option<String>,
    /// The file that holds its key.
    pub api_key_file: Option<PathBuf>,
}

/// Judges an account's name that comes from the command line.
///
/// # Errors
/// [`crate::error::Kind::Usage`].
pub fn check_account_name(name: &str) -> Result<()> {
    if values::is_account_name(name) {
        return Ok(());
    }
    Err(Error::usage("an account's name has 1 to 128 bytes and no control characters"))
}

/// Judges where files are kept, given on the command line.
///
/// # Errors
/// [`crate::error::Kind::Usage`].
pub fn check_store(store: &str) -> Result<()> {
    match values::is_store(store) {
        true => Ok(()),
        false => Err(Error::usage(format!("'{store}' is neither a folder nor s3://bucket/prefix"))),
    }
}

impl Config {
    /// Reads the configuration, and says where it came from.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for a file that cannot be read, an unknown key or a bad
    /// value: with the file, line and key, or the name of the variable.
    pub fn load(sources: &Sources) -> Result<(Self, Origin)> {
        let (origin, text) = sources.find()?;
        let mut table = file::read(&origin.to_string(), &text)?;
        env::overlay(&mut table, &sources.env)?;
        if let Some(database) = &sources.database {
            if database.is_empty() {
                return Err(Error::config("--database must not be empty: name a file or a URL"));
            }
            table.insert("database".into(), database.clone().into());
        }
        let mut config: Self = table
            .try_into()
            .map_err(|e| Error::config(format!("the configuration{}", values::plain(&e))))?;
        config.start_from_home(sources)?;
        Ok((config, origin))
    }

    /// Puts the home folder in place of `~/` at the start of every path.
    fn start_from_home(&mut self, sources: &Sources) -> Result<()> {
        let names = [&mut self.database, &mut self.mirror.store, &mut self.archive.store];
        for name in names.into_iter().filter(|name| name.starts_with("~/")) {
            *name = sources.path(name.as_ref())?.to_string_lossy().into_owned();
        }
        let keys = self.accounts.iter_mut().map(|account| &mut account.api_key_file);
        let files =
            [&mut self.serve.token_file, &mut self.notify.secret_file, &mut self.metrics.textfile];
        for file in keys.chain(files).flatten().filter(|file| file.starts_with("~")) {
            *file = sources.path(file)?;
        }
        Ok(())
    }
}

impl Removals {
    /// In how many polls in a row an item must be missing until its removal is due.
    pub fn after_polls_on(&self, version: ApiVersion) -> u32 {
        self.after_polls.unwrap_or(version.after_polls())
    }
}

impl Version {
    /// As it is written in `config.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(version) => version.as_str(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "heygen.db".into(),
            api: Api::default(),
            removals: Removals::default(),
            serve: Serve::default(),
            notify: Notify::default(),
            mirror: Mirror::default(),
            daemon: Daemon::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            archive: Archive::default(),
            accounts: Vec::new(),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: values::default_base_url(),
            version: Version::Auto,
            timeout: Duration::from_secs(180),
            connect_timeout: Duration::from_secs(10),
            max_response: 256 * 1024 * 1024,
            retries: 4,
            retry_time: Duration::from_secs(600),
        }
    }
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            enabled: false,
            store: "mirror".into(),
            allowed_hosts: vec!["*.heygen.ai".into()],
            pictures: true,
            videos: true,
            concurrency: 16,
            requests_per_second: 50,
            max_file: 512 * 1024 * 1024,
            recheck: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self { enabled: false, store: "archive".into() }
    }
}

impl Default for Removals {
    fn default() -> Self {
        Self { after_polls: None, min_count: 20, max_share: 0.2 }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that a new section cannot be forgotten.
        let Self {
            database: _,
            api,
            removals,
            mirror,
            archive,
            serve,
            notify,
            daemon,
            metrics,
            log,
            accounts,
        } = self;
        f.debug_struct("Config")
            .field("database", &format_args!("(not shown)"))
            .field("api", api)
            .field("removals", removals)
            .field("serve", serve)
            .field("notify", notify)
            .field("mirror", mirror)
            .field("daemon", daemon)
            .field("metrics", metrics)
            .field("log", log)
            .field("archive", archive)
            .field("accounts", accounts)
            .finish()
    }
}
