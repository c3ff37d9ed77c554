//! Parses the arguments, runs the command, returns its exit code: nothing else.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use heygen_sync::{cli, config, time::Clock};

fn main() -> ExitCode {
    config::unset_empty();
    let arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout with 0, a usage error to stderr with 2.
            let code = match (error.print(), error.use_stderr()) {
                // Help that cannot be written is a storage error.
                (Err(_), false) => 74,
                _ => error.exit_code(),
            };
            return ExitCode::from(u8::try_from(code).unwrap_or(2));
        }
    };
    cli::logging(&arguments);
    ExitCode::from(cli::run(arguments, Clock::system()))
}
