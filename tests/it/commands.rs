//! The command line as a user sees it: the real binary, its output, its exit codes.

mod catalogues;
mod errors;
mod export;
mod finding;
mod first_steps;
mod ids;
mod output;
mod processes;
mod surroundings;
mod switching;
mod syncing;
mod verifying;
