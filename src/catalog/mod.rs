//! The pure core: what a list says, what the tables say, and what follows from the two.
//!
//! No I/O, no async, no SQL, no clock: bytes and values in, a printable [`diff::Diff`] out.
//!
//! - [`value`]: JSON in its canonical form, without loss
//! - [`signed_url`]: which part of a URL is a signature, and when it expires
//! - [`item`]: kinds, their columns, and the fields of an item
//! - [`list`]: an answer's bytes → records, each on its own
//! - [`answer`]: stored items → an answer again
//! - [`schema`]: which fields a list carries, with which JSON types
//! - [`links`]: which signed URLs are worth storing
//! - [`diff`]: the rules of history

pub mod answer;
pub mod diff;
pub mod item;
pub mod links;
pub mod list;
pub mod record;
pub mod schema;
pub mod signed_url;
pub mod value;
