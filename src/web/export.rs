//! Any view as csv, json or ndjson: all of what is being looked at, streamed row by row.
//!
//! The columns are those of the tables and of the command line. A slow reader holds up nobody:
//! exports have connections of their own, and an end.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, header},
};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{
    changes::until,
    overview,
    page::Context,
    params::By,
    route::{Format, View},
    server::{Ask, Failure},
    timeline,
};
use crate::{
    catalog::{
        item::{Fields, Holds, Kind},
        value::{Value, write_json_string},
    },
    error::Result,
    store::{
        browse::{Reading, items::FullItem},
        conn::Fault,
        query::ChangeRow,
        row::PollRow,
    },
    time::Timestamp,
};

/// So much is gathered before it is sent.
const CHUNK: usize = 32 * 1024;

/// A value in a row.
enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Json(String),
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<Timestamp>> for Cell {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Null, |time| Self::Text(time.to_string()))
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Int)
    }
}

/// Writes rows in a format, and hands what has gathered to the browser.
#[derive(Clone)]
struct Rows {
    inner: std::sync::Arc<tokio::sync::Mutex<Buffer>>,
}

struct Buffer {
    format: Format,
    columns: Vec<&'static str>,
    text: Vec<u8>,
    count: u64,
    out: mpsc::Sender<std::io::Result<Bytes>>,
}

impl Rows {
    fn new(
        format: Format,
        columns: Vec<&'static str>,
        out: mpsc::Sender<std::io::Result<Bytes>>,
    ) -> Self {
        let mut text = vec![];
        if format == Format::Csv {
            csv_line(&mut text, columns.iter().map(|name| (*name).to_owned()));
        }
        let buffer = Buffer { format, columns, text, count: 0, out };
        Self { inner: std::sync::Arc::new(tokio::sync::Mutex::new(buffer)) }
    }

    async fn row(&self, cells: Vec<Cell>) -> Result<(), Fault> {
        let mut buffer = self.inner.lock().await;
        buffer.write(cells);
        if buffer.text.len() >= CHUNK { buffer.send().await } else { Ok(()) }
    }

    async fn finish(&self) -> Result<(), Fault> {
        let mut buffer = self.inner.lock().await;
        if buffer.format == Format::Json {
            let end: &[u8] = if buffer.count == 0 { b"[]\n" } else { b"\n]\n" };
            buffer.text.extend_from_slice(end);
        }
        buffer.send().await
    }
}

impl Buffer {
    fn write(&mut self, cells: Vec<Cell>) {
        match self.format {
            Format::Csv => csv_line(&mut self.text, cells.into_iter().map(plain)),
            Format::Json => {
                self.text.extend_from_slice(if self.count == 0 { b"[\n" } else { b",\n" });
                let object = object(&self.columns, &cells);
                self.text.extend_from_slice(object.as_bytes());
            }
            Format::Ndjson => {
                let object = object(&self.columns, &cells);
                self.text.extend_from_slice(object.as_bytes());
                self.text.push(b'\n');
            }
        }
        self.count += 1;
    }

    /// An error when nobody reads any more: that ends the reading of the database.
    async fn send(&mut self) -> Result<(), Fault> {
        let bytes = Bytes::from(std::mem::take(&mut self.text));
        self.out.send(Ok(bytes)).await.map_err(|_| Fault::WorkerCrashed)
    }
}

fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    let mut writer = csv::Writer::from_writer(out);
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells);
    let _ = writer.flush();
}

fn plain(cell: Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) | Cell::Json(text) => text,
        Cell::Int(number) => number.to_string(),
        Cell::Bool(yes) => yes.to_string(),
    }
}

fn object(columns: &[&str], cells: &[Cell]) -> String {
    let mut out = String::from("{");
    for (index, (name, cell)) in columns.iter().zip(cells).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json_string(name, &mut out);
        out.push(':');
        match cell {
            Cell::Null => out.push_str("null"),
            Cell::Text(text) => write_json_string(text, &mut out),
            Cell::Json(json) => out.push_str(json),
            Cell::Int(number) => out.push_str(&number.to_string()),
            Cell::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        }
    }
    out.push('}');
    out
}

/// The export of a view.
pub async fn response(
    context: Context<'_>,
    mut reading: Reading,
    view: &View,
    ask: Ask,
    format: Format,
) -> Result<Response<Body>, Failure> {
    let (sender, receiver) = mpsc::channel(4);
    let name = match view {
        View::Overview => "overview".to_owned(),
        View::Grid(kind) => kind.list().to_owned(),
        View::Item(kind, _) => format!("{kind}-history"),
        View::Changes => "changes".into(),
        View::Polls => "polls".into(),
        View::Poll(number) => format!("poll-{number}-changes"),
        View::Timeline => "timeline".into(),
    };
    let at = context.place.at();
    let account = context.account.clone();
    match (view.clone(), ask) {
        (View::Grid(kind), Ask::Grid(query)) => {
            let rows = Rows::new(format, item_columns(kind), sender);
            let (scope, moments) = (context.scope(kind), context.moments());
            tokio::spawn(async move {
                let each = |item: FullItem| {
                    let rows = rows.clone();
                    async move { rows.row(item_cells(&item)).await }
                };
                let done =
                    reading.all_items(&scope, &query.filter, &moments, query.sort, each).await;
                finish(rows, reading, done).await;
            });
        }
        (View::Item(kind, id), _) => {
            let scope = context.scope(kind);
            let Some(item) = reading.item(&scope, &id).await? else {
                let message =
                    super::page::Message::new("No such id", "There is nothing with that id here.");
                return Err(Failure::NotFound(Box::new(message)));
            };
            let rows = Rows::new(format, version_columns(kind), sender);
            tokio::spawn(async move {
                let mut done = Ok(());
                for version in item.versions.iter().rev() {
                    if rows.row(version_cells(kind, &account, &id, version)).await.is_err() {
                        done = Err(crate::error::Error::unforeseen("nobody reads"));
                        break;
                    }
                }
                finish(rows, reading, done).await;
            });
        }
        (view, Ask::Changes(query) | Ask::Poll(query)) => {
            let rows = Rows::new(format, CHANGE.to_vec(), sender);
            let filter = until(&query.filter, at);
            let poll = if let View::Poll(number) = view { Some(number) } else { None };
            tokio::spawn(async move {
                let each = |row: ChangeRow| {
                    let rows = rows.clone();
                    async move { rows.row(change_cells(row)).await }
                };
                let done = reading.all_changes(&account, poll, &filter, each).await;
                finish(rows, reading, done).await;
            });
        }
        (View::Polls, _) => {
            let rows = Rows::new(format, poll_columns(), sender);
            tokio::spawn(async move {
                let each = |row: PollRow| {
                    let rows = rows.clone();
                    async move { rows.row(poll_cells(row)).await }
                };
                let done = reading.all_polls(&account, at, each).await;
                finish(rows, reading, done).await;
            });
        }
        (View::Timeline, ask) => {
            let by = if let Ask::Timeline(by) = ask { by } else { By::Week };
            let spans = timeline::spans(&context, &mut reading, by).await?;
            let columns = vec!["from", "to", "added", "changed", "removed", "restored"];
            let rows = Rows::new(format, columns, sender);
            tokio::spawn(async move {
                for span in spans {
                    let sums = span.sums;
                    let cells = vec![
                        Cell::Text(span.from),
                        Cell::Text(span.to),
                        Cell::Int(sums.added),
                        Cell::Int(sums.changed),
                        Cell::Int(sums.removed),
                        Cell::Int(sums.restored),
                    ];
                    let _ = rows.row(cells).await;
                }
                finish(rows, reading, Ok(())).await;
            });
        }
        _ => {
            let numbers = overview::summary(&context, &mut reading).await?;
            let rows = Rows::new(format, vec!["measure", "value"], sender);
            tokio::spawn(async move {
                let all = [
                    ("avatars", numbers.current[0]),
                    ("talking_photos", numbers.current[1]),
                    ("avatars_missing", numbers.missing[0]),
                    ("talking_photos_missing", numbers.missing[1]),
                    ("added_7d", numbers.week.added),
                    ("changed_7d", numbers.week.changed),
                    ("removed_7d", numbers.week.removed),
                    ("restored_7d", numbers.week.restored),
                ];
                for (name, value) in all {
                    let _ = rows.row(vec![Cell::Text(name.into()), Cell::Int(value)]).await;
                }
                finish(rows, reading, Ok(())).await;
            });
        }
    }
    let chunks = stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
    // Compression asks once more after the end.
    .fuse();
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let end = Format::ALL.iter().find(|(_, known)| *known == format).map_or("", |(end, _)| end);
    let disposition = format!("inline; filename=\"{name}.{end}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Ends the output; what broke off must not look whole, so the connection breaks off as well.
async fn finish(rows: Rows, reading: Reading, done: Result<()>) {
    let finished = match done {
        Ok(()) => rows.finish().await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.message),
    };
    match finished {
        Ok(()) => reading.end().await,
        Err(why) => {
            tracing::warn!(why, "an export broke off");
            let broken = std::io::Error::other("the export broke off");
            let _ = rows.inner.lock().await.out.send(Err(broken)).await;
        }
    }
}

fn item_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec!["account", kind.id_field()];
    columns.extend(kind.columns().iter().map(|column| column.name));
    columns.extend([
        "extra",
        "version",
        "valid_from",
        "first_seen_at",
        "changed_at",
        "missing_since",
        "removed_at",
    ]);
    columns
}

fn own_cells(kind: Kind, fields: &Fields) -> Vec<Cell> {
    let mut cells: Vec<Cell> = kind
        .columns()
        .iter()
        .map(|column| match (column.holds, fields.cell(column)) {
            (_, None) => Cell::Null,
            (Holds::Bool, Some(value)) => Cell::Bool(*value == Value::Bool(true)),
            (Holds::Text, Some(value)) => Cell::Text(value.to_cell()),
            (Holds::Texts, Some(value)) => Cell::Json(value.to_json()),
        })
        .collect();
    cells.push(fields.extra(kind).map_or(Cell::Null, Cell::Json));
    cells
}

fn item_cells(item: &FullItem) -> Vec<Cell> {
    let mut cells = vec![Cell::Text(item.account.clone()), Cell::Text(item.id.clone())];
    cells.extend(own_cells(item.kind, &item.fields));
    cells.push(Cell::Int(item.version));
    let times = [
        Some(item.valid_from),
        Some(item.first_seen_at),
        Some(item.changed_at),
        item.missing_since,
        item.removed_at,
    ];
    cells.extend(times.map(Cell::from));
    cells
}

fn version_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec![
        "account",
        kind.id_field(),
        "version",
        "valid_from",
        "valid_to",
        "opened_by",
        "closed_by",
        "opened_poll",
        "closed_poll",
        "opened_after",
        "closed_after",
    ];
    columns.extend(kind.columns().iter().map(|column| column.name));
    columns.push("extra");
    columns
}

fn version_cells(
    kind: Kind,
    account: &str,
    id: &str,
    version: &crate::store::browse::item::ItemVersion,
) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Text(account.to_owned()),
        Cell::Text(id.to_owned()),
        Cell::Int(version.version),
        Some(version.valid_from).into(),
        version.valid_to.into(),
        Cell::Text(version.opened_by.as_str().to_owned()),
        version.closed_by.clone().into(),
        Cell::Int(version.opened_poll),
        version.closed_poll.into(),
        version.opened_after.into(),
        version.closed_after.into(),
    ];
    cells.extend(own_cells(kind, &version.fields));
    cells
}

const CHANGE: [&str; 11] = [
    "poll_id",
    "observed_at",
    "previous_poll_at",
    "account",
    "kind",
    "item_id",
    "name",
    "change",
    "field",
    "old_value",
    "new_value",
];

fn change_cells(row: ChangeRow) -> Vec<Cell> {
    vec![
        Cell::Int(row.poll_id),
        Some(row.observed_at).into(),
        row.previous_poll_at.into(),
        Cell::Text(row.account),
        Cell::Text(row.kind),
        Cell::Text(row.item_id),
        row.name.into(),
        Cell::Text(row.change),
        row.field.into(),
        row.old_value.into(),
        row.new_value.into(),
    ]
}

fn poll_columns() -> Vec<&'static str> {
    let counts = crate::store::row::Counts::default().columns().map(|(name, _)| name);
    let mut columns = vec![
        "poll_id",
        "account",
        "trigger",
        "api_version",
        "source",
        "started_at",
        "observed_at",
        "finished_at",
        "outcome",
    ];
    columns.extend(counts);
    columns.extend([
        "held_reason",
        "policy",
        "http_status",
        "request_id",
        "response_bytes",
        "response_sha256",
        "warning",
        "error",
        "host",
        "tool_version",
        "digest",
    ]);
    columns
}

fn poll_cells(row: PollRow) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Int(row.poll_id),
        Cell::Text(row.account),
        Cell::Text(row.trigger),
        row.api_version.into(),
        row.source.into(),
        row.started_at.into(),
        row.observed_at.into(),
        row.finished_at.into(),
        Cell::Text(row.outcome),
    ];
    let known = row.counts.is_some();
    let counts = row.counts.unwrap_or_default().columns();
    cells.extend(counts.map(|(_, count)| if known { Cell::Int(count) } else { Cell::Null }));
    cells.extend([
        row.held_reason.into(),
        row.policy.map_or(Cell::Null, Cell::Json),
        row.http_status.into(),
        row.request_id.into(),
        row.response_bytes.into(),
        row.response_sha256.into(),
        row.warning.into(),
        row.error.into(),
        row.host.into(),
        row.tool_version.into(),
        row.digest.into(),
    ]);
    cells
}
