//! The one integration-test binary: its rooms, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../demo/mod.rs"]
mod demo;
mod fake;
mod fetching;
mod gallery;
mod postgres;
mod schema;
