//! The gallery in a real browser. A separate test binary, so that the main suite stays fast; it
//! needs Chromium, its driver and axe-core, which scripts/install-test-tools installs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cdn;
mod chrome;
#[path = "../demo/mod.rs"]
mod demo;
mod look;
#[path = "../it/patience.rs"]
mod patience;
#[path = "../it/postgres/mod.rs"]
#[allow(dead_code, unused_imports)] // The main suite uses the rest.
mod postgres;
mod previews;
mod screenshots;
mod site;
mod tasks;
mod use_it;
