//! The one binary of integration tests: its modules, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agents;
mod analysts;
mod archive;
mod auto;
mod catalogues;
mod commands;
mod copying;
mod crashes;
mod crowd;
mod daemon;
mod database_file;
#[path = "../demo/mod.rs"]
mod demo;
mod dictionary;
mod documents;
mod dump;
mod fake;
mod fetching;
mod gallery;
mod home;
mod memory;
mod mirror;
mod notices;
mod pages;
mod patience;
mod planner;
mod pooling;
mod postgres;
mod publishing;
mod queries;
mod rooms;
mod rules;
mod schema;
mod seal;
mod sequences;
mod servers;
mod statements;
mod terminal;
mod text;
mod time_travel;
mod world;
