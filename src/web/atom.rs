//! `/changes.atom`: the change feed of one account, for feed readers.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
};

use super::{
    ask::Ask,
    cache,
    failure::Failure,
    params::{self, BadParameter, Pairs, Place},
    response::tagged,
    route,
    server::App,
    view::{context, url},
};
use crate::{
    catalog::kind::Kind,
    feed::{self, Feed},
    store::{browse::changes::ChangesFilter, query::ChangeFilter},
};

/// So many rows of the change feed are read for the feed, and so many entries told.
const FEED_ROWS: usize = 4_000;

const FEED_ENTRIES: usize = 300;

/// The feed of one account's changes, the first poll's left out; its questions are kind, change
/// and id.
pub(super) async fn atom(app: &Arc<App>, request: &Parts) -> Result<Response<Body>, Failure> {
    let mut pairs = Pairs::parse(request.uri.query().unwrap_or_default())?;
    let place = Place::take(&mut pairs, app.clock.now())?;
    if place.as_of.is_some() {
        let why = "is no parameter of the feed, which tells what is new".into();
        return Err(BadParameter { name: "as_of".into(), why }.into());
    }
    let filter = params::take_feed(&mut pairs)?;
    pairs.finish()?;
    let mut reading = app.reader.page().await?;
    let mark = reading.mark().await?;
    let tag = cache::tag(&mark, "", &url(request));
    if cache::has(&request.headers, &tag) {
        reading.end().await;
        return Ok(tagged(Response::new(Body::empty()), StatusCode::NOT_MODIFIED, &tag));
    }
    let ask = Ask::Overview;
    let context =
        context(app, &mut reading, &mark, place, "/changes", &ask, app.clock.now()).await?;
    let began = reading.began_at().await?;
    let first = context.first_poll_at();
    let rows = reading.newest_changes(&context.account, first, &filter, FEED_ROWS).await?;
    reading.end().await;
    let own = feed_pairs(&filter);
    let mut feed = Feed::new(began, Some(FEED_ENTRIES)).served(feed::Served {
        itself: context.href("/changes.atom", &own),
        page: context.href("/changes", &own),
        item: |row| {
            let place = Place { account: Some(row.account.clone()), as_of: None };
            place.href(&route::item_path(kind_of(&row.kind), &row.item_id), &[])
        },
    });
    for row in rows {
        feed.add(row)?;
    }
    let asked = ChangeFilter {
        kind: filter.kind,
        change: filter.change,
        account: Some(context.account.clone()),
        id: filter.id,
        ..ChangeFilter::default()
    };
    let mut response = Response::new(Body::from(feed.finish(&asked)?));
    let atom = HeaderValue::from_static("application/atom+xml; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, atom);
    Ok(tagged(response, StatusCode::OK, &tag))
}

/// What the feed was asked for, as a query string's pairs.
fn feed_pairs(filter: &ChangesFilter) -> Vec<(&'static str, String)> {
    let ChangesFilter { kind, change, id, field: _, from: _, until: _ } = filter;
    let all = [
        ("kind", kind.map(|kind| kind.as_str().to_owned())),
        ("change", change.clone()),
        ("id", id.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn kind_of(word: &str) -> Kind {
    if word == Kind::AVATAR.as_str() { Kind::AVATAR } else { Kind::TALKING_PHOTO }
}
