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
mod coding;
mod failure;
mod quote;
mod retry;
mod settings;
pub mod sunset;
#[cfg(test)]
mod tests;
mod v2;
mod v3;
pub mod version;

pub use client::Client;
pub use failure::{Failure, Presence, Reply, Trace};
pub use settings::{PACE, Settings};
pub use version::ApiVersion;

use self::version::Asked;
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
    /// The API's own name for the request.
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
    /// What a failure shows about the version; [`Presence::There`] where there is an answer.
    pub presence: Presence,
    /// Why the reading ended before a page that was the last one, if so. It is not marked in the
    /// answer: a second reading may show that nothing is lacking.
    pub broke_off: Option<String>,
}

impl Fetched {
    /// What came with `trace`.
    fn of(source: String, trace: Trace, answer: Result<Answer>, presence: Presence) -> Self {
        Self {
            source,
            received_at: Some(trace.received_at),
            http_status: Some(trace.status),
            request_id: trace.request_id,
            response_bytes: trace.bytes,
            response_sha256: trace.sha256,
            warning: trace.notice,
            answer,
            bodies: None,
            presence,
            broke_off: None,
        }
    }

    /// What a failure leaves.
    fn failed(source: String, failure: Failure) -> Self {
        let Failure { error, trace, presence, .. } = failure;
        match trace {
            Some(trace) => Self::of(source, *trace, Err(error), presence),
            None => Self {
                source,
                received_at: None,
                http_status: None,
                request_id: None,
                response_bytes: None,
                response_sha256: None,
                warning: None,
                answer: Err(error),
                bodies: None,
                presence,
                broke_off: None,
            },
        }
    }

    /// Marks the lists as lists that may lack records.
    pub fn incomplete(&mut self, why: &str) {
        let said = format!("the list may not be whole: {why}");
        tracing::warn!("{}: {said}", self.source);
        self.warning = sunset::join(self.warning.as_deref(), Some(said));
        if let Ok(answer) = &mut self.answer {
            answer.incomplete(why);
        }
        if let Some(bodies) = &mut self.bodies {
            bodies.incomplete(why);
        }
    }
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

/// Reads the list once from `version`, with the client's retries. What goes wrong is in
/// [`Fetched::answer`]; `keep` asks for [`Fetched::bodies`].
pub async fn fetch(
    version: ApiVersion,
    client: &Client,
    keep: bool,
    progress: OnProgress<'_>,
) -> Fetched {
    let fetched = version.fetch(client, Asked { keep, again: false }, progress).await;
    if let Some(warning) = &fetched.warning {
        tracing::warn!(source = fetched.source, "HeyGen announces: {warning}");
    }
    fetched
}

/// Reads a list a second time whose first reading broke off, in pages of another size. A second
/// reading that ends as it should is the answer. One that breaks off as well shows by the same ids
/// that the list is whole; else the one with more ids is what there is.
pub async fn read_again(
    version: ApiVersion,
    first: Fetched,
    client: &Client,
    keep: bool,
    progress: OnProgress<'_>,
) -> Fetched {
    let second = version.fetch(client, Asked { keep, again: true }, progress).await;
    let (Ok(one), Ok(two)) = (&first.answer, &second.answer) else { return first };
    if second.broke_off.is_none() {
        return second;
    }
    let (one, two) = (one.ids(), two.ids());
    let (same, more) = (one == two, two.len() > one.len());
    match (same, more) {
        (true, _) => Fetched { broke_off: None, ..second },
        (_, true) => second,
        _ => first,
    }
}

/// Asks `version` once, without retries, and reads only the head of the answer: whether the API is
/// there and takes the key.
///
/// # Errors
/// As [`Client::probe`].
pub async fn probe(version: ApiVersion, client: &Client) -> Result<(), Failure> {
    client.probe(version.probe()).await
}

/// Whether v3 answers with a page of its list.
pub async fn has_v3(client: &Client) -> bool {
    v3::has_a_page(client).await
}
