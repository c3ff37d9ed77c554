//! The API keys: which account has which, and where they are read. What a key looks like is not
//! known here; only what an HTTP header can carry is asked of it. No message holds a key.

use std::{fs, io::Read, path::Path};

use secrecy::SecretString;

use super::{Account, Config, Sources};
use crate::error::{Error, Result};

/// No key is longer: a file over this was named by mistake.
const LONGEST: u64 = 64 * 1024;

impl Config {
    /// The accounts' names, in the order of the configuration; without `[[accounts]]` that is
    /// `default`.
    pub fn account_names(&self) -> Vec<String> {
        match self.accounts.as_slice() {
            [] => vec!["default".into()],
            accounts => accounts.iter().map(|account| account.name.clone()).collect(),
        }
    }

    /// Each account's name, in the order of the configuration, with its key or the reason why
    /// there is none ([`crate::error::Kind::Config`]). Without `[[accounts]]` that is `default`.
    ///
    /// Keys are read anew at each call, so that one that was replaced is found.
    pub fn api_keys(&self, sources: &Sources) -> Vec<(String, Result<SecretString>)> {
        if self.accounts.is_empty() {
            return vec![("default".into(), default_key(sources))];
        }
        self.accounts
            .iter()
            .map(|account| (account.name.clone(), account_key(account, sources)))
            .collect()
    }
}

/// The key of the one account that needs no configuration.
fn default_key(sources: &Sources) -> Result<SecretString> {
    let env = &sources.env;
    match (env.get("HEYGEN_API_KEY"), env.get("HEYGEN_API_KEY_FILE")) {
        (Some(_), Some(_)) => Err(Error::config(
            "both HEYGEN_API_KEY and HEYGEN_API_KEY_FILE are set: unset one of them",
        )),
        (Some(key), None) => judge(key, "HEYGEN_API_KEY"),
        (None, Some(file)) => from_file(&sources.working_dir.join(file)),
        (None, None) => {
            match env.get("CREDENTIALS_DIRECTORY").map(|f| Path::new(f).join("api_key")) {
                Some(file) if file.exists() => from_file(&file),
                _ => Err(Error::config(
                    "there is no API key: set HEYGEN_API_KEY to it, or HEYGEN_API_KEY_FILE to the \
                 name of a file that holds it",
                )),
            }
        }
    }
}

fn account_key(account: &Account, sources: &Sources) -> Result<SecretString> {
    let key = match (&account.api_key_env, &account.api_key_file) {
        (Some(name), None) => match sources.env.get(name) {
            Some(key) => judge(key, &variable(name)),
            None => Err(Error::config(format!(
                "there is no API key: {} is not set; set it, or correct api_key_env",
                variable(name)
            ))),
        },
        (None, Some(file)) => from_file(&sources.working_dir.join(file)),
        _ => Err(Error::config("set api_key_env or api_key_file, and only one of them")),
    };
    key.map_err(|e| e.context(format_args!("account '{}'", account.name)))
}

/// The variable's name, unless it may be a key that was put where the name belongs.
fn variable(name: &str) -> String {
    let usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(usual) { name.into() } else { "the variable of its api_key_env".into() }
}

/// The key in a file, without the newline that most editors put at the end.
pub(super) fn from_file(path: &Path) -> Result<SecretString> {
    let name = format!("the key file '{}'", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(
        |e| Error::config(format!("cannot read {name}: {e}; check the path and its permissions")),
    )?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::config(format!("{name} is too long to hold a key: name another")));
    }
    // What is not UTF-8 becomes a character that no key may have.
    let text = String::from_utf8_lossy(&bytes);
    let text =
        text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    judge(text, &name)
}

/// The key, if a header can carry it: something, and of printable ASCII only.
pub(super) fn judge(key: &str, source: &str) -> Result<SecretString> {
    if key.is_empty() {
        return Err(Error::config(format!("{source} is empty: put the API key there")));
    }
    if !key.chars().all(|c| (' '..='~').contains(&c)) {
        return Err(Error::config(format!(
            "{source} holds more than a key: line breaks, control characters and letters beyond \
             ASCII cannot be sent; put the API key there and nothing else"
        )));
    }
    Ok(SecretString::from(key))
}
