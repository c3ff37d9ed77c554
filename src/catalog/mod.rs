//! The pure core: what a list says, what the tables say, and what follows from the two.
//!
//! No I/O, no async, no SQL, no clock: bytes and values in, a printable [`diff::Diff`] out.
//!
//! - [`json`]: JSON text, read once
//! - [`value`]: JSON in its canonical form, without loss
//! - [`signed_url`]: which part of a URL is a signature, and when it expires
//! - [`cell`]: a value of a row
//! - [`column`]: what a column of a table is
//! - [`catalogue`]: what one poll reads
//! - [`description`]: what a kind of item is, as data
//! - [`kind`]: the kinds of items and their columns
//! - [`item`]: the fields of an item
//! - [`list`]: an answer's bytes → records, each on its own
//! - [`answer`]: stored items → an answer again
//! - [`pages`]: the pages of a v3 answer → the lists of a catalogue
//! - [`fingerprint`]: the hash of a record that is kept beside its item
//! - [`shape`]: the fields of a record and their types
//! - [`recognition`]: what an unchanged record is recognised by, undecoded
//! - [`saved`]: what people save of answers → an answer
//! - [`foreign`]: which answer has nothing in common with what is known
//! - [`stripped`]: an answer without signatures, as an archive keeps it
//! - [`json_type`]: the types of JSON values
//! - [`schema`]: which fields a list carries, with which JSON types
//! - [`links`]: which signed URLs are worth storing
//! - [`signatures`]: what signs them
//! - [`learned`]: what is news, and what could not be known before
//! - [`diff`]: the rules of history
//! - [`search`]: text without case and diacritics, by which items are found
//! - [`held`]: the name of a set of held removals
//! - [`seal`]: what a poll wrote, as lines whose digest seals it

pub mod answer;
pub mod catalogue;
pub mod cell;
pub mod column;
pub mod description;
pub mod diff;
pub mod fingerprint;
pub mod foreign;
pub mod held;
pub mod item;
pub mod json;
pub mod json_type;
pub mod kind;
mod kinds;
pub mod learned;
pub mod links;
pub mod list;
mod number;
pub mod pages;
pub mod recognition;
pub mod record;
pub mod saved;
pub mod schema;
pub mod seal;
pub mod search;
pub mod shape;
pub mod signatures;
pub mod signed_url;
pub mod stripped;
pub mod value;
