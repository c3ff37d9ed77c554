//! One view from its question to its answer: where and when it stands, whether the browser has it
//! already, which page or export writes it.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, Method, Response, StatusCode, request::Parts},
};

use super::{
    ask::Ask,
    cache, changes, export,
    failure::Failure,
    grid, item, overview,
    page::{Context, Link, Message, usual_account},
    params::{Pairs, Place},
    polls,
    response::{self, tagged},
    route::{Format, View},
    server::{App, PAGE_BYTES},
    timeline, words,
};
use crate::{
    store::browse::{GoodPoll, Mark, Reading},
    time::Timestamp,
};

pub(super) async fn viewed(
    app: &Arc<App>,
    request: &Parts,
    view: &View,
    format: Option<Format>,
) -> Result<Response<Body>, Failure> {
    let now = app.clock.now();
    let mut pairs = Pairs::parse(request.uri.query().unwrap_or_default())?;
    let place = Place::take(&mut pairs, now)?;
    let ask = Ask::take(view, &mut pairs)?;
    pairs.finish()?;
    let mut reading = match format {
        None => app.reader.page().await?,
        Some(_) => app.reader.export().await?,
    };
    let mark = reading.mark().await?;
    let context = context(app, &mut reading, &mark, place, request.uri.path(), &ask, now).await?;
    let tag = cache::tag(&mark, &moment(&context, view), &url(request));
    if cache::has(&request.headers, &tag) {
        reading.end().await;
        return Ok(tagged(Response::new(Body::empty()), StatusCode::NOT_MODIFIED, &tag));
    }
    if let Some(format) = format {
        let wanted = export::Wanted { format, only_head: request.method == Method::HEAD };
        let response = export::response(context, reading, view, ask, wanted).await?;
        return Ok(tagged(response, StatusCode::OK, &tag));
    }
    let html = match app.pages.get(&tag) {
        Some(kept) => kept,
        None => {
            let html = Arc::new(page(&context, &mut reading, &mark, view, ask).await?);
            if html.len() <= PAGE_BYTES {
                app.pages.keep(tag.clone(), &html);
            }
            html
        }
    };
    let queries = reading.queries();
    reading.end().await;
    tracing::debug!(queries, path = request.uri.path(), "page");
    let mut response =
        tagged(response::html(StatusCode::OK, String::clone(&html)), StatusCode::OK, &tag);
    // For tests and for whoever watches: what the page cost.
    response.headers_mut().insert("x-queries", HeaderValue::from(queries));
    Ok(response)
}

async fn page(
    context: &Context<'_>,
    reading: &mut Reading,
    mark: &Mark,
    view: &View,
    ask: Ask,
) -> Result<String, Failure> {
    match (view, ask) {
        (View::Grid(kind), Ask::Grid(query)) => {
            grid::page(context, reading, mark, *kind, &query).await
        }
        (View::Item(kind, id), Ask::Item(two)) => {
            item::page(context, reading, *kind, id, two).await
        }
        (View::Changes, Ask::Changes(query)) => changes::page(context, reading, &query).await,
        (View::Polls, Ask::Polls(page)) => polls::page(context, reading, page).await,
        (View::Poll(number), Ask::Poll(query)) => {
            polls::one(context, reading, *number, &query).await
        }
        (View::Timeline, Ask::Timeline(by)) => timeline::page(context, reading, by).await,
        _ => overview::page(context, reading).await,
    }
}

pub(super) async fn context<'a>(
    app: &'a App,
    reading: &mut Reading,
    mark: &Mark,
    place: Place,
    path: &str,
    ask: &Ask,
    now: Timestamp,
) -> Result<Context<'a>, Failure> {
    let account = match &place.account {
        Some(account) if !mark.accounts.contains(account) => {
            return Err(no_account(account, &place, mark));
        }
        Some(account) => account.clone(),
        None => usual_account(mark).cloned().ok_or_else(|| nothing_yet(app, &place))?,
    };
    let good = good_poll(app, reading, &account, &place).await?;
    let end = Format::ALL.iter().find_map(|(end, _)| path.strip_suffix(&format!(".{end}")));
    Ok(Context {
        app,
        own: ask.own(),
        path: end.unwrap_or(path).to_owned(),
        place,
        account,
        accounts: mark.accounts.clone(),
        now,
        good,
        mirrored: mark.mirror.0.is_some(),
    })
}

/// The last good poll at the place; before the first one there is nothing to show.
async fn good_poll(
    app: &App,
    reading: &mut Reading,
    account: &str,
    place: &Place,
) -> Result<GoodPoll, Failure> {
    let last = reading.good_polls(account, place.at()).await?;
    if let Some(good) = last.into_iter().next() {
        return Ok(good);
    }
    let first = match place.as_of {
        Some(_) => reading.good_polls(account, None).await?.first().and_then(|good| good.first),
        None => None,
    };
    let Some(first) = first else { return Err(nothing_yet(app, place)) };
    let mut message = Message::new(
        place,
        "Before the first poll",
        format!("The catalogue is known from {} on.", words::date_time(first)),
    );
    let raw = words::day(first);
    let own = Place { as_of: None, ..place.clone() };
    message.links = vec![
        Link::new(own.href("/avatars", &[("as_of", raw)]), words::date(first)),
        Link::new(own.href("/", &[]), "Now"),
    ];
    Err(Failure::NothingYet(Box::new(message)))
}

fn nothing_yet(app: &App, place: &Place) -> Failure {
    let mut message = Message::new(
        place,
        "Nothing polled yet",
        "The database is there, but no poll has filled it. This one command does:",
    );
    message.command = format!("{} sync", app.settings.program);
    Failure::NothingYet(Box::new(message))
}

fn no_account(account: &str, place: &Place, mark: &Mark) -> Failure {
    let text = format!("There is no account called “{}”.", words::tile_name(account));
    let of = |account: Option<&String>| Place { account: account.cloned(), ..place.clone() };
    let mut message = Message::new(&of(None), "No such account", text);
    let href = |account: &String| of(Some(account)).href("/", &[]);
    message.links = mark.accounts.iter().map(|known| Link::new(href(known), known)).collect();
    Failure::NotFound(Box::new(message))
}

/// What of the time a page depends on: the day, whether the last poll is too old, and on the
/// front page the hour in which links run out.
fn moment(context: &Context<'_>, view: &View) -> String {
    let now = context.now.to_string();
    let until = if *view == View::Overview { 13 } else { 10 };
    format!("{} {} {}", &now[..until], context.is_old(), context.without_mirror())
}

pub(super) fn url(request: &Parts) -> String {
    request.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}
