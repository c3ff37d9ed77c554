//! A PostgreSQL database for each test, from any available server.
//!
//! The server is found once per test process, in this order: `TEST_DATABASE_URL`, a container if a
//! Docker engine answers, local binaries in a temporary cluster; otherwise the test fails with what
//! to install. `TEST_POSTGRES=container` or `TEST_POSTGRES=local` uses only that one; with
//! `TEST_POSTGRES=none` the test fails, since `scripts/test --quick` excludes it by name. This
//! module is independent of our tables and of what the tests do with their databases.
//!
//! Plain `cargo test` shares one server among all tests; a runner with one process per test works
//! as well, but starts a server each time.

mod cluster;
mod container;
mod fixture;
mod own_server;
mod pooler;
mod watchdog;

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

pub use cluster::free_port;
pub use own_server::{OwnServer, own_server, own_server_with_tls};
pub use pooler::Pooler;

/// The message when no server is available.
const NO_SERVER: &str = "no PostgreSQL for the tests. Any of these will do:
  - scripts/install-test-tools, or the package `postgresql` (its binaries are enough, no server need run)
  - a running Docker engine and the `docker` command
  - TEST_DATABASE_URL=postgres://… naming a server whose role may create databases";

/// The message with `TEST_POSTGRES=none`.
const NONE_WANTED: &str = "this test needs PostgreSQL: put `postgres` into its name or its module's, \
     or add it to `needs_postgres` in scripts/test";

/// A separate, empty database, dropped with this value even if others are still connected to it.
pub struct TestDatabase {
    url: String,
    server: String,
    name: String,
}

impl TestDatabase {
    /// Returns the URL, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let server = self.server.clone();
        // On a separate thread, since the test's runtime cannot be blocked on here.
        let done = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?
                .block_on(execute(&server, drop))
        });
        if let Ok(Err(error)) = done.join() {
            eprintln!("the test database {} may be left behind: {error}", self.name);
        }
    }
}

/// Creates an empty database on the server of this test process; fails the test if there is no server.
pub async fn database() -> TestDatabase {
    static SERVER: OnceCell<Result<String, String>> = OnceCell::const_new();
    let server = SERVER.get_or_init(find_server).await;
    let server = server.as_ref().unwrap_or_else(|message| panic!("{message}")).clone();
    let name = format!("heygen_sync_test_{:016x}", random());
    // template0: no one can be connected to it, which would make the statement fail.
    let create = format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'");
    execute(&server, create).await.unwrap_or_else(|error| {
        panic!("cannot create a database for this test (the role needs CREATEDB): {error}")
    });
    TestDatabase { url: with_database(&server, &name), server, name }
}

/// Returns whether tests must run without PostgreSQL.
fn none_wanted() -> bool {
    env::var("TEST_POSTGRES").is_ok_and(|way| way == "none")
}

/// Returns the URL of a database that every server has, or what to install.
async fn find_server() -> Result<String, String> {
    match env::var("TEST_POSTGRES").as_deref() {
        Ok("container") => return container::start().await,
        Ok("local") => return local().await,
        Ok(_) if none_wanted() => return Err(NONE_WANTED.into()),
        Ok(other) => return Err(format!("TEST_POSTGRES={other}: `container`, `local` or `none`")),
        Err(_) => {}
    }
    if let Ok(url) = env::var("TEST_DATABASE_URL") {
        return Ok(url);
    }
    if container::engine_answers() {
        match container::start().await {
            Ok(url) => return Ok(url),
            Err(error) => eprintln!("{error}; trying local PostgreSQL binaries"),
        }
    }
    local().await.map_err(|error| format!("{NO_SERVER}\n({error})"))
}

/// Starts a cluster of local binaries for the life of this process.
async fn local() -> Result<String, String> {
    let cluster = tokio::task::spawn_blocking(cluster::Cluster::start)
        .await
        .map_err(|error| error.to_string())??;
    let url = cluster.url("127.0.0.1", "postgres");
    // Never dropped: its watchdog ends it together with this process.
    std::mem::forget(cluster);
    Ok(url)
}

/// Runs one statement on a separate connection.
async fn execute(url: &str, sql: String) -> Result<(), String> {
    let run = async {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(AssertSqlSafe(sql)).await?;
        connection.close().await
    };
    run.await.map_err(|error: sqlx::Error| error.to_string())
}

/// Returns the URL of another database on the same server.
fn with_database(server: &str, database: &str) -> String {
    let mut url = Url::parse(server).expect("TEST_DATABASE_URL is a URL");
    url.set_path(database);
    url.into()
}

/// Returns a number that no other test process has, from the standard library's only randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
