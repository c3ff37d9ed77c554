//! Runs deploy/compose.yaml by the commands of docs/docker.md, on separate networks and volumes. An
//! override file sets the address of HeyGen and the schedule.

use std::{
    fs::Permissions,
    io::{self, Write},
    net::{Shutdown, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Ran,
    documents::{answer, blocks},
    done,
    fake::{FakeHeyGen, KEY},
    run,
};

/// Forwards from the poller's own loopback, the only address to which the key is sent in the clear,
/// to the socket on which the test listens.
const RELAY: &str = "use IO::Socket; use IO::Select; $SIG{CHLD} = 'IGNORE'; \
    my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8000, Listen => 9) or die; \
    while (my $c = $l->accept) { next if fork; my $u = IO::Socket::UNIX->new('/relay/heygen') or exit; \
    my $s = IO::Select->new($c, $u); while (1) { for my $r ($s->can_read) { \
    exit unless sysread($r, my $b, 65536); syswrite($r == $c ? $u : $c, $b) } } }";

const OVERRIDE: &str = r#"
services:
  postgres:
    labels: [heygen-sync-test]
  poller:
    labels: [heygen-sync-test]
    environment:
      HEYGEN_SYNC_API__BASE_URL: http://127.0.0.1:8000
      HEYGEN_SYNC_DAEMON__SCHEDULE: "* * * * * *"
      HEYGEN_SYNC_DAEMON__JITTER: 0s
    healthcheck:
      test: [CMD, heygen-sync, --quiet, status, --max-age, 8s]
      interval: 1s
      timeout: 10s
      retries: 2
      start_period: 0s
  gallery:
    labels: [heygen-sync-test]
  relay:
    labels: [heygen-sync-test]
    image: postgres:15-bookworm
    network_mode: "service:poller"
    entrypoint: [perl, -e, "$RELAY"]
    volumes: ["./relay:/relay"]
"#;

/// A copy of deploy/ whose containers, networks and volumes are removed with it.
struct Composed {
    folder: tempfile::TempDir,
    project: String,
}

impl Composed {
    fn new(heygen: &FakeHeyGen) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let deploy = folder.path().join("deploy");
        std::fs::create_dir_all(deploy.join("relay")).unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/compose.yaml");
        // A separate port, since other tests run a gallery, too.
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.replace("127.0.0.1:8087:", "127.0.0.1:18088:");
        std::fs::write(deploy.join("compose.yaml"), text).unwrap();
        // The image has already been built.
        std::fs::write(folder.path().join("Dockerfile"), "FROM heygen-sync:latest\n").unwrap();
        // Compose replaces variables in `$…`.
        let text = OVERRIDE.replace("$RELAY", &RELAY.replace('$', "$$"));
        for name in ["compose.override.yaml", "docker-compose.override.yaml"] {
            if name.starts_with("docker") != is_plugin() {
                std::fs::write(deploy.join(name), &text).unwrap();
            }
        }
        std::fs::write(deploy.join("list.json"), heygen.body()).unwrap();
        hand_on(&deploy.join("relay/heygen"), heygen.base_url().trim_start_matches("http://"));
        Self { folder, project: format!("heygen-sync-test-{}", std::process::id()) }
    }

    /// Runs commands of a page with the key on standard input.
    fn typed(&self, commands: &str) -> Ran {
        let mut commands = commands.replace("exec ", "exec -T ");
        // The first poll reads a file, since only the daemon has the relay.
        let file =
            "run -T --volume \"$PWD/list.json:/list.json:ro\" --rm poller sync --from /list.json";
        commands = commands.replace("run --rm poller sync", file);
        if !is_plugin() {
            commands = commands.replace("docker compose", "docker-compose");
        }
        let folder = match commands.starts_with("cd deploy") {
            true => self.folder.path().to_owned(),
            false => self.folder.path().join("deploy"),
        };
        let mut shell = Command::new("bash");
        let shell = shell.args(["-euc", &commands]).current_dir(folder);
        let shell = shell.env("COMPOSE_PROJECT_NAME", &self.project).stdin(Stdio::piped());
        let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Most commands do not read it.
        let _ = writeln!(child.stdin.take().unwrap(), "{KEY}");
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Like [`Composed::typed`], but asserts success; returns the output.
    fn done(&self, commands: &str) -> String {
        let ran = self.typed(commands);
        assert_eq!(ran.code, 0, "{commands}: {ran:?}");
        ran.stdout
    }

    fn poller(&self) -> String {
        self.done("docker compose ps -q poller").trim().to_owned()
    }

    /// Waits until the engine reports this state of health for the poller.
    fn wait_health(&self, poller: &str, wanted: &str) {
        let begun = Instant::now();
        let health = ["inspect", "--format", "{{.State.Health.Status}}", poller];
        while done("docker", &health).trim() != wanted {
            let logs = || run("docker", &["logs", "--tail", "30", poller]);
            assert!(begun.elapsed() < Duration::from_secs(90), "never {wanted}: {:?}", logs());
            std::thread::sleep(Duration::from_millis(200));
        }
        println!("{wanted} after {:?}", begun.elapsed());
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        self.typed("docker compose down --volumes --timeout 5");
    }
}

/// Returns whether Compose is a plugin of docker; otherwise it is Debian's separate program.
fn is_plugin() -> bool {
    run("docker", &["compose", "version"]).code == 0
}

/// Forwards from a socket in the file system to an address.
fn hand_on(path: &Path, to: &str) {
    let (listener, to) = (UnixListener::bind(path).unwrap(), to.to_owned());
    // For any user that the relay runs as.
    std::fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&to) else { continue };
            pump(client, server);
        }
    });
}

fn pump(client: UnixStream, server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn the_composed_daemon_polls_into_its_postgres_and_its_health_follows_api_and_database() {
    let heygen = FakeHeyGen::start();
    for id in ["a", "b", "c"] {
        heygen.add_avatar(id, |_| ());
    }
    let composed = Composed::new(&heygen);
    composed.done(&blocks("docker.md", "compose")[0]);
    let poller = composed.poller();
    composed.wait_health(&poller, "healthy");
    let looked = composed.done(&blocks("docker.md", "compose look")[0]);
    let [status, changes] =
        ["default,avatars,true,", "| default | avatar |     3 |"].map(|what| looked.contains(what));
    assert!(status && changes, "{looked}");
    let page = answer("127.0.0.1:18088", "/avatars.csv");
    let shown = page.starts_with("HTTP/1.1 200")
        && ["a", "b", "c"].iter().all(|id| page.contains(&format!(",{id},")));
    assert!(shown, "{page}");

    // HeyGen fails: unhealthy once the last good poll is too old, and healthy when it answers again.
    heygen.fail_always(500, "");
    composed.wait_health(&poller, "unhealthy");
    heygen.recover();
    composed.wait_health(&poller, "healthy");

    // The database is down: the daemon keeps running, and continues when the database is back.
    composed.done("docker compose stop postgres");
    composed.wait_health(&poller, "unhealthy");
    composed.done("docker compose start postgres");
    composed.wait_health(&poller, "healthy");
    assert_eq!(done("docker", &["inspect", "--format", "{{.RestartCount}}", &poller]).trim(), "0");

    composed.done("docker compose stop poller");
    let code = done("docker", &["inspect", "--format", "{{.State.ExitCode}}", &poller]);
    assert_eq!(code.trim(), "0", "{:?}", run("docker", &["logs", "--tail", "5", &poller]));
    let user = done(
        "docker",
        &["inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}", &poller],
    );
    assert_eq!(user.trim(), "10001:10001 true");
}
