//! `/changes` and `/polls`: newest first, page by page.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{Response, request::Parts},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    parameter::{account, as_of, change, cursor, kind, limit, moment, poll, query, text},
    problem::{Problems, Stop},
    request::{ApiRequest, cursor_of},
};
use crate::{
    answers::Poll,
    store::{browse::change_rows::ChangePlace, change::ChangeRow},
    web::{app::App, changes::until, params::ChangesQuery},
};

query! {
    /// The parameters of the change feed.
    ChangesParameters: vec![
        kind(),
        change(),
        text("field", "only changes of this field"),
        text("id", "only changes of this item"),
        moment("from", "only changes seen at this time or later"),
        moment("to", "only changes seen by this time, or by the end of this day"),
        poll(),
        account(),
        as_of(),
        limit(),
        cursor(),
    ]
}

query! {
    /// The parameters of the polls.
    PollsParameters: vec![account(), as_of(), limit(), cursor()]
}

/// A page of the change feed.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The changes, those of the newest poll first.
    changes: Vec<ChangeRow>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// A page of polls.
#[derive(Serialize, ToSchema)]
pub struct Polls {
    /// The polls, newest first.
    polls: Vec<Poll>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// What was added, changed, removed and restored
#[utoipa::path(
    get,
    path = "/changes",
    params(ChangesParameters),
    responses((status = 200, description = "A page of changes", body = Changes), Problems)
)]
pub async fn changes(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request =
        ApiRequest::begin(&app, &request, &ChangesParameters::parameters()).await?;
    let answer = async {
        let (mut account, limit) = (api_request.account()?, api_request.limit()?);
        let place = api_request.cursor::<ChangePlace>()?;
        let poll = api_request.pairs.one("poll")?.and_then(|poll| poll.parse().ok());
        // The number of a poll identifies its account.
        if let (Some(number), None) = (poll, &api_request.account)
            && let Some(near) = api_request.reading.poll(number, api_request.at).await?
        {
            account = near.row.account;
        }
        let filter = until(&ChangesQuery::take(&mut api_request.pairs)?.filter, api_request.at);
        let reading = &mut api_request.reading;
        let mut rows =
            reading.changes_after(&account, poll, &filter, place.as_ref(), limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more);
        let next_cursor =
            next.map(|row| cursor_of(json!([row.poll_id, row.kind, row.item_id, row.field])));
        Ok(Changes { changes: rows, next_cursor })
    }
    .await;
    api_request.answer(answer).await
}

/// The polls: when they ran, what they found, why they failed
#[utoipa::path(
    get,
    path = "/polls",
    params(PollsParameters),
    responses((status = 200, description = "A page of polls", body = Polls), Problems)
)]
pub async fn polls(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &PollsParameters::parameters()).await?;
    let answer = async {
        let (account, at, limit) = (api_request.account()?, api_request.at, api_request.limit()?);
        let before = api_request.cursor::<i64>()?;
        let mut rows = api_request.reading.polls_before(&account, at, before, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor_of(row.poll_id));
        Ok(Polls { polls: rows.iter().map(Poll::from).collect(), next_cursor })
    }
    .await;
    api_request.answer(answer).await
}
