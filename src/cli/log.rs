//! Reports errors and warnings: on stderr, or in the log if everything goes there.

use std::sync::OnceLock;

use super::{context::Context, output::note};
use crate::error::Error;

/// Whether errors, too, go to the log, for readers that only understand its format.
pub(super) static ALL_IS_LOGGED: OnceLock<bool> = OnceLock::new();

/// Reports an error, once, and returns its exit code.
pub(super) fn report_error(error: &Error) -> u8 {
    match ALL_IS_LOGGED.get() {
        Some(true) => tracing::error!("{error}"),
        _ => note(format_args!("heygen-sync: {error}")),
    }
    error.kind.exit_code()
}

/// Reports what should be noticed but is not an error: on stderr, or in the log if all goes there.
pub(super) fn report_warning(text: &str, context: &Context) {
    match ALL_IS_LOGGED.get() {
        Some(true) if context.service.is_daemon => tracing::warn!("{text}"),
        // Without a terminal, the log of a one-shot run contains errors only.
        Some(true) => tracing::error!("{text}"),
        _ => note(format_args!("heygen-sync: {text}")),
    }
}

/// Returns the span of a poll: its log lines contain the account and, once it is known, the poll's id.
pub(super) fn span(account: &str, trigger: &str) -> tracing::Span {
    tracing::error_span!("poll", account, trigger, poll_id = tracing::field::Empty)
}
