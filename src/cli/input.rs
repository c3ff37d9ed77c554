//! Reads whole files for commands; `-` is standard input.

use std::{fs, io::Read};

use crate::error::{Error, Result, io_message};

/// Returns the content of a file.
///
/// # Errors
/// [`crate::error::Kind::Storage`] if it cannot be read.
pub(super) fn read(name: &str) -> Result<Vec<u8>> {
    let read = match name {
        "-" => {
            let mut bytes = vec![];
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        _ => fs::read(name),
    };
    read.map_err(|fault| Error::storage(format!("cannot read {name}: {}", io_message(&fault))))
}
