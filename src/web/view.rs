//! Answers the request for a view: reads its parameters and its viewpoint, compares the browser's tag, and
//! renders the page or the export.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, Method, Response, request::Parts},
    response::{Html, IntoResponse},
};

use super::{
    anchor::Anchor,
    app::{App, PAGE_BYTES},
    ask::Ask,
    changes,
    context::{PageContext, usual_account},
    etag,
    export::{self, ExportRequest, ExportSource},
    failure::PageFailure,
    grid, item,
    message::MessagePage,
    overview, poll, polls,
    query_pairs::{BadParameter, QueryPairs},
    response::{not_modified, tagged},
    route::{DataFormat, View},
    search, timeline,
    viewpoint::Viewpoint,
    words,
};
use crate::{
    catalog::catalogue::Catalogue,
    store::browse::{Reading, Stamp},
    time::Timestamp,
};

/// Reads the parameters of a request for a view.
pub(super) fn asked(
    app: &App,
    request: &Parts,
    view: &View,
) -> Result<(Viewpoint, Ask), BadParameter> {
    let mut pairs = QueryPairs::parse(request.uri.query().unwrap_or_default())?;
    let viewpoint = Viewpoint::take(&mut pairs, app.clock.now())?;
    let ask = Ask::take(view, &mut pairs)?;
    pairs.finish()?;
    Ok((viewpoint, ask))
}

pub(super) async fn viewed(
    app: &Arc<App>,
    request: &Parts,
    view: &View,
    format: Option<DataFormat>,
) -> Result<Response<Body>, PageFailure> {
    let (viewpoint, ask) = asked(app, request, view)?;
    let mut reading = match format {
        None => app.reader.page().await?,
        Some(_) => app.reader.export().await?,
    };
    let stamp = reading.stamp().await?;
    let context =
        context(app, &mut reading, &stamp, viewpoint, view, request.uri.path(), &ask).await;
    let (mut reading, context) = checked(reading, context).await?;
    let tag = etag::tag(&stamp, &moment(&context), &etag::url(request));
    if etag::matches(&request.headers, &tag) {
        reading.end().await;
        return Ok(not_modified(&tag));
    }
    if let Some(format) = format {
        let wanted = ExportRequest { format, only_head: request.method == Method::HEAD };
        let source = ExportSource::find(&context, &mut reading, ask).await;
        let (reading, source) = checked(reading, source).await?;
        return Ok(tagged(export::response(&context, reading, source, wanted).await, &tag));
    }
    let html = match app.pages.get(&tag) {
        Some(cached) => cached,
        None => {
            let html = page(&context, &mut reading, ask).await;
            let (kept, html) = checked(reading, html.map(Arc::new)).await?;
            reading = kept;
            if html.len() <= PAGE_BYTES {
                app.pages.put(tag.clone(), &html);
            }
            html
        }
    };
    let queries = reading.queries();
    reading.end().await;
    tracing::debug!(queries, path = request.uri.path(), "page");
    let mut response = tagged(Html(String::clone(&html)).into_response(), &tag);
    // The cost of the page, for tests and monitoring.
    response.headers_mut().insert("x-queries", HeaderValue::from(queries));
    Ok(response)
}

/// Returns the reading with the result. After a failure that is not the database's, the reading is ended, so
/// that its connection is kept.
pub(super) async fn checked<T>(
    reading: Reading,
    result: Result<T, PageFailure>,
) -> Result<(Reading, T), PageFailure> {
    match result {
        Ok(value) => Ok((reading, value)),
        Err(failure) => {
            if !matches!(failure, PageFailure::Unreadable(_)) {
                reading.end().await;
            }
            Err(failure)
        }
    }
}

async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    ask: Ask,
) -> Result<String, PageFailure> {
    match (&context.view, ask) {
        (View::Grid(kind), Ask::Grid(query)) => grid::page(context, reading, *kind, &query).await,
        (View::Item(kind, id), Ask::Item(two)) => {
            item::page(context, reading, *kind, id, two).await
        }
        (View::Changes, Ask::Changes(query)) => changes::page(context, reading, &query).await,
        (View::Polls, Ask::Polls(page)) => polls::page(context, reading, page).await,
        (View::Poll(number), Ask::Poll(query)) => {
            poll::page(context, reading, *number, &query).await
        }
        (View::Search, Ask::Search(q)) => search::page(context, reading, &q).await,
        (View::Timeline, Ask::Timeline(by)) => timeline::page(context, reading, by).await,
        _ => overview::page(context, reading).await,
    }
}

pub(super) async fn context<'a>(
    app: &'a App,
    reading: &mut Reading,
    stamp: &'a Stamp,
    viewpoint: Viewpoint,
    view: &View,
    path: &str,
    ask: &Ask,
) -> Result<PageContext<'a>, PageFailure> {
    let account = match &viewpoint.account {
        Some(account) if !stamp.accounts.contains(account) => {
            return Err(no_account(account, &viewpoint, stamp));
        }
        Some(account) => account.clone(),
        None => usual_account(stamp).cloned().ok_or_else(|| nothing_polled_yet(app, &viewpoint))?,
    };
    let polls = reading.good_polls(&account, viewpoint.at()).await?;
    let catalogue = match view {
        View::Grid(kind) | View::Item(kind, _) => kind.catalogue,
        _ => Catalogue::default(),
    };
    let Some(good) = polls.last_of(catalogue).or(polls.last.first()).cloned() else {
        let first = polls.first_of(catalogue).or(polls.firsts.first().map(|(_, first)| *first));
        return Err(match first {
            Some(first) => before_first_poll(&viewpoint, first),
            None => nothing_polled_yet(app, &viewpoint),
        });
    };
    let end = DataFormat::ALL.iter().find_map(|(end, _)| path.strip_suffix(&format!(".{end}")));
    Ok(PageContext {
        app,
        view: view.clone(),
        parameters: ask.parameters(),
        path: end.unwrap_or(path).to_owned(),
        viewpoint,
        account,
        stamp,
        now: app.clock.now(),
        polls,
        good,
    })
}

fn before_first_poll(viewpoint: &Viewpoint, first: Timestamp) -> PageFailure {
    let mut message = MessagePage::new(
        viewpoint,
        "Before the first poll",
        format!("The catalogue is known from {} on.", words::date_time(first)),
    );
    let raw = words::day(first);
    let present = Viewpoint { as_of: None, ..viewpoint.clone() };
    message.links = vec![
        Anchor::new(present.href("/avatars", &[("as_of", raw)]), words::date(first)),
        Anchor::new(present.href("/", &[]), "Now"),
    ];
    PageFailure::NothingYet(Box::new(message))
}

fn nothing_polled_yet(app: &App, viewpoint: &Viewpoint) -> PageFailure {
    let mut message = MessagePage::new(
        viewpoint,
        "Nothing polled yet",
        "The database has no poll yet. This command polls:",
    );
    message.command = format!("{} sync", app.settings.program);
    PageFailure::NothingYet(Box::new(message))
}

fn no_account(account: &str, viewpoint: &Viewpoint, stamp: &Stamp) -> PageFailure {
    let text = format!("There is no account called “{}”.", words::tile_name(account));
    let of =
        |account: Option<&String>| Viewpoint { account: account.cloned(), ..viewpoint.clone() };
    let href = |account: &String| of(Some(account)).href("/", &[]);
    let links = stamp.accounts.iter().map(|known| Anchor::new(href(known), known)).collect();
    PageFailure::not_found(MessagePage::new(&of(None), "No such account", text), links)
}

/// Returns the part of the present on which a page depends: the day, on the front page also the hour,
/// because links expire; whether the last poll is too old; which pictures can be shown.
fn moment(context: &PageContext<'_>) -> String {
    let now = context.now.to_string();
    let until = if context.view == View::Overview { 13 } else { 10 };
    let pictures = (context.without_mirror(), context.shows_live());
    format!("{} {} {pictures:?}", &now[..until], context.is_old())
}
