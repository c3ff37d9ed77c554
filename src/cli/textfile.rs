//! The metrics file, written after each run that could change it.

use super::{context::Context, log::report_error};
use crate::{config::Config, metrics, store::Store};

/// Writes the metrics to the configured file, if any; returns the exit code.
pub(super) async fn write_metrics(store: &mut Store, config: &Config, context: &Context) -> u8 {
    let Some(path) = &config.metrics.textfile else { return 0 };
    let figures = store.figures(context.clock.now()).await;
    let path = context.sources.working_dir.join(path);
    let written = figures.and_then(|figures| {
        metrics::write(&path, &metrics::text(figures, &metrics::Configured::of(config)))
    });
    written.map_or_else(|error| report_error(&error), |()| 0)
}
