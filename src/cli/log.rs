//! Errors and warnings: on stderr, or in the log where there is one.

use std::sync::OnceLock;

use super::{context::Context, output::note};
use crate::error::Error;

/// Whether errors go to the log, too, for a reader that knows only its form.
pub(super) static ALL_IS_LOGGED: OnceLock<bool> = OnceLock::new();

/// Tells an error, once.
pub(super) fn complain(error: &Error) {
    match ALL_IS_LOGGED.get() {
        Some(true) => tracing::error!("{error}"),
        _ => note(format_args!("heygen-sync: {error}")),
    }
}

/// Tells what somebody should know of, without being an error: in the log's form where there is one.
pub(super) fn tell(text: &str, context: &Context) {
    match ALL_IS_LOGGED.get() {
        Some(true) if context.service.is_daemon => tracing::warn!("{text}"),
        // A one-shot run logs errors alone where nobody looks.
        Some(true) => tracing::error!("{text}"),
        _ => note(format_args!("heygen-sync: {text}")),
    }
}

/// What is logged during a poll carries its account and, once the poll has said it, its number.
pub(super) fn span(account: &str, trigger: &str) -> tracing::Span {
    tracing::error_span!("poll", account, trigger, poll_id = tracing::field::Empty)
}
