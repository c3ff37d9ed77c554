//! The one integration-test binary: its rooms, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fake;
mod fetching;
mod postgres;
mod schema;
mod seal;
