//! The configuration: flags before environment before `config.toml` before defaults; and the API keys.
//!
//! [`Config`] and its sections are the only list of what can be set: the check for unknown keys, the names
//! of the environment variables and the test of the shipped `config.toml` are derived from them.

mod accounts;
mod daemon;
mod env;
mod file;
mod keys;
mod load;
mod notify;
mod overlay;
mod receiver;
mod sections;
mod serve;
mod sources;
#[cfg(test)]
mod tests;
mod values;

pub use self::{
    accounts::{Account, check_account_name},
    daemon::{Daemon, Log, LogFormat, Metrics},
    env::{Env, unset_empty},
    notify::{Event, Notify, ReceiverKind},
    receiver::{Mail, Receiver},
    sections::{Api, ArchiveSection, Config, Mirror, Publish, Removals, Version, check_store},
    serve::Serve,
    sources::{Origin, Sources},
    values::{base_url_fault, is_loopback_url},
};
