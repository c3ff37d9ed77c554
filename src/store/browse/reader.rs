//! Opens and reuses the connections through which the gallery reads one database.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::reading::{EXPORT_TIME, OpenConn, PAGE_TIME, Reading};
use crate::{
    error::Error,
    store::{
        fault::storage_error,
        location::Location,
        open::{Store, Unreadable},
    },
    system::FileState,
};

/// Connections for pages; two more are reserved for exports, so that exports never delay a page.
const CONNECTIONS: usize = 4;
const EXPORTS: usize = 2;
/// Connections for lookups of preview links, which never delay a page either.
const PREVIEWS: usize = 1;
/// Connections for the API, which delays neither pages nor exports.
const ANSWERS: usize = 4;

/// Reads one database through a few read-only connections.
#[derive(Debug)]
pub struct Reader {
    location: Location,
    pages: Lane,
    exports: Lane,
    previews: Lane,
    answers: Lane,
}

#[derive(Debug)]
struct Lane {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<OpenConn>>>,
}

impl Lane {
    fn new(width: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(width)), idle: Arc::default() }
    }
}

impl Reader {
    /// Creates a reader of the database at `location`, which is opened by the first query.
    pub fn new(location: Location) -> Self {
        let lanes = [CONNECTIONS, EXPORTS, PREVIEWS, ANSWERS].map(Lane::new);
        let [pages, exports, previews, answers] = lanes;
        Self { location, pages, exports, previews, answers }
    }

    /// Begins the reading of a page.
    pub async fn page(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.pages, PAGE_TIME).await
    }

    /// Begins the reading of an export.
    pub async fn export(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.exports, EXPORT_TIME).await
    }

    /// Begins the lookup of a preview.
    pub async fn preview(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.previews, PAGE_TIME).await
    }

    /// Begins the reading of an answer of the API.
    pub async fn answer(&self) -> Result<Reading, Unreadable> {
        self.begin(&self.answers, PAGE_TIME).await
    }

    async fn begin(&self, lane: &Lane, limit: Duration) -> Result<Reading, Unreadable> {
        let waited = tokio::time::timeout(PAGE_TIME, lane.permits.clone().acquire_owned()).await;
        let permit = waited.ok().and_then(|permit| permit.ok()).ok_or_else(|| {
            Error::busy("too many requests at once; try again in a moment".to_owned())
        })?;
        let idle = lane.idle.lock().ok().and_then(|mut idle| idle.pop());
        let open = match idle.filter(|open| is_current(open, &self.location)) {
            Some(open) => open,
            None => self.open().await?,
        };
        let mut reading = Reading::new(open, lane.idle.clone(), permit);
        match reading.start(limit).await {
            Ok(()) => Ok(reading),
            // An idle connection may be broken: retry once with a new one.
            Err(_) => {
                reading.replace(self.open().await?);
                reading.start(limit).await?;
                Ok(reading)
            }
        }
    }

    async fn open(&self) -> Result<OpenConn, Unreadable> {
        let mut store = Store::open_readable(&self.location).await?;
        let deadline = Arc::new(Mutex::new(Instant::now() + PAGE_TIME));
        let until = deadline.clone();
        let in_time = move || until.lock().is_ok_and(|until| Instant::now() < *until);
        let prepared = store.conn.interrupt_unless(in_time).await;
        prepared.map_err(|fault| storage_error(&self.location, "read", &fault))?;
        Ok(OpenConn { store, file: file_id(&self.location), deadline })
    }
}

/// Whether the connection still reads the database that is at `location` now.
fn is_current(open: &OpenConn, location: &Location) -> bool {
    match (open.store.copied, location.file()) {
        (Some(stamp), Some(path)) => stamp.is_current(path),
        _ => open.file == file_id(location),
    }
}

/// Returns the device and inode of a database file.
fn file_id(location: &Location) -> Option<(u64, u64)> {
    FileState::of(location.file()?).ok().map(|file| file.id)
}
