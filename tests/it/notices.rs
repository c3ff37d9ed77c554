//! Notices: their contents and their delivery. The receiver is a real server that a test makes
//! fail; the test controls the clock.

mod events;
mod filters;
mod many;
pub mod receiver;
mod saying;
mod senders;
mod travelling;
