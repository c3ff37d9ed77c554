//! Readings for questions from outside: they write nothing, end in time and can be cancelled.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use super::{
    browse::sql::prepare,
    conn::{Conn, Fault},
    location::Location,
    open::Store,
};
use crate::error::Result;

impl Store {
    /// Opens a database for reading; what takes longer than `limit`, or goes on once `is_cancelled`
    /// returns true, is aborted.
    pub async fn open_bounded(
        location: &Location,
        limit: Duration,
        is_cancelled: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self> {
        let mut store = Self::open_to_read(location).await?;
        let until = Instant::now() + limit;
        let in_time = move || Instant::now() < until && !is_cancelled();
        let bounded = match prepare(&mut store.conn, in_time).await {
            Ok(()) => bound(&mut store.conn, limit).await,
            Err(fault) => Err(fault),
        };
        bounded.map_err(|fault| store.trouble("read", &fault))?;
        Ok(store)
    }
}

/// On SQLite the progress handler does the same.
async fn bound(conn: &mut Conn, limit: Duration) -> Result<(), Fault> {
    if let Conn::Postgres(_) = conn {
        let millis = limit.as_millis();
        let limits = format!(
            "SET statement_timeout = {millis}; SET jit = off; SET default_transaction_read_only = on"
        );
        conn.batch(AssertSqlSafe(limits)).await?;
    }
    Ok(())
}
