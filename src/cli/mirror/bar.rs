//! The progress bar of the mirror.

use std::{fmt::Write, io::IsTerminal};

use indicatif::{HumanBytes, ProgressBar, ProgressState, ProgressStyle};

use crate::mirror::MirrorProgress;

/// The progress bar on a terminal; cleared when dropped.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(0);
        let form = "{bar:30} {pos}/{len} previews, {msg}, {rate}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(form) {
            let rate = |state: &ProgressState, text: &mut dyn Write| {
                let _ = write!(text, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate));
        }
        Self(Some(bar))
    }

    pub(super) fn show(&self, progress: MirrorProgress) {
        let Some(bar) = &self.0 else { return };
        bar.set_length(progress.due);
        bar.set_position(progress.done.min(progress.due));
        bar.set_message(HumanBytes(progress.bytes).to_string());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
