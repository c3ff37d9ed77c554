//! The gallery in a real browser. A test binary of its own, so that the main suite stays quick;
//! it needs Chromium, its driver and axe-core, which scripts/install-test-tools puts down.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cdn;
mod chrome;
#[path = "../demo/mod.rs"]
mod demo;
mod look;
#[path = "../it/patience.rs"]
mod patience;
#[path = "../it/postgres/mod.rs"]
#[allow(dead_code, unused_imports)] // Its other half serves the main suite.
mod postgres;
mod previews;
mod screenshots;
mod site;
mod tasks;
mod use_it;
