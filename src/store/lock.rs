//! One poll at a time per account and database (rule 12), from before the request to the commit.
//!
//! On SQLite a lock file beside the database, which the kernel lets go with the process; never a
//! transaction held open across the request. On PostgreSQL one transaction that holds an advisory
//! lock: idle it pins no snapshot and no row, a lost connection ends it, and what ends it cannot
//! commit.

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
    open::{FILE_MODE, Store, beside},
    server::ServerSql,
    statements,
};
use crate::{
    error::{Error, Kind, Result},
    system::{self, host},
    time::Timestamp,
    words::hex,
};

/// The pause between two tries to take a lock that is waited for.
const PAUSE: Duration = Duration::from_millis(250);

/// The right to poll one account: ends with [`Session::end`] or by being dropped.
#[derive(Debug)]
pub struct Session<'s> {
    pub(super) store: &'s mut Store,
    /// SQLite's lock; on PostgreSQL the transaction is it.
    file: Option<LockFile>,
}

/// A lock that the kernel lets go with the process. It holds its holder's name.
#[derive(Debug)]
pub(super) struct LockFile(File);

impl Drop for LockFile {
    /// So that who comes between the next holder's lock and its name is not told this one's; and
    /// it ends here, though a process that is just being started may have the file open as well.
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

impl Store {
    /// As [`Self::begin_poll`], but waits for the lock of another poll, up to `patience`.
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

    /// Takes the lock of `account` or fails at once with [`crate::error::Kind::Busy`], naming the
    /// holder where it can. A poll that is idle for longer than `deadline` loses it.
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
        match self.conn.engine().server() {
            None => self.lock_file(account, started_at).await.map(Some),
            Some(server) => self.lock_row(server, account, deadline).await.map(|()| None),
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
                // Who holds it is a courtesy: failing to write it is no reason not to poll.
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
                    // The holder has the lock and is about to write who it is.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    holder = name_in(&mut file);
                }
                Err(busy(account, &holder))
            }
            Err(TryLockError::Error(fault)) => Err(unusable(fault)),
        }
    }

    /// Ends the poll's transaction, if one is open.
    async fn roll_back(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) {
            let ended = self.conn.execute(statements::ROLLBACK, &[]).await;
            ended.map_err(|fault| self.trouble("leave", &fault))?;
        }
        Ok(())
    }

    fn lock_path(&self, account: &str) -> PathBuf {
        let name = utf8_percent_encode(account, NON_ALPHANUMERIC).to_string();
        let name = match name.len() {
            0..=100 => name,
            _ => hex(&Sha256::digest(account.as_bytes())),
        };
        // `poll-`, so that no account's name can be that of the lock for opening.
        let what = format!("poll-{name}");
        beside(self.location.file().unwrap_or(std::path::Path::new("")), &what)
    }

    /// Takes the locks of `accounts` besides, within the open transaction; on SQLite they end with
    /// the files given back.
    pub(super) async fn lock_more(
        &mut self,
        accounts: &[String],
        started_at: Timestamp,
    ) -> Result<Vec<LockFile>> {
        let mut files = vec![];
        for account in accounts {
            match self.conn.engine().server() {
                None => files.push(self.lock_file(account, started_at).await?),
                Some(server) => {
                    let locked = try_lock(server, &mut self.conn, account).await;
                    let locked = locked.map_err(|fault| self.trouble("lock", &fault))?;
                    locked.map_err(|holder| busy(account, &holder))?;
                }
            }
        }
        Ok(files)
    }

    async fn lock_row(
        &mut self,
        server: &ServerSql,
        account: &str,
        deadline: Duration,
    ) -> Result<()> {
        let locked = try_lock_row(server, &mut self.conn, account, deadline).await;
        if !matches!(locked, Ok(Ok(()))) {
            let _ = self.conn.execute(statements::ROLLBACK, &[]).await;
        }
        let locked = locked.map_err(|fault| self.trouble("lock", &fault))?;
        self.in_transaction = locked.is_ok();
        locked.map_err(|holder| busy(account, &holder))
    }
}

/// Begins the transaction and takes the lock; else tells the holder.
async fn try_lock_row(
    server: &ServerSql,
    conn: &mut Conn,
    account: &str,
    deadline: Duration,
) -> Result<Result<(), String>, Fault> {
    conn.execute(conn.engine().begin_writing(), &[]).await?;
    conn.expect_progress(deadline).await?;
    try_lock(server, conn, account).await
}

/// Takes the lock of `account` for the open transaction; else tells the holder.
async fn try_lock(
    server: &ServerSql,
    conn: &mut Conn,
    account: &str,
) -> Result<Result<(), String>, Fault> {
    let schema = conn.row(server.schema, &[]).await?;
    let schema = schema.map_or(Ok(None), |row| row.text(0))?.unwrap_or_default();
    let key = lock_key(&schema, account);
    let free = conn.row(server.try_lock, &[key.into()]).await?;
    if free.map_or(Ok(None), |row| row.bool(0))? == Some(true) {
        return Ok(Ok(()));
    }
    // Both halves are shown unsigned by pg_locks.
    let halves = [(key as u64 >> 32) as i64, i64::from(key as u32)];
    let holder = conn.row(server.holder, &halves.map(Into::into)).await?;
    Ok(Err(holder.map_or(Ok(String::new()), |row| told(&row))?))
}

fn name_in(file: &mut File) -> String {
    let mut name = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut name));
    name.trim().to_owned()
}

fn told(row: &Row) -> Result<String, Fault> {
    let name = row.text(0)?.unwrap_or_default();
    let from = row.text(1)?.map(|address| format!(" from {address}")).unwrap_or_default();
    let since = row.time(2)?.map(|since| format!(" since {since}")).unwrap_or_default();
    Ok(format!("{name}{from}{since}"))
}

fn busy(account: &str, holder: &str) -> Error {
    let by = if holder.is_empty() { String::new() } else { format!(" ({holder})") };
    Error::busy(format!(
        "another poll of account '{account}' is running{by}; this one is left out, the next may run"
    ))
}

/// A key of 64 bits from schema and account: what two accounts share by chance costs one of them
/// a poll, nothing else.
fn lock_key(schema: &str, account: &str) -> i64 {
    let digest = Sha256::digest(format!("heygen-sync poll\0{schema}\0{account}").as_bytes());
    digest.iter().take(8).fold(0, |key: i64, byte| (key << 8) | i64::from(*byte))
}

impl Session<'_> {
    /// The database, for reading.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// The lock alone, without the right to write: it ends when it is dropped. Nothing on
    /// PostgreSQL, where the transaction is the lock.
    pub(super) fn into_lock(self) -> Option<LockFile> {
        self.file
    }

    /// Ends the poll; what was written since the last commit is undone.
    pub async fn end(self) -> Result<()> {
        self.store.roll_back().await
    }
}
