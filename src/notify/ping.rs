//! Pings: requests a URL of a monitor when a run begins and when it ends; the monitor raises the
//! alarm if it receives nothing or a failure. Its answer does not matter, and a lost ping is not
//! retried: the next run pings again. The URLs are secrets and are never logged.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use url::Url;

use super::webhook::client;
use crate::config::Notify;

/// The timeout of a ping.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pings of one run.
#[derive(Debug)]
pub struct Pings<'a> {
    blocks: &'a [Notify],
    started: Vec<JoinHandle<()>>,
}

impl<'a> Pings<'a> {
    /// Sends the pings of the start, concurrently with what follows.
    pub fn start(blocks: &'a [Notify]) -> Self {
        let urls = blocks.iter().filter_map(|block| block.ping_start.clone());
        let started = urls.map(|url| tokio::spawn(ping(url, "start"))).collect();
        Self { blocks, started }
    }

    /// Sends the pings of the end: takes at most 5 seconds, and 5 more if the run has just begun.
    pub async fn end(self, exit_code: u8) {
        // In order, or the monitor would consider the run as still running.
        join_all(self.started).await;
        let ending = |block: &Notify| match exit_code {
            0 | 10 => block.ping_success.clone().map(|url| ping(url, "success")),
            // Another poll of the account is running, and reports its own result.
            75 => None,
            _ => block.ping_failure.clone().map(|url| ping(url, "failure")),
        };
        join_all(self.blocks.iter().filter_map(ending)).await;
    }
}

async fn ping(url: Url, what: &'static str) {
    let Ok(http) = client(&url, TIMEOUT) else { return };
    let answered = http.get(url).send().await.map(|response| response.status());
    match answered {
        Ok(status) if status.is_success() => tracing::debug!("the {what} ping was accepted"),
        Ok(status) => tracing::warn!("the {what} ping was answered with {status}"),
        Err(_) => tracing::warn!("the {what} ping failed: the monitor cannot be reached"),
    }
}
