//! Fetching: asks HeyGen for its list and hands back what it answered, with what a poll records.
//!
//! One file per version of the API behind one small seam, [`version`]: everything after it is the
//! same code for all versions. Below the versions, [`Client`] makes one request and its retries;
//! it knows what a failure is, and nothing of avatars.
//!
//! This room does not know the database, the rules of history, accounts or the terminal. The key
//! goes to the one configured host and nowhere else, and no error, log line or notice that leaves
//! this room holds a key, a signature or a response's body.

mod client;
mod failure;
mod quote;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod v2;
mod v3;
pub mod version;

pub use client::Client;
pub use failure::{Failure, Reply, Trace};
pub use settings::{PACE, Settings};
pub use version::ApiVersion;

use crate::{
    catalog::{list::Answer, stripped::Bodies},
    error::Result,
    time::Timestamp,
};

/// What one poll got from the API, whichever version served it: the answer or why there is none,
/// and what the `polls` row keeps of it in either case.
pub struct Fetched {
    /// Where the list was read: the URL without credentials or query.
    pub source: String,
    /// When the response had been received; `None` when there was no answer at all.
    pub received_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// The API's own name for the request (`X-Request-Id`).
    pub request_id: Option<String>,
    /// Size of the decoded body; `None` when it did not come whole.
    pub response_bytes: Option<u64>,
    /// SHA-256 of the decoded body in lower-case hex; `None` when it did not come whole.
    pub response_sha256: Option<String>,
    /// The API's own deprecation or sunset notice, from headers and body.
    pub warning: Option<String>,
    /// The decoded list, or what kept it from being one.
    pub answer: Result<Answer>,
    /// What the list was decoded from, where that was to be kept.
    pub bodies: Option<Bodies>,
}

/// How far a fetch has come, for whoever shows it to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Decoded bytes of the body so far. Starts over when a request is repeated.
    Bytes(u64),
    /// Whole pages of the list so far.
    Pages {
        /// How many.
        pages: u64,
        /// The records on them, repeats included.
        items: u64,
    },
}

/// Told of progress while a list is being read.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// Said at the end of an error of v2 whose answer says something of v3. What decides for v3 finds
/// it again in `polls.error`.
pub const POINTS_TO_V3: &str = "HeyGen points to v3 of its API";

/// Reads the list once from `version`, with the client's retries. What goes wrong is in
/// [`Fetched::answer`]; `keep` asks for [`Fetched::bodies`].
pub async fn fetch(
    version: ApiVersion,
    client: &Client,
    keep: bool,
    progress: OnProgress<'_>,
) -> Fetched {
    let fetched = version.fetch(client, keep, progress).await;
    if let Some(warning) = &fetched.warning {
        tracing::warn!(source = fetched.source, "HeyGen announces: {warning}");
    }
    fetched
}

/// Asks `version` once, without retries, and reads only the head of the answer: 200 when the API
/// is there and takes the key.
///
/// # Errors
/// As [`Client::probe`].
pub async fn probe(version: ApiVersion, client: &Client) -> Result<u16> {
    client.probe(version.probe()).await
}
