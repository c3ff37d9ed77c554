//! The one integration-test binary: its rooms, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
#[path = "../demo/mod.rs"]
mod demo;
mod fake;
mod fetching;
mod gallery;
mod home;
mod mirror;
mod postgres;
mod rooms;
mod rules;
mod schema;
mod sequences;
mod statements;
mod text;
mod time_travel;
mod world;
