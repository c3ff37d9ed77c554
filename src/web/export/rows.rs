//! Rows in a format, gathered and handed to a browser that takes its time.

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
    catalog::{cell, value::write_json_string},
    error::Result,
    store::{
        browse::{EXPORT_TIME, Reading},
        conn::Fault,
    },
    time::Timestamp,
    web::route::Format,
};

/// So much is gathered before it is sent.
const CHUNK: usize = 32 * 1024;

/// A value in a row.
pub(super) enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Json(String),
}

impl From<cell::Cell<'_>> for Cell {
    fn from(cell: cell::Cell<'_>) -> Self {
        match cell {
            cell::Cell::Null => Self::Null,
            cell::Cell::Text(text) => Self::Text(text.into_owned()),
            cell::Cell::Int(number) => Self::Int(number),
            cell::Cell::Bool(yes) => Self::Bool(yes),
            cell::Cell::Time(time) => Self::Text(time.to_string()),
            cell::Cell::Json(json) => Self::Json(json.into_owned()),
        }
    }
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
pub(super) struct Rows {
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
pub(super) struct Out {
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
pub(super) struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    broken: Arc<AtomicBool>,
}

impl Chunks {
    pub(super) fn body(self) -> Body {
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
    pub(super) fn new(format: Format, columns: Vec<&'static str>, out: Out) -> Self {
        let mut text = vec![];
        if format == Format::Csv {
            csv_line(&mut text, columns.iter().map(|name| (*name).to_owned()));
        }
        let buffer = Buffer { format, columns, text, count: 0, out };
        Self { inner: Arc::new(tokio::sync::Mutex::new(buffer)) }
    }

    pub(super) async fn row(&self, cells: Vec<Cell>) -> Result<(), Fault> {
        let mut buffer = self.inner.lock().await;
        buffer.write(cells);
        if buffer.text.len() >= CHUNK { buffer.send().await } else { Ok(()) }
    }

    pub(super) async fn finish(&self) -> Result<(), Fault> {
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

pub(super) fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
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

/// Ends the output, whole or broken off.
pub(super) async fn finish(rows: Rows, reading: Reading, done: Result<()>) {
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
