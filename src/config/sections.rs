//! All that can be configured, with its defaults: the whole and the sections `[api]`, `[removals]`,
//! `[mirror]`, `[archive]` and `[publish]`. A new section is one struct and one field of [`Config`].

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
    catalog::{api_version::ApiVersion, catalogue::Catalogue},
    error::{Error, Result},
    time::DAY,
};

/// The whole configuration. Created by [`Config::load`], which checks its values.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database: a file's name, or a URL that may contain a password. Shown neither by `Debug`
    /// nor by any message of this module.
    #[serde(deserialize_with = "values::database")]
    pub database: String,
    /// How the API is read.
    pub api: Api,
    /// When an item that is no longer listed counts as removed.
    pub removals: Removals,
    /// How previews are saved.
    pub mirror: Mirror,
    /// Whether and where answers are kept.
    pub archive: ArchiveSection,
    /// Where a copy for readers is written.
    pub publish: Publish,
    /// Where the gallery listens.
    pub serve: Serve,
    /// The receivers of notices, and the monitors.
    #[serde(deserialize_with = "notify::read", serialize_with = "notify::write")]
    pub notify: Vec<Notify>,
    /// When the daemon polls.
    pub daemon: Daemon,
    /// Where a one-shot run writes its metrics.
    pub metrics: Metrics,
    /// The format of the log.
    pub log: Log,
    /// The accounts that are polled; empty means one, `default`.
    #[serde(deserialize_with = "accounts::read")]
    pub accounts: Vec<Account>,
}

/// The section `[api]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// The URL of the API. Plain http to loopback only; no credentials, query or fragment.
    #[serde(deserialize_with = "values::base_url")]
    pub base_url: Url,
    /// The catalogues that are polled, in this order.
    #[serde(deserialize_with = "values::catalogues", serialize_with = "values::write_catalogues")]
    pub catalogues: Vec<Catalogue>,
    /// The version of the API that is read.
    pub version: Version,
    /// The timeout of one request, its body included.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
    pub timeout: Duration,
    /// The timeout of connecting.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
    pub connect_timeout: Duration,
    /// The longest answer that is accepted, in bytes after decompression.
    #[serde(deserialize_with = "values::size")]
    pub max_response: u64,
    /// How often a failed request is retried.
    #[serde(deserialize_with = "values::retries")]
    pub retries: u32,
    /// The longest time without progress: no retry starts later than this after the last progress.
    #[serde(deserialize_with = "values::duration", serialize_with = "values::write_time")]
    pub retry_time: Duration,
}

/// The version of the API to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The older one until it is gone, then the newer one permanently.
    Auto,
    /// Only this one.
    Fixed(ApiVersion),
}

/// The section `[removals]`: rule 8 of history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removals {
    /// The number of polls in a row in which an item must be missing; `None` for the default of the
    /// API's version, see [`Removals::after_polls_on`].
    #[serde(deserialize_with = "values::after_polls")]
    pub after_polls: Option<u32>,
    /// Up to this many removals of one list are let through, independent of their share.
    #[serde(deserialize_with = "values::min_count")]
    pub min_count: u64,
    /// The share of a list's current items that may be removed in one poll, 0 to 1.
    #[serde(deserialize_with = "values::share")]
    pub max_share: f64,
}

/// The section `[mirror]`: previews saved before their links expire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mirror {
    /// Whether previews are saved at all.
    pub enabled: bool,
    /// Where they are saved: a folder, or `s3://bucket/prefix`.
    #[serde(deserialize_with = "values::store")]
    pub store: String,
    /// The hosts they are fetched from: names, `*.suffix`, addresses.
    #[serde(deserialize_with = "values::hosts")]
    pub allowed_hosts: Vec<String>,
    /// Whether pictures are saved.
    pub pictures: bool,
    /// Whether videos are saved.
    pub videos: bool,
    /// Whether samples of voices are saved.
    pub audio: bool,
    /// The number of parallel downloads.
    #[serde(deserialize_with = "values::concurrency")]
    pub concurrency: usize,
    /// The maximum number of requests per second.
    #[serde(deserialize_with = "values::per_second")]
    pub requests_per_second: u32,
    /// The largest file that is saved, in bytes; larger ones are left out.
    #[serde(deserialize_with = "values::size")]
    pub max_file: u64,
    /// The time after which a saved preview with an unsigned URL is checked again.
    #[serde(deserialize_with = "values::interval", serialize_with = "values::write_time")]
    pub recheck: Duration,
}

/// The section `[archive]`: every answer is kept, so that the database can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveSection {
    /// Whether answers are kept at all.
    pub enabled: bool,
    /// Where they are kept: a folder, or `s3://bucket/prefix`.
    #[serde(deserialize_with = "values::store")]
    pub store: String,
}

/// Checks a store of files that was given on the command line.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if it is invalid.
pub fn check_store(store: &str) -> Result<()> {
    match values::is_store(store) {
        true => Ok(()),
        false => Err(Error::usage(format!("'{store}' is neither a folder nor s3://bucket/prefix"))),
    }
}

impl Config {
    /// Returns the names of the accounts, in the order of the configuration; `default` without
    /// `[[accounts]]`.
    pub fn account_names(&self) -> Vec<String> {
        match self.accounts.as_slice() {
            [] => vec!["default".into()],
            accounts => accounts.iter().map(|account| account.name.clone()).collect(),
        }
    }

    /// Returns what is polled: each account with each catalogue, in the order of the configuration.
    pub fn polled(&self) -> Vec<(String, Catalogue)> {
        let catalogues = &self.api.catalogues;
        let of =
            |account: String| catalogues.iter().map(move |catalogue| (account.clone(), *catalogue));
        self.account_names().into_iter().flat_map(of).collect()
    }

    /// Returns the blocks of `[[notify]]` that have a receiver, not only pings.
    pub fn receivers(&self) -> impl Iterator<Item = &Notify> {
        self.notify.iter().filter(|block| block.has_receiver())
    }

    /// Returns each account's name, in the order of the configuration, with its key or the reason why
    /// there is none ([`crate::error::Kind::Config`]). Without `[[accounts]]` that is `default`.
    ///
    /// Keys are read again at each call, so that a replaced one is found.
    pub fn api_keys(&self, sources: &Sources) -> Vec<(String, Result<SecretString>)> {
        if self.accounts.is_empty() {
            return vec![("default".into(), accounts::default_key(sources))];
        }
        self.accounts.iter().map(|account| (account.name.clone(), account.key(sources))).collect()
    }
}

/// The section `[publish]`: a copy of the database for readers who may not write in its folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// The SQLite file; `None` publishes nothing.
    pub file: Option<PathBuf>,
}

impl Removals {
    /// Returns in how many polls in a row an item must be missing until its removal is due.
    pub fn after_polls_on(&self, version: ApiVersion) -> u32 {
        self.after_polls.unwrap_or(version.after_polls())
    }
}

impl Version {
    /// Returns the name in `config.toml`.
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
            recheck: DAY * 7,
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

/// Omits the sections: some contain the address of a database or of a receiver.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("api", &self.api).finish_non_exhaustive()
    }
}
