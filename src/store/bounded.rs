//! Read-only connections for queries from outside, with a time limit and, on SQLite, cancellation.

use std::time::{Duration, Instant};

use super::{location::Location, open::Store};
use crate::error::Result;

impl Store {
    /// Opens a database for reading. Queries are aborted after `limit`: on PostgreSQL for each statement,
    /// on SQLite from the opening. On SQLite they are also aborted once `is_cancelled` returns true.
    pub async fn open_bounded(
        location: &Location,
        limit: Duration,
        is_cancelled: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self> {
        let mut store = Self::open_to_read(location).await?;
        let until = Instant::now() + limit;
        let in_time = move || Instant::now() < until && !is_cancelled();
        let conn = &mut store.conn;
        let bounded = async {
            conn.interrupt_unless(in_time).await?;
            conn.limit_reading(limit, false).await
        };
        bounded.await.map_err(|fault| store.storage_error("read", &fault))?;
        Ok(store)
    }
}
