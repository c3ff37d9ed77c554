//! The configured stores of files: the mirror's store and the archive.

use std::sync::Arc;

use super::{context::Context, log::report_error};
use crate::{archive::Archive, config::Config, error::Result, mirror::Blobs};

/// Returns the mirror's store.
pub(super) fn blobs(config: &Config, context: &Context) -> Result<Arc<Blobs>> {
    let aws = context.sources.env.beginning_with("AWS_");
    Blobs::new(&config.mirror.store, &context.sources.working_dir, aws).map(Arc::new)
}

/// Returns the archive in `store`.
pub(super) fn archive(store: &str, context: &Context) -> Result<Archive> {
    let aws = context.sources.env.beginning_with("AWS_");
    Blobs::of_archive(store, &context.sources.working_dir, aws).map(Archive::new)
}

/// Returns the configured archive, if it is on.
pub(super) fn configured_archive(config: &Config, context: &Context) -> Result<Option<Archive>> {
    config.archive.enabled.then(|| archive(&config.archive.store, context)).transpose()
}

/// The same for polls, which an invalid configuration of the archive does not stop.
pub(super) fn archive_in_use(config: &Config, context: &Context) -> Option<Archive> {
    configured_archive(config, context).unwrap_or_else(|error| {
        report_error(&error.context("polls continue, but are not archived"));
        None
    })
}
