//! Secrets that are read from a variable or a file: API keys and others. Each must be text that an HTTP
//! header can contain. No message contains a secret.

use std::{fs, io::Read, path::Path};

use secrecy::SecretString;

use super::Sources;
use crate::error::{Error, Result};

/// What the messages call the key of an account.
pub const API_KEY: &str = "the API key";

/// The largest file of a secret in bytes; a larger one was named by mistake.
const LONGEST: u64 = 64 * 1024;

/// Reads the secret in a file; `what` names the secret in messages.
pub fn from_file(path: &Path, what: &str) -> Result<SecretString> {
    let name = format!("the file '{}'", path.display());
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|fault| {
        Error::config(format!(
            "cannot read {what} from {name}: {fault}; check the path and its permissions"
        ))
    })?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::config(format!("{name} is too long for {what}: name another file")));
    }
    // Invalid UTF-8 becomes a character that no secret may contain.
    checked(&String::from_utf8_lossy(&bytes), &name, what)
}

/// Reads the secret in the variable `name`, which the configuration key `key` names.
pub fn from_env(sources: &Sources, name: &str, key: &str, what: &str) -> Result<SecretString> {
    match sources.env.get(name) {
        Some(secret) => checked(secret, &format!("the variable of {key}"), what),
        None => Err(Error::config(format!("the variable that {key} names is unset or empty"))),
    }
}

/// Returns the secret without white space at its end, such as the newline of an editor, if a header
/// can contain it: not empty, and printable ASCII only. `source` names where it was read.
pub fn checked(secret: &str, source: &str, what: &str) -> Result<SecretString> {
    let secret = secret.trim_end();
    if secret.is_empty() {
        return Err(Error::config(format!("{source} is empty: put {what} there")));
    }
    if !secret.chars().all(|c| (' '..='~').contains(&c)) {
        return Err(Error::config(format!(
            "{source} contains more than {what}: line breaks, control characters and non-ASCII \
             letters cannot be sent; put only {what} there"
        )));
    }
    Ok(SecretString::from(secret))
}
