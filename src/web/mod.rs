//! The gallery: the catalogue in a browser. Read-only; it never calls HeyGen's API. Only [`previews`] reads
//! signed links, and sends them only to the host that they name.
//!
//! A request: [`server`] → [`security`] and [`route`] → [`view`] → the page or [`export`]. [`atom`] is the
//! feed, [`files`] are mirrored files, [`previews`] those fetched on demand.
//!
//! - [`app`]: the gallery and its settings; [`context`]: the data that every page needs
//! - pages: [`overview`], [`grid`], [`item`], [`changes`], [`polls`], [`poll`], [`timeline`],
//!   [`search`]
//! - parts of pages: [`shell`], [`facet_views`], [`tile`], [`pager`], [`change_views`],
//!   [`change_form`], [`held`], [`numbers`], `briefs`, [`pic`], [`users`], [`anchor`]
//! - addresses (pure): [`route`], [`params`], [`query_pairs`], [`viewpoint`], [`ask`]
//! - text (pure): [`words`], [`diffs`], [`chart`]
//! - for programs: [`api`]; [`api_link`] builds the links to it
//! - errors: [`failure`], [`message`], [`error_page`]
//! - HTTP: [`response`], [`etag`], [`cache`]; [`assets`]: the style sheet and the script

pub mod anchor;
pub mod api;
pub mod api_link;
pub mod app;
pub mod ask;
pub mod assets;
pub mod atom;
mod briefs;
pub mod cache;
pub mod change_form;
pub mod change_views;
pub mod changes;
pub mod chart;
pub mod context;
pub mod diffs;
pub mod error_page;
pub mod etag;
pub mod export;
pub mod facet_views;
pub mod failure;
pub mod files;
pub mod grid;
pub mod held;
pub mod item;
pub mod message;
pub mod numbers;
pub mod overview;
pub mod pager;
pub mod params;
pub mod pic;
pub mod poll;
pub mod polls;
pub mod previews;
pub mod query_pairs;
pub mod response;
pub mod route;
pub mod search;
pub mod security;
pub mod server;
pub mod shell;
pub mod tile;
pub mod timeline;
pub mod users;
pub mod view;
pub mod viewpoint;
pub mod words;

pub use app::{App, GallerySettings};
pub use server::serve;
