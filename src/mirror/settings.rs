//! The settings of the mirror: the configuration, and what a caller or a test sets.

use std::{sync::Arc, time::Duration};

use reqwest::dns::Resolve;
use tokio_util::sync::CancellationToken;

use super::guard;
use crate::{config::Mirror, store::queue::Wanted};

/// The settings of the mirror.
#[derive(Clone)]
pub struct MirrorSettings {
    /// The section `[mirror]`.
    pub mirror: Mirror,
    /// The resolver of host names.
    pub resolver: Arc<dyn Resolve>,
    /// The pause before a request is retried within a run; it doubles.
    pub retry_pause: Duration,
    /// Whether fresh lists may be requested: not together with saved lists of the past, whose
    /// history would end with one of today.
    pub refresh: bool,
    /// Ends a run early: running downloads are dropped and due again, saved files are kept.
    pub stop: CancellationToken,
}

impl MirrorSettings {
    /// Creates the configured settings, with the system's resolver.
    pub fn new(mirror: &Mirror) -> Self {
        let resolver = Arc::new(guard::System);
        let retry_pause = Duration::from_millis(500);
        let stop = CancellationToken::new();
        Self { mirror: mirror.clone(), resolver, retry_pause, refresh: true, stop }
    }

    /// Returns the kinds of previews that are saved.
    pub(super) fn wanted(&self) -> Wanted {
        let Mirror { pictures, videos, audio, .. } = self.mirror;
        Wanted { pictures, videos, audio }
    }
}
