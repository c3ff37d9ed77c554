//! Error messages for faults of the engines, with what to do about them.

use std::{fmt, io, path::Path};

use super::{conn::Fault, location::Location};
use crate::{
    error::{Error, io_message},
    system::FileState,
};

/// Returns the error for a fault while `doing` something with the database at `location` (exit code 74).
pub fn storage_error(location: &Location, doing: impl fmt::Display, fault: &Fault) -> Error {
    Error::storage(format!("cannot {doing} {location}: {}", explained(location, fault)))
}

/// Where the services of `deploy/systemd` keep their database.
const SERVICE_FOLDER: &str = "/var/lib/heygen-sync";

/// Whether the file belongs to a service, which would fail if root created files beside it.
pub fn is_of_service(path: &Path) -> bool {
    path.starts_with(SERVICE_FOLDER)
}

/// Returns how to fill a database that does not exist yet.
pub fn how_to_fill(location: &Location, is_root: bool) -> &'static str {
    match location.file() {
        Some(path) if is_root && is_of_service(path) => {
            "let the service fill it, because files that root creates there would stop it: \
             systemctl start heygen-sync-once.service"
        }
        _ => "fill it with: heygen-sync sync",
    }
}

/// Returns the error for a lock file at `path` that cannot be used.
pub fn unusable_lock(path: &Path, fault: &io::Error) -> Error {
    let refused = fault.kind() == io::ErrorKind::PermissionDenied;
    let why = match FileState::of(path) {
        Ok(file) if refused => {
            let owner = match file.owner {
                Some(0) => "root".to_owned(),
                Some(uid) => format!("user {uid}"),
                None => "another user".to_owned(),
            };
            format!(
                "it belongs to {owner}, who ran heygen-sync here; give it to the user who polls \
                 (chown), or delete it while no poll runs"
            )
        }
        _ if refused => format!("{fault}; its folder must be writable"),
        _ => io_message(fault),
    };
    Error::storage(format!("cannot lock {}: {why}", path.display()))
}

fn explained(location: &Location, fault: &Fault) -> String {
    match location.file() {
        Some(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) {
                return "its folder does not exist; create it or give another path".into();
            }
            sqlite(fault)
        }
        None => postgres(fault),
    }
}

const FULL: &str = "the disk is full; free some space, then run again: nothing was half-written";

/// Explains a fault by its SQLite result code, in most cases by the primary one.
fn sqlite(fault: &Fault) -> String {
    if let Fault::Io(fault) = fault {
        return format!("{fault}; check the permissions of the file, its folder and the disk");
    }
    let code = fault
        .as_database_error()
        .and_then(|fault| fault.code())
        .and_then(|code| code.parse::<u32>().ok());
    let remedy = match code.map(|code| code & 0xff) {
        // SQLITE_IOERR_WRITE: a write failed, but not with ENOSPC, which is 13 (SQLITE_FULL).
        Some(10) if code == Some(778) => {
            "the disk refuses the write: a quota or a limit on file sizes is reached, or the disk \
             is faulty; nothing was half-written"
        }
        // SQLITE_IOERR_SHMSIZE: the shared memory of the write-ahead log could not grow.
        Some(10) if code == Some(4874) => FULL,
        Some(5 | 6) => "it is locked by another program; try again, or end that program",
        Some(8) => "it is read-only; check the permissions of the file, its folder and the disk",
        Some(10) => "the disk reports an error; check it before anything else",
        Some(11) => {
            "the file is damaged; restore a backup (its history cannot be repaired by hand)"
        }
        Some(13) => FULL,
        Some(14) => {
            "the file cannot be opened; check that it exists, and its permissions (if a killed \
             program left a file ending in -wal beside it, let the file's owner open it once)"
        }
        Some(26) => "the file is not a SQLite database and is not changed; give another path",
        _ => return plain(fault),
    };
    remedy.into()
}

fn postgres(fault: &Fault) -> String {
    let code = fault.as_database_error().and_then(|fault| fault.code()).unwrap_or_default();
    let remedy = match code.as_ref() {
        "28P01" | "28000" => "check user, password and pg_hba.conf",
        "3D000" => "create the database first: CREATE DATABASE …",
        "42501" => "grant the missing privilege to this user",
        "53100" => "the server's disk is full; free some space, then run again",
        "57P01" | "57P02" | "57P03" | "08006" | "08003" => {
            "nothing was half-written; run again once the server is up"
        }
        "08P01" if plain(fault).contains("options") => {
            "remove options[…] from the URL and set it on the server: \
             ALTER ROLE … SET search_path = …"
        }
        "25006" => "this server is read-only; use the primary",
        "57014" => {
            "the server's statement_timeout cancelled it; give this role a longer one: \
             ALTER ROLE … SET statement_timeout = 0"
        }
        "25P03" => "the poll took longer than its deadline; nothing was written",
        _ => "",
    };
    let message = plain(fault);
    if remedy.is_empty() { message } else { format!("{message}; {remedy}") }
}

/// Returns the engine's own message, without values that it may quote.
fn plain(fault: &Fault) -> String {
    match fault {
        Fault::Database(fault) => fault.message().to_owned(),
        Fault::Io(fault) if is_loss(fault.kind()) => {
            "the connection was lost; nothing was half-written; run again once the server is up"
                .into()
        }
        Fault::Io(fault) => format!("{fault}; check that the server is up and can be reached"),
        Fault::Tls(fault) => format!("no TLS connection: {fault}; see sslmode and sslrootcert"),
        Fault::ColumnDecode { index, source } => {
            format!("column {index} {source}: the table was changed by another program")
        }
        other => other.to_string(),
    }
}

/// Whether an established connection was lost.
fn is_loss(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_not_told_to_poll_into_the_folder_of_the_service() {
        let of = |path: &str, is_root| how_to_fill(&Location::Sqlite(path.into()), is_root);
        let service = "/var/lib/heygen-sync/heygen.db";
        assert!(of(service, true).ends_with("systemctl start heygen-sync-once.service"));
        for (path, is_root) in [(service, false), ("/srv/heygen.db", true)] {
            assert_eq!(of(path, is_root), "fill it with: heygen-sync sync");
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_named_as_one() {
        use sqlx::{Connection, Executor, SqliteConnection};
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        conn.execute("CREATE TABLE t (x); PRAGMA max_page_count = 3").await.unwrap();
        let full = conn.execute("INSERT INTO t VALUES (zeroblob(100000))").await.unwrap_err();
        let message = storage_error(&Location::Sqlite("h.db".into()), "write", &full).message;
        assert!(message.contains("the disk is full; free some space"), "{message}");
    }

    #[test]
    fn a_lock_file_that_belongs_to_root_is_named_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heygen.db.poll-default.lock");
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let absent = unusable_lock(&path, &refused).message;
        assert!(absent.ends_with("permission denied; its folder must be writable"), "{absent}");
        std::fs::write(&path, "").unwrap();
        let owner = match FileState::of(&path).unwrap().owner {
            Some(0) => "root".to_owned(),
            uid => format!("user {}", uid.unwrap()),
        };
        let there = unusable_lock(&path, &refused).message;
        assert!(there.contains(&format!("it belongs to {owner}, who ran heygen-sync")), "{there}");
        let full = unusable_lock(&path, &io::Error::from(io::ErrorKind::StorageFull)).message;
        assert!(full.contains("the disk is full; free some space"), "{full}");
    }
}
