//! `/changes.atom`: the change feed of one account, for feed readers.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Response, header, request::Parts},
    response::IntoResponse,
};

use super::{
    app::App,
    ask::Ask,
    etag,
    failure::PageFailure,
    params::{self, ChangesQuery},
    query_pairs::{BadParameter, QueryPairs},
    response::{not_modified, tagged},
    route,
    view::{checked, context},
    viewpoint::Viewpoint,
};
use crate::{
    catalog::kind::Kind,
    feed::{self, Feed},
};

/// The number of rows of the change feed that are read.
const FEED_ROWS: usize = 4_000;
/// The number of entries of the feed.
const FEED_ENTRIES: usize = 300;

/// Returns the feed of one account's changes, without those of the first poll. Its parameters are kind,
/// change and id.
pub(super) async fn atom(app: &Arc<App>, request: &Parts) -> Result<Response<Body>, PageFailure> {
    let mut pairs = QueryPairs::parse(request.uri.query().unwrap_or_default())?;
    let viewpoint = Viewpoint::take(&mut pairs, app.clock.now())?;
    if viewpoint.as_of.is_some() {
        let why = "is not a parameter of the feed, which contains the newest changes".into();
        return Err(BadParameter { name: "as_of".into(), why }.into());
    }
    let filter = params::take_feed(&mut pairs)?;
    pairs.finish()?;
    let mut reading = app.reader.page().await?;
    let stamp = reading.stamp().await?;
    let tag = etag::tag(&stamp, "", &etag::url(request));
    if etag::matches(&request.headers, &tag) {
        reading.end().await;
        return Ok(not_modified(&tag));
    }
    let ask = Ask::Overview;
    let context =
        context(app, &mut reading, &stamp, viewpoint, &route::View::Changes, "/changes", &ask)
            .await;
    let (mut reading, context) = checked(reading, context).await?;
    let began = reading.began_at().await?;
    let rows = reading.newest_changes(&context.account, &filter, FEED_ROWS).await?;
    reading.end().await;
    let query = ChangesQuery { filter: filter.clone(), page: 1, ..ChangesQuery::default() };
    let parameters = query.pairs();
    let mut feed = Feed::new(began, Some(FEED_ENTRIES)).served(feed::Served {
        itself: context.href("/changes.atom", &parameters),
        page: context.href("/changes", &parameters),
        item: |row| {
            let viewpoint = Viewpoint { account: Some(row.account.clone()), as_of: None };
            let path = Kind::parse(&row.kind).map(|kind| route::item_path(kind, &row.item_id));
            viewpoint.href(&path.unwrap_or_default(), &[])
        },
    });
    for row in rows {
        feed.add(row)?;
    }
    let kind = [(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")];
    let xml = feed.finish(Some(&context.account), &filter)?;
    Ok(tagged((kind, xml).into_response(), &tag))
}
