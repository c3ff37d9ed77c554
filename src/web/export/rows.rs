//! Writes rows in a format, and sends them in chunks to a client that may read slowly.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    catalog::{cell::Cell, value::write_json_string},
    error::Result,
    store::{
        browse::{EXPORT_TIME, Reading},
        conn::Fault,
    },
    time::Timestamp,
    web::route::DataFormat,
};

/// The number of bytes that are buffered before they are sent.
const CHUNK: usize = 32 * 1024;

/// A value in a row.
pub(super) enum ExportCell {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Json(String),
}

impl From<Cell<'_>> for ExportCell {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Text(text) => Self::Text(text.into_owned()),
            Cell::Int(number) => Self::Int(number),
            Cell::Bool(yes) => Self::Bool(yes),
            Cell::Time(time) => Self::Text(time.to_string()),
            Cell::Json(json) => Self::Json(json.into_owned()),
        }
    }
}

impl From<Option<String>> for ExportCell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<Timestamp>> for ExportCell {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Null, |time| Self::Text(time.to_string()))
    }
}

impl From<Option<i64>> for ExportCell {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Int)
    }
}

/// Writes rows in a format and sends them to the client.
#[derive(Clone)]
pub(super) struct RowWriter {
    inner: Arc<tokio::sync::Mutex<Buffer>>,
}

struct Buffer {
    format: DataFormat,
    columns: Vec<&'static str>,
    text: Vec<u8>,
    out: Out,
}

/// The sending half of the channel to the client.
pub(super) struct Out {
    chunks: mpsc::Sender<Bytes>,
    /// Whether the export was aborted.
    broken: Arc<AtomicBool>,
    /// Whether the client stopped reading, which is not an error.
    gave_up: AtomicBool,
    /// The longest time for which the client may read nothing.
    patience: Duration,
    /// The deadline of the export.
    end: Instant,
}

impl Out {
    pub(super) fn new(patience: Duration) -> (Self, Chunks) {
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

    /// Fails if the client stopped reading or read nothing for too long. The export then also stops reading
    /// the database, because others wait for its connection.
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

/// The receiving half of the channel, from which the body is made.
pub(super) struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    broken: Arc<AtomicBool>,
}

impl Chunks {
    pub(super) fn body(self) -> Body {
        let chunks = stream::unfold(self, |mut chunks| async move {
            match chunks.receiver.recv().await {
                Some(bytes) => Some((Ok(bytes), chunks)),
                // An aborted export must not look complete, so the connection is aborted too.
                None if chunks.broken.swap(false, Ordering::Relaxed) => {
                    Some((Err(std::io::Error::other("the export was aborted")), chunks))
                }
                None => None,
            }
        });
        // The compression layer polls once more after the end.
        Body::from_stream(chunks.fuse())
    }
}

impl RowWriter {
    pub(super) fn new(format: DataFormat, columns: Vec<&'static str>, out: Out) -> Self {
        let mut text = vec![];
        if format == DataFormat::Csv {
            csv_line(&mut text, columns.iter().map(|name| (*name).to_owned()));
        }
        let buffer = Buffer { format, columns, text, out };
        Self { inner: Arc::new(tokio::sync::Mutex::new(buffer)) }
    }

    pub(super) async fn row(&self, cells: Vec<ExportCell>) -> Result<(), Fault> {
        let mut buffer = self.inner.lock().await;
        buffer.write(cells);
        if buffer.text.len() >= CHUNK { buffer.send().await } else { Ok(()) }
    }

    pub(super) async fn finish(&self) -> Result<(), Fault> {
        let mut buffer = self.inner.lock().await;
        buffer.send().await
    }
}

impl Buffer {
    fn write(&mut self, cells: Vec<ExportCell>) {
        match self.format {
            DataFormat::Csv => csv_line(&mut self.text, cells.into_iter().map(plain)),
            DataFormat::Ndjson => {
                let object = object(&self.columns, &cells);
                self.text.extend_from_slice(object.as_bytes());
                self.text.push(b'\n');
            }
        }
    }

    async fn send(&mut self) -> Result<(), Fault> {
        self.out.send(Bytes::from(std::mem::take(&mut self.text))).await
    }
}

pub(super) fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    let mut writer = csv::Writer::from_writer(out);
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells);
    let _ = writer.flush();
}

fn plain(cell: ExportCell) -> String {
    match cell {
        ExportCell::Null => String::new(),
        ExportCell::Text(text) | ExportCell::Json(text) => text,
        ExportCell::Int(number) => number.to_string(),
        ExportCell::Bool(yes) => yes.to_string(),
    }
}

fn object(columns: &[&str], cells: &[ExportCell]) -> String {
    let mut out = String::from("{");
    for (index, (name, cell)) in columns.iter().zip(cells).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json_string(name, &mut out);
        out.push(':');
        match cell {
            ExportCell::Null => out.push_str("null"),
            ExportCell::Text(text) => write_json_string(text, &mut out),
            ExportCell::Json(json) => out.push_str(json),
            ExportCell::Int(number) => out.push_str(&number.to_string()),
            ExportCell::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        }
    }
    out.push('}');
    out
}

/// Ends the export: completes it, or aborts it if something failed.
pub(super) async fn finish(rows: RowWriter, reading: Reading, done: Result<()>) {
    let finished = match done {
        Ok(()) => rows.finish().await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.message),
    };
    let Err(why) = finished else { return reading.end().await };
    let buffer = rows.inner.lock().await;
    // A client that stops reading is not an error; a database that fails is.
    match buffer.out.gave_up.load(Ordering::Relaxed) || buffer.out.chunks.is_closed() {
        true => tracing::info!("the client of an export stopped reading"),
        false => tracing::error!(why, "an export was aborted"),
    }
    buffer.out.broken.store(true, Ordering::Relaxed);
}
