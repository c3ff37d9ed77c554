//! The metrics as a file for node_exporter's textfile collector: written completely or not at all.

use std::{ffi::OsString, fs, path::Path};

use crate::error::{Error, Result, io_message};

/// Writes `text` to `path` through a temporary file beside it, whose name a collector (`*.prom`)
/// ignores.
///
/// # Errors
/// [`crate::error::Kind::Storage`].
pub fn write(path: &Path, text: &str) -> Result<()> {
    let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|fault| {
        // The partial file is useless.
        let _ = fs::remove_file(&temporary);
        Error::storage(format!(
            "cannot write the metrics to {}: {}; check metrics.textfile and its folder",
            path.display(),
            io_message(&fault)
        ))
    })
}
