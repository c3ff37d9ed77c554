//! heygen-sync keeps a faithful local copy, with history, of what HeyGen offers to an account.
pub mod catalog;
pub mod cli;
pub mod config;
pub mod error;
pub mod heygen;
pub mod poll;
pub mod store;
pub mod time;
pub mod web;
