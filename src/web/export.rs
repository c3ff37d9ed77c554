//! Any view as csv, json or ndjson: all of what is being looked at, streamed row by row.
//!
//! The columns are those of the tables and of the command line. A slow reader holds up nobody:
//! exports have connections of their own, and an end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, header},
};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    ask::Ask,
    changes::until,
    chart::Span,
    failure::Failure,
    overview::{self, Numbers},
    page::{Context, Message},
    params::{By, GridQuery},
    polls,
    route::{Format, View},
    timeline,
};
use crate::{
    catalog::{
        item::{Fields, Holds, Kind},
        value::write_json_string,
    },
    error::{Error, Result},
    store::{
        browse::{
            EXPORT_TIME, Reading,
            changes::ChangesFilter,
            filter::{Moments, Scope},
            item::{ItemHistory, ItemVersion},
            items::FullItem,
            polls::Day,
        },
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

/// What of an export is wanted.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// As what.
    pub format: Format,
    /// Whether only the headers are.
    pub only_head: bool,
}

/// Writes rows in a format, and hands what has gathered to the browser.
#[derive(Clone)]
struct Rows {
    inner: Arc<tokio::sync::Mutex<Buffer>>,
}

struct Buffer {
    format: Format,
    columns: Vec<&'static str>,
    text: Vec<u8>,
    count: u64,
    out: Out,
}

/// The way to the browser.
struct Out {
    chunks: mpsc::Sender<Bytes>,
    /// Whether the rows broke off.
    broken: Arc<AtomicBool>,
    /// The reader took nothing more: said to the log, as no error.
    gave_up: AtomicBool,
    /// So long may nothing be taken.
    patience: Duration,
    /// When all of it must be through.
    end: Instant,
}

impl Out {
    fn new(patience: Duration) -> (Self, Chunks) {
        let (chunks, receiver) = mpsc::channel(4);
        let broken = Arc::new(AtomicBool::new(false));
        let out = Self {
            chunks,
            broken: broken.clone(),
            gave_up: AtomicBool::new(false),
            patience,
            end: Instant::now() + EXPORT_TIME,
        };
        (out, Chunks { receiver, broken })
    }

    /// An error when nobody reads any more, or nothing was taken for too long: that ends the
    /// reading of the database, whose connection others wait for.
    async fn send(&self, bytes: Bytes) -> Result<(), Fault> {
        let until = self.end.min(Instant::now() + self.patience);
        match timeout_at(until, self.chunks.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                self.gave_up.store(true, Ordering::Relaxed);
                Err(Fault::WorkerCrashed)
            }
        }
    }
}

/// What comes out at the browser's end.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    broken: Arc<AtomicBool>,
}

impl Chunks {
    fn body(self) -> Body {
        let chunks = stream::unfold(self, |mut chunks| async move {
            match chunks.receiver.recv().await {
                Some(bytes) => Some((Ok(bytes), chunks)),
                // What broke off must not look whole, so the connection breaks off as well.
                None if chunks.broken.swap(false, Ordering::Relaxed) => {
                    Some((Err(std::io::Error::other("the export broke off")), chunks))
                }
                None => None,
            }
        });
        // Compression asks once more after the end.
        Body::from_stream(chunks.fuse())
    }
}

impl Rows {
    fn new(format: Format, columns: Vec<&'static str>, out: Out) -> Self {
        let mut text = vec![];
        if format == Format::Csv {
            csv_line(&mut text, columns.iter().map(|name| (*name).to_owned()));
        }
        let buffer = Buffer { format, columns, text, count: 0, out };
        Self { inner: Arc::new(tokio::sync::Mutex::new(buffer)) }
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

    async fn send(&mut self) -> Result<(), Fault> {
        self.out.send(Bytes::from(std::mem::take(&mut self.text))).await
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
        View::Grid(kind) => kind.list().to_owned(),
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
        View::Changes | View::Poll(_) => CHANGE.to_vec(),
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
            _ => Self::Known(measures(&overview::summary(context, reading).await?)),
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

fn span_cells(span: Span) -> Vec<Cell> {
    let Day { day: _, added, changed, removed, restored } = span.sums;
    let mut cells = vec![Cell::Text(span.from), Cell::Text(span.to)];
    cells.extend([added, changed, removed, restored].map(Cell::Int));
    cells
}

fn measures(numbers: &Numbers) -> Vec<Vec<Cell>> {
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
    all.map(|(name, value)| vec![Cell::Text(name.into()), Cell::Int(value)]).into()
}

/// Ends the output, whole or broken off.
async fn finish(rows: Rows, reading: Reading, done: Result<()>) {
    let finished = match done {
        Ok(()) => rows.finish().await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.message),
    };
    let Err(why) = finished else { return reading.end().await };
    let buffer = rows.inner.lock().await;
    // Who stops reading is no fault of ours; a database that fails is.
    match buffer.out.gave_up.load(Ordering::Relaxed) || buffer.out.chunks.is_closed() {
        true => tracing::info!("the reader of an export stopped reading"),
        false => tracing::error!(why, "an export broke off"),
    }
    buffer.out.broken.store(true, Ordering::Relaxed);
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
            (Holds::Bool, Some(value)) => Cell::Bool(value.as_bool() == Some(true)),
            (Holds::Text, Some(value)) => Cell::Text(value.into_cell().into_owned()),
            (Holds::Texts, Some(value)) => Cell::Json(value.into_cell().into_owned()),
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

fn version_cells(kind: Kind, account: &str, id: &str, version: &ItemVersion) -> Vec<Cell> {
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
