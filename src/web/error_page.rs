//! Error responses as a page, as plain text or as JSON, with their status.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect},
};

use super::{
    anchor::Anchor,
    app::App,
    export,
    failure::PageFailure,
    message::MessagePage,
    query_pairs::BadParameter,
    response::{plain, rendered},
    route::{DataFormat, View},
    viewpoint::Viewpoint,
    words,
};
use crate::store::browse::Unreadable;

/// The format of an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorFormat {
    Page,
    Plain,
    Json,
}

impl ErrorFormat {
    pub(super) fn of(format: Option<DataFormat>) -> Self {
        match format {
            None => Self::Page,
            Some(DataFormat::Csv) => Self::Plain,
            Some(DataFormat::Ndjson) => Self::Json,
        }
    }

    fn response(self, status: StatusCode, message: &MessagePage) -> Response<Body> {
        if self == Self::Page {
            return rendered(status, message);
        }
        let command = if message.command.is_empty() { "" } else { " " };
        let text = format!("{}{command}{}", message.text, message.command);
        if self == Self::Plain {
            return plain(status, &text);
        }
        let json = [(header::CONTENT_TYPE, "application/json")];
        (status, json, format!("{}\n", serde_json::json!({ "error": text }))).into_response()
    }
}

/// Returns the response before the first poll: a message for a page, no rows for the export of a list, 404
/// for the export of one item or poll.
pub(super) fn nothing_polled(
    request: &Parts,
    view: &View,
    format: Option<DataFormat>,
    message: &MessagePage,
) -> Response<Body> {
    let Some(format) = format else { return rendered(StatusCode::OK, message) };
    let wanted = export::ExportRequest { format, only_head: request.method == Method::HEAD };
    match export::empty(view, wanted) {
        Some(response) => response,
        None => ErrorFormat::of(Some(format)).response(StatusCode::NOT_FOUND, message),
    }
}

pub(super) fn failed(
    app: &App,
    request: &Parts,
    format: ErrorFormat,
    failure: PageFailure,
) -> Response<Body> {
    let viewpoint = &readable_viewpoint(app, request);
    let (status, message) = match failure {
        PageFailure::Parameter(bad) => (StatusCode::BAD_REQUEST, bad_parameter(viewpoint, &bad)),
        // Before the first poll only the feed ends here; views have [`nothing_polled`].
        PageFailure::NotFound(message) | PageFailure::NothingYet(message) => {
            (StatusCode::NOT_FOUND, *message)
        }
        PageFailure::OfAccount(account) => return of_account(request, &account),
        PageFailure::Unreadable(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, unreadable(app, viewpoint, why))
        }
    };
    let mut response = format.response(status, &message);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    response
}

/// Returns a redirect to the same address with the account added.
fn of_account(request: &Parts, account: &str) -> Response<Body> {
    let viewpoint = Viewpoint { account: Some(account.to_owned()), as_of: None };
    let mut to = viewpoint.href(request.uri.path(), &[]);
    if let Some(query) = request.uri.query().filter(|query| !query.is_empty()) {
        to.push('&');
        to.push_str(query);
    }
    Redirect::temporary(&to).into_response()
}

/// Returns as much of the viewpoint as can be read.
fn readable_viewpoint(app: &App, request: &Parts) -> Viewpoint {
    Viewpoint::loosely(request.uri.query().unwrap_or_default(), app.clock.now())
}

fn unreadable(app: &App, viewpoint: &Viewpoint, why: Unreadable) -> MessagePage {
    match why {
        Unreadable::NoCatalogue => {
            let text = "There is no database at the configured place. This command creates and \
                        fills it:";
            let mut message = MessagePage::new(viewpoint, "No catalogue yet", text);
            message.command = format!("{} sync", app.settings.program);
            message
        }
        Unreadable::OfAnotherVersion(error) => {
            tracing::error!(%error, "no page");
            let text = "The catalogue was written by another version of the program, which this \
                        gallery cannot read. The program's log names the one to upgrade. Nothing is \
                        lost.";
            MessagePage::new(viewpoint, "The catalogue is of another version", text)
        }
        Unreadable::Trouble(error) => {
            tracing::error!(%error, "no page");
            let text = "The database cannot be read. The reason is in the program's log. Nothing is lost: \
                        try again in a moment.";
            MessagePage::new(viewpoint, "The catalogue cannot be read", text)
        }
    }
}

fn bad_parameter(viewpoint: &Viewpoint, bad: &BadParameter) -> MessagePage {
    let name = words::tile_name(&bad.name);
    let text = format!("The parameter “{name}” {}.", bad.why);
    let mut message = MessagePage::new(viewpoint, "That address cannot be read", text);
    message.links = main_links(viewpoint);
    message
}

pub(super) fn not_found(app: &App, request: &Parts) -> Response<Body> {
    let viewpoint = readable_viewpoint(app, request);
    let text = "There is no such page or file.";
    let mut message = MessagePage::new(&viewpoint, "No such page", text);
    message.links = main_links(&viewpoint);
    rendered(StatusCode::NOT_FOUND, &message)
}

fn main_links(viewpoint: &Viewpoint) -> Vec<Anchor> {
    [("/", "Overview"), ("/avatars", "Avatars")]
        .map(|(path, text)| Anchor::new(viewpoint.href(path, &[]), text))
        .to_vec()
}
