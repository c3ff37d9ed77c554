//! The gallery: the catalogue to look at, in a browser. Read-only; it never calls HeyGen.
//!
//! - [`params`]: the URL is the state; query strings ↔ typed questions (pure)
//! - [`words`]: values for people (pure)
//! - [`diffs`]: a change for people (pure)
//! - [`chart`]: bars as SVG (pure)
//! - [`route`]: which page a path means (pure)
//! - [`security`]: who may ask, and what every answer says to the browser
//! - [`server`]: a request from its arrival to its answer; [`view`]: one view from its question
//!   ([`ask`]) to its answer; [`atom`]: the feed
//! - [`failure`]: why there is no page, and how that is said; [`response`]: answers as they travel
//! - [`cache`]: when a browser may keep what it has
//! - [`files`]: mirrored pictures and videos, by hash
//! - [`assets`]: the style sheet, the script and the icon
//! - [`export`]: any view as csv, json or ndjson
//! - [`page`]: what all pages have in common; then one file a page: [`overview`], [`grid`],
//!   [`item`], [`changes`], [`polls`], [`timeline`]
//!
//! A signed link never comes here: the store's `browse` does not read them.

pub mod ask;
pub mod assets;
pub mod atom;
pub mod cache;
pub mod changes;
pub mod chart;
pub mod diffs;
pub mod export;
pub mod failure;
pub mod files;
pub mod grid;
pub mod item;
pub mod overview;
pub mod page;
pub mod params;
pub mod polls;
pub mod response;
pub mod route;
pub mod security;
pub mod server;
pub mod timeline;
pub mod view;
pub mod words;

pub use server::{App, Settings, serve};
