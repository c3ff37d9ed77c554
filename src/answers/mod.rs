//! Answers about the catalogue for programs, as values that have a JSON form and a schema. The tools
//! for agents and the HTTP API return the same answers.
//!
//! Callers must have begun a read transaction ([`Store::begin_reading`]).
//!
//! [`Store::begin_reading`]: crate::store::Store::begin_reading

mod item;
mod past;
mod poll;
pub mod redact;
mod schema;
mod state;
mod status;

pub use item::{HistoryVersion, Item, ItemHistory, item};
pub use past::{AsOf, CatalogueThen, ItemThen, PastQuestion, as_of};
pub use poll::Poll;
pub use schema::ItemFields;
pub use state::{IdState, IdStates, check_ids};
pub use status::{CatalogueState, Counts, status};

/// The most rows of an answer.
pub const MOST: usize = 200;

/// A position between two items: kind, account and id of the one before it.
pub type ItemPlace = (crate::catalog::kind::Kind, String, String);
