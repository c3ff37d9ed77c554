//! What the catalogue answers to programs, as values that serialize and describe themselves: the tools
//! for agents and the API over HTTP answer with the same.
//!
//! The questions are asked within a reading that has begun ([`Store::begin_reading`]).
//!
//! [`Store::begin_reading`]: crate::store::Store::begin_reading

mod change;
mod item;
mod past;
mod poll;
pub mod redact;
mod schema;
mod state;
mod status;

pub use change::Change;
pub use item::{HistoryVersion, Item, ItemHistory, item};
pub use past::{AsOf, CatalogueThen, ItemThen, PastQuestion, as_of};
pub use poll::Poll;
pub use schema::ItemFields;
pub use state::{IdState, IdStates, check_ids};
pub use status::{CatalogueState, Counts, status};

/// The most rows of an answer.
pub const MOST: usize = 200;

/// A place between two items: kind, account and id of the one before it.
pub type ItemPlace = (crate::catalog::kind::Kind, String, String);
