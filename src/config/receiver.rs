//! How a receiver of notices is reached: its URL and its secret, read again at each use.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use url::Url;

use super::{
    Sources, keys,
    notify::{Notify, ReceiverKind},
    values,
};
use crate::error::{Error, Result};

/// What messages call the URL of a receiver.
const URL: &str = "the URL";
/// What messages call its secret.
const SECRET: &str = "the secret";

/// How a receiver is reached.
pub enum Receiver<'a> {
    /// Signed JSON to this URL, signed with this key.
    Webhook(Url, SecretSlice<u8>),
    /// Slack's format to this URL.
    Slack(Url),
    /// An e-mail.
    Email(Mail),
    /// A program and its arguments.
    Command(&'a [String]),
}

/// How an e-mail is sent.
pub struct Mail {
    /// The mail server, with the user and the password if it has them.
    pub server: Url,
    /// The sender.
    pub from: Mailbox,
    /// The recipients.
    pub to: Vec<Mailbox>,
}

impl Notify {
    /// Returns the receiver, its secrets read again at each call.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if a URL or a secret is missing or cannot be read.
    pub fn receiver(&self, sources: &Sources) -> Result<Receiver<'_>> {
        self.reached(sources).map_err(|error| error.context(format!("notify '{}'", self.name())))
    }

    fn reached(&self, sources: &Sources) -> Result<Receiver<'_>> {
        Ok(match self.kind {
            ReceiverKind::Command => Receiver::Command(&self.command),
            ReceiverKind::Slack => Receiver::Slack(self.where_it_is(sources)?),
            ReceiverKind::Webhook => {
                let secret = self.secret(sources)?.ok_or_else(|| {
                    Error::config(
                        "a webhook is signed: set secret_env or secret_file, or kind = \"slack\"",
                    )
                })?;
                Receiver::Webhook(self.where_it_is(sources)?, key(&secret)?)
            }
            ReceiverKind::Email => {
                let from = self.from.as_deref().and_then(|from| from.parse().ok());
                let from = from.ok_or_else(|| Error::config("set from to an address"))?;
                let to = self.to.iter().filter_map(|to| to.parse().ok()).collect();
                Receiver::Email(Mail { server: self.server(sources)?, from, to })
            }
        })
    }

    /// Returns the mail server. If the URL names a user without a password, the secret is the password.
    fn server(&self, sources: &Sources) -> Result<Url> {
        let mut server = self.where_it_is(sources)?;
        if server.username().is_empty() || server.password().is_some() {
            return Ok(server);
        }
        let missing = || Error::config("the URL contains a user: set secret_env or secret_file");
        let password = self.secret(sources)?.ok_or_else(missing)?;
        // This cannot fail: a URL of this kind has a host, so it may have a password.
        let _ = server.set_password(Some(password.expose_secret()));
        Ok(server)
    }

    fn where_it_is(&self, sources: &Sources) -> Result<Url> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let text = match (&self.url_env, &self.url_file) {
            (Some(name), _) => keys::from_env(sources, name, "url_env", URL),
            (None, Some(file)) => keys::from_file(&sources.working_dir.join(file), URL),
            (None, None) => Err(Error::config("set url, url_env or url_file")),
        }?;
        let url = values::guarded(text.expose_secret()).filter(|url| self.kind.accepts(url));
        url.ok_or_else(|| {
            Error::config(
                "the value of url_env or url_file is not an allowed URL: it must begin with \
                 https://, for e-mail with smtp:// or smtps://",
            )
        })
    }

    /// Returns the secret of the two keys, else systemd's credential for the receiver or for all.
    fn secret(&self, sources: &Sources) -> Result<Option<SecretString>> {
        let secret = match (&self.secret_env, &self.secret_file) {
            (Some(_), Some(_)) => Err(Error::config("set secret_env or secret_file, not both")),
            (Some(name), None) => keys::from_env(sources, name, "secret_env", SECRET),
            (None, Some(file)) => keys::from_file(&sources.working_dir.join(file), SECRET),
            (None, None) => match self.credential(sources) {
                Some(file) => keys::from_file(&file, SECRET),
                None => return Ok(None),
            },
        };
        secret.map(Some)
    }

    fn credential(&self, sources: &Sources) -> Option<PathBuf> {
        let folder = Path::new(sources.env.get("CREDENTIALS_DIRECTORY")?);
        let names = [format!("notify_secret_{}", self.name()), "notify_secret".to_owned()];
        names.iter().map(|name| folder.join(name)).find(|file| file.exists())
    }
}

/// Returns the signing key: the decoded base64 after `whsec_`, which is the format of Standard
/// Webhooks, else the secret as it is.
fn key(secret: &SecretString) -> Result<SecretSlice<u8>> {
    let secret = secret.expose_secret();
    match secret.strip_prefix("whsec_") {
        None => Ok(SecretSlice::from(secret.as_bytes().to_vec())),
        Some(encoded) => STANDARD.decode(encoded).map(SecretSlice::from).map_err(|_| {
            Error::config(
                "the secret begins with whsec_, but the rest is not base64: copy it again",
            )
        }),
    }
}
