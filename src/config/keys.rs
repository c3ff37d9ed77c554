//! Secrets that are read from a variable or a file. The only requirement is that an HTTP header can
//! contain the key. No message contains a key.

use std::{fs, io::Read, path::Path};

use secrecy::SecretString;

use crate::error::{Error, Result};

/// The largest key file in bytes; a larger one was named by mistake.
const LONGEST: u64 = 64 * 1024;

/// Reads the key in a file.
pub fn from_file(path: &Path) -> Result<SecretString> {
    let name = format!("the key file '{}'", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(
        |e| Error::config(format!("cannot read {name}: {e}; check the path and its permissions")),
    )?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::config(format!("{name} is too long for a key: name another file")));
    }
    // Invalid UTF-8 becomes a character that no key may contain.
    checked(&String::from_utf8_lossy(&bytes), &name)
}

/// Returns the key without white space at its end, such as the newline of an editor, if a header can
/// contain it: not empty, and printable ASCII only.
pub fn checked(key: &str, source: &str) -> Result<SecretString> {
    let key = key.trim_end();
    if key.is_empty() {
        return Err(Error::config(format!("{source} is empty: put the API key there")));
    }
    if !key.chars().all(|c| (' '..='~').contains(&c)) {
        return Err(Error::config(format!(
            "{source} contains more than a key: line breaks, control characters and non-ASCII \
             letters cannot be sent; put only the API key there"
        )));
    }
    Ok(SecretString::from(key))
}
