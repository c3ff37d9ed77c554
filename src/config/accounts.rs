//! The list `[[accounts]]`: the accounts that are polled, and the source of each key.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{
    Sources,
    keys::{self, API_KEY},
};
use crate::error::{Error, Result};

/// The longest name of an account, in bytes.
const LONGEST_NAME: usize = 128;

/// One entry of `[[accounts]]`; exactly one of the two sources of its key is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name of the account in the database.
    pub name: String,
    /// The environment variable that contains its key.
    pub api_key_env: Option<String>,
    /// The file that contains its key.
    pub api_key_file: Option<PathBuf>,
}

impl Account {
    /// Returns the account's key, read again at each call.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if there is none.
    pub fn key(&self, sources: &Sources) -> Result<SecretString> {
        let key = match (&self.api_key_env, &self.api_key_file) {
            (Some(name), None) => match sources.env.get(name) {
                Some(key) => keys::checked(key, &variable(name), API_KEY),
                None => Err(Error::config(format!(
                    "there is no API key: {} is unset or empty; set it, or correct api_key_env",
                    variable(name)
                ))),
            },
            (None, Some(file)) => keys::from_file(&sources.working_dir.join(file), API_KEY),
            _ => Err(Error::config("set api_key_env or api_key_file, and only one of them")),
        };
        key.map_err(|e| e.context(format_args!("account '{}'", self.name)))
    }

    /// Returns what is wrong with the entry on its own.
    fn fault(&self) -> Option<&'static str> {
        let Self { name, api_key_env, api_key_file } = self;
        if !is_account_name(name) {
            return Some("must have a name of 1 to 128 bytes without control characters");
        }
        if api_key_env.is_some() == api_key_file.is_some() {
            return Some("must have api_key_env or api_key_file, and only one of them");
        }
        let is_empty = api_key_env.as_deref() == Some("")
            || api_key_file.as_ref().is_some_and(|file| file.as_os_str().is_empty());
        is_empty.then_some("must name a variable in api_key_env or a file in api_key_file")
    }
}

/// Checks an account's name that was given on the command line.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if it is invalid.
pub fn check_account_name(name: &str) -> Result<()> {
    if is_account_name(name) {
        return Ok(());
    }
    Err(Error::usage("an account's name has 1 to 128 bytes and no control characters"))
}

/// Whether `name` is valid as an account's name.
pub(super) fn is_account_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Returns the key of the account `default`, which needs no configuration.
pub fn default_key(sources: &Sources) -> Result<SecretString> {
    let env = &sources.env;
    match (env.get("HEYGEN_API_KEY"), env.get("HEYGEN_API_KEY_FILE")) {
        (Some(_), Some(_)) => Err(Error::config(
            "both HEYGEN_API_KEY and HEYGEN_API_KEY_FILE are set: unset one of them",
        )),
        (Some(key), None) => keys::checked(key, "HEYGEN_API_KEY", API_KEY),
        (None, Some(file)) => keys::from_file(&sources.path(Path::new(file))?, API_KEY),
        (None, None) => {
            match env.get("CREDENTIALS_DIRECTORY").map(|f| Path::new(f).join("api_key")) {
                Some(file) if file.exists() => keys::from_file(&file, API_KEY),
                _ => Err(Error::config(
                    "there is no API key: set HEYGEN_API_KEY to it, or HEYGEN_API_KEY_FILE to the \
                 name of a file that contains it",
                )),
            }
        }
    }
}

/// Returns the variable's name, unless it may be a key that was written in place of the name.
fn variable(name: &str) -> String {
    let usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(usual) { name.into() } else { "the variable of its api_key_env".into() }
}

/// Reads the accounts; checks each on its own and against those before it.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Account>, D::Error> {
    deserializer.deserialize_seq(Accounts)
}

/// Reads accounts one by one, so that an error can state which of them is wrong.
struct Accounts;

impl<'de> Visitor<'de> for Accounts {
    type Value = Vec<Account>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list such as [{ name = \"main\", api_key_env = \"MAIN_KEY\" }]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Account>, A::Error> {
        let mut accounts = Vec::<Account>::new();
        while let Some(account) = list.next_element::<Account>()? {
            let fault = |what| A::Error::custom(format!("[{}] {what}", accounts.len() + 1));
            if let Some(what) = account.fault() {
                return Err(fault(what));
            }
            if accounts.iter().any(|other| other.name == account.name) {
                return Err(fault("must have a name that no other account has"));
            }
            accounts.push(account);
        }
        Ok(accounts)
    }
}
