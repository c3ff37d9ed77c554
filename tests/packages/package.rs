//! The Debian package: installed, used and removed on a minimal Debian, with nothing left but data.

use std::path::Path;

use crate::done;

/// A Debian with systemd's tools, built once and kept by the engine.
const DEBIAN: &str = "heygen-sync-package-test";
const DOCKERFILE: &str = "FROM debian:bookworm-slim\n\
    RUN rm -f /etc/dpkg/dpkg.cfg.d/docker && apt-get update \
    && apt-get install --yes --no-install-recommends systemd man-db procps ca-certificates \
    && rm -rf /var/lib/apt/lists/*\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn debian() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
    let folder = folder.path().to_str().unwrap();
    done("docker", &["build", "--quiet", "--network", "host", "--tag", DEBIAN, folder]);
}

/// Runs a script of this folder in that Debian, on the host's network, with the package, the
/// read-only source tree and variables.
pub fn in_debian(script: &str, variables: &[(&str, &str)]) -> String {
    debian();
    let tree = format!("{}:/tree:ro", root().display());
    let script = format!("/tree/tests/packages/{script}");
    let run = ["run", "--rm", "--network", "host", "--label", "heygen-sync-test", "--volume"];
    let mut args: Vec<String> = run.into_iter().map(str::to_owned).collect();
    args.push(tree);
    for (name, value) in variables {
        args.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    args.extend([DEBIAN, "bash", "-euo", "pipefail", &script].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    done("docker", &args)
}

#[test]
fn it_is_installed_used_and_removed_and_leaves_the_data_alone() {
    let said = in_debian("install.sh", &[]);
    println!("{said}");
    assert!(said.ends_with("all is as it should be\n"), "{said}");
}

#[test]
fn the_services_are_confined_alike() {
    let confined = |unit: &str| {
        let text = std::fs::read_to_string(root().join("deploy/systemd").join(unit)).unwrap();
        let part = text.split("# The service may write to its own folder").nth(1).unwrap();
        part.split("[Install]").next().unwrap().trim().to_owned()
    };
    for unit in ["heygen-sync-once.service", "heygen-sync-gallery.service"] {
        assert_eq!(confined("heygen-sync.service"), confined(unit), "{unit}");
    }
    // Its files contain links that are credentials.
    assert!(confined("heygen-sync.service").lines().any(|line| line == "UMask=0027"));
}

#[test]
fn every_unit_is_stopped_and_disabled_with_the_package() {
    let prerm = std::fs::read_to_string(root().join("deploy/debian/prerm")).unwrap();
    for unit in std::fs::read_dir(root().join("deploy/systemd")).unwrap() {
        let unit = unit.unwrap().file_name().into_string().unwrap();
        assert!(prerm.contains(&unit), "{unit}");
    }
}
