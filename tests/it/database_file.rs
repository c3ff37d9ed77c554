//! The database as a file: its name, its permissions, its other names, and readers who cannot write
//! to its folder.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    daemon::service::Service,
    fake::Kind,
    home::{Home, Ran},
};

/// Returns the command of this home, started by another command.
fn by(home: &Home, before: &[&str], args: &[&str]) -> Command {
    let plain = home.command(args);
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(home.folder()).env_clear().stdin(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn ran(mut command: Command) -> Ran {
    Ran::from(command.output().unwrap())
}

/// Runs as a user who may write only where permissions allow it: as root without its capabilities,
/// if the tests run as root.
fn as_reader(home: &Home, args: &[&str]) -> Command {
    match std::fs::metadata(home.folder()).unwrap().uid() {
        0 => by(home, &["setpriv", "--bounding-set=-all", "--inh-caps=-all"], args),
        _ => home.command(args),
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns every file and folder below a folder.
fn below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(below(&path));
        }
        all.push(path);
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_file_uri_is_refused_wherever_a_database_is_named() {
    let mut home = Home::sqlite().await;
    assert_eq!(home.sync(&[]).0, 0);
    let before = below(home.folder());
    for uri in ["file:heygen.db", "file:new.db?mode=memory", "sqlite:new.db?cache=shared"] {
        for args in [
            &["--database", uri, "sync"][..],
            &["--database", uri, "status"],
            &["copy", "--from", "heygen.db", "--to", uri],
            &["copy", "--from", uri, "--to", "new.db"],
        ] {
            let ran = home.run(args);
            assert_eq!(ran.code, 78, "{args:?}: {ran:?}");
            assert!(ran.stderr.contains("give only the path"), "{ran:?}");
        }
        home.database = uri.to_owned();
        assert_eq!(home.run(&["sync"]).code, 78);
    }
    assert_eq!(below(home.folder()), before);
}

#[tokio::test]
async fn a_name_that_is_no_url_is_the_name_of_the_file() {
    let home = Home::sqlite().await;
    for name in ["h.db?mode=memory", "a%20b.db", "./file:h.db", "#1.db"] {
        assert_eq!(home.run(&["--database", name, "sync"]).code, 0, "{name}");
        assert!(home.folder().join(name).is_file(), "{name}: {:?}", below(home.folder()));
        assert!(home.folder().join(format!("{name}.poll-default.lock")).is_file(), "{name}");
        assert_eq!(home.run(&["--database", name, "status", "--max-age", "1h"]).code, 0, "{name}");
    }
    // The same file, in the one form that is read as a URL.
    let ran = home.run(&["--database", "sqlite:file:h.db", "status", "--max-age", "1h"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn who_cannot_write_to_the_folder_reads_all_the_same() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| ());
    assert_eq!(home.sync(&[]).0, 0);
    home.heygen.rename(Kind::Avatar, "a", "Another name");
    assert_eq!(home.sync(&[]).0, 0);
    let writable = tempfile::tempdir().unwrap();
    let copy = writable.path().join("copy.db").display().to_string();
    set_mode(home.folder(), 0o555);
    let before = below(home.folder());
    for args in [
        &["status", "--format", "csv"][..],
        &["changes", "--format", "csv"],
        &["history", "a"],
        &["ids", "a"],
        &["find", "another"],
        &["export", "--format", "json"],
        &["verify"],
        &["check", "--format", "csv"],
        &["copy", "--from", "heygen.db", "--to", &copy],
    ] {
        let ran = ran(as_reader(&home, args));
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        if args[0] == "changes" {
            assert!(ran.stdout.contains("Another name"), "{ran:?}");
        }
    }
    let refused = ran(as_reader(&home, &["sync"]));
    assert_eq!(refused.code, 74, "{refused:?}");
    assert_eq!(below(home.folder()), before);
    set_mode(home.folder(), 0o755);
    assert!(home.run(&["--database", &copy, "history", "a"]).stdout.contains("Another name"));
}

#[tokio::test]
async fn who_cannot_write_to_the_folder_reads_whole_polls_beside_a_poller() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| ());
    assert_eq!(home.sync(&[]).0, 0);
    // Only root, who polls, may write to the folder.
    set_mode(home.folder(), 0o755);
    let mut polls = 1;
    std::thread::scope(|scope| {
        let polling = scope.spawn(|| {
            for name in ["b", "c", "d", "e"] {
                home.heygen.rename(Kind::Avatar, "a", name);
                assert_eq!(home.sync(&[]).0, 0);
            }
        });
        while !polling.is_finished() {
            let ran = ran(as_reader(&home, &["changes", "--format", "ndjson"]));
            // While a poll commits, the write-ahead log may be readable by its owner only.
            assert!(ran.code == 0 || ran.stderr.contains("and its permissions"), "{ran:?}");
            let seen = ran.stdout.lines().count();
            assert!(ran.code != 0 || seen >= polls, "{ran:?}");
            polls = polls.max(seen);
        }
    });
    let last = ran(as_reader(&home, &["changes", "--format", "ndjson"]));
    assert_eq!(last.stdout.lines().count(), 5, "{last:?}");
}

#[tokio::test]
async fn a_gallery_that_cannot_write_to_the_folder_shows_what_was_polled_later() {
    let home = Home::sqlite().await;
    assert_eq!(home.sync(&[]).0, 0);
    let listen = [("HEYGEN_SYNC_SERVE__LISTEN", "127.0.0.1:0")];
    let gallery = Service::spawn(&home, as_reader(&home, &["serve"]), &listen);
    for polls in 1..=3 {
        set_mode(home.folder(), 0o555);
        let (status, metrics) = gallery.get("/metrics").await;
        let wanted = format!(
            "{{account=\"default\",catalogue=\"avatars\",outcome=\"succeeded\"}} {polls}\n"
        );
        assert!(status == 200 && metrics.contains(&wanted), "{status} {metrics}");
        set_mode(home.folder(), 0o755);
        assert_eq!(home.sync(&[]).0, 0);
    }
}

#[tokio::test]
async fn a_database_with_hard_links_is_read_and_not_written() {
    let home = Home::sqlite().await;
    assert_eq!(home.sync(&[]).0, 0);
    let link = home.folder().join("backup.db");
    std::fs::hard_link(home.folder().join("heygen.db"), &link).unwrap();
    let env =
        [("HEYGEN_SYNC_DAEMON__LISTEN", "127.0.0.1:0"), ("HEYGEN_SYNC_MIRROR__ENABLED", "true")];
    for args in [&["sync"][..], &["mirror"], &["daemon"], &["account", "rename", "default", "x"]] {
        let ran = home.run_with(&env, args);
        assert_eq!(ran.code, 74, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("cp -al"), "{ran:?}");
    }
    for name in ["heygen.db", "backup.db"] {
        assert_eq!(home.run(&["--database", name, "status", "--max-age", "1h"]).code, 0);
        assert_eq!(home.run(&["--database", name, "verify"]).code, 0);
    }
    std::fs::remove_file(&link).unwrap();
    // A symbolic link is not a second name.
    std::os::unix::fs::symlink("heygen.db", &link).unwrap();
    assert_eq!(home.run(&["--database", "backup.db", "sync"]).code, 0);
}

#[tokio::test]
async fn what_is_created_is_closed_to_everybody_but_owner_and_group() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| ());
    let create = |umask: &str, database: &str, archive: &str| {
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut sync = by(&home, &["sh", "-c", &script], &["--database", database, "sync"]);
        sync.envs([
            ("HEYGEN_SYNC_ARCHIVE__ENABLED", "true"),
            ("HEYGEN_SYNC_ARCHIVE__STORE", archive),
        ]);
        let synced = ran(sync);
        assert_eq!(synced.code, 0, "{synced:?}");
        let copy = format!("copy-of-{database}");
        let copied =
            ran(by(&home, &["sh", "-c", &script], &["copy", "--from", database, "--to", &copy]));
        assert_eq!(copied.code, 0, "{copied:?}");
    };
    create("000", "open.db", "open");
    create("077", "closed.db", "closed");
    let mut seen = 0;
    for path in below(home.folder()) {
        let name = path.strip_prefix(home.folder()).unwrap().display().to_string();
        let wanted = match (name.contains("closed"), path.is_dir()) {
            (false, false) => 0o640,
            (false, true) => 0o750,
            (true, false) => 0o600,
            (true, true) => 0o700,
        };
        assert_eq!(mode(&path), wanted, "{name}");
        seen += 1;
    }
    // Two databases and two copies with their lock files, and two archives.
    assert!(seen > 20, "{seen}");
}
