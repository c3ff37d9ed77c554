//! Reading: queries whose faults become errors with the location, and the transaction that many reads share.

use sqlx::SqlSafeStr;

use super::{
    conn::{Arg, Fault, Row},
    open::Store,
    statements,
};
use crate::{error::Result, time::Timestamp};

impl Store {
    /// Begins a read transaction: all reads see one snapshot until [`Self::end_reading`] or a poll.
    pub async fn begin_reading(&mut self) -> Result<()> {
        let begun = self.conn.execute(self.conn.engine().begin_reading(), &[]).await;
        begun.map(drop).map_err(|fault| self.storage_error("read", &fault))
    }

    /// Ends the transaction of [`Self::begin_reading`].
    pub async fn end_reading(&mut self) -> Result<()> {
        let ended = self.conn.execute(statements::ROLLBACK, &[]).await;
        ended.map(drop).map_err(|fault| self.storage_error("read", &fault))
    }

    /// Returns the rows of a query, each decoded by `read`.
    pub(super) async fn all<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>> {
        let all = self.conn.all(sql, args, read).await;
        all.map_err(|fault| self.storage_error("read", &fault))
    }

    /// Returns the row of a query that has at most one, decoded by `read`.
    pub(super) async fn one<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Option<T>> {
        let one = self.conn.one(sql, args, read).await;
        one.map_err(|fault| self.storage_error("read", &fault))
    }

    /// Returns the time that a query selects; `None` without a row, and for null.
    pub(super) async fn time(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<Option<Timestamp>> {
        Ok(self.one(sql, args, |row| row.time(0)).await?.flatten())
    }
}
