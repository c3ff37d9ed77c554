//! Reads whole files for commands; `-` is standard input.

use std::{fs::File, io::Read};

use crate::error::{Error, Result, io_message};

/// Returns the content of a file.
///
/// # Errors
/// [`crate::error::Kind::Storage`] if it cannot be read.
pub(super) fn read(name: &str) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let read = match name {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        _ => File::open(name).and_then(|mut file| file.read_to_end(&mut bytes).map(drop)),
    };
    read.map_err(|fault| Error::storage(format!("cannot read {name}: {}", io_message(&fault))))?;
    Ok(bytes)
}
