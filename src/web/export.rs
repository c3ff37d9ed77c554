//! Exports of any view as csv or ndjson: all of its rows, streamed one by one.
//!
//! The columns are those of the tables and of the command line. Exports use their own connections and have
//! a time limit, so a slow client delays no page.

mod cells;
mod rows;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, header},
};
use cells::{measures, period_cells};
use futures_util::stream;
use rows::{RowWriter, csv_line, finish};

use super::{
    ask::Ask,
    changes::until,
    context::PageContext,
    failure::PageFailure,
    message::MessagePage,
    numbers::{Numbers, half_year},
    params::{By, GridQuery},
    poll,
    route::{DataFormat, View},
    timeline,
};
use crate::{
    catalog::{cell::Cell, search},
    error::{Error, Result},
    store::{
        browse::{
            Reading,
            items::FullItem,
            scope::{Moments, Scope},
        },
        change::{ChangeFilter, ChangeRow},
        query::Version,
        record::RowType,
        row::PollRow,
        search::FoundItem,
        table::{CHANGES, POLLS, names, words},
    },
    time::Timestamp,
};

/// The request for an export.
#[derive(Clone, Copy)]
pub struct ExportRequest {
    /// The format.
    pub format: DataFormat,
    /// Whether only the headers are requested.
    pub only_head: bool,
}

/// Returns the export of the page's view.
pub async fn response(
    context: &PageContext<'_>,
    mut reading: Reading,
    source: ExportSource,
    wanted: ExportRequest,
) -> Response<Body> {
    let mut response = described(&context.view, wanted.format);
    if wanted.only_head {
        reading.end().await;
        // A stream, so that the length is unknown, as it is for the export itself.
        *response.body_mut() = Body::from_stream(stream::empty::<std::io::Result<Bytes>>());
        return response;
    }
    let patience = context.app.settings.patience;
    let (rows, body) = RowWriter::new(wanted.format, columns(&context.view), patience);
    tokio::spawn(async move {
        let done = source.write(&mut reading, &rows).await;
        finish(rows, reading, done).await;
    });
    *response.body_mut() = body;
    response
}

/// Returns the export of a view before the first poll: no rows. `None` for one item or poll, which does not
/// exist yet.
pub fn empty(view: &View, wanted: ExportRequest) -> Option<Response<Body>> {
    if matches!(view, View::Item(..) | View::Poll(_)) {
        return None;
    }
    let mut text = vec![];
    match wanted.format {
        DataFormat::Csv => csv_line(&mut text, columns(view)),
        DataFormat::Ndjson => {}
    }
    let mut response = described(view, wanted.format);
    *response.body_mut() = Body::from(text);
    Some(response)
}

/// Returns a response with the headers of an export and no body.
fn described(view: &View, format: DataFormat) -> Response<Body> {
    let name = match view {
        View::Overview => "overview".to_owned(),
        View::Grid(kind) => kind.table.to_owned(),
        View::Item(kind, _) => format!("{kind}-history"),
        View::Changes => "changes".into(),
        View::Polls => "polls".into(),
        View::Poll(number) => format!("poll-{number}-changes"),
        View::Timeline => "timeline".into(),
        View::Search => "search".into(),
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let end = DataFormat::ALL.iter().find(|(_, known)| *known == format).map_or("", |(end, _)| end);
    let disposition = format!("inline; filename=\"{name}.{end}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn columns(view: &View) -> Vec<&'static str> {
    match view {
        View::Grid(kind) => names(kind.table),
        View::Item(kind, _) => names(kind.history),
        View::Changes | View::Poll(_) => CHANGES.names(),
        View::Polls => POLLS.names(),
        View::Timeline => ["from", "to"].into_iter().chain(words::CHANGES).collect(),
        View::Overview => vec!["measure", "value"],
        View::Search => FoundItem::COLUMNS.to_vec(),
    }
}

/// The source of the rows. It is found before the response begins, so that a missing one is a 404.
pub enum ExportSource {
    /// The items of a list.
    Items(Scope, Box<GridQuery>, Moments),
    /// The versions of the item with this id.
    Versions(Scope, String),
    /// The changes of an account, of one poll if it is given.
    Changes(String, Option<i64>, ChangeFilter),
    /// The polls of an account, until a time if it is given.
    Polls(String, Option<Timestamp>),
    /// Rows that are read already.
    Known(Vec<Vec<Cell<'static>>>),
}

impl ExportSource {
    /// Finds the source of the rows of the page's view.
    pub async fn find(
        context: &PageContext<'_>,
        reading: &mut Reading,
        ask: Ask,
    ) -> Result<Self, PageFailure> {
        let at = context.viewpoint.at();
        let account = context.account.clone();
        Ok(match (&context.view, ask) {
            (View::Grid(kind), Ask::Grid(query)) => {
                query.refuse_unknown_past(at.is_some())?;
                Self::Items(context.scope(*kind), Box::new(query), context.moments())
            }
            (View::Item(kind, id), _) => {
                let scope = context.scope(*kind);
                match reading.has_item(&scope, id).await? {
                    true => Self::Versions(scope, id.clone()),
                    false => return Err(no_such_id(context)),
                }
            }
            (View::Poll(number), Ask::Poll(query)) => {
                let poll = poll::find(context, reading, *number).await?.row;
                Self::Changes(poll.account, Some(*number), until(&query.filter, at))
            }
            (_, Ask::Changes(query)) => Self::Changes(account, None, until(&query.filter, at)),
            (View::Polls, _) => Self::Polls(account, at),
            (View::Search, Ask::Search(q)) => {
                let words = search::words(&q);
                let found = match words.is_empty() {
                    true => vec![],
                    false => reading.store().found_items(&account, at, None, &words).await?,
                };
                Self::Known(found.iter().map(found_cells).collect())
            }
            (View::Timeline, ask) => {
                let by = if let Ask::Timeline(by) = ask { by } else { By::Week };
                let periods = timeline::periods(context, reading, by).await?;
                Self::Known(periods.into_iter().map(period_cells).collect())
            }
            _ => {
                let days = half_year(context, reading).await?;
                let numbers = Numbers::read(context, reading, &days).await?;
                Self::Known(measures(&numbers, at.is_some()))
            }
        })
    }

    async fn write(self, reading: &mut Reading, rows: &RowWriter) -> Result<()> {
        match self {
            Self::Items(scope, query, moments) => {
                let each = |item: FullItem| rows.row(item.cells());
                reading.all_items(&scope, &query.filter, &moments, query.order, each).await
            }
            Self::Changes(account, poll, filter) => {
                let each = |row: ChangeRow| rows.row(row.row());
                reading.all_changes(&account, poll, &filter, each).await
            }
            Self::Polls(account, at) => {
                let each = |row: PollRow| rows.row(row.row());
                reading.all_polls(&account, at, each).await
            }
            Self::Versions(scope, id) => {
                let each = |version: Version| rows.row(version.cells());
                reading.all_versions(&scope, &id, each).await
            }
            Self::Known(all) => {
                for cells in all {
                    let written = rows.row(cells).await;
                    written.map_err(|_| Error::unforeseen("the client stopped reading"))?;
                }
                Ok(())
            }
        }
    }
}

fn found_cells(found: &FoundItem) -> Vec<Cell<'static>> {
    found.cells().map(Cell::into_owned).into()
}

fn no_such_id(context: &PageContext<'_>) -> PageFailure {
    let text = "There is no item with this id.";
    PageFailure::NotFound(Box::new(MessagePage::of(context, "No such id", text)))
}
