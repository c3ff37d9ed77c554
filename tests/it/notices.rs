//! Notices: what polls tell, and how it travels. The receiver is a real server that a test makes
//! fail; the clock is the test's own.

mod events;
mod filters;
mod many;
pub mod receiver;
mod saying;
mod senders;
mod travelling;
