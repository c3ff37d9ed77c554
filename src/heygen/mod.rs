//! Fetches HeyGen's list and returns the answer, with what a poll records of it.
//!
//! Each version of the API has one file; the functions of [`ApiVersion`] choose it, and everything
//! after them is the same code for all versions. Below the versions, [`Client`] sends one request with its
//! retries; it knows what a failure is, but not what an avatar is.
//!
//! This module does not know the database, the rules of history, accounts or the terminal. The key
//! is sent to the one configured host only, and no error, log line or notice that leaves this
//! module contains a key, a signature or a response's body.

mod client;
mod coding;
mod failure;
mod fetched;
pub mod key;
mod quote;
mod request;
mod retry;
mod settings;
pub mod sunset;
#[cfg(test)]
mod tests;
mod v2;
mod v3;
mod version;

pub use client::Client;
pub use failure::{Failure, Presence, Reply, Trace, without_advice};
pub use fetched::{Fetched, OnProgress, Progress};
pub use settings::{PACE, Settings};

use std::sync::Arc;

use self::request::ListRequest;
use crate::{
    catalog::{api_version::ApiVersion, catalogue::Catalogue, recognition::Recognition},
    error::caught,
};

/// Reads `catalogue` once from `version`, with the client's retries; `known` serves to recognise
/// records. Errors are in [`Fetched::answer`], including a panic of a library; `keep` requests
/// [`Fetched::bodies`].
pub async fn fetch(
    version: ApiVersion,
    catalogue: Catalogue,
    client: &Client,
    keep: bool,
    known: &Arc<Recognition>,
    progress: OnProgress<'_>,
) -> Fetched {
    let request = ListRequest { catalogue, keep, known: known.clone(), again: false };
    let reading = version.fetch(client, request, progress);
    let fetched = caught(async { Ok(reading.await) }).await.unwrap_or_else(|error| {
        let failure = Failure::permanent(error, Presence::Unclear);
        Fetched::failed(client.source(&version.probe(catalogue)), failure)
    });
    if let Some(warning) = &fetched.trace.notice {
        tracing::warn!(source = fetched.source, "the answer has a warning: {warning}");
    }
    fetched
}

/// Reads a catalogue again whose first reading broke off, in pages of another size. A second
/// reading that ends normally is the answer. If it breaks off as well, equal ids in both show that
/// the list is complete; otherwise the reading with more ids is returned.
pub async fn read_again(
    version: ApiVersion,
    catalogue: Catalogue,
    first: Fetched,
    client: &Client,
    keep: bool,
    known: &Arc<Recognition>,
    progress: OnProgress<'_>,
) -> Fetched {
    let request = ListRequest { catalogue, keep, known: known.clone(), again: true };
    let second = version.fetch(client, request, progress).await;
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

/// Requests `catalogue` once from `version`, without retries, and reads only the head of the
/// answer: checks that the API is there and accepts the key.
///
/// # Errors
/// As [`Client::probe`].
pub async fn probe(
    version: ApiVersion,
    catalogue: Catalogue,
    client: &Client,
) -> Result<(), Failure> {
    client.probe(&version.probe(catalogue)).await
}

/// Returns whether v3 answers with a page of its list.
pub async fn has_v3(client: &Client) -> bool {
    v3::has_a_page(client).await
}
