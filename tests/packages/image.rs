//! The image: its contents, and that a sync works in it as documented.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Ran, done,
    fake::{FakeHeyGen, KEY, Kind},
    run,
};

const IMAGE: &str = "heygen-sync:latest";
/// The maximum size of the image, in MB; the program is most of it.
const MOST_MB: u64 = 40;

/// A volume that is removed with the test.
pub struct Volume(String);

impl Volume {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("heygen-sync-test-{}-{number}", std::process::id());
        done("docker", &["volume", "create", "--label", "heygen-sync-test", &name]);
        Self(name)
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        run("docker", &["volume", "rm", "--force", &self.0]);
    }
}

/// A container that is removed with the test.
pub struct Container(pub String);

impl Drop for Container {
    fn drop(&mut self) {
        run("docker", &["rm", "--force", "--volumes", &self.0]);
    }
}

/// Runs the image as docs/docker.md describes, on the host's network, where the fake is.
fn docker(how: &[&str], volume: &Volume, heygen: &FakeHeyGen, more: &[&str], args: &[&str]) -> Ran {
    let mount = format!("{}:/data", volume.name());
    let key = format!("HEYGEN_API_KEY={KEY}");
    let base = format!("HEYGEN_SYNC_API__BASE_URL={}", heygen.base_url());
    let hardened = ["--network", "host", "--read-only", "--cap-drop", "ALL"];
    let own = ["--security-opt", "no-new-privileges", "--label", "heygen-sync-test"];
    let told = ["--volume", &mount, "--env", &key, "--env", &base];
    let all = [&["run"], how, &hardened, &own, &told, more, &[IMAGE], args];
    run("docker", &all.concat())
}

/// Runs one command in a separate container.
fn in_image(volume: &Volume, heygen: &FakeHeyGen, args: &[&str]) -> Ran {
    docker(&["--rm"], volume, heygen, &[], args)
}

fn inspected(format: &str) -> String {
    done("docker", &["image", "inspect", "--format", format, IMAGE]).trim().to_owned()
}

#[test]
fn a_sync_works_without_root_on_a_read_only_root() {
    let heygen = FakeHeyGen::start();
    let volume = Volume::new();
    for n in 0..300 {
        heygen.add_avatar(&format!("a{n}"), |_| ());
    }
    let sync = ["sync", "--format", "json"];
    let report = |ran: Ran| -> Value {
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str::<Value>(&ran.stdout).unwrap()[0].clone()
    };
    // Before the first poll the check fails.
    let health = ["--quiet", "status", "--max-age", "26h"];
    assert_ne!(in_image(&volume, &heygen, &health).code, 0);
    assert_eq!(report(in_image(&volume, &heygen, &sync))["added"], 300);
    heygen.rename(Kind::Avatar, "a7", "Another name");
    assert_eq!(report(in_image(&volume, &heygen, &sync))["changed"], 1);
    assert_eq!(in_image(&volume, &heygen, &health).code, 0);
    let changes =
        in_image(&volume, &heygen, &["changes", "--change", "changed", "--format", "csv"]);
    assert!(changes.stdout.contains("Another name"), "{changes:?}");
    assert_eq!(in_image(&volume, &heygen, &["verify"]).code, 0);
}

#[test]
fn the_daemon_polls_is_found_healthy_and_ends_when_it_is_told_to() {
    let heygen = FakeHeyGen::start();
    heygen.add_avatar("a", |_| ());
    let volume = Volume::new();
    let listens = [
        "--env",
        "HEYGEN_SYNC_DAEMON__LISTEN=127.0.0.1:0",
        "--env",
        "HEYGEN_SYNC_DAEMON__SCHEDULE=0 0 29 2 *",
    ];
    let started = ["--detach", "--health-interval", "1s"];
    let container =
        Container(docker(&started, &volume, &heygen, &listens, &[]).stdout.trim().into());
    let health = ["inspect", "--format", "{{.State.Health.Status}}", &container.0];
    let begun = Instant::now();
    while done("docker", &health).trim() != "healthy" {
        let patient = begun.elapsed() < Duration::from_secs(60);
        assert!(patient, "{:?}", run("docker", &["logs", &container.0]));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(heygen.requests().len(), 1);
    done("docker", &["stop", "--time", "30", &container.0]);
    let code = done("docker", &["inspect", "--format", "{{.State.ExitCode}}", &container.0]);
    assert_eq!(code.trim(), "0");
}

#[test]
fn it_says_how_it_wants_to_be_run() {
    assert_eq!(inspected("{{.Config.User}}"), "10001:10001");
    assert_eq!(inspected("{{json .Config.Volumes}}"), r#"{"/data":{}}"#);
    assert_eq!(
        inspected("{{json .Config.Healthcheck.Test}}"),
        r#"["CMD","heygen-sync","--quiet","status","--max-age","26h"]"#
    );
    assert_eq!(inspected("{{json .Config.Env}}"), r#"["PATH=/usr/local/bin"]"#);
}

#[test]
fn it_is_small_and_holds_the_program_its_libraries_and_authorities_alone() {
    let megabytes = inspected("{{.Size}}").parse::<u64>().unwrap() / 1_000_000;
    println!("{IMAGE} has {megabytes} MB");
    assert!(megabytes <= MOST_MB, "{megabytes} MB");
    let container = done("docker", &["create", IMAGE]).trim().to_owned();
    let listing = done("bash", &["-c", &format!("docker export {container} | tar -t")]);
    done("docker", &["rm", "--volumes", &container]);
    let files: Vec<&str> = listing.lines().filter(|name| !name.ends_with('/')).collect();
    assert!(files.contains(&"etc/ssl/certs/ca-certificates.crt"), "{files:?}");
    for shell in ["bin/sh", "usr/bin/sh", "usr/bin/apt"] {
        assert!(!files.contains(&shell), "{shell}");
    }
    // The engine itself adds only a few files (/.dockerenv, /dev, /etc/hosts …).
    assert!(files.len() < 30, "{files:?}");
}

#[test]
fn no_layer_holds_a_secret() {
    let history = done("docker", &["history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE]);
    for word in ["API_KEY", "PASSWORD", "SECRET", "TOKEN"] {
        assert!(!history.to_uppercase().contains(word), "{word}: {history}");
    }
}
