//! Whatever interrupts a poll leaves nothing half-written, and the next poll works: SIGKILL, a
//! terminated backend, a server that restarts or crashes, a poller that stalls.

use std::{
    process::{Child, Command},
    time::Duration,
};

use heygen_sync::{
    catalog::{api_version::ApiVersion, diff::Accepted},
    config::{Api, Removals, Version},
    error::Kind as Fault,
    heygen::{Client, Settings},
    poll::{Request, Source, poll},
    store::{Location, Store},
    time::Clock,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    crowd::rounds,
    dump::{dump, dump_of_history, rows, run},
    fake::{FakeHeyGen, KEY, Kind},
    home::{Home, Ran},
    postgres::{OwnServer, own_server},
};

/// The tables that a poll writes to, in this order; with `polls` locked it waits before it reads anything.
const TABLES: [&str; 8] = [
    "polls",
    "accounts",
    "avatars",
    "avatar_history",
    "talking_photos",
    "field_changes",
    "schema_changes",
    "assets",
];

/// Makes changes that lead to writes in every table.
fn stir(heygen: &FakeHeyGen, round: usize) {
    heygen.add_avatar(&format!("new {round}"), |_| ());
    heygen.add_photo(&format!("new {round}"));
    heygen.rename(Kind::Avatar, "a", &format!("Name {round}"));
    heygen.rename(Kind::TalkingPhoto, "p", &format!("Name {round}"));
    heygen.set(Kind::Avatar, "a", &format!("field_{round}"), round);
    if round > 0 {
        heygen.remove(Kind::Avatar, &format!("new {}", round - 1));
    }
}

fn begin(heygen: &FakeHeyGen) {
    for n in 0..100 {
        heygen.add_avatar(&format!("{n}"), |_| ());
        heygen.add_photo(&format!("{n}"));
    }
    heygen.add_avatar("a", |_| ());
    heygen.add_photo("p");
}

/// An administrator's connection to the server, beside the poll.
struct Operator(PgConnection);

impl Operator {
    async fn at(url: &str) -> Self {
        Self(PgConnection::connect(url).await.unwrap())
    }

    async fn say(&mut self, sql: &str) {
        self.0.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    /// Returns the poll's backends, or those of them that wait for a lock.
    async fn backends(&mut self, waiting: bool) -> Vec<i32> {
        // Within a transaction the server's statistics do not change unless the snapshot is cleared.
        self.say("SELECT pg_stat_clear_snapshot()").await;
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name LIKE 'heygen-sync %' \
                   AND (NOT $1 OR wait_event_type = 'Lock')";
        sqlx::query_scalar(sql).bind(waiting).fetch_all(&mut self.0).await.unwrap()
    }

    async fn until_waiting(&mut self) {
        self.until(true, true).await;
    }

    async fn until_gone(&mut self) {
        self.until(false, false).await;
    }

    /// Queries the server until there are some backends, or none, since it sends no notification.
    async fn until(&mut self, waiting: bool, some: bool) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.backends(waiting).await.is_empty() == some {
            if tokio::time::Instant::now() > patience {
                let sql = "SELECT concat_ws('|', pid, state, wait_event_type, wait_event, query) \
                           FROM pg_stat_activity WHERE datname = current_database()";
                let all: Vec<String> =
                    sqlx::query_scalar(sql).fetch_all(&mut self.0).await.unwrap();
                panic!("waited in vain (waiting {waiting}, some {some}): {all:#?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Locks a table: every writer waits from now on, readers do not.
    async fn hold(&mut self, table: &str) {
        self.say(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE")).await;
    }

    async fn terminate(&mut self) {
        self.say("SELECT pg_stat_clear_snapshot()").await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name LIKE 'heygen-sync %'";
        self.say(sql).await;
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Asserts what a poll reports after it lost its connection.
fn lost(child: Child) {
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(ran.stderr.contains("nothing was half-written"), "{ran:?}");
    assert!(ran.stderr.lines().count() <= 2, "{ran:?}");
}

#[tokio::test]
async fn a_poll_that_is_cut_off_anywhere_leaves_no_trace() {
    let home = Home::postgres().await;
    begin(&home.heygen);
    assert_eq!(home.sync(&[]).0, 0);
    let mut operator = Operator::at(&home.database).await;
    let (mut good, rounds) = (1, rounds(10));
    for round in 0..rounds {
        stir(&home.heygen, round);
        let before = dump(&home.database).await;
        let by_server = round % 2 == 0;
        // Every ninth pair of rounds cuts off during the request, the others at a write to a table.
        let place = (round / 2) % (TABLES.len() + 1);
        let child = match TABLES.get(place) {
            None => {
                let gate = home.heygen.delay_next();
                let child = home.start(&["sync"]);
                let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
                if by_server {
                    operator.terminate().await;
                } else {
                    opener.release();
                    kill(child);
                    operator.until_gone().await;
                    assert_either(&home, &before, &mut good).await;
                    continue;
                }
                opener.release();
                child
            }
            Some(table) => {
                operator.hold(table).await;
                let child = home.start(&["sync"]);
                operator.until_waiting().await;
                if by_server {
                    operator.terminate().await;
                    operator.say("ROLLBACK").await;
                    child
                } else {
                    kill(child);
                    operator.say("ROLLBACK").await;
                    operator.until_gone().await;
                    assert_eq!(before, dump(&home.database).await, "round {round} {table}");
                    assert_eq!(home.sync(&[]).0, 0, "round {round}");
                    good += 1;
                    continue;
                }
            }
        };
        lost(child);
        operator.until_gone().await;
        assert_eq!(before, dump(&home.database).await, "round {round}");
        assert_eq!(home.sync(&[]).0, 0, "round {round}");
        good += 1;
    }
    let polls = rows(&home.database, "SELECT poll_id FROM polls").await.len();
    assert_eq!(polls, good);
    eprintln!("{rounds} polls cut off, {polls} polls whole, 0 torn");
}

/// Asserts that a client killed while its answer was on the way wrote all of it or nothing, and
/// that the next poll works.
async fn assert_either(home: &Home, before: &[String], good: &mut usize) {
    let polls = rows(&home.database, "SELECT poll_id FROM polls").await.len();
    if polls == *good {
        assert_eq!(before, dump(&home.database).await);
    }
    *good = polls;
    assert_eq!(home.sync(&[]).0, 0);
    *good += 1;
}

/// Stops a server in the middle of a poll, at `table` or during the request.
async fn stopped(server: &OwnServer, crash: bool, table: Option<&str>) {
    let mut home = Home::sqlite().await;
    let name = format!("d{}{}", u8::from(crash), table.unwrap_or("request"));
    run(&server.url("postgres"), &format!("CREATE DATABASE {name}")).await;
    home.database = server.url(&name);
    begin(&home.heygen);
    assert_eq!(home.sync(&[]).0, 0);
    stir(&home.heygen, 0);
    let before = dump(&home.database).await;
    let gate = home.heygen.delay_next();
    let child = home.start(&["sync"]);
    let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
    if let Some(table) = table {
        let mut operator = Operator::at(&home.database).await;
        operator.hold(table).await;
        opener.release();
        operator.until_waiting().await;
        stop(server, crash).await;
    } else {
        stop(server, crash).await;
        opener.release();
    }
    lost(child);
    // While the server is down, the message also tells what to do.
    let down = home.run(&["sync"]);
    assert_eq!(down.code, 74, "{down:?}");
    assert!(down.stderr.contains("check that the server is up"), "{down:?}");
    server.start().await;
    assert_eq!(before, dump(&home.database).await);
    assert_eq!(home.sync(&[]).0, 0);
    assert_eq!(rows(&home.database, "SELECT poll_id FROM polls").await.len(), 2);
}

async fn stop(server: &OwnServer, crash: bool) {
    match crash {
        true => server.crash().await,
        false => server.stop().await,
    }
}

#[tokio::test]
async fn a_server_that_stops_or_crashes_in_the_middle_leaves_nothing_half_written() {
    let server = own_server().await;
    for crash in [false, true] {
        for table in [None, Some("avatar_history"), Some("assets")] {
            stopped(&server, crash, table).await;
        }
    }
}

fn client(heygen: &FakeHeyGen) -> Client {
    let settings = Settings {
        api: Api {
            base_url: heygen.base_url().parse().unwrap(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            max_response: 1 << 24,
            retries: 0,
            retry_time: Duration::from_secs(1),
            ..Api::default()
        },
        backoff: Duration::from_millis(1),
        pace: Duration::ZERO,
    };
    Client::new(&settings, KEY.to_owned().into(), Clock::system()).unwrap()
}

#[tokio::test]
async fn a_poller_that_wakes_up_after_its_deadline_cannot_commit() {
    let home = Home::postgres().await;
    begin(&home.heygen);
    let (client, mut gate) = (client(&home.heygen), home.heygen.delay_next());
    let location = Location::parse(&home.database).unwrap();
    let mut late = tokio::spawn(async move {
        let mut store = Store::open_to_write(&location).await.unwrap();
        let source = Source::Api {
            client: &client,
            version: Version::Fixed(ApiVersion::V2),
            progress: &|_| (),
        };
        let request = Request {
            account: "default",
            catalogue: None,
            trigger: "manual",
            removals: &Removals { after_polls: None, min_count: 20, max_share: 0.2 },
            mirror: false,
            accepted: Accepted::None,
            observed_at: None,
            archive: None,
            deadline: Duration::from_secs(3),
            patience: std::time::Duration::ZERO,
            notify: &[],
            key_expires_at: None,
        };
        poll(&mut store, &Clock::system(), &request, source).await
    });
    tokio::select! {
        () = gate.reached() => {}
        ended = &mut late => panic!("it did not ask: {ended:?}"),
    }
    let mut operator = Operator::at(&home.database).await;
    operator.until_gone().await;
    // Another machine polls meanwhile, with a newer list.
    stir(&home.heygen, 0);
    assert_eq!(home.sync(&[]).0, 0);
    let newer = dump(&home.database).await;
    gate.release();
    let error = late.await.unwrap().unwrap_err();
    assert_eq!(error.kind, Fault::Storage, "{error}");
    assert!(error.message.contains("longer than its deadline"), "{error}");
    assert_eq!(newer, dump(&home.database).await);
}

/// A database file before and after a poll, and the arguments of that poll.
struct Turn {
    home: Home,
    args: [String; 5],
    before: Vec<String>,
    after: Vec<String>,
    takes: Duration,
}

async fn turn() -> Turn {
    let home = Home::sqlite().await;
    for n in 0..1_500 {
        home.heygen.add_avatar(&format!("{n}"), |_| ());
        home.heygen.add_photo(&format!("{n}"));
    }
    let first = home.file("first.json", home.heygen.body());
    let at = ["--observed-at", "2026-01-01"];
    assert_eq!(home.run(&["sync", "--from", &first, at[0], at[1]]).code, 0);
    for n in 0..750 {
        home.heygen.rename(Kind::Avatar, &format!("{}", n * 2), "Renamed");
        home.heygen.add_photo(&format!("new {n}"));
        home.heygen.set(Kind::TalkingPhoto, &format!("{n}"), "more", n);
    }
    let second = home.file("second.json", home.heygen.body());
    std::fs::copy(home.folder().join("heygen.db"), home.folder().join("before.db")).unwrap();
    let before = dump_of_history(&file(&home)).await;
    let args = ["sync", "--from", &second, "--observed-at", "2026-01-02"].map(str::to_owned);
    let started = std::time::Instant::now();
    assert_eq!(home.run(&args.each_ref().map(String::as_str)).code, 0);
    let takes = started.elapsed();
    let after = dump_of_history(&file(&home)).await;
    Turn { home, args, before, after, takes }
}

/// Waits until the commit has written `bytes` of the write-ahead log, or the process has ended.
fn half_committed(home: &Home, child: &mut Child, bytes: u64) {
    let log = home.folder().join("heygen.db-wal");
    while child.try_wait().unwrap().is_none() {
        if std::fs::metadata(&log).is_ok_and(|log| log.len() > bytes) {
            return;
        }
        std::thread::yield_now();
    }
}

fn file(home: &Home) -> String {
    home.folder().join("heygen.db").display().to_string()
}

#[tokio::test]
async fn a_poll_of_a_file_that_is_killed_has_written_all_or_nothing() {
    let Turn { home, args, before, after, takes } = turn().await;
    assert_ne!(before, after);
    let mut dice = fastrand::Rng::new();
    let (mut unwritten, mut written) = (0, 0);
    for round in 0..rounds(8) {
        for name in ["heygen.db-wal", "heygen.db-shm"] {
            let _ = std::fs::remove_file(home.folder().join(name));
        }
        std::fs::copy(home.folder().join("before.db"), home.folder().join("heygen.db")).unwrap();
        let mut child = home.start(&args.each_ref().map(String::as_str));
        match round % 2 {
            // A random moment on purpose; nothing is waited for.
            0 => tokio::time::sleep(takes.mul_f64(dice.f64() * 1.1)).await,
            _ => half_committed(&home, &mut child, dice.u64(..1 << 20)),
        }
        kill(child);
        let now = dump_of_history(&file(&home)).await;
        match now == before {
            true => unwritten += 1,
            false => {
                written += 1;
                assert!(now == after, "round {round}: neither the state before nor after");
            }
        }
        let next = home.run(&["sync", "--from", &args[2], "--observed-at", "2026-01-03"]);
        assert_eq!(next.code, 0, "round {round}: {next:?}");
    }
    eprintln!("killed: {unwritten} wrote nothing, {written} all, 0 torn");
}

/// By POSIX, a process that closes a file loses all its locks on it; another program could then
/// remove the write-ahead log under the daemon, and a poll with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_that_looks_into_the_file_takes_nothing_away_from_a_process_that_polls() {
    let home = Home::sqlite().await;
    begin(&home.heygen);
    assert_eq!(home.run(&["sync"]).code, 0);
    let file = home.folder().join("heygen.db");
    let location = Location::parse(&file.display().to_string()).unwrap();
    let mut reader = Store::open_to_read(&location).await.unwrap();
    let polls = async |reader: &mut Store| reader.status().await.unwrap().len();
    assert_eq!(polls(&mut reader).await, 1);
    let store = Store::open_to_write(&location).await.unwrap();
    // As a daemon does at every poll, and whenever it reads what is due next.
    Store::open_to_write(&location).await.unwrap().close().await.unwrap();
    Store::open_to_read(&location).await.unwrap().close().await.unwrap();
    let log = home.folder().join("heygen.db-wal");
    assert!(log.exists());
    let look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                print(c.execute('SELECT count(*) FROM polls').fetchall()[0][0]); c.close()";
    let elsewhere = || {
        let ran = Command::new("python3").args(["-c", look]).arg(&file).output().unwrap();
        Ran::from(ran).stdout
    };
    assert_eq!(elsewhere(), "1\n");
    assert!(log.exists(), "somebody took the log away");
    store.close().await.unwrap();
}
