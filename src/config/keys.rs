//! Secrets that are read from a variable or a file. A key is only asked to be what an HTTP header can
//! carry. No message holds a key.

use std::{fs, io::Read, path::Path};

use secrecy::SecretString;

use crate::error::{Error, Result};

/// No key is longer: a file over this was named by mistake.
const LONGEST: u64 = 64 * 1024;

/// The key in a file.
pub fn from_file(path: &Path) -> Result<SecretString> {
    let name = format!("the key file '{}'", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(
        |e| Error::config(format!("cannot read {name}: {e}; check the path and its permissions")),
    )?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::config(format!("{name} is too long to hold a key: name another")));
    }
    // What is not UTF-8 becomes a character that no key may have.
    judge(&String::from_utf8_lossy(&bytes), &name)
}

/// The key without white space at its end, such as the newline of an editor, if a header can carry
/// it: not empty, and of printable ASCII only.
pub fn judge(key: &str, source: &str) -> Result<SecretString> {
    let key = key.trim_end();
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
