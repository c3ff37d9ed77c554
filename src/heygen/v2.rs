//! Version 2 of the API: the whole catalogue in one answer of `GET /v2/avatars`.
//!
//! Knows the path and converts its answer into a [`Fetched`]; the decoder knows the body.

use super::{Client, Fetched, OnProgress, Presence, Reply, Trace, request::ListRequest, sunset};
use crate::{
    catalog::{stripped::Bodies, v2},
    error::Error,
};

/// The path of the list, which has neither pages nor filters.
pub(super) const PATH: &str = "/v2/avatars";

/// Reads the list once, with the client's retries. Errors are in [`Fetched::answer`].
pub(super) async fn fetch(
    client: &Client,
    request: ListRequest,
    progress: OnProgress<'_>,
) -> Fetched {
    let source = client.source(PATH);
    let Reply { trace, body } = match client.get(PATH, progress).await {
        Ok(reply) => reply,
        Err(failure) => return Fetched::failed(source, failure),
    };
    match v2::decode_known(&body, &request.known) {
        Ok(answer) => {
            let announcement = answer.warning.as_deref().map(|text| client.mask(text));
            let notice = sunset::join(trace.notice.as_deref(), announcement);
            let trace = Trace { notice, ..trace };
            let bodies = request.keep.then(|| Bodies::whole(body));
            Fetched { bodies, ..Fetched::of(source, trace, Ok(answer), Presence::There) }
        }
        Err(error) => {
            // An error body with status 200 may quote anything that the API was sent.
            let error = Error::new(error.kind, client.mask(&error.message)).context(&source);
            let error_body = client.error_body(&body);
            let presence = if error_body.names_v3 { Presence::Gone } else { Presence::Unclear };
            let notice = sunset::join(trace.notice.as_deref(), error_body.warning);
            Fetched::of(source, Trace { notice, ..trace }, Err(error), presence)
        }
    }
}
