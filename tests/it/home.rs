//! The setup of one test of the command line: a folder, a database on one of the engines, a fake
//! HeyGen, and the real binary with a separate environment.
//!
//! [`at_home!`] turns every body into two tests.
#![allow(dead_code)] // Each test uses a part of it.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    fake::{FakeHeyGen, KEY},
    patience::Patience,
    postgres::{TestDatabase, database},
};

/// Turns each `async fn a_sentence(home: Home) { … }` into one test in `sqlite` and one in
/// `postgres`; once per file.
macro_rules! at_home {
    ($(async fn $name:ident($home:ident: Home) $body:block)*) => {
        $(async fn $name($home: $crate::home::Home) $body)*
        mod sqlite { $crate::home::at_home! { @tests sqlite $($name)* } }
        mod postgres { $crate::home::at_home! { @tests postgres $($name)* } }
    };
    (@tests $engine:ident $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            super::$name($crate::home::Home::$engine().await).await;
        })*
    };
}
pub(crate) use at_home;

/// The setup of one test; see the module.
pub struct Home {
    pub heygen: FakeHeyGen,
    pub database: String,
    folder: TempDir,
    server: Option<TestDatabase>,
    _patience: Patience,
}

/// The result of a run of the binary.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    /// Uses a SQLite file that does not exist yet.
    pub async fn sqlite() -> Self {
        Self::new(None, Patience::begin())
    }

    /// Uses an empty PostgreSQL database.
    pub async fn postgres() -> Self {
        let patience = Patience::begin();
        Self::new(Some(database().await), patience)
    }

    fn new(server: Option<TestDatabase>, patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database =
            server.as_ref().map_or("heygen.db".to_owned(), |server| server.url().to_owned());
        Self { heygen: FakeHeyGen::start(), database, folder, server, _patience: patience }
    }

    /// Returns whether the database is a file.
    pub fn is_sqlite(&self) -> bool {
        self.server.is_none()
    }

    /// Returns the working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file to the working directory; returns its name.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.folder().join(name), content).unwrap();
        name.to_owned()
    }

    /// Returns the binary as a command, in this folder, with a separate environment: the fake's
    /// address and key, v2, and no retries unless a test sets them.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heygen-sync"));
        command
            .args(args)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("DATABASE_URL", &self.database)
            .env("HEYGEN_API_KEY", KEY)
            .env("HEYGEN_SYNC_API__BASE_URL", self.heygen.base_url())
            .env("HEYGEN_SYNC_API__VERSION", "v2")
            .env("HEYGEN_SYNC_API__RETRIES", "0");
        command
    }

    /// Runs the binary until it ends.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    /// Runs the binary with more environment variables.
    pub fn run_with(&self, env: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Ran::of(command)
    }

    /// Runs the binary with this standard input.
    pub fn run_fed(&self, input: &[u8], args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Starts the binary without waiting for it.
    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `sync --format json` with more flags; returns the exit code and the first report.
    pub fn sync(&self, args: &[&str]) -> (i32, Value) {
        let ran = self.run(&[&["sync", "--format", "json"], args].concat());
        let reports: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        (ran.code, reports[0].clone())
    }

    /// Returns the rows that a command prints in JSON.
    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--format", "json"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    }

    /// Counts the rows of a query, which is run on a separate connection.
    pub async fn count(&self, sql: &str) -> usize {
        use sqlx::{AssertSqlSafe, Connection};
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.server {
            None => {
                let url = format!("sqlite://{}", self.folder().join(&self.database).display());
                let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(sql).fetch_all(&mut file).await.unwrap().len()
            }
            Some(server) => {
                let mut server = sqlx::PgConnection::connect(server.url()).await.unwrap();
                sqlx::query(sql).fetch_all(&mut server).await.unwrap().len()
            }
        }
    }

    /// Runs a statement on a separate connection.
    pub async fn meddle(&self, sql: &str) {
        use sqlx::{AssertSqlSafe, Connection};
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.server {
            None => {
                let url = format!("sqlite://{}", self.folder().join(&self.database).display());
                let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sql.execute(&mut file).await.unwrap();
            }
            Some(server) => {
                let mut server = sqlx::PgConnection::connect(server.url()).await.unwrap();
                sql.execute(&mut server).await.unwrap();
            }
        }
    }

    /// Waits until no program is connected any longer: the server still executes what a killed
    /// client has requested, which may be the commit.
    pub async fn until_alone(&self) {
        let there = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name LIKE 'heygen-sync %'";
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_sqlite() && self.count(there).await > 0 {
            assert!(Instant::now() < deadline, "the killed client's backend stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the change feed in short: `change name`, or `change name field`.
    pub fn feed(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |row: &Value| {
            format!("{} {} {}", text(&row["change"]), text(&row["item_id"]), text(&row["field"]))
        };
        self.rows(&["changes"]).iter().map(|row| line(row).trim_end().to_owned()).collect()
    }
}

impl Ran {
    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Self::from(command.output().unwrap())
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
