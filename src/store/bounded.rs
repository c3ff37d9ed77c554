//! Read-only connections for queries from outside, with a time limit and, on SQLite, cancellation.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use super::{
    conn::{Conn, Fault},
    location::Location,
    open::Store,
};
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
        let bounded = bound(&mut store.conn, limit, in_time).await;
        bounded.map_err(|fault| store.storage_error("read", &fault))?;
        Ok(store)
    }
}

async fn bound(
    conn: &mut Conn,
    limit: Duration,
    in_time: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Fault> {
    conn.interrupt_unless(in_time).await?;
    match conn.engine().reading_limits(limit, false) {
        Some(limits) => conn.batch(AssertSqlSafe(limits)).await,
        None => Ok(()),
    }
}
