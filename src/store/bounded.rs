//! Readings for questions from outside: they write nothing, end in time and can be cancelled.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use super::{
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
        let bounded = bound(&mut store.conn, limit, in_time).await;
        bounded.map_err(|fault| store.trouble("read", &fault))?;
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
