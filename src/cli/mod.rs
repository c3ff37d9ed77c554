//! The command line: one file per verb, rendering in one place (`output`).
//!
//! Results go to stdout, everything else to stderr; each verb returns an exit code of the contract.
//! Contains no SQL and no rule of history.

mod account;
mod api;
mod changes;
mod check;
mod context;
mod copy;
mod daemon;
mod export;
mod find;
mod flags;
mod hints;
mod history;
mod ids;
mod input;
mod layout;
mod log;
mod man;
mod mcp;
mod metadata;
mod mirror;
mod notify;
mod one_poll;
mod output;
mod parquet;
mod progress;
mod replay;
mod report;
mod round;
mod serve;
mod status;
mod stores;
mod sync;
mod task;
mod textfile;
mod unknown;
mod verify;

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, time::Duration};

use clap::{CommandFactory, Parser, Subcommand};

use self::{
    context::{Context, DaemonLink},
    log::{ALL_IS_LOGGED, report_error},
    man::exit_codes,
};
use crate::{
    config::{Config, LogFormat, Sources},
    error::{Error, Result, caught},
    store::Location,
    time::Clock,
};

/// Keeps a faithful local copy, with history, of the avatars, groups and voices that HeyGen
/// offers to an account.
#[derive(Debug, Parser)]
#[command(name = "heygen-sync", version, after_help = exit_codes(), disable_help_subcommand = false)]
pub struct Arguments {
    /// Read only this configuration file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// The database: a file (SQLite) or a postgres://… URL; overrides the configured one
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    database: Option<String>,
    /// Log more; -vv for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    /// Print only errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sync(sync::Sync),
    Daemon(daemon::DaemonArgs),
    Mirror(mirror::MirrorArgs),
    Status(status::StatusArgs),
    Changes(changes::ChangesArgs),
    Find(find::Find),
    History(history::History),
    Ids(ids::Ids),
    Verify(verify::Verify),
    Serve(serve::ServeArgs),
    Mcp(mcp::Mcp),
    Export(export::Export),
    Check(check::Check),
    Notify(notify::NotifyArgs),
    Copy(copy::Copy),
    Replay(replay::Replay),
    Metadata(metadata::Metadata),
    Account(account::AccountArgs),
    Completions(man::Completions),
    Man(man::Man),
}

/// Parses the arguments; the error explains what is wrong with them.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let words: Vec<OsString> = words.into_iter().collect();
    Arguments::try_parse_from(&words).map_err(|error| hints::hinted(error, &words))
}

/// Runs a verb and returns its exit code.
pub fn run(arguments: Arguments, clock: Clock) -> u8 {
    let Arguments { config, database, verbose: _, quiet, command } = arguments;
    let flags = retyped(config.as_ref(), database.as_deref());
    let is_daemon = matches!(command, Command::Daemon(_));
    let service = DaemonLink { is_daemon, ..DaemonLink::default() };
    let sources = Sources::of_process(config, database);
    let context = Context { sources, quiet, clock, flags, service };
    let ran = match runtime(&command) {
        Ok(runtime) => {
            let ran = runtime.block_on(caught(dispatch(command, &context)));
            // An abandoned DNS lookup is not waited for.
            runtime.shutdown_timeout(Duration::from_secs(1));
            ran
        }
        Err(fault) => Err(Error::unforeseen(format!("cannot start: {fault}"))),
    };
    ran.unwrap_or_else(|error| report_error(&error))
}

/// Builds the runtime. A command that answers requests must not let them wait for its other work; for
/// the others, waking a second thread would cost more than it saves.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    use tokio::runtime::Builder;
    let mut builder = match command {
        Command::Daemon(_) | Command::Serve(_) | Command::Mcp(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build()
}

async fn dispatch(command: Command, context: &Context) -> Result<u8> {
    match command {
        Command::Sync(verb) => verb.run(context).await,
        Command::Daemon(verb) => verb.run(context).await,
        Command::Mirror(verb) => verb.run(context).await,
        Command::Status(verb) => verb.run(context).await,
        Command::Changes(verb) => verb.run(context).await,
        Command::Find(verb) => verb.run(context).await,
        Command::History(verb) => verb.run(context).await,
        Command::Ids(verb) => verb.run(context).await,
        Command::Verify(verb) => verb.run(context).await,
        Command::Serve(verb) => verb.run(context).await,
        Command::Mcp(verb) => verb.run(context).await,
        Command::Export(verb) => verb.run(context).await,
        Command::Check(verb) => verb.run(context).await,
        Command::Notify(verb) => verb.run(context).await,
        Command::Copy(verb) => verb.run(context).await,
        Command::Replay(verb) => verb.run(context).await,
        Command::Metadata(verb) => verb.run(context),
        Command::Account(verb) => verb.run(context).await,
        Command::Completions(verb) => verb.run(Arguments::command()),
        Command::Man(verb) => verb.run(Arguments::command()),
    }
}

/// Returns the global flags as they would be typed again, without a password.
fn retyped(config: Option<&PathBuf>, database: Option<&str>) -> Vec<String> {
    let mut flags = vec![];
    if let Some(config) = config {
        flags.extend(["--config".to_owned(), config.display().to_string()]);
    }
    if let Some(database) = database.and_then(Location::without_password) {
        flags.extend(["--database".to_owned(), database]);
    }
    flags
}

/// Sets up the log: to stderr, in the format that `[log]` selects; errors only without a terminal,
/// more on request and in the daemon.
pub fn logging(arguments: &Arguments) {
    use tracing_subscriber::{EnvFilter, fmt};
    let is_daemon = matches!(arguments.command, Command::Daemon(_));
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => "error",
        (false, 0) if is_daemon => "info",
        (false, 0) if std::io::stderr().is_terminal() => "warn",
        (false, 0) => "error",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    // The timer's crate logs a cancelled timer as an error; the daemon checks the clock itself. An
    // untrusted certificate is reported as the error of the poll.
    let filter = EnvFilter::new(format!(
        "error,tokio_cron_scheduler=off,rustls_platform_verifier=off,heygen_sync={level}"
    ));
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A line that cannot be written is lost; else the subscriber reports it on stderr, and panics.
    let log = log.log_internal_errors(false);
    // A configuration that cannot be read is reported by the verb.
    let sources = Sources::of_process(arguments.config.clone(), arguments.database.clone());
    let is_json =
        Config::load(&sources).is_ok_and(|(config, _)| config.log.format == LogFormat::Json);
    let has_colours = std::io::stderr().is_terminal() && sources.env.get("NO_COLOR").is_none();
    // A second subscriber (in a test) is not an error.
    let _ = match is_json {
        true => log.json().flatten_event(true).try_init(),
        false => log.with_ansi(has_colours).try_init(),
    };
    // The message of a panic may contain anything, even a secret.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!("a bug: panic at {place}; please report it"),
        None => tracing::error!("a bug: panic; please report it"),
    }));
    let _ = ALL_IS_LOGGED.set(is_json || is_daemon);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_be_typed_names_the_same_database_without_its_password() {
        let typed = |database| {
            let flags = retyped(None, Some(database));
            flags.strip_prefix(&["--database".to_owned()]).map(<[String]>::concat)
        };
        for file in ["heygen.db", "/srv/me@host/heygen.db", "my password.db", "sqlite:/a/b.db"] {
            assert_eq!(typed(file).as_deref(), Some(file));
        }
        for (url, shown) in [
            ("postgres://u@h:6543/d", "postgres://u@h:6543/d"),
            ("postgres://u:secret@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
            (
                "postgres://h/d?user=u&password=secret&options[search_path]=s",
                "postgres://h/d?user=u&options[search_path]=s",
            ),
            ("postgres:///d?host=/run/pg&p%61ssword=secret", "postgres:///d?host=/run/pg"),
            ("postgres:///d?password=secret", "postgres:///d"),
        ] {
            assert_eq!(typed(url).as_deref(), Some(shown));
        }
        assert_eq!(typed("postgres://u:a/secret@h/d"), None);
    }
}
