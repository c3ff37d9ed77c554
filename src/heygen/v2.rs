//! Version 2 of the API: the whole catalogue in one answer of `GET /v2/avatars`.
//!
//! Knows the path and how its answer becomes a [`Fetched`]; what the body means is the decoder's.

use super::{Client, Failure, Fetched, OnProgress, Trace};
use crate::{
    catalog::list,
    error::{Error, Result},
};

/// The name of this version in `polls.api_version`.
const VERSION: &str = "v2";

/// The list; it has no pages and no filter.
const PATH: &str = "/v2/avatars";

/// Reads the list once, with the client's retries. What goes wrong is in [`Fetched::answer`].
pub async fn fetch(client: &Client, progress: OnProgress<'_>) -> Fetched {
    let source = client.source(PATH);
    match client.get(PATH, progress).await {
        Ok(reply) => {
            let answer = list::decode(&reply.body).map_err(|error| {
                // An error body with status 200 may quote whatever the API was sent.
                Error::new(error.kind, client.mask(&error.message)).context(&source)
            });
            let said = answer.as_ref().ok().and_then(|answer| answer.warning.as_deref());
            let warning = join(reply.trace.notice.as_deref(), said.map(|text| client.mask(text)));
            fetched(source, Some(reply.trace), warning, answer)
        }
        Err(Failure { error, trace, .. }) => {
            let warning = trace.as_ref().and_then(|trace| trace.notice.clone());
            fetched(source, trace.map(|trace| *trace), warning, Err(error))
        }
    }
}

/// Asks for the list once, without retries, and reads only the head of the answer: 200 when the
/// API is there and takes the key.
///
/// # Errors
/// As [`Client::probe`].
pub async fn probe(client: &Client) -> Result<u16> {
    client.probe(PATH).await
}

fn fetched(
    source: String,
    trace: Option<Trace>,
    warning: Option<String>,
    answer: Result<list::Answer>,
) -> Fetched {
    if let Some(warning) = &warning {
        tracing::warn!(source, "HeyGen announces: {warning}");
    }
    Fetched {
        source,
        api_version: VERSION,
        received_at: trace.as_ref().map(|trace| trace.received_at),
        http_status: trace.as_ref().map(|trace| trace.status),
        request_id: trace.as_ref().and_then(|trace| trace.request_id.clone()),
        response_bytes: trace.as_ref().and_then(|trace| trace.bytes),
        response_sha256: trace.and_then(|trace| trace.sha256),
        warning,
        answer,
    }
}

/// The notice of the headers and the one of the body, as one.
fn join(header: Option<&str>, body: Option<String>) -> Option<String> {
    match (header, body) {
        (Some(header), Some(body)) => Some(format!("{header}; {body}")),
        (header, body) => body.or_else(|| header.map(str::to_owned)),
    }
}
