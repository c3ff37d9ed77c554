//! How the mirror is run: what is configured, and what a caller or a test sets.

use std::{sync::Arc, time::Duration};

use reqwest::dns::Resolve;
use tokio_util::sync::CancellationToken;

use super::guard;
use crate::{config::Mirror, store::queue::Wanted};

/// How the mirror is run.
#[derive(Clone)]
pub struct MirrorSettings {
    /// The section `[mirror]`.
    pub mirror: Mirror,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// The pause before a request is tried again within a run; it doubles.
    pub retry_pause: Duration,
    /// Whether fresh lists may be asked for: not beside lists of the past, whose history would end
    /// with one of today.
    pub refresh: bool,
    /// Ends a run early: downloads under way are dropped and due again, what is there is kept.
    pub stop: CancellationToken,
}

impl MirrorSettings {
    /// As configured, with the system's resolver.
    pub fn new(mirror: &Mirror) -> Self {
        let resolver = Arc::new(guard::System);
        let retry_pause = Duration::from_millis(500);
        let stop = CancellationToken::new();
        Self { mirror: mirror.clone(), resolver, retry_pause, refresh: true, stop }
    }

    /// Which kinds of previews are saved.
    pub(super) fn wanted(&self) -> Wanted {
        let Mirror { pictures, videos, audio, .. } = self.mirror;
        Wanted { pictures, videos, audio }
    }
}
