//! Reads files for commands; `-` is standard input.

use std::{
    fs::{self, File},
    io::{self, Cursor, Read},
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
        "-" => to_end(std::io::stdin().lock()),
        _ => fs::read(name),
    };
    read.map_err(|fault| unreadable(name, &fault))
}

/// Opens a file; returns the content of anything else, such as a pipe.
///
/// # Errors
/// [`crate::error::Kind::Storage`] if it cannot be read.
pub(super) fn open(name: &str) -> Result<Box<dyn SavedFile>> {
    if name == "-" {
        return Ok(Box::new(Cursor::new(read(name)?)));
    }
    let file = File::open(name).map_err(|fault| unreadable(name, &fault))?;
    // A pipe is opened only once: a second opening would wait for another writer.
    match file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        true => Ok(Box::new(file)),
        false => match to_end(file) {
            Ok(content) => Ok(Box::new(Cursor::new(content))),
            Err(fault) => Err(unreadable(name, &fault)),
        },
    }
}

fn to_end(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    from.read_to_end(&mut bytes).map(|_| bytes)
}

fn unreadable(name: &str, fault: &io::Error) -> Error {
    Error::storage(format!("cannot read {name}: {}", io_message(fault)))
}
