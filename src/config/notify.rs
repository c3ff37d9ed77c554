//! The section `[notify]`: who is told what polls find, and which monitor hears that they run.
//!
//! The URLs of receivers and monitors are secrets as much as the one that signs: whoever has them
//! can write there. None is shown by `Debug` or by a message.

use std::{fmt, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{Sources, keys, values};
use crate::error::{Error, Result};

/// The section `[notify]`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Where notices are sent; unset, none are written.
    #[serde(with = "values::receiver")]
    pub url: Option<Url>,
    /// How they are written.
    pub format: Form,
    /// The environment variable that holds the secret that signs.
    pub secret_env: Option<String>,
    /// The file that holds the secret that signs.
    pub secret_file: Option<PathBuf>,
    /// Ids of the items whose removal is told first.
    pub watch: Vec<String>,
    /// Asked when a run begins.
    #[serde(with = "values::receiver")]
    pub ping_start: Option<Url>,
    /// Asked when a run ended well.
    #[serde(with = "values::receiver")]
    pub ping_success: Option<Url>,
    /// Asked when a run failed.
    #[serde(with = "values::receiver")]
    pub ping_failure: Option<Url>,
}

/// How a notice is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Signed JSON.
    #[default]
    Webhook,
    /// `{"text": …}`, unsigned: the URL is the secret.
    Slack,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Slack];

    /// As it is written in `config.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
        }
    }
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        values::one_of(deserializer, Self::ALL, Self::as_str)
    }
}

/// How the receiver of notices is reached.
pub enum Receiver<'a> {
    /// Signed JSON to this URL, with this key.
    Webhook(&'a Url, SecretSlice<u8>),
    /// Slack's form to this URL.
    Slack(&'a Url),
}

impl Receiver<'_> {
    /// Where it is.
    pub fn url(&self) -> &Url {
        match self {
            Self::Webhook(url, _) | Self::Slack(url) => url,
        }
    }
}

impl Notify {
    /// The receiver, its secret read anew at each call; `None` where none is configured.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] where a webhook has no secret, or it cannot be read.
    pub fn receiver(&self, sources: &Sources) -> Result<Option<Receiver<'_>>> {
        let Some(url) = &self.url else { return Ok(None) };
        Ok(Some(match self.format {
            Form::Slack => Receiver::Slack(url),
            Form::Webhook => Receiver::Webhook(url, self.secret(sources)?),
        }))
    }

    fn secret(&self, sources: &Sources) -> Result<SecretSlice<u8>> {
        let credential = || {
            let folder = sources.env.get("CREDENTIALS_DIRECTORY")?;
            Some(PathBuf::from(folder).join("notify_secret")).filter(|file| file.exists())
        };
        let secret = match (&self.secret_env, &self.secret_file) {
            (Some(_), Some(_)) => Err(Error::config("set secret_env or secret_file, not both")),
            (Some(name), None) => match sources.env.get(name) {
                Some(secret) => keys::judge(secret, "the variable of secret_env"),
                None => {
                    Err(Error::config("the variable that secret_env names is not set or empty"))
                }
            },
            (None, Some(file)) => keys::from_file(&sources.working_dir.join(file)),
            (None, None) => match credential() {
                Some(file) => keys::from_file(&file),
                None => Err(Error::config(
                    "a webhook is signed: set secret_env or secret_file, or format = \"slack\"",
                )),
            },
        };
        secret.and_then(|secret| key(&secret)).map_err(|error| error.context("notify"))
    }
}

/// The key that signs: what `whsec_` and base64 stand for, as the Standard Webhooks write it, else
/// the secret as it is.
fn key(secret: &SecretString) -> Result<SecretSlice<u8>> {
    let secret = secret.expose_secret();
    match secret.strip_prefix("whsec_") {
        None => Ok(SecretSlice::from(secret.as_bytes().to_vec())),
        Some(encoded) => STANDARD.decode(encoded).map(SecretSlice::from).map_err(|_| {
            Error::config("the secret begins with whsec_, but base64 does not follow: copy it anew")
        }),
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that a new key cannot be forgotten.
        let Self {
            url,
            format,
            secret_env: _,
            secret_file: _,
            watch,
            ping_start: _,
            ping_success: _,
            ping_failure: _,
        } = self;
        let host = url.as_ref().and_then(Url::host_str);
        f.debug_struct("Notify")
            .field("host", &host)
            .field("format", format)
            .field("watch", watch)
            .finish_non_exhaustive()
    }
}
