//! Transactions on the queue.

use std::borrow::Cow;

use crate::{
    catalog::json_out::json_texts,
    error::Result,
    store::{
        Store,
        conn::{Arg, Conn, Fault},
        server, statements,
    },
};

impl Store {
    pub(super) async fn ended<T>(&mut self, done: Result<T, Fault>) -> Result<T> {
        if done.is_err() {
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        done.map_err(|fault| self.storage_error("write", &fault))
    }
}

/// Begins a transaction that may write rows of `assets` in any order: polls write none meanwhile.
pub(super) async fn begin_between_polls(conn: &mut Conn) -> Result<(), Fault> {
    conn.execute(conn.engine().begin_writing(), &[]).await?;
    keep_polls_out(conn).await
}

/// Keeps polls from writing until the open transaction ends, which on SQLite it does anyway.
pub(super) async fn keep_polls_out(conn: &mut Conn) -> Result<(), Fault> {
    match conn.engine().is_server() {
        false => Ok(()),
        true => conn.execute(server::LOCK_POLLS, &[]).await.map(drop),
    }
}

pub(super) fn json<'a>(texts: impl Iterator<Item = &'a String>) -> Arg<'static> {
    Arg::Json(Some(Cow::Owned(json_texts(texts))))
}
