//! The configured API: its client, and how long a poll may take.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    config::{Config, Version},
    error::Result,
    heygen,
    time::Clock,
};

/// The pause before the first retry, the same as in the vendor's own client.
const BACKOFF: Duration = Duration::from_secs(1);

/// Returns the configured client, which authenticates with `key`.
pub(super) fn client(config: &Config, key: SecretString, clock: &Clock) -> Result<heygen::Client> {
    let api = config.api.clone();
    let settings = heygen::Settings { api, backoff: BACKOFF, pace: heygen::PACE };
    heygen::Client::new(&settings, key, clock.clone())
}

/// Returns a time longer than a poll can go without progress: no retry starts later than `retry_time` after
/// the last progress, and each lasts `timeout`; `auto` may read two versions one after the other.
pub(super) fn deadline(config: &Config) -> Duration {
    let lists = if config.api.version == Version::Auto { 2 } else { 1 };
    (config.api.retry_time + config.api.timeout) * lists + Duration::from_secs(5 * 60)
}
