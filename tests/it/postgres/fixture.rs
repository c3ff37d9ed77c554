//! The fixture itself: separate databases, and nothing left behind.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{database, own_server, own_server_with_tls};

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Returns the single value of a query.
async fn one<T>(connection: &mut PgConnection, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

async fn number_of_databases(server: &mut PgConnection, name: &str) -> i64 {
    let count = "SELECT count(*) FROM pg_database WHERE datname = $1";
    sqlx::query_scalar(count).bind(name).fetch_one(server).await.unwrap()
}

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own() {
    let (mine, yours) = (database().await, database().await);
    let mut mine = connect(mine.url()).await;
    mine.execute("CREATE TABLE things (id bigint)").await.unwrap();
    let mut yours = connect(yours.url()).await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(one::<i64>(&mut mine, tables).await, 1);
    assert_eq!(one::<i64>(&mut yours, tables).await, 0);
}

#[tokio::test]
async fn a_database_goes_with_its_test_even_while_somebody_is_connected() {
    let (witness, gone) = (database().await, database().await);
    let mut witness = connect(witness.url()).await;
    let mut connected = connect(gone.url()).await;
    let name: String = one(&mut connected, "SELECT current_database()::text").await;
    assert_eq!(number_of_databases(&mut witness, &name).await, 1);
    drop(gone);
    assert_eq!(number_of_databases(&mut witness, &name).await, 0);
    connected.ping().await.unwrap_err();
}

#[tokio::test]
async fn the_server_is_one_that_we_support() {
    let database = database().await;
    let mut connection = connect(database.url()).await;
    let version: i32 =
        one(&mut connection, "SELECT current_setting('server_version_num')::int").await;
    assert!(version >= 130_000, "PostgreSQL 13 or later, not {version}");
    assert_eq!(one::<String>(&mut connection, "SHOW server_encoding").await, "UTF8");
}

#[tokio::test]
async fn own_servers_keep_what_was_committed_over_restarts_and_crashes() {
    let server = own_server().await;
    let url = server.url("postgres");
    let mut connection = connect(&url).await;
    connection.execute("CREATE TABLE things AS SELECT 1::bigint AS id").await.unwrap();
    server.restart().await;
    connection.ping().await.unwrap_err();
    let mut connection = connect(&url).await;
    connection.execute("INSERT INTO things VALUES (2)").await.unwrap();
    connection.execute("BEGIN; INSERT INTO things VALUES (3)").await.unwrap();
    server.crash().await;
    PgConnection::connect(&url).await.unwrap_err();
    server.start().await;
    let mut connection = connect(&url).await;
    let sum = "SELECT sum(id)::bigint FROM things";
    assert_eq!(one::<i64>(&mut connection, sum).await, 3);
}

#[tokio::test]
async fn own_servers_let_a_test_kill_one_backend_only() {
    let server = own_server().await;
    let mut victim = connect(&server.url("postgres")).await;
    let mut killer = connect(&server.socket_url("postgres")).await;
    let pid: i32 = one(&mut victim, "SELECT pg_backend_pid()").await;
    let kill = format!("SELECT pg_terminate_backend({pid}, 10000)");
    killer.execute(AssertSqlSafe(kill)).await.unwrap();
    victim.ping().await.unwrap_err();
    killer.ping().await.unwrap();
}

#[tokio::test]
async fn tls_is_verified_against_the_name_and_the_authority() {
    let server = own_server_with_tls().await;
    let (url, ca_file) = (server.url("postgres"), server.ca_file());
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", ca_file.display());
    let mut connection = connect(&verified).await;
    let ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(one::<bool>(&mut connection, ssl).await);
    for refused in [
        verified.replace("@localhost:", "@127.0.0.1:"),
        format!("{url}?sslmode=verify-full"),
        format!("{url}?sslmode=disable"),
    ] {
        PgConnection::connect(&refused).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_server_goes_with_its_value() {
    let server = own_server().await;
    let folder = server.folder().to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_server_goes_with_a_process_that_is_killed() {
    const TO_BE_KILLED: &str = "HEYGEN_SYNC_TEST_TO_BE_KILLED";
    if env::var_os(TO_BE_KILLED).is_some() {
        let server = own_server().await;
        println!("folder={}", server.folder().display());
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", "postgres::fixture::a_server_goes_with_a_process_that_is_killed"])
        .arg("--nocapture")
        .env(TO_BE_KILLED, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let folder = lines.find_map(|line| Some(line.unwrap().split_once("folder=")?.1.to_owned()));
    process.kill().unwrap();
    process.wait().unwrap();
    gone_soon(Path::new(&folder.unwrap()));
}

/// Waits for the killed process's watchdog; no process is left that could signal its end.
fn gone_soon(folder: &Path) {
    let patience = Instant::now() + Duration::from_secs(30);
    while folder.exists() {
        assert!(Instant::now() < patience, "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}
