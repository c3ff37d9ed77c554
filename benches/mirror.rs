//! The mirror next to `curl --parallel`: 8,000 small files from this machine, at equal concurrency,
//! in the same run and alternating. The mirror's files are synced to the disk, hashed, named and
//! recorded; curl's are only written. Prints both rates, their ratio and the mirror's peak memory
//! at a quarter of the files and at all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, extract::Path as UrlPath, routing::get};

const CONCURRENCY: &str = "16";
const SIZE: usize = 10_000;
const ROUNDS: usize = 5;

/// Nothing is removed between the rounds: a file system first searches recently freed inodes in
/// vain, which slows down whichever process creates files next.
type Kept = Vec<tempfile::TempDir>;

fn main() {
    let mut kept = Kept::new();
    let all = std::env::var("MIRROR_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(8_000);
    let base = serve();
    let (_, small) = mirror(&base, all / 4, &mut kept);
    let mut ratios = vec![];
    for round in 1..=ROUNDS {
        let curl = curl(&base, all, &mut kept);
        let (ours, peak) = mirror(&base, all, &mut kept);
        let rate = |time: Duration| all as f64 / time.as_secs_f64();
        let ratio = rate(ours) / rate(curl);
        println!(
            "round {round}: curl {:.0}/s, mirror {:.0}/s, ratio {ratio:.2}; peak memory {} MB \
             ({} MB with a quarter of the files)",
            rate(curl),
            rate(ours),
            peak / 1024,
            small / 1024
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2} (wanted: 0.8 or more)", ratios[ROUNDS / 2]);
}

/// Returns the latency of the server; a real one is not local.
fn latency() -> Duration {
    let millis = std::env::var("MIRROR_LATENCY_MS").ok().and_then(|n| n.parse().ok());
    Duration::from_millis(millis.unwrap_or(0))
}

/// Serves a picture of [`SIZE`] bytes for every number.
fn serve() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut picture = b"RIFF".to_vec();
    picture.extend((SIZE as u32 - 8).to_le_bytes());
    picture.extend(b"WEBPVP8 ");
    picture.resize(SIZE, 7);
    let answer = move |UrlPath(number): UrlPath<u64>| {
        let mut body = picture.clone();
        body[16..24].copy_from_slice(&number.to_le_bytes());
        async move {
            tokio::time::sleep(latency()).await;
            body
        }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().route("/{number}", get(answer))).await.unwrap();
        });
    });
    base
}

fn curl(base: &str, files: usize, kept: &mut Kept) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for number in 0..files {
        let _ = writeln!(list, "url = \"{base}/{number}\"\noutput = \"{number}.webp\"");
    }
    fs::write(folder.path().join("list"), list).unwrap();
    let started = Instant::now();
    let args = ["--silent", "--parallel", "--parallel-max", CONCURRENCY, "--config", "list"];
    let mut curl = Command::new("curl");
    let status = curl.args(args).current_dir(folder.path()).stderr(Stdio::null()).status();
    assert!(status.expect("curl is needed").success());
    let taken = started.elapsed();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files + 1);
    kept.push(folder);
    taken
}

/// Returns the duration, and the peak memory in KiB.
fn mirror(base: &str, files: usize, kept: &mut Kept) -> (Duration, u64) {
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<String> = (0..files)
        .map(|n| format!(r#"{{"talking_photo_id":"p{n}","preview_image_url":"{base}/{n}"}}"#))
        .collect();
    let list = format!(
        r#"{{"error":null,"data":{{"avatars":[],"talking_photos":[{}]}}}}"#,
        items.join(",")
    );
    fs::write(folder.path().join("list.json"), list).unwrap();
    let fed = start(folder.path(), &["sync", "--from", "list.json", "--no-mirror"]).wait().unwrap();
    assert!(fed.success());
    let started = Instant::now();
    let mut child = start(folder.path(), &["mirror"]);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(10));
    };
    let taken = started.elapsed();
    assert!(ended.success());
    kept.push(folder);
    (taken, peak)
}

fn start(folder: &Path, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_heygen-sync"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HEYGEN_SYNC_MIRROR__ENABLED", "true")
        .env("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"127.0.0.1\"]")
        .env("HEYGEN_SYNC_MIRROR__CONCURRENCY", CONCURRENCY)
        .env("HEYGEN_SYNC_MIRROR__REQUESTS_PER_SECOND", "100000")
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}
