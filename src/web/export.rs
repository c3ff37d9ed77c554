//! Any view as csv, json or ndjson: all of what is being looked at, streamed row by row.
//!
//! The columns are those of the tables and of the command line. A slow reader holds up nobody:
//! exports have connections of their own, and an end.

mod cells;
mod rows;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, header},
};
use cells::{
    change_cells, item_cells, item_columns, measures, poll_cells, poll_columns, span_cells,
    version_cells, version_columns,
};
use futures_util::stream;
use rows::{Cell, Out, Rows, csv_line, finish};

use super::{
    ask::Ask,
    changes::until,
    failure::Failure,
    grid, overview,
    page::{Context, Message},
    params::{By, GridQuery},
    polls,
    route::{Format, View},
    timeline,
};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
    store::{
        browse::{
            Reading,
            changes::ChangesFilter,
            filter::{Moments, Scope},
            item::ItemHistory,
            items::FullItem,
        },
        query::ChangeRow,
        row::PollRow,
    },
    time::Timestamp,
};

/// What of an export is wanted.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// As what.
    pub format: Format,
    /// Whether only the headers are.
    pub only_head: bool,
}

/// The export of a view.
pub async fn response(
    context: Context<'_>,
    mut reading: Reading,
    view: &View,
    ask: Ask,
    wanted: Wanted,
) -> Result<Response<Body>, Failure> {
    let mut response = described(view, wanted.format);
    let source = Source::find(&context, &mut reading, view, ask).await?;
    if wanted.only_head {
        reading.end().await;
        // Of no known length, as the export itself.
        *response.body_mut() = Body::from_stream(stream::empty::<std::io::Result<Bytes>>());
        return Ok(response);
    }
    let (out, chunks) = Out::new(context.app.settings.patience);
    let rows = Rows::new(wanted.format, columns(view), out);
    tokio::spawn(async move {
        let done = source.write(&mut reading, &rows).await;
        finish(rows, reading, done).await;
    });
    *response.body_mut() = chunks.body();
    Ok(response)
}

/// The export of a view before anything was polled: no rows. `None` for what is one thing and not
/// there yet.
pub fn empty(view: &View, wanted: Wanted) -> Option<Response<Body>> {
    if matches!(view, View::Item(..) | View::Poll(_)) {
        return None;
    }
    let mut text = vec![];
    match wanted.format {
        Format::Csv => csv_line(&mut text, columns(view).iter().map(|name| (*name).to_owned())),
        Format::Json => text.extend_from_slice(b"[]\n"),
        Format::Ndjson => {}
    }
    let mut response = described(view, wanted.format);
    *response.body_mut() = Body::from(text);
    Some(response)
}

/// The headers of an export.
fn described(view: &View, format: Format) -> Response<Body> {
    let name = match view {
        View::Overview => "overview".to_owned(),
        View::Grid(kind) => kind.table.to_owned(),
        View::Item(kind, _) => format!("{kind}-history"),
        View::Changes => "changes".into(),
        View::Polls => "polls".into(),
        View::Poll(number) => format!("poll-{number}-changes"),
        View::Timeline => "timeline".into(),
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let end = Format::ALL.iter().find(|(_, known)| *known == format).map_or("", |(end, _)| end);
    let disposition = format!("inline; filename=\"{name}.{end}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn columns(view: &View) -> Vec<&'static str> {
    match view {
        View::Grid(kind) => item_columns(*kind),
        View::Item(kind, _) => version_columns(*kind),
        View::Changes | View::Poll(_) => ChangeRow::COLUMNS.to_vec(),
        View::Polls => poll_columns(),
        View::Timeline => vec!["from", "to", "added", "changed", "removed", "restored"],
        View::Overview => vec!["measure", "value"],
    }
}

/// Where the rows come from: found before the answer begins, so that what is not there is a 404.
enum Source {
    Items(Scope, Box<GridQuery>, Moments),
    Versions(Kind, String, String, ItemHistory),
    Changes(String, Option<i64>, ChangesFilter),
    Polls(String, Option<Timestamp>),
    Known(Vec<Vec<Cell>>),
}

impl Source {
    async fn find(
        context: &Context<'_>,
        reading: &mut Reading,
        view: &View,
        ask: Ask,
    ) -> Result<Self, Failure> {
        let at = context.place.at();
        let account = context.account.clone();
        Ok(match (view, ask) {
            (View::Grid(kind), Ask::Grid(query)) => {
                grid::refuse_unknown_past(context, &query)?;
                Self::Items(context.scope(*kind), Box::new(query), context.moments())
            }
            (View::Item(kind, id), _) => match reading.item(&context.scope(*kind), id).await? {
                Some(item) => Self::Versions(*kind, account, id.clone(), item),
                None => return Err(no_such_id(context)),
            },
            (View::Poll(number), Ask::Poll(query)) => {
                let poll = polls::find(context, reading, *number).await?.row;
                Self::Changes(poll.account, Some(*number), until(&query.filter, at))
            }
            (_, Ask::Changes(query)) => Self::Changes(account, None, until(&query.filter, at)),
            (View::Polls, _) => Self::Polls(account, at),
            (View::Timeline, ask) => {
                let by = if let Ask::Timeline(by) = ask { by } else { By::Week };
                let spans = timeline::spans(context, reading, by).await?;
                Self::Known(spans.into_iter().map(span_cells).collect())
            }
            _ => Self::Known(measures(&overview::summary(context, reading).await?, at.is_some())),
        })
    }

    async fn write(self, reading: &mut Reading, rows: &Rows) -> Result<()> {
        match self {
            Self::Items(scope, query, moments) => {
                let each = |item: FullItem| rows.row(item_cells(&item));
                reading.all_items(&scope, &query.filter, &moments, query.sort, each).await
            }
            Self::Changes(account, poll, filter) => {
                let each = |row: ChangeRow| rows.row(change_cells(row));
                reading.all_changes(&account, poll, &filter, each).await
            }
            Self::Polls(account, at) => {
                let each = |row: PollRow| rows.row(poll_cells(row));
                reading.all_polls(&account, at, each).await
            }
            Self::Versions(kind, account, id, item) => {
                let versions = item.versions.iter().rev();
                let cells = versions.map(|version| version_cells(kind, &account, &id, version));
                write_all(rows, cells).await
            }
            Self::Known(all) => write_all(rows, all.into_iter()).await,
        }
    }
}

async fn write_all(rows: &Rows, all: impl Iterator<Item = Vec<Cell>>) -> Result<()> {
    for cells in all {
        let written = rows.row(cells).await;
        written.map_err(|_| Error::unforeseen("nobody reads any more"))?;
    }
    Ok(())
}

fn no_such_id(context: &Context<'_>) -> Failure {
    let text = "There is nothing with that id here.";
    Failure::NotFound(Box::new(Message::new(&context.place, "No such id", text)))
}
