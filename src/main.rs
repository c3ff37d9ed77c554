//! Parse, run, exit code: nothing else.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use heygen_sync::{cli, config, time::Clock};

fn main() -> ExitCode {
    config::unset_empty();
    let arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout with 0, a usage error to stderr with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    cli::logging(&arguments);
    ExitCode::from(cli::run(arguments, Clock::system()))
}
