//! The examples of the pages on cron, systemd and Docker are run as written, in a Debian with the
//! package or with the image; only HeyGen's address is the fake's.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Ran, done,
    fake::{FakeHeyGen, KEY},
    image::{Container, Volume},
    package::in_debian,
    run,
};

/// Returns the code after `<!-- run: NAME -->` in a page, block by block.
pub fn blocks(page: &str, name: &str) -> Vec<String> {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mark = format!("<!-- run: {name} -->\n```");
    let parts = text.split(&mark).skip(1);
    let code =
        |part: &str| part.split_once('\n').unwrap().1.split("```").next().unwrap().to_owned();
    parts.map(code).collect()
}

/// Runs a block of a page in a shell, in a folder, as a person with the key in the environment
/// would; `docker run` uses the host's network, where the fake is.
fn typed(block: &str, folder: &std::path::Path, volume: &Volume, heygen: &FakeHeyGen) -> Ran {
    let base = format!("HEYGEN_SYNC_API__BASE_URL={}", heygen.base_url());
    let listen = "HEYGEN_SYNC_DAEMON__LISTEN=127.0.0.1:0";
    // No scheduled poll falls into the test.
    let never = "'HEYGEN_SYNC_DAEMON__SCHEDULE=0 0 29 2 *'";
    let here = format!(
        "docker run --network host --label heygen-sync-test --env {base} --env {listen} --env {never} "
    );
    // A separate volume, since one of that name may exist.
    let block = block.replace("docker volume create heygen\n", "");
    let block = block.replace("heygen:/data", &format!("{}:/data", volume.name()));
    let block = block.replace("docker run ", &here);
    let mut shell = Command::new("bash");
    shell.args(["-euc", &block]).current_dir(folder).env("HEYGEN_API_KEY", KEY);
    Ran::from(shell.output().unwrap())
}

#[test]
fn the_crontab_of_the_page_on_cron_polls_and_is_silent() {
    let heygen = FakeHeyGen::start();
    heygen.add_avatar("a", |_| ());
    let said = in_debian("cron.sh", &[("BASE_URL", heygen.base_url()), ("KEY", KEY)]);
    assert!(said.ends_with("1 poll of 1 avatar\n"), "{said}");
    assert_eq!(heygen.requests().len(), 1);
}

#[test]
fn what_the_page_on_systemd_switches_on_polls_and_is_reloaded() {
    let heygen = FakeHeyGen::start();
    heygen.add_avatar("a", |_| ());
    let said = in_debian("systemd.sh", &[("BASE_URL", heygen.base_url()), ("KEY", KEY)]);
    assert!(said.ends_with("1 poll of 1 avatar\n"), "{said}");
    assert_eq!(heygen.requests().len(), 1);
}

#[test]
fn the_daemon_of_the_page_on_docker_polls_and_stops() {
    let heygen = FakeHeyGen::start();
    let (folder, volume) = (tempfile::tempdir().unwrap(), Volume::new());
    let first = typed(&blocks("docker.md", "once")[0], folder.path(), &volume, &heygen);
    assert_eq!(first.code, 0, "{first:?}");
    let gate = heygen.delay_next();
    let name = format!("heygen-sync-test-{}", std::process::id());
    let block =
        blocks("docker.md", "daemon")[0].replace("--name heygen-sync", &format!("--name {name}"));
    // A poll has just run, so the next one starts by the schedule.
    let soon = "--env HEYGEN_API_KEY --env 'HEYGEN_SYNC_DAEMON__SCHEDULE=* * * * * *' --env HEYGEN_SYNC_DAEMON__JITTER=0s";
    let block = block.replace("--env HEYGEN_API_KEY", soon);
    let started = typed(&block, folder.path(), &volume, &heygen);
    let container = Container(name);
    assert_eq!(started.code, 0, "{started:?}");
    // The answer to its poll is released after it is told to stop.
    let opener = gate.wait_reached();
    let stop = std::thread::spawn({
        let name = container.0.clone();
        move || done("docker", &["stop", "--time", "60", &name])
    });
    opener.release();
    stop.join().unwrap();
    let code = done("docker", &["inspect", "--format", "{{.State.ExitCode}}", &container.0]);
    assert_eq!(code.trim(), "0");
    assert_eq!(heygen.requests().len(), 2);
}

#[test]
fn the_page_on_docker_polls_and_backs_up() {
    let heygen = FakeHeyGen::start();
    heygen.add_avatar("a", |_| ());
    let (folder, volume) = (tempfile::tempdir().unwrap(), Volume::new());
    let once = typed(&blocks("docker.md", "once")[0], folder.path(), &volume, &heygen);
    let backup = typed(&blocks("docker.md", "backup")[0], folder.path(), &volume, &heygen);
    assert_eq!(once.code, 0, "{once:?}");
    assert!(once.stdout.contains("default: baseline, 1 item added"), "{once:?}");
    assert_eq!(backup.code, 0, "{backup:?}");
    assert!(folder.path().join("heygen-backup.db").exists());
}

#[test]
fn the_gallery_of_the_page_on_docker_is_reached_from_this_machine() {
    let volume = Volume::new();
    let name = format!("heygen-sync-test-gallery-{}", std::process::id());
    // A separate port, since other tests run a gallery, too.
    let block = blocks("docker.md", "gallery")[0]
        .replace("--name heygen-gallery", &format!("--name {name}"))
        .replace("heygen:/data", &format!("{}:/data", volume.name()))
        .replace("127.0.0.1:8087:", "127.0.0.1:18087:")
        .replace("docker run ", "docker run --label heygen-sync-test ");
    let container = Container(name);
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/saved-response.json");
    let poll = format!(
        "docker run --rm --interactive --label heygen-sync-test --volume {}:/data heygen-sync \
         sync --from - <{example}",
        volume.name()
    );
    done("bash", &["-euc", &poll]);
    done("bash", &["-euc", &block]);
    let page = answer("127.0.0.1:18087", "/");
    let logs = || run("docker", &["logs", "--tail", "5", &container.0]);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}: {:?}", logs());
}

/// Returns the answer at an address of this machine, once there is one.
pub fn answer(address: &str, path: &str) -> String {
    let begun = Instant::now();
    loop {
        let mut text = String::new();
        let asked = TcpStream::connect(address).and_then(|mut stream| {
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
            stream.read_to_string(&mut text)
        });
        if asked.is_ok() && !text.is_empty() {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{address} does not answer: {asked:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_pages_show_what_is_run_here() {
    for (page, name, count) in [
        ("cron.md", "as root", 1),
        ("cron.md", "crontab", 1),
        ("systemd.md", "as root", 2),
        ("systemd.md", "daemon", 1),
        ("systemd.md", "gallery", 1),
        ("docker.md", "build", 1),
        ("docker.md", "daemon", 1),
        ("docker.md", "gallery", 1),
        ("docker.md", "once", 1),
        ("docker.md", "backup", 1),
        ("docker.md", "compose", 1),
        ("docker.md", "compose look", 1),
    ] {
        assert_eq!(blocks(page, name).len(), count, "{page}: {name}");
    }
    // scripts/image builds with the same command, except for the network.
    let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/image"));
    assert!(script.unwrap().contains("docker build --network host --tag \"$image\" ."));
    assert_eq!(blocks("docker.md", "build"), ["docker build --tag heygen-sync .\n"]);
}
