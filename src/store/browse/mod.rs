//! Queries of the gallery: pages of the catalogue now or in the past, facets, one item, changes, polls.
//!
//! Every page is limited in rows and in time, and all its queries read one snapshot. Reading never takes
//! a lock that a poll waits for. Only [`preview`] reads signed links.
//!
//! - [`reader`]: the connections; [`reading`]: the queries of one page or export
//! - [`scope`]: the items of a kind and account, now or in the past; [`picture`]: the state of a picture
//! - [`facets`]: the facets of a list, one description each; [`filter`]: their chosen values;
//!   [`cube`]: how many items each choice would show
//! - [`items`]: one page of a list, or all of it
//! - [`item`]: one item with its history
//! - [`changes`]: the change feed grouped by poll; [`change_rows`]: its rows
//! - [`preview`]: where a preview is fetched from
//! - [`polls`]: polls, sums by day
//! - [`users`]: the items that refer to others by their ids
//! - [`search`]: a search in the lists of all kinds
//! - [`overview`]: the front page
//! - `sql`: SQL that several queries share

pub mod change_rows;
pub mod changes;
pub mod cube;
pub mod facets;
pub mod filter;
pub mod item;
pub mod items;
pub mod overview;
pub mod picture;
pub mod polls;
pub mod preview;
pub mod reader;
pub mod reading;
pub mod scope;
pub mod search;
pub(in crate::store) mod sql;
pub mod users;

pub use super::open::Unreadable;
pub use reader::Reader;
pub use reading::{EXPORT_TIME, GoodPolls, Reading, Stamp};
