//! `/items/{kind}/{id}`, `/as-of`, `/ids` and `/status`: the same answers that agents get.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{Response, request::Parts},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    parameter::{as_of as at_time, cursor, kind, limit, only_account, query, text, texts},
    problem::{Problem, Problems, Stop},
    request::{ApiRequest, bad_cursor, cursor_of},
};
use crate::{
    answers::{self, AsOf, CatalogueState, IdStates, ItemHistory, PastQuestion},
    catalog::kind::Kind,
    ids::LookupScope,
    web::app::App,
};

query! {
    /// The parameters of an item.
    ItemParameters: vec![only_account()]
}

query! {
    /// The parameters of an as-of query.
    AsOfParameters: vec![
        at_time().required(),
        text("id", "only this item"),
        kind(),
        only_account(),
        limit(),
        cursor(),
    ]
}

query! {
    /// The parameters of a check of ids.
    IdsParameters: vec![texts("id", "the ids to check, at most 200").required(), kind(), only_account()]
}

/// The catalogues that were ever polled.
#[derive(Serialize, ToSchema)]
pub struct Status {
    /// Each catalogue of each account.
    catalogues: Vec<CatalogueState>,
}

/// One item: its state, the permanent addresses of its previews, its newest 300 versions
///
/// Without `account`, the item of the usual account, or else of the first account that has it.
#[utoipa::path(
    get,
    path = "/items/{kind}/{id}",
    params(
        ("kind" = Kind, Path, description = "The kind"),
        ("id" = String, Path, description = "The id", min_length = 1),
        ItemParameters
    ),
    responses((status = 200, description = "The item", body = ItemHistory), Problems)
)]
pub async fn item(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Parts,
) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &ItemParameters::parameters()).await?;
    let answer = async {
        let named = path.ok().and_then(|Path((kind, id))| Some((Kind::parse(&kind)?, id)));
        let named = named.filter(|(_, id)| !id.contains('\0'));
        let nothing = || Problem::not_found("there is no item of this kind and id");
        let (kind, id) = named.ok_or_else(nothing)?;
        let usual = api_request.account()?;
        let scope = LookupScope { kind: Some(kind), account: api_request.account.clone() };
        let mut found = answers::item(api_request.reading.store(), &id, &scope).await?;
        found.retain(|item| item.state.kind.is_some());
        // The sort is stable: the usual account first, the others by name.
        found.sort_by_key(|item| item.state.account.as_ref() != Some(&usual));
        let item: Option<ItemHistory> = found.into_iter().next();
        Ok(item.ok_or_else(nothing)?)
    }
    .await;
    api_request.answer(answer).await
}

/// The catalogues, or one item, as they were at a time, and where that is unknown
#[utoipa::path(
    get,
    path = "/as-of",
    params(AsOfParameters),
    responses((status = 200, description = "What was known at that time", body = AsOf), Problems)
)]
pub async fn as_of(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &AsOfParameters::parameters()).await?;
    let answer = async {
        let place = api_request.cursor::<(String, String, String)>()?;
        let place = place.map(|(kind, account, id)| {
            Kind::parse(&kind).map(|kind| (kind, account, id)).ok_or_else(bad_cursor)
        });
        let question = PastQuestion {
            time: api_request.at.unwrap_or(api_request.now),
            scope: api_request.scope()?,
            id: api_request.pairs.one("id")?,
            after: place.transpose()?,
            limit: api_request.limit()?,
        };
        let cursor = |kind: Kind, account: &str, id: &str| cursor_of(json!([kind, account, id]));
        Ok(answers::as_of(api_request.reading.store(), &question, cursor).await?)
    }
    .await;
    api_request.answer(answer).await
}

/// Whether ids can still be used, and what to use instead
#[utoipa::path(
    get,
    path = "/ids",
    params(IdsParameters),
    responses((status = 200, description = "The states of the ids", body = IdStates), Problems)
)]
pub async fn ids(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &IdsParameters::parameters()).await?;
    let answer = async {
        let (scope, ids) = (api_request.scope()?, api_request.pairs.take_all("id"));
        Ok(answers::check_ids(api_request.reading.store(), ids, &scope).await?)
    }
    .await;
    api_request.answer(answer).await
}

/// How current the copy is: the last poll of each catalogue, its number of items, and held removals
#[utoipa::path(
    get,
    path = "/status",
    responses((status = 200, description = "The catalogues", body = Status), Problems)
)]
pub async fn status(State(app): State<Arc<App>>, request: Parts) -> Result<Response<Body>, Stop> {
    let mut api_request = ApiRequest::begin(&app, &request, &[]).await?;
    let catalogues = answers::status(api_request.reading.store()).await?;
    api_request.answer(Ok(Status { catalogues })).await
}
