//! The environment of a process: variables that are set and empty, streams that cannot be written
//! to, folders that cannot be read.

use std::{
    fs::{File, OpenOptions, Permissions, set_permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::home::{Home, Ran, at_home};

/// Returns an output that refuses every byte.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

at_home! {
    async fn a_variable_that_is_set_and_empty_counts_as_unset_for_libraries_too(home: Home) {
        let names = [
            "HEYGEN_API_KEY_FILE", "HEYGEN_SYNC_CONFIG", "HEYGEN_SYNC_API__TIMEOUT", "AWS_ENDPOINT_URL",
            "CREDENTIALS_DIRECTORY", "XDG_CONFIG_HOME", "PGHOST", "PGHOSTADDR", "PGUSER", "PGPASSWORD",
            "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGOPTIONS", "SSL_CERT_FILE",
            "HTTPS_PROXY", "no_proxy", "NO_COLOR",
        ];
        home.heygen.add_avatar("a", |_| {});
        let empty: Vec<(&str, &str)> = names.iter().map(|name| (*name, "")).collect();
        let ran = home.run_with(&empty, &["sync", "--format", "json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        assert_eq!(home.rows(&["status"])[0]["avatars"], 1);
    }

    async fn an_end_point_of_s3_that_is_no_url_is_refused_and_costs_no_poll(home: Home) {
        home.heygen.add_avatar("a", |_| {});
        for (poll, end_point) in ["127.0.0.1:9000", "minio", "https://", "ftp://h", "https://h?x"].into_iter().enumerate() {
            let env = |section: &str| [
                (format!("HEYGEN_SYNC_{section}__ENABLED"), "true".to_owned()),
                (format!("HEYGEN_SYNC_{section}__STORE"), "s3://bucket/prefix".to_owned()),
                ("AWS_ACCESS_KEY_ID".to_owned(), "id".to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), "key\n".to_owned()),
                ("AWS_ENDPOINT_URL".to_owned(), end_point.to_owned()),
            ];
            let run = |section: &str, args: &[&str]| {
                let mut command = home.command(args);
                Ran::from(command.envs(env(section)).stdin(Stdio::null()).output().unwrap())
            };
            for (section, key) in [("MIRROR", "mirror.store"), ("ARCHIVE", "archive.store")] {
                let check = run(section, &["check", "--format", "csv"]);
                let says = format!("{key}: AWS_ENDPOINT_URL must be a URL");
                assert!(check.code == 78 && check.stdout.contains(&says), "{end_point}: {check:?}");
            }
            let sync = run("ARCHIVE", &["sync"]);
            assert!(sync.code == 0 && sync.stderr.contains("polls continue, but are not archived"), "{end_point}: {sync:?}");
            assert_eq!(home.count("SELECT 1 FROM polls").await, poll + 1);
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_one_line_on_stderr() {
    let home = Home::sqlite().await;
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(home.folder()).stdin(Stdio::null());
        command
    };
    let subject = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2";
    let made = openssl(&format!("{subject} -keyout k.pem -out c.pem")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server =
        openssl(&format!("s_server -quiet -accept {free} -key k.pem -cert c.pem")).spawn().unwrap();
    while std::net::TcpStream::connect(free).is_err() {
        std::thread::yield_now();
    }
    let url = format!("https://localhost:{}", free.port());
    let ran = home.run_with(&[("HEYGEN_SYNC_API__BASE_URL", url.as_str())], &["sync"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains("is not trusted"), "{ran:?}");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn libraries_find_no_empty_variable() {
    let home = Home::sqlite().await;
    let mut gate = home.heygen.delay_next();
    let mut command = home.command(&["sync"]);
    command.env("PGSSLROOTCERT", "").env("NO_COLOR", "").env("PGUSER", "u");
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    gate.reached().await;
    let environ = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    gate.release();
    assert!(child.wait().unwrap().success(), "it is the same process");
    let environ = String::from_utf8(environ).unwrap();
    let names: Vec<&str> =
        environ.split('\0').filter_map(|one| Some(one.split_once('=')?.0)).collect();
    assert!(names.contains(&"PGUSER") && names.contains(&"HEYGEN_API_KEY"), "{names:?}");
    assert!(!names.contains(&"PGSSLROOTCERT") && !names.contains(&"NO_COLOR"), "{names:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_changes_no_exit_code() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| {});
    assert_eq!(home.sync(&[]).0, 0);
    for args in [
        &["export", "--format", "csv"][..],
        &["sync", "-vvv"],
        &["sync", "--from", "none.json"],
        &["history", "none"],
        &["mirror"],
        &["account", "rename", "default", "main"],
        &["changes", "--until", "2000-01-01", "--format", "table"],
        &["copy", "--from", "heygen.db", "--to", "copied.db"],
        &["--no-such-flag"],
    ] {
        let wanted = home.run(args).code;
        home.run(&["account", "rename", "main", "default"]);
        let _ = std::fs::remove_file(home.folder().join("copied.db"));
        let mut command = home.command(args);
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full()).status().unwrap();
        home.run(&["account", "rename", "main", "default"]);
        assert_eq!(status.code(), Some(wanted), "{args:?}");
    }
}

#[tokio::test]
async fn help_that_cannot_be_written_is_an_error() {
    let home = Home::sqlite().await;
    for args in [&["--help"][..], &["--version"], &["sync", "--help"]] {
        let status = home.command(args).stdout(full()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(74), "{args:?}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_and_a_reader_that_leaves_is_none() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| {});
    assert_eq!(home.sync(&[]).0, 0);
    let mut command = home.command(&["export", "--format", "csv"]);
    let ran = Ran::from(command.stdout(full()).stderr(Stdio::piped()).output().unwrap());
    assert!(ran.code == 74 && ran.stderr.contains("cannot write the output"), "{ran:?}");
    let mut command = home.command(&["export", "--format", "csv"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::from(command.stdout(writer).stderr(Stdio::piped()).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(!ran.stderr.contains("error"), "{ran:?}");
}

#[tokio::test]
async fn a_daemon_whose_log_cannot_be_written_polls_on() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| {});
    let mut command = home.command(&["daemon"]);
    command
        .env("HEYGEN_SYNC_DAEMON__SCHEDULE", "* * * * * *")
        .env("HEYGEN_SYNC_DAEMON__JITTER", "0s")
        .env("HEYGEN_SYNC_DAEMON__LISTEN", "127.0.0.1:0");
    let mut daemon =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while home.heygen.request_count() < 3 {
        assert_eq!(daemon.try_wait().unwrap(), None, "it has ended");
        assert!(Instant::now() < deadline, "it polls no more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = daemon.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_configuration_that_is_a_link_to_nothing_is_an_error() {
    let home = Home::sqlite().await;
    symlink("elsewhere.toml", home.folder().join("config.toml")).unwrap();
    let ran = home.run(&["sync"]);
    assert!(ran.code == 78 && ran.stderr.contains("'config.toml' is a broken link"), "{ran:?}");
    std::fs::remove_file(home.folder().join("config.toml")).unwrap();
    std::fs::create_dir(home.folder().join(".config")).unwrap();
    symlink("/nowhere", home.folder().join(".config/heygen-sync")).unwrap();
    let ran = home.run(&["sync"]);
    assert!(ran.code == 78 && ran.stderr.contains("heygen-sync' is a broken link"), "{ran:?}");
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_is_passed_over_with_a_warning() {
    let home = Home::sqlite().await;
    let closed = home.folder().join("closed");
    std::fs::create_dir_all(closed.join("heygen-sync")).unwrap();
    File::create(closed.join("heygen-sync/config.toml")).unwrap();
    set_permissions(&closed, Permissions::from_mode(0o0)).unwrap();
    set_permissions(home.folder(), Permissions::from_mode(0o777)).unwrap();
    let mut command = home.command(&["check", "-v", "--format", "csv"]);
    command.env("XDG_CONFIG_HOME", &closed).stdin(Stdio::null());
    if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        // Root may read everything.
        command.uid(65_534).gid(65_534);
    }
    let ran = Ran::from(command.output().unwrap());
    set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    assert!(ran.stdout.contains("configuration,ok,defaults"), "{ran:?}");
    let told = ran.stderr.contains("cannot look for '");
    assert!(told && ran.stderr.contains("closed/heygen-sync/config.toml': "), "{ran:?}");
}
