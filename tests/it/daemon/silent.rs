//! A database that accepts connections and then sends nothing: the daemon still reacts to its
//! signals.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use super::service::{ONCE, Service};
use crate::home::Home;

/// Much shorter than the timeout for a silent server.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Forwards connections to a server, until it is told not to answer new ones.
struct Proxy {
    url: String,
    silent: Arc<AtomicBool>,
    /// Receives a message for each connection that is not answered.
    came: mpsc::Receiver<()>,
}

impl Proxy {
    fn start(server: &str) -> Self {
        let (listener, url, to) = before(server);
        let silent = Arc::new(AtomicBool::new(false));
        let (says_nothing, (tell, came)) = (silent.clone(), mpsc::channel());
        std::thread::spawn(move || {
            let mut kept = vec![];
            for client in listener.incoming().map_while(Result::ok) {
                if says_nothing.load(Ordering::SeqCst) {
                    kept.push(client);
                    let _ = tell.send(());
                } else {
                    hand_on(client, TcpStream::connect(&to).unwrap());
                }
            }
        });
        Self { url, silent, came }
    }
}

/// Returns a listener in front of a server, the URL for clients, and the address of the server.
fn before(server: &str) -> (TcpListener, String, String) {
    let mut url = url::Url::parse(server).unwrap();
    let to = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    (listener, url.to_string(), to)
}

fn hand_on(client: TcpStream, server: TcpStream) {
    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    for (mut from, mut to) in [(client, server), back] {
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

#[tokio::test]
async fn told_to_stop_at_the_start_it_ends_at_once_though_the_database_says_nothing() {
    let home = Home::sqlite().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://me@{}/heygen", silent.local_addr().unwrap());
    let service = Service::start(&home, &[&ONCE[..], &[("DATABASE_URL", &url)]].concat());
    let taken = silent.accept().unwrap();
    let begun = Instant::now();
    service.signal("HUP");
    service.signal("TERM");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log:?}");
    assert!(log.last().unwrap().contains("stop signal received"), "{log:?}");
    assert!(begun.elapsed() < AT_ONCE);
    drop(taken);
}

#[tokio::test]
async fn told_to_read_anew_before_it_has_started_it_does_so_once_it_has() {
    let home = Home::postgres().await;
    let (listener, url, to) = before(&home.database);
    let never = "[daemon]\nschedule = '0 0 29 2 *'\njitter = '0s'\nlisten = '127.0.0.1:0'\n";
    home.file("config.toml", never);
    let service = Service::start(&home, &[("DATABASE_URL", &url)]);
    // The first read of the database has begun.
    let first = listener.accept().unwrap().0;
    home.file("config.toml", never.replace("29 2", "1 1"));
    service.signal("HUP");
    std::thread::spawn(move || {
        hand_on(first, TcpStream::connect(&to).unwrap());
        for client in listener.incoming().map_while(Result::ok) {
            hand_on(client, TcpStream::connect(&to).unwrap());
        }
    });
    service.wait_logged("the configuration was reloaded");
    let told = service.wait_told("STATUS=next poll at");
    assert!(told.contains("-01-01T00:00"), "{told}");
    assert_eq!(service.stop().0, Some(0));
}

#[tokio::test]
async fn told_to_stop_while_another_holds_the_file_it_ends_at_once() {
    let home = Home::sqlite().await;
    assert_eq!(home.sync(&[]).0, 0);
    let lock = std::fs::File::create(home.folder().join("heygen.db.open.lock")).unwrap();
    lock.lock().unwrap();
    let service = Service::start(&home, &ONCE);
    service.wait_logged("configuration:");
    service.signal("TERM");
    let begun = Instant::now();
    let (code, log) = service.end();
    // It may not handle signals yet.
    assert!([Some(0), None].contains(&code), "{code:?}: {log:?}");
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn told_to_stop_after_a_poll_it_ends_at_once_though_the_database_says_nothing_any_more() {
    let home = Home::postgres().await;
    let proxy = Proxy::start(&home.database);
    let mut gate = home.heygen.delay_next();
    let service = Service::start(&home, &[&ONCE[..], &[("DATABASE_URL", &proxy.url)]].concat());
    gate.reached().await;
    // The poll has its connection; the read of what is due next will get no answer.
    proxy.silent.store(true, Ordering::SeqCst);
    gate.release();
    proxy.came.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(service.get("/livez").await.0, 200);
    // Answered before the client's timeout.
    let (status, said) = service.get("/readyz").await;
    assert_eq!((status, said.as_str()), (503, "the database cannot be read\n"));
    service.forget();
    service.wait_told("WATCHDOG=1");
    let begun = Instant::now();
    service.signal("TERM");
    service.wait_told("STOPPING=1");
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log:?}");
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(home.count("SELECT 1 FROM polls WHERE outcome = 'succeeded'").await, 1);
}
