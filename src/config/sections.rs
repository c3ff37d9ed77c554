//! What can be configured, with its defaults: the whole and the sections `[api]`, `[removals]`, `[mirror]`
//! and `[archive]`. A new section is one struct and one field of [`Config`].

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{
    accounts::{self, Account},
    daemon::{Daemon, Log, Metrics},
    notify::{self, Notify},
    serve::Serve,
    sources::Sources,
    values,
};
use crate::{
    catalog::catalogue::Catalogue,
    error::{Error, Result},
    heygen::ApiVersion,
};

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
    pub archive: ArchiveSection,
    /// Where a copy for readers is kept.
    pub publish: Publish,
    /// Where the gallery listens.
    pub serve: Serve,
    /// Who is told.
    #[serde(deserialize_with = "notify::read", serialize_with = "notify::write")]
    pub notify: Vec<Notify>,
    /// When the daemon polls.
    pub daemon: Daemon,
    /// Where a one-shot run leaves its metrics.
    pub metrics: Metrics,
    /// How the log is written.
    pub log: Log,
    /// The accounts that are polled; empty means one, `default`.
    #[serde(deserialize_with = "accounts::read")]
    pub accounts: Vec<Account>,
}

/// The section `[api]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Where the API is. Plain http to loopback only; no credentials, query or fragment.
    #[serde(with = "values::base_url")]
    pub base_url: Url,
    /// What is polled, in this order.
    #[serde(deserialize_with = "values::catalogues", serialize_with = "values::write_catalogues")]
    pub catalogues: Vec<Catalogue>,
    /// Which version of the API is read.
    pub version: Version,
    /// The longest that one request may take, its body included.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
    pub timeout: Duration,
    /// The longest that connecting may take.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
    pub connect_timeout: Duration,
    /// The longest answer that is read, in bytes after decompression.
    #[serde(deserialize_with = "values::size")]
    pub max_response: u64,
    /// How often a request that failed is tried again.
    #[serde(deserialize_with = "values::retries")]
    pub retries: u32,
    /// The longest that one poll's requests and the waits between them may take together.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
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
    /// Whether samples of voices are saved.
    pub audio: bool,
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
    #[serde(deserialize_with = "values::interval", serialize_with = "values::write_time")]
    pub recheck: Duration,
}

/// The section `[archive]`: every answer kept, so that the database can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveSection {
    /// Whether answers are kept at all.
    pub enabled: bool,
    /// Where: a folder, or `s3://bucket/prefix`.
    #[serde(deserialize_with = "values::store")]
    pub store: String,
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
    /// The accounts' names, in the order of the configuration; without `[[accounts]]` that is
    /// `default`.
    pub fn account_names(&self) -> Vec<String> {
        match self.accounts.as_slice() {
            [] => vec!["default".into()],
            accounts => accounts.iter().map(|account| account.name.clone()).collect(),
        }
    }

    /// What is polled: each account with each catalogue, in the order of the configuration.
    pub fn polled(&self) -> Vec<(String, Catalogue)> {
        let catalogues = &self.api.catalogues;
        let of =
            |account: String| catalogues.iter().map(move |catalogue| (account.clone(), *catalogue));
        self.account_names().into_iter().flat_map(of).collect()
    }

    /// The blocks of `[[notify]]` that have a receiver, not pings alone.
    pub fn receivers(&self) -> impl Iterator<Item = &Notify> {
        self.notify.iter().filter(|block| block.has_receiver())
    }

    /// Each account's name, in the order of the configuration, with its key or the reason why
    /// there is none ([`crate::error::Kind::Config`]). Without `[[accounts]]` that is `default`.
    ///
    /// Keys are read anew at each call, so that one that was replaced is found.
    pub fn api_keys(&self, sources: &Sources) -> Vec<(String, Result<SecretString>)> {
        if self.accounts.is_empty() {
            return vec![("default".into(), accounts::default_key(sources))];
        }
        self.accounts.iter().map(|account| (account.name.clone(), account.key(sources))).collect()
    }
}

/// The section `[publish]`: a copy of the database for readers who may not write beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// The SQLite file; `None` publishes nothing.
    pub file: Option<PathBuf>,
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

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let known = ApiVersion::all().map(Self::Fixed).chain([Self::Auto]);
        values::one_of(deserializer, known, Self::as_str)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "heygen.db".into(),
            api: Api::default(),
            removals: Removals::default(),
            publish: Publish::default(),
            serve: Serve::default(),
            notify: Vec::new(),
            mirror: Mirror::default(),
            daemon: Daemon::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            archive: ArchiveSection::default(),
            accounts: Vec::new(),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: values::default_base_url(),
            catalogues: vec![Catalogue::Avatars],
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
            audio: false,
            concurrency: 16,
            requests_per_second: 50,
            max_file: 512 * 1024 * 1024,
            recheck: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

impl Default for ArchiveSection {
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
            publish,
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
            .field("publish", publish)
            .field("accounts", accounts)
            .finish()
    }
}
