//! Faults of the engines, in words that say what to do.

use std::fmt;

use super::{conn::Fault, location::Location};
use crate::error::Error;

/// A fault while `doing` something with the database at `location` (exit code 74).
pub fn trouble(location: &Location, doing: impl fmt::Display, fault: &Fault) -> Error {
    Error::storage(format!("cannot {doing} {location}: {}", explained(location, fault)))
}

fn explained(location: &Location, fault: &Fault) -> String {
    match location {
        Location::Sqlite(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) {
                return "its folder does not exist; create it or give another path".into();
            }
            sqlite(fault)
        }
        Location::Postgres { .. } => postgres(fault),
    }
}

/// By SQLite's primary result codes.
fn sqlite(fault: &Fault) -> String {
    if let Fault::Io(fault) = fault {
        return format!("{fault}; check the permissions of the file, its folder and the disk");
    }
    let code = fault
        .as_database_error()
        .and_then(|fault| fault.code())
        .and_then(|code| code.parse::<u32>().ok());
    let remedy = match code.map(|code| code & 0xff) {
        Some(5 | 6) => "it is locked by another program; try again, or end that program",
        Some(8) => "it is read-only; check the permissions of the file, its folder and the disk",
        Some(10) => "the disk reports an error; check it before anything else",
        Some(11) => "the file is damaged; restore a backup (its history cannot be mended by hand)",
        Some(13) => "the disk is full; free some space, then run again: nothing was half-written",
        Some(14) => {
            "the file cannot be opened; check that it exists and who may read and write it (if a \
             program that was killed left a file ending in -wal beside it, let its owner read it once)"
        }
        Some(26) => "the file is not a SQLite database and is left alone; give another path",
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
            "take options[…] out of the URL and set it on the server: \
             ALTER ROLE … SET search_path = …"
        }
        "25006" => "this server only reads; use the primary",
        "57014" => {
            "the server's statement_timeout ended it; give this role a longer one: \
             ALTER ROLE … SET statement_timeout = 0"
        }
        "25P03" => "the poll took longer than its deadline; nothing was written",
        _ => "",
    };
    let said = plain(fault);
    if remedy.is_empty() { said } else { format!("{said}; {remedy}") }
}

/// The fault in the engine's own words, without the values that it may quote.
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

/// A connection that stood and ended.
fn is_loss(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
