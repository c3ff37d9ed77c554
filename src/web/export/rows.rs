//! Writes rows in a format, and sends them in chunks to a client that may read slowly.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
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
    catalog::cell::{Cell, object},
    error::Result,
    store::{
        browse::{EXPORT_TIME, Reading},
        conn::Fault,
    },
    web::route::DataFormat,
};

/// The number of bytes that are buffered before they are sent.
const CHUNK: usize = 32 * 1024;

/// Writes rows in a format and sends them to the client.
pub(super) struct RowWriter {
    format: DataFormat,
    columns: Vec<&'static str>,
    /// What is not sent yet.
    text: Mutex<Vec<u8>>,
    chunks: mpsc::Sender<Bytes>,
    /// Whether the client stopped reading, which is not an error.
    gave_up: AtomicBool,
    /// The longest time for which the client may read nothing.
    patience: Duration,
    /// The deadline of the export.
    end: Instant,
}

impl RowWriter {
    /// Begins an export, whose body is returned, too.
    pub(super) fn new(
        format: DataFormat,
        columns: Vec<&'static str>,
        patience: Duration,
    ) -> (Self, Body) {
        let mut text = vec![];
        if format == DataFormat::Csv {
            csv_line(&mut text, &columns);
        }
        let (chunks, receiver) = mpsc::channel(4);
        let rows = Self {
            format,
            columns,
            text: Mutex::new(text),
            chunks,
            gave_up: AtomicBool::new(false),
            patience,
            end: Instant::now() + EXPORT_TIME,
        };
        (rows, body(receiver))
    }

    /// Adds a row; its cells are in the order of the columns.
    pub(super) fn row<'s>(
        &'s self,
        cells: Vec<Cell<'_>>,
    ) -> impl Future<Output = Result<(), Fault>> + use<'s> {
        let full = {
            // A panic elsewhere cannot leave the text inconsistent: the export is aborted then.
            let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
            match self.format {
                DataFormat::Csv => csv_line(&mut text, cells.into_iter().map(Cell::into_text)),
                DataFormat::Ndjson => {
                    let object = object(self.columns.iter().copied().zip(cells));
                    text.extend_from_slice(object.as_bytes());
                    text.push(b'\n');
                }
            }
            (text.len() >= CHUNK).then(|| mem::take(&mut *text))
        };
        async move {
            match full {
                Some(text) => self.send(text.into()).await,
                None => Ok(()),
            }
        }
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

    /// Sends what is left, and the end.
    async fn complete(&self) -> Result<(), Fault> {
        let rest = mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner));
        if !rest.is_empty() {
            self.send(rest.into()).await?;
        }
        self.send(Bytes::new()).await
    }
}

/// Returns the body of the chunks. An empty chunk is the end; without it the export was aborted.
fn body(receiver: mpsc::Receiver<Bytes>) -> Body {
    let chunks = stream::unfold(Some(receiver), async |receiver| {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(bytes) if bytes.is_empty() => None,
            Some(bytes) => Some((Ok(bytes), Some(receiver))),
            // An aborted export must not look complete, so the connection is aborted, too.
            None => Some((Err(std::io::Error::other("the export was aborted")), None)),
        }
    });
    // The compression layer polls once more after the end.
    Body::from_stream(chunks.fuse())
}

/// Appends a line of csv.
pub(super) fn csv_line(out: &mut Vec<u8>, texts: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(512).from_writer(out);
    // Writing to memory cannot fail.
    for text in texts {
        let _ = writer.write_field(text.as_ref());
    }
    let _ = writer.write_record(None::<&[u8]>);
    let _ = writer.flush();
}

/// Ends the export: completes it, or aborts it if something failed.
pub(super) async fn finish(rows: RowWriter, reading: Reading, done: Result<()>) {
    let finished = match done {
        Ok(()) => rows.complete().await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.message),
    };
    let Err(why) = finished else { return reading.end().await };
    // A client that stops reading is not an error; a database that fails is.
    match rows.gave_up.load(Ordering::Relaxed) || rows.chunks.is_closed() {
        true => tracing::info!("the client of an export stopped reading"),
        false => tracing::error!(why, "an export was aborted"),
    }
}
