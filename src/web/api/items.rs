//! `/items`: the lists of the gallery, page by page.

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
    parameter::{account, as_of, cursor, filter, kind, limit, query},
    problem::{Problem, Problems, Stop},
    request::{ApiRequest, bad_cursor, cursor_of},
};
use crate::{
    answers::Item,
    catalog::kind::Kind,
    store::browse::{filter::Place, items::FullItem, scope::Scope},
    web::{
        app::App,
        params::{GridQuery, ORDERS},
        words::start_of_day,
    },
};

query! {
    /// The parameters of a list.
    ItemsQuery: [kind()]
        .into_iter()
        .chain(filter())
        .chain([account(), as_of(), limit(), cursor()])
        .collect()
}

/// A page of items.
#[derive(Serialize, ToSchema)]
pub struct Items {
    /// The items, by kind and in the requested order.
    items: Vec<Item>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// The position of an item: the order's word, the kind, the value that the order compares, the id.
type ItemsPlace = (String, String, Option<String>, String);

/// Items by search and facets, as in the gallery's lists
///
/// Without `kind`, items of every kind that has the requested facets.
#[utoipa::path(
    get,
    path = "/items",
    params(ItemsQuery),
    responses((status = 200, description = "A page of items", body = Items), Problems)
)]
pub async fn items(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &ItemsQuery::parameters()).await?;
    let answer = found(&mut api_request).await;
    api_request.answer(answer).await
}

async fn found(api_request: &mut ApiRequest) -> Result<Items, Stop> {
    let (account, at, kind, limit) =
        (api_request.account()?, api_request.at, api_request.kind()?, api_request.limit()?);
    let place = api_request.cursor::<ItemsPlace>()?;
    let kinds: Vec<Kind> = Kind::only(kind).collect();
    let query = GridQuery::take(&mut api_request.pairs, &kinds)?;
    std::mem::take(&mut api_request.pairs).finish()?;
    query.refuse_unknown_past(at.is_some())?;
    let sort =
        ORDERS.iter().find(|(_, _, order)| *order == query.order).map_or("", |(word, ..)| *word);
    let from = place.map(|(word, kind, key, id)| {
        let place = Place { key, id };
        let is_ours = |kind: &Kind| word == sort && kinds.contains(kind) && query.order.has(&place);
        let kind = Kind::parse(&kind).filter(is_ours);
        kind.map(|kind| (kind, place)).ok_or_else(bad_cursor)
    });
    let from = from.transpose()?;
    let mut found: Vec<(FullItem, Place)> = vec![];
    let fitting: Vec<Kind> = kinds.into_iter().filter(|kind| query.filter.fits(*kind)).collect();
    // If no kind has all requested fields, the answer is known without a poll.
    let mut known = fitting.is_empty();
    let polls = api_request.reading.good_polls(&account, at).await?;
    for kind in fitting {
        let place = from.as_ref().filter(|(first, _)| *first == kind).map(|(_, place)| place);
        if from.as_ref().is_some_and(|(first, _)| kind < *first) {
            continue;
        }
        let Some(good) = polls.last_of(kind.catalogue) else { continue };
        known = true;
        let moments = polls.moments(good, start_of_day(at.unwrap_or(api_request.now)));
        let scope = Scope { kind, account: account.clone(), at };
        let left = limit + 1 - found.len();
        let reading = &mut api_request.reading;
        found.extend(
            reading.items_after(&scope, &query.filter, &moments, query.order, place, left).await?,
        );
        if found.len() > limit {
            break;
        }
    }
    if !known {
        return Err(Problem::not_found(unknown(&account)).into());
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next_cursor =
        next.map(|(item, Place { key, id })| cursor_of(json!([sort, item.kind, key, id])));
    Ok(Items { items: found.into_iter().map(|(item, _)| item.into()).collect(), next_cursor })
}

fn unknown(account: &str) -> String {
    format!("nothing is known: no good poll of the account {account:?} read such items by then")
}
