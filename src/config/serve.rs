//! The section `[serve]`: where the gallery listens, and who has access.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Sources, keys, values};
use crate::error::{Error, Result};

/// What messages call the token.
const PASSWORD: &str = "the gallery's password";

/// The section `[serve]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// The address and port to listen on.
    pub listen: String,
    /// The environment variable that contains the token.
    pub token_env: Option<String>,
    /// The file that contains the token.
    pub token_file: Option<PathBuf>,
    /// Whether a reverse proxy controls access.
    pub behind_proxy: bool,
    /// Whether previews that the mirror does not have are fetched when they are viewed; by default
    /// only if the gallery listens on loopback.
    pub live_previews: Option<bool>,
    /// The number of bytes of such previews that are kept in memory.
    #[serde(deserialize_with = "values::size")]
    pub preview_cache: u64,
    /// The folder that keeps them as well; `None` keeps them in memory only.
    pub preview_cache_folder: Option<PathBuf>,
    /// The number of bytes that are kept there.
    #[serde(deserialize_with = "values::size")]
    pub preview_cache_folder_size: u64,
    /// The host names that requests may use, besides this machine's own.
    pub hosts: Vec<String>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8087".into(),
            token_env: None,
            token_file: None,
            behind_proxy: false,
            live_previews: None,
            preview_cache: 64 << 20,
            preview_cache_folder: None,
            preview_cache_folder_size: 2 << 30,
            hosts: vec![],
        }
    }
}

impl Serve {
    /// Returns the address and port to listen on.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if it is not an address.
    pub fn address(&self) -> Result<SocketAddr> {
        values::address(&self.listen, "serve.listen", 8087)
    }

    /// Whether previews are fetched if the gallery listens at `address`.
    pub fn fetches_previews(&self, address: SocketAddr) -> bool {
        self.live_previews.unwrap_or(address.ip().is_loopback())
    }

    /// Returns the token, read again at each call; `None` if none is configured.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if it cannot be read, or both sources are named.
    pub fn token(&self, sources: &Sources) -> Result<Option<SecretString>> {
        let token = match (&self.token_env, &self.token_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => Err(Error::config("set token_env or token_file, not both")),
            (Some(name), None) => keys::from_env(sources, name, "token_env", PASSWORD),
            (None, Some(file)) => keys::from_file(&sources.working_dir.join(file), PASSWORD),
        };
        token.map(Some).map_err(|error| error.context("serve"))
    }
}
