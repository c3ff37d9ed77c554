//! Locks for one poll at a time per account and database (rule 12), from before the request to the commit.
//!
//! On SQLite a lock is a file beside the database, which the kernel unlocks when the process ends; no
//! transaction is open during the request. On PostgreSQL it is an advisory lock of the poll's transaction,
//! which holds no snapshot and no row while it is idle. If the connection is lost, the transaction ends and
//! cannot commit.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{
    conn::{Conn, Fault, Row},
    fault::unusable_lock,
    file::{FILE_MODE, lock_path_beside},
    open::Store,
    server, statements,
};
use crate::{
    error::{Error, Kind, Result},
    system::{self, host},
    time::Timestamp,
    words::hex,
};

/// Begins a read within a poll's transaction that can be rolled back separately.
const SAVEPOINT: &str = "SAVEPOINT reading";
/// Rolls that read back and releases the locks that it took.
const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT reading";
/// Uses the open transaction, so that it does not time out as idle.
const KEEP_ALIVE: &str = "SELECT 1";

/// The pause between two attempts to take a lock.
const PAUSE: Duration = Duration::from_millis(250);

/// The right to poll one account, until [`Session::end`] or drop. On PostgreSQL a drop leaves the
/// transaction open until the store begins another one or is closed.
#[derive(Debug)]
pub struct Session<'s> {
    pub(super) store: &'s mut Store,
    /// The lock on SQLite; `None` on PostgreSQL, where the transaction is the lock.
    file: Option<LockFile>,
}

/// A lock file that the kernel unlocks when the process ends. It may contain the name of the holder.
#[derive(Debug)]
pub(super) struct LockFile(pub(super) File);

impl Drop for LockFile {
    /// Removes the name, so that it is not read before the next holder has written its own. Unlocks
    /// explicitly, since a process that is just being started may also have the file open.
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

impl Store {
    /// Like [`Self::begin_poll`], but waits up to `patience` for the lock of another poll.
    pub async fn wait_to_poll(
        &mut self,
        account: &str,
        started_at: Timestamp,
        deadline: Duration,
        patience: Duration,
    ) -> Result<Session<'_>> {
        self.roll_back().await?;
        let begun = Instant::now();
        let file = loop {
            match self.lock(account, started_at, deadline).await {
                Err(error) if error.kind == Kind::Busy && begun.elapsed() < patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                locked => break locked?,
            }
        };
        Ok(Session { store: self, file })
    }

    /// Takes the lock of `account` or fails at once with [`crate::error::Kind::Busy`], naming the holder if
    /// known. On PostgreSQL a poll that is idle for longer than `deadline` loses the lock.
    pub async fn begin_poll(
        &mut self,
        account: &str,
        started_at: Timestamp,
        deadline: Duration,
    ) -> Result<Session<'_>> {
        self.wait_to_poll(account, started_at, deadline, Duration::ZERO).await
    }

    async fn lock(
        &mut self,
        account: &str,
        started_at: Timestamp,
        deadline: Duration,
    ) -> Result<Option<LockFile>> {
        match self.conn.engine().is_server() {
            false => self.lock_file(account, started_at).await.map(Some),
            true => self.lock_row(account, deadline).await.map(|()| None),
        }
    }

    async fn lock_file(&self, account: &str, started_at: Timestamp) -> Result<LockFile> {
        let path = self.lock_path(account);
        let unusable = |fault: std::io::Error| unusable_lock(&path, &fault);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let opened = system::with_mode(options, FILE_MODE).open(&path);
        let mut file = opened.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {
                // The name is only for messages: the poll continues if it cannot be written.
                let holder = format!("{} pid {} since {started_at}\n", host(), std::process::id());
                let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
                Ok(LockFile(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = name_in(&mut file);
                for _ in 0..200 {
                    if !holder.is_empty() {
                        break;
                    }
                    // The holder has the lock, but has not written its name yet.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    holder = name_in(&mut file);
                }
                Err(busy(account, &holder))
            }
            Err(TryLockError::Error(fault)) => Err(unusable(fault)),
        }
    }

    /// Sends a query, so that the poll's transaction, which is its lock, does not time out as idle. A
    /// broken connection is reported by the commit.
    pub async fn keep_alive(&mut self) {
        if self.in_transaction {
            let _ = self.conn.row(KEEP_ALIVE, &[]).await;
        }
    }

    /// Begins a read that [`Self::end_apart`] rolls back within a poll's transaction, so that the tables
    /// are not locked during the request: only the poll's own lock may be held then.
    pub(super) async fn begin_apart(&mut self) -> Result<()> {
        self.if_polling(SAVEPOINT).await
    }

    /// Ends the read of [`Self::begin_apart`], also after a fault, and returns what was `read`.
    pub(super) async fn end_apart<T>(&mut self, read: Result<T, Fault>) -> Result<T> {
        let ended = self.if_polling(ROLLBACK_TO_SAVEPOINT).await;
        let read = read.map_err(|fault| self.storage_error("read", &fault))?;
        ended.map(|()| read)
    }

    /// Runs `statement` if a poll's transaction is open.
    async fn if_polling(&mut self, statement: &'static str) -> Result<()> {
        if self.in_transaction {
            let done = self.conn.execute(statement, &[]).await;
            done.map_err(|fault| self.storage_error("read", &fault))?;
        }
        Ok(())
    }

    /// Rolls the poll's transaction back, if one is open.
    async fn roll_back(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) {
            let ended = self.conn.execute(statements::ROLLBACK, &[]).await;
            ended.map_err(|fault| self.storage_error("leave", &fault))?;
        }
        Ok(())
    }

    fn lock_path(&self, account: &str) -> PathBuf {
        let name = utf8_percent_encode(account, NON_ALPHANUMERIC).to_string();
        let name = match name.len() {
            0..=100 => name,
            _ => hex(&Sha256::digest(account.as_bytes())),
        };
        // The prefix keeps the file of any account apart from the lock file for opening.
        let what = format!("poll-{name}");
        lock_path_beside(self.location.file().unwrap_or(std::path::Path::new("")), &what)
    }

    /// Also takes the locks of `accounts`, within the open transaction; on SQLite they are released when
    /// the returned files are dropped.
    pub(super) async fn lock_more(
        &mut self,
        accounts: &[String],
        started_at: Timestamp,
    ) -> Result<Vec<LockFile>> {
        let mut files = vec![];
        for account in accounts {
            if self.conn.engine().is_server() {
                let locked = try_lock(&mut self.conn, account).await;
                let locked = locked.map_err(|fault| self.storage_error("lock", &fault))?;
                locked.map_err(|holder| busy(account, &holder))?;
            } else {
                files.push(self.lock_file(account, started_at).await?);
            }
        }
        Ok(files)
    }

    async fn lock_row(&mut self, account: &str, deadline: Duration) -> Result<()> {
        let conn = &mut self.conn;
        let locked = async {
            conn.execute(conn.engine().begin_writing(), &[]).await?;
            conn.expect_progress(deadline).await?;
            try_lock(conn, account).await
        };
        let locked = locked.await;
        if !matches!(locked, Ok(Ok(()))) {
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        let locked = locked.map_err(|fault| self.storage_error("lock", &fault))?;
        self.in_transaction = locked.is_ok();
        locked.map_err(|holder| busy(account, &holder))
    }
}

/// Takes the lock of `account` for the open transaction. The inner `Err` is the holder of the lock.
async fn try_lock(conn: &mut Conn, account: &str) -> Result<Result<(), String>, Fault> {
    let schema = conn.one(server::SCHEMA, &[], |row| row.text(0)).await?.flatten();
    let key = lock_key(&schema.unwrap_or_default(), account);
    let free = conn.one(server::TRY_LOCK, &[key.into()], |row| row.bool(0)).await?;
    if free.flatten() == Some(true) {
        return Ok(Ok(()));
    }
    // `pg_locks` shows both halves as unsigned numbers.
    let halves = [(key as u64 >> 32) as i64, i64::from(key as u32)];
    let holder = conn.one(server::HOLDER, &halves.map(Into::into), holder_text).await?;
    Ok(Err(holder.unwrap_or_default()))
}

fn name_in(file: &mut File) -> String {
    let mut name = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut name));
    name.trim().to_owned()
}

fn holder_text(row: &Row) -> Result<String, Fault> {
    let name = row.text(0)?.unwrap_or_default();
    let from = row.text(1)?.map(|address| format!(" from {address}")).unwrap_or_default();
    let since = row.time(2)?.map(|since| format!(" since {since}")).unwrap_or_default();
    Ok(format!("{name}{from}{since}"))
}

fn busy(account: &str, holder: &str) -> Error {
    let by = if holder.is_empty() { String::new() } else { format!(" ({holder})") };
    Error::busy(format!(
        "another poll of account '{account}' is running{by}; this one is skipped, the next may run"
    ))
}

/// Returns a key of 64 bits for a schema and an account. If two accounts have the same key by chance, one
/// of them misses a poll, nothing else.
fn lock_key(schema: &str, account: &str) -> i64 {
    let digest = Sha256::digest(format!("heygen-sync poll\0{schema}\0{account}").as_bytes());
    digest.iter().take(8).fold(0, |key: i64, byte| (key << 8) | i64::from(*byte))
}

impl Session<'_> {
    /// Returns the database, for reading.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// Returns the lock alone, without the right to write; dropping it releases it. `None` on PostgreSQL,
    /// where the transaction is the lock.
    pub(super) fn into_lock(self) -> Option<LockFile> {
        self.file
    }

    /// Ends the poll and rolls back what was written since the last commit.
    pub async fn end(self) -> Result<()> {
        self.store.roll_back().await
    }
}
