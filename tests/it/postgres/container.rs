//! PostgreSQL in a container, one per test process.
//!
//! testcontainers starts it; the watchdog removes it, since a static is never dropped. The image is
//! the official one or a local substitute of the same name (`scripts/docker-engine`).

use std::process::{Command, Stdio};
use std::time::Duration;

use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

use super::watchdog::Watchdog;

const IMAGE: &str = "postgres";
/// `scripts/docker-engine` has the same tag.
const TAG: &str = "15-bookworm";
/// The label of everything that tests have started, so that CI can check that nothing is left.
const LABEL: &str = "heygen-sync-test";

/// Returns whether containers are available: the `docker` command exists and its engine answers.
pub fn engine_answers() -> bool {
    Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a server for the life of this process; returns the URL of its database `postgres`.
pub async fn start() -> Result<String, String> {
    let name = format!("heygen-sync-test-{:016x}", super::random());
    let password = format!("{:016x}", super::random());
    // Before the container, so that a process killed while it starts leaves none behind either.
    // Twice, since the engine may still be creating it.
    let remove = r#"docker rm --force --volumes "$1"; sleep 2; docker rm --force --volumes "$1""#;
    std::mem::forget(Watchdog::new(remove, std::slice::from_ref(&name))?);
    let start = async {
        let container = GenericImage::new(IMAGE, TAG)
            .with_exposed_port(5432.tcp())
            // The server that only initialises the data folder prints this to standard output.
            .with_wait_for(WaitFor::message_on_stderr("ready to accept connections"))
            .with_startup_timeout(Duration::from_secs(120))
            .with_container_name(name)
            .with_label(LABEL, "")
            .with_env_var("POSTGRES_PASSWORD", &password)
            .with_cmd(["postgres", "-c", "fsync=off", "-c", "max_connections=200"])
            .start()
            .await?;
        let address = (container.get_host().await?, container.get_host_port_ipv4(5432).await?);
        std::mem::forget(container);
        Ok(address)
    };
    let (host, port) = start.await.map_err(|error: testcontainers::TestcontainersError| {
        format!("cannot start a container of {IMAGE}:{TAG}: {error}")
    })?;
    Ok(format!("postgres://postgres:{password}@{host}:{port}/postgres"))
}
