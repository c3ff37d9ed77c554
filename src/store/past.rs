//! What `polls` says of how the API has answered an account: what chooses its version looks at.
//!
//! Saved responses say nothing of the API and are left out, except that they make a history.

use super::{
    conn::{Conn, Engine, Fault},
    lock::Session,
    open::Store,
    statements,
};
use crate::{error::Result, time::Timestamp};

/// How the API has answered an account so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Whether a poll of the account did not fail.
    pub any_good: bool,
    /// Whether one of them was served by the newer version.
    pub newer_good: bool,
    /// The version that the last poll asked.
    pub last_asked: Option<String>,
    /// The last polls, newest first, without failed ones of the newer version.
    pub last: Vec<PastPoll>,
}

/// One of the last polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastPoll {
    /// The version that was asked.
    pub api_version: String,
    /// Whether it failed.
    pub failed: bool,
    /// The HTTP status of its answer.
    pub http_status: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Session<'_> {
    /// The past of the account, `newer` being the newer version and `most` how many of its last
    /// polls are wanted.
    pub async fn past(&mut self, newer: &str, most: i64) -> Result<Past> {
        let conn = &mut self.store.conn;
        let past = apart(conn, &self.account, newer, most).await;
        past.map_err(|fault| self.store.trouble("read", &fault))
    }
}

impl Session<'_> {
    /// When the account's last poll that did not fail was.
    pub async fn last_good(&mut self) -> Result<Option<Timestamp>> {
        let args = [self.account.as_str().into(), 1.into()];
        let row = self.store.conn.row(statements::RECENT_GOOD, &args).await;
        let time = row.and_then(|row| row.map_or(Ok(None), |row| row.time(0)));
        time.map_err(|fault| self.store.trouble("read", &fault))
    }
}

impl Store {
    /// As [`Session::past`], without a poll.
    pub async fn past(&mut self, account: &str, newer: &str, most: i64) -> Result<Past> {
        let past = read(&mut self.conn, account, newer, most).await;
        past.map_err(|fault| self.trouble("read", &fault))
    }
}

/// On PostgreSQL the reading is undone at once, so that the tables are not locked while the
/// request lasts: only the poll's own lock is to be held then.
async fn apart(conn: &mut Conn, account: &str, newer: &str, most: i64) -> Result<Past, Fault> {
    if conn.engine() == Engine::Sqlite {
        return read(conn, account, newer, most).await;
    }
    conn.execute(statements::SAVEPOINT, &[]).await?;
    let past = read(conn, account, newer, most).await;
    conn.execute(statements::ROLLBACK_TO_SAVEPOINT, &[]).await?;
    past
}

async fn read(conn: &mut Conn, account: &str, newer: &str, most: i64) -> Result<Past, Fault> {
    let good = conn.row(statements::ANY_GOOD, &[account.into(), newer.into()]).await?;
    let (any_good, newer_good) = match good {
        Some(row) => (row.bool(0)?.unwrap_or(false), row.bool(1)?.unwrap_or(false)),
        None => (false, false),
    };
    let last_asked = conn.row(statements::LAST_ASKED, &[account.into()]).await?;
    let rows =
        conn.rows(statements::LAST_ANSWERS, &[account.into(), newer.into(), most.into()]).await?;
    let mut last = vec![];
    for row in rows {
        last.push(PastPoll {
            api_version: row.text(0)?.unwrap_or_default(),
            failed: row.bool(1)?.unwrap_or(false),
            http_status: row.int(2)?,
            error: row.text(3)?,
        });
    }
    let last_asked = last_asked.map_or(Ok(None), |row| row.text(0))?;
    Ok(Past { any_good, newer_good, last_asked, last })
}
