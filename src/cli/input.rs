//! Reads files for commands; `-` is standard input.

use std::{
    fs::{self, File},
    io::{Cursor, Read},
};

use crate::{
    error::{Error, Result, io_message},
    poll::SavedFile,
};

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

/// Opens a file; returns the content of anything else, such as a pipe.
///
/// # Errors
/// [`crate::error::Kind::Storage`] if it cannot be read.
pub(super) fn open(name: &str) -> Result<Box<dyn SavedFile>> {
    if name != "-"
        && let Ok(file) = File::open(name)
        && file.metadata().is_ok_and(|metadata| metadata.is_file())
    {
        return Ok(Box::new(file));
    }
    Ok(Box::new(Cursor::new(read(name)?)))
}
