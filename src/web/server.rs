//! A request from its arrival to its answer: guard, route, question, page, tag.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
};

use super::{
    assets,
    cache::{self, Kept},
    changes, export, files, grid, item, overview,
    page::{Context, Link, Message, usual_account},
    params::{self, BadParameter, By, ChangesQuery, GridQuery, Pairs, Place},
    polls,
    route::{self, Format, Route, View, route},
    security::{self, Guard, Refusal},
    timeline, words,
};
use crate::{
    catalog::item::Kind,
    error::{Error, Result},
    feed::{self, Feed},
    metrics,
    mirror::Blobs,
    store::{
        Location,
        browse::{
            GoodPoll, Mark, Reader, Reading, Unreadable, changes::ChangesFilter, items::Facets,
        },
        figures::Figures,
        query::ChangeFilter,
    },
    time::{Clock, Timestamp},
};

/// How the gallery is served.
#[derive(Clone)]
pub struct Settings {
    /// Who may ask.
    pub guard: Guard,
    /// The store of the mirror; `None` while the mirror is off.
    pub files: Option<Arc<Blobs>>,
    /// The program and the flags that lead to this database, as a shell takes them: what every
    /// command on a page begins with. Never a password.
    pub program: String,
    /// So long may the reader of an export take nothing before it is given up.
    pub patience: Duration,
}

impl Settings {
    /// For a program without flags.
    pub fn new(guard: Guard, files: Option<Arc<Blobs>>) -> Self {
        let patience = Duration::from_secs(30);
        Self { guard, files, program: "heygen-sync".into(), patience }
    }
}

/// The gallery.
pub struct App {
    pub(super) reader: Reader,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// The facets of the last lists, by what was asked of which state.
    pub(super) facets: Kept<Facets>,
    /// The last pages, by their tags: two visitors who ask the same between two polls cost one page.
    pages: Kept<String>,
    /// The configured accounts, whose metrics are told even before their first poll.
    pub accounts: Vec<String>,
}

/// So many lists' facets are kept.
const FACETS: usize = 64;
/// So many pages are kept, of at most so many bytes each.
const PAGES: usize = 48;
const PAGE_BYTES: usize = 128 * 1024;

impl App {
    /// A gallery of the database at `location`.
    pub fn new(location: Location, settings: Settings, clock: Clock) -> Self {
        let reader = Reader::new(location);
        let (facets, pages) = (Kept::new(FACETS), Kept::new(PAGES));
        Self { reader, settings, clock, facets, pages, accounts: vec![] }
    }

    /// The routes, ready to be served.
    pub fn router(self: Arc<Self>) -> Router {
        let small = DefaultPredicate::new()
            .and(NotForContentType::const_new("video/"))
            .and(NotForContentType::const_new("application/octet-stream"));
        Router::new()
            .fallback(answer)
            .layer(CompressionLayer::new().compress_when(small))
            .layer(CatchPanicLayer::custom(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "broken")))
            .with_state(self)
    }
}

/// Serves until `stop` is over; `listening` is told the address.
pub async fn serve(
    mut app: App,
    address: SocketAddr,
    listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    app.settings.guard.suffices(address)?;
    app.settings.guard.listens_at(address);
    let cannot = |fault| {
        Error::config(format!(
            "serve.listen: cannot listen at {address}: {fault}; give another address"
        ))
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(cannot)?;
    listening(listener.local_addr().map_err(cannot)?);
    let router = Arc::new(app).router();
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    // Open downloads do not hold up the end for long.
    let last = async move {
        let _ = stopped.await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        served = server => served.map_err(|fault| Error::unforeseen(format!("cannot serve: {fault}"))),
        () = last => Ok(()),
    }
}

/// Why there is no page.
pub enum Failure {
    /// The parameter cannot be used: 400.
    Parameter(BadParameter),
    /// There is no such thing: 404.
    NotFound(Box<Message>),
    /// Nothing was polled yet.
    NothingYet(Box<Message>),
    /// It stands under this account, and none was named.
    OfAccount(String),
    /// Nothing can be read: 503.
    Unreadable(Unreadable),
}

impl From<BadParameter> for Failure {
    fn from(bad: BadParameter) -> Self {
        Self::Parameter(bad)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<Unreadable> for Failure {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

/// A question, read from path and query before anything is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The front page.
    Overview,
    /// A list.
    Grid(GridQuery),
    /// An item; two versions to compare.
    Item(Option<(i64, i64)>),
    /// The change feed.
    Changes(ChangesQuery),
    /// A page of polls.
    Polls(i64),
    /// Of one poll these changes.
    Poll(ChangesQuery),
    /// Bars.
    Timeline(By),
}

impl Ask {
    fn take(view: &View, pairs: &mut Pairs) -> Result<Self, BadParameter> {
        Ok(match view {
            View::Overview => Self::Overview,
            View::Grid(kind) => Self::Grid(GridQuery::take(pairs, *kind)?),
            View::Item(..) => Self::Item(params::take_versions(pairs)?),
            View::Changes => Self::Changes(ChangesQuery::take(pairs)?),
            View::Polls => Self::Polls(params::take_page(pairs)?),
            View::Poll(_) => Self::Poll(ChangesQuery::of_poll(pairs)?),
            View::Timeline => Self::Timeline(params::take_by(pairs)?),
        })
    }

    fn own(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Overview | Self::Item(None) => vec![],
            Self::Item(Some((from, to))) => {
                vec![("from", from.to_string()), ("to", to.to_string())]
            }
            Self::Grid(query) => query.pairs(),
            Self::Changes(query) | Self::Poll(query) => query.pairs(),
            Self::Polls(page) if *page > 1 => vec![("page", page.to_string())],
            Self::Polls(_) => vec![],
            Self::Timeline(By::Day) => vec![("by", "day".into())],
            Self::Timeline(By::Week) => vec![],
        }
    }
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (request, _) = request.into_parts();
    let mut response = guarded(&app, &request).await;
    for (name, value) in security::HEADERS {
        response.headers_mut().insert(name, value);
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, cache::NEVER);
    }
    // Of an answer to HEAD the router leaves out the body, and keeps its length.
    response
}

async fn guarded(app: &Arc<App>, request: &Parts) -> Response<Body> {
    let route = route(request.uri.path());
    let open = matches!(route, Route::Live | Route::Ready);
    if let Some(refusal) = app.settings.guard.admits(&request.method, &request.headers, open) {
        return refused(refusal);
    }
    match route {
        Route::Live => plain(StatusCode::OK, "ok"),
        Route::Ready => ready(app).await,
        Route::Metrics => told(app).await,
        Route::Asset(name) => assets::response(&name).unwrap_or_else(|| not_found(app, request)),
        Route::File(hash) => file(app, &hash, request).await,
        Route::Moved(path) => moved(&path, request.uri.query()),
        Route::Unknown => not_found(app, request),
        Route::Feed => match atom(app, request).await {
            Ok(response) => response,
            Err(failure) => failed(app, request, Tongue::Plain, failure),
        },
        Route::View(view, format) => match viewed(app, request, &view, format).await {
            Ok(response) => response,
            Err(Failure::NothingYet(message)) => nothing(request, &view, format, &message),
            Err(failure) => failed(app, request, Tongue::of(format), failure),
        },
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::Method => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        Refusal::Host => plain(
            StatusCode::MISDIRECTED_REQUEST,
            "this gallery is not known by that name; see serve.hosts",
        ),
        Refusal::Token => {
            let mut response = plain(StatusCode::UNAUTHORIZED, "the token is the password");
            let ask = HeaderValue::from_static("Basic realm=\"heygen-sync\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
            response
        }
    }
}

async fn ready(app: &App) -> Response<Body> {
    match app.reader.page().await {
        Ok(reading) => {
            reading.end().await;
            plain(StatusCode::OK, "ok")
        }
        Err(Unreadable::NoCatalogue) => plain(StatusCode::SERVICE_UNAVAILABLE, "no catalogue yet"),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::error!(%error, "the database cannot be read");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read")
        }
    }
}

/// The metrics, with the token where there is one.
async fn told(app: &App) -> Response<Body> {
    let read = async {
        let mut reading = app.reader.page().await?;
        let figures = reading.figures(app.clock.now()).await?;
        reading.end().await;
        Ok::<_, Unreadable>(figures)
    };
    let figures = match read.await {
        Ok(figures) => figures,
        Err(Unreadable::NoCatalogue) => Figures::default(),
        Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => {
            tracing::error!(%error, "no metrics");
            return plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read");
        }
    };
    let mut response = Response::new(Body::from(metrics::text(&figures, &app.accounts)));
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn file(app: &App, hash: &str, request: &Parts) -> Response<Body> {
    let Some(store) = &app.settings.files else { return not_found(app, request) };
    match files::response(store, hash, &request.method, &request.headers).await {
        Ok(found) => found.unwrap_or_else(|| not_found(app, request)),
        Err(error) => {
            tracing::error!(%error, "a file cannot be read");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the mirror's store cannot be read")
        }
    }
}

/// To a path of our own, always: `route` builds it from known words and encoded ids.
fn moved(path: &str, query: Option<&str>) -> Response<Body> {
    let to = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

async fn viewed(
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
        tagged(self::html(StatusCode::OK, String::clone(&html)), StatusCode::OK, &tag);
    // For tests and for whoever watches: what the page cost.
    response.headers_mut().insert("x-queries", HeaderValue::from(queries));
    Ok(response)
}

/// So many rows of the change feed are read for the feed, and so many entries told.
const FEED_ROWS: usize = 4_000;
const FEED_ENTRIES: usize = 300;

/// The feed of one account's changes, the first poll's left out; its questions are kind, change
/// and id.
async fn atom(app: &Arc<App>, request: &Parts) -> Result<Response<Body>, Failure> {
    let mut pairs = Pairs::parse(request.uri.query().unwrap_or_default())?;
    let place = Place { as_of: None, ..Place::take(&mut pairs, app.clock.now())? };
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
    if word == Kind::Avatar.as_str() { Kind::Avatar } else { Kind::TalkingPhoto }
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

async fn context<'a>(
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

fn url(request: &Parts) -> String {
    request.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

fn tagged(mut response: Response<Body>, status: StatusCode, tag: &str) -> Response<Body> {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::NOT_MODIFIED {
        // As the answer with a body says it, which may travel compressed.
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(header::CACHE_CONTROL, cache::ASK);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// How an answer that is none is worded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tongue {
    Page,
    Plain,
    Json,
}

impl Tongue {
    fn of(format: Option<Format>) -> Self {
        match format {
            None => Self::Page,
            Some(Format::Csv) => Self::Plain,
            Some(Format::Json | Format::Ndjson) => Self::Json,
        }
    }

    fn say(self, status: StatusCode, message: &Message) -> Response<Body> {
        if self == Self::Page {
            return rendered(status, message);
        }
        let command = if message.command.is_empty() { "" } else { " " };
        let text = format!("{}{command}{}", message.text, message.command);
        if self == Self::Plain {
            return plain(status, &text);
        }
        let mut response = plain(status, &serde_json::json!({ "error": text }).to_string());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Before anything was polled a page says so, a list as data is empty, and one thing is not there.
fn nothing(
    request: &Parts,
    view: &View,
    format: Option<Format>,
    message: &Message,
) -> Response<Body> {
    let Some(format) = format else { return rendered(StatusCode::OK, message) };
    let wanted = export::Wanted { format, only_head: request.method == Method::HEAD };
    match export::empty(view, wanted) {
        Some(response) => response,
        None => Tongue::of(Some(format)).say(StatusCode::NOT_FOUND, message),
    }
}

fn failed(app: &App, request: &Parts, tongue: Tongue, failure: Failure) -> Response<Body> {
    let place = &loose_place(app, request);
    let (status, message) = match failure {
        Failure::Parameter(bad) => (StatusCode::BAD_REQUEST, bad_parameter(place, &bad)),
        Failure::NotFound(message) => (StatusCode::NOT_FOUND, *message),
        Failure::NothingYet(message) => match tongue {
            Tongue::Page => (StatusCode::OK, *message),
            _ => (StatusCode::NOT_FOUND, *message),
        },
        Failure::OfAccount(account) => return of_account(request, &account),
        Failure::Unreadable(why) => (StatusCode::SERVICE_UNAVAILABLE, unreadable(app, place, why)),
    };
    let mut response = tongue.say(status, &message);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    response
}

/// The same address with the account that it is about.
fn of_account(request: &Parts, account: &str) -> Response<Body> {
    let place = Place { account: Some(account.to_owned()), as_of: None };
    let mut to = place.href(request.uri.path(), &[]);
    if let Some(query) = request.uri.query().filter(|query| !query.is_empty()) {
        to.push('&');
        to.push_str(query);
    }
    let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "");
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// As much as can be read of where the visitor stood.
fn loose_place(app: &App, request: &Parts) -> Place {
    Place::loosely(request.uri.query().unwrap_or_default(), app.clock.now())
}

fn unreadable(app: &App, place: &Place, why: Unreadable) -> Message {
    match why {
        Unreadable::NoCatalogue => {
            let text = "There is no database at the configured place. This one command makes and \
                        fills it:";
            let mut message = Message::new(place, "No catalogue yet", text);
            message.command = format!("{} sync", app.settings.program);
            message
        }
        Unreadable::OfAnotherVersion(error) => {
            tracing::error!(%error, "no page");
            let text = "The catalogue was written by another version of the program, which this \
                        gallery cannot read; the program's log says which of the two to bring up \
                        to date. Nothing is lost.";
            Message::new(place, "The catalogue is of another version", text)
        }
        Unreadable::Trouble(error) => {
            tracing::error!(%error, "no page");
            let text = "The database cannot be read just now; the program's log says why. \
                        Nothing is lost: try again in a moment.";
            Message::new(place, "The catalogue cannot be read", text)
        }
    }
}

fn bad_parameter(place: &Place, bad: &BadParameter) -> Message {
    let name = words::tile_name(&bad.name);
    let text = format!("The parameter “{name}” {}.", bad.why);
    let mut message = Message::new(place, "That address cannot be read", text);
    message.links = main_links(place);
    message
}

fn not_found(app: &App, request: &Parts) -> Response<Body> {
    let place = loose_place(app, request);
    let text = "There is no such page or file.";
    let mut message = Message::new(&place, "Nothing stands here", text);
    message.links = main_links(&place);
    rendered(StatusCode::NOT_FOUND, &message)
}

fn main_links(place: &Place) -> Vec<Link> {
    [("/", "Overview"), ("/avatars", "Avatars")]
        .map(|(path, text)| Link::new(place.href(path, &[]), text))
        .to_vec()
}

/// A page as HTML.
pub fn render(page: &impl Template) -> Result<String, Failure> {
    page.render().map_err(|fault| Error::unforeseen(format!("cannot write a page: {fault}")).into())
}

fn rendered(status: StatusCode, message: &Message) -> Response<Body> {
    match message.render() {
        Ok(text) => html(status, text),
        Err(_) => plain(status, &message.heading),
    }
}

fn html(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
