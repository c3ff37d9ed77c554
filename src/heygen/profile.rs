//! What a version of the API has to describe of itself.

use std::{pin::Pin, sync::Arc};

use super::{Client, Fetched, OnProgress};
use crate::{
    catalog::{catalogue::Catalogue, list::Answer, recognition::Recognition},
    error::Result,
};

/// What there is to know of a version.
pub(super) struct Profile {
    /// As it is written in `config.toml` and in `polls.api_version`.
    pub name: &'static str,
    /// In how many polls in a row an item must be missing until its removal is due, unless the
    /// configuration says otherwise.
    pub after_polls: u32,
    /// The cheapest request that shows whether a catalogue's list is there: path and query.
    pub probe: fn(Catalogue) -> String,
    /// Reads the list once, with the client's retries. What goes wrong is in [`Fetched::answer`].
    pub fetch: for<'a> fn(&'a Client, ListRequest, OnProgress<'a>) -> Fetching<'a>,
    /// Decodes what an archive kept of a catalogue's answer, which [`Fetched::bodies`] gave it.
    pub read: fn(Catalogue, &[u8]) -> Result<Answer>,
}

/// How a list is read.
#[derive(Clone, Debug)]
pub(super) struct ListRequest {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Whether [`Fetched::bodies`] are wanted.
    pub keep: bool,
    /// What its records may be recognised by.
    pub known: Arc<Recognition>,
    /// Whether this is the second reading of a list that broke off: in pages of another size.
    pub again: bool,
}

/// A list on its way.
pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;
