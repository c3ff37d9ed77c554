//! The description that each version of the API provides.

use std::{pin::Pin, sync::Arc};

use super::{Client, Fetched, OnProgress};
use crate::{
    catalog::{catalogue::Catalogue, list::Answer, recognition::Recognition},
    error::Result,
};

/// The description of a version.
pub(super) struct Profile {
    /// The name, as in `config.toml` and in `polls.api_version`.
    pub name: &'static str,
    /// The number of consecutive polls in which an item must be missing until its removal is due,
    /// unless configured otherwise.
    pub after_polls: u32,
    /// The cheapest request that shows whether a catalogue's list is there: path and query.
    pub probe: fn(Catalogue) -> String,
    /// Reads the list once, with the client's retries. Errors are in [`Fetched::answer`].
    pub fetch: for<'a> fn(&'a Client, ListRequest, OnProgress<'a>) -> Fetching<'a>,
    /// Decodes an archived answer of a catalogue, which was stored from [`Fetched::bodies`].
    pub read: fn(Catalogue, &[u8]) -> Result<Answer>,
}

/// The request for a list.
#[derive(Clone, Debug)]
pub(super) struct ListRequest {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Whether [`Fetched::bodies`] are wanted.
    pub keep: bool,
    /// The data for recognising records.
    pub known: Arc<Recognition>,
    /// Whether this is the second reading of a list that broke off: it uses another page size.
    pub again: bool,
}

/// A list that is being fetched.
pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;
