//! Why there is no page, and how that is said: as a page, as text, as JSON, with the right status.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
};

use super::{
    export,
    page::{Link, Message},
    params::{BadParameter, Place},
    response::{plain, rendered},
    route::{Format, View},
    server::App,
    words,
};
use crate::{error::Error, store::browse::Unreadable};

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

/// How an answer that is none is worded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    Page,
    Plain,
    Json,
}

impl Tongue {
    pub(super) fn of(format: Option<Format>) -> Self {
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
pub(super) fn nothing(
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

pub(super) fn failed(
    app: &App,
    request: &Parts,
    tongue: Tongue,
    failure: Failure,
) -> Response<Body> {
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

pub(super) fn not_found(app: &App, request: &Parts) -> Response<Body> {
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
