//! Version 2 of the API: the whole catalogue in one answer of `GET /v2/avatars`.
//!
//! Knows the path and how its answer becomes a [`Fetched`]; what the body means is the decoder's.

use super::{Client, Failure, Fetched, OnProgress, POINTS_TO_V3, Trace, quote, version::Profile};
use crate::{
    catalog::{list, stripped::Bodies},
    error::{Error, Result},
};

/// The list; it has no pages and no filter.
const PATH: &str = "/v2/avatars";

/// All that the rest of the program goes by.
pub(super) static PROFILE: Profile = Profile {
    name: "v2",
    after_polls: 1,
    probe: PATH,
    fetch: |client, keep, progress| Box::pin(fetch(client, keep, progress)),
    read: list::decode,
};

/// Reads the list once, with the client's retries. What goes wrong is in [`Fetched::answer`].
async fn fetch(client: &Client, keep: bool, progress: OnProgress<'_>) -> Fetched {
    let source = client.source(PATH);
    match client.get(PATH, progress).await {
        Ok(reply) => {
            let answer = list::decode(&reply.body).map_err(|error| {
                // An error body with status 200 may quote whatever the API was sent.
                let error = Error::new(error.kind, client.mask(&error.message)).context(&source);
                pointing(error, quote::points_to_v3(&reply.body))
            });
            let said = answer.as_ref().ok().and_then(|answer| answer.warning.as_deref());
            let warning = join(reply.trace.notice.as_deref(), said.map(|text| client.mask(text)));
            let bodies = (keep && answer.is_ok()).then_some(Bodies::whole(reply.body));
            Fetched { bodies, ..fetched(source, Some(reply.trace), warning, answer) }
        }
        Err(Failure { error, trace, points_to_v3, .. }) => {
            let error = pointing(error, points_to_v3);
            let warning = trace.as_ref().and_then(|trace| trace.notice.clone());
            fetched(source, trace.map(|trace| *trace), warning, Err(error))
        }
    }
}

/// The error, saying also that its answer points to v3, if it does.
fn pointing(mut error: Error, to_v3: bool) -> Error {
    if to_v3 {
        error.message.push_str("; ");
        error.message.push_str(POINTS_TO_V3);
    }
    error
}

fn fetched(
    source: String,
    trace: Option<Trace>,
    warning: Option<String>,
    answer: Result<list::Answer>,
) -> Fetched {
    Fetched {
        source,
        received_at: trace.as_ref().map(|trace| trace.received_at),
        http_status: trace.as_ref().map(|trace| trace.status),
        request_id: trace.as_ref().and_then(|trace| trace.request_id.clone()),
        response_bytes: trace.as_ref().and_then(|trace| trace.bytes),
        response_sha256: trace.and_then(|trace| trace.sha256),
        warning,
        answer,
        bodies: None,
    }
}

/// The notice of the headers and the one of the body, as one.
pub(super) fn join(header: Option<&str>, body: Option<String>) -> Option<String> {
    match (header, body) {
        (Some(header), Some(body)) => Some(format!("{header}; {body}")),
        (header, body) => body.or_else(|| header.map(str::to_owned)),
    }
}
