//! The pure core: compares the contents of a list with those of the tables.
//!
//! Opens nothing, no async, no SQL, no clock: bytes and values in, a printable [`diff::Diff`] out.
//!
//! - [`json`]: a reader of JSON text
//! - [`json_out`]: writes JSON text
//! - [`value`]: JSON in its canonical form, without loss
//! - [`signed_url`]: which part of a URL is a signature, and when it expires
//! - [`cell`]: a value of a row
//! - [`mod@column`]: a column of a table
//! - [`catalogue`]: what one poll reads
//! - [`api_version`]: the versions of the API, by name
//! - [`description`]: the description of a kind of item, as data
//! - [`kind`]: the kinds of items and their columns
//! - [`item`]: the fields of an item
//! - [`json_stream`]: reads a JSON document in pieces
//! - [`mod@body`]: the parts of a response's body
//! - [`record`]: one record of a list: raw JSON → an id, fields, nulls and signed links
//! - `number`: the canonical text of JSON numbers
//! - [`list`]: the lists of an answer, and their builder
//! - [`v2`]: a response of v2 → its lists
//! - [`answer`]: stored items → an answer
//! - [`pages`]: the pages of a v3 answer → the lists of a catalogue
//! - [`fingerprint`]: the hash of a record that is stored with its item
//! - [`shape`]: the fields of a record and their types
//! - [`recognition`]: recognises unchanged records without decoding them
//! - [`saved`]: a file that a user saved → an answer
//! - [`foreign`]: detects an answer without any known id
//! - [`stripped`]: an answer without signatures, as an archive stores it
//! - [`json_type`]: the types of JSON values
//! - [`schema`]: which fields a list carries, with which JSON types
//! - [`links`]: which signed URLs to store
//! - [`signatures`]: the signatures of these URLs
//! - [`learned`]: which values were learned rather than changed
//! - [`diff`]: the rules of history
//! - [`search`]: search without regard to case and diacritics
//! - [`held`]: the name of a set of held removals
//! - [`seal`]: the lines of a poll, whose digest seals it

pub mod answer;
pub mod api_version;
pub mod body;
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
pub mod json_out;
pub mod json_stream;
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
pub mod v2;
pub mod value;
