//! Progress on a terminal: a bar, or a spinner where the length is unknown. Nothing is drawn where it
//! would clutter a log.

use std::{fmt::Write, time::Duration};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::context::Context;

/// Returns a bar of this form on stderr; hidden if that is not a terminal, with `--quiet` and in the daemon.
/// It is cleared when it is dropped.
pub(super) fn bar(context: &Context, form: &str) -> ProgressBar {
    if !context.shows_progress() {
        return ProgressBar::hidden();
    }
    let rate = |state: &ProgressState, text: &mut dyn Write| {
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style.with_key("rate", rate));
    }
    bar
}

/// Returns a spinner with a message and the elapsed time, as [`bar`].
pub(super) fn spinner(context: &Context, message: &'static str) -> ProgressBar {
    let spinner = bar(context, "{spinner} {msg} {elapsed}").with_message(message);
    if !spinner.is_hidden() {
        // This starts a thread.
        spinner.enable_steady_tick(Duration::from_millis(100));
    }
    spinner
}
