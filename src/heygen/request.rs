//! The request for a list, which every version of the API takes.

use std::sync::Arc;

use crate::catalog::{catalogue::Catalogue, recognition::Recognition};

/// The request for a list.
#[derive(Clone, Debug)]
pub(super) struct ListRequest {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Whether [`super::Fetched::bodies`] are wanted.
    pub keep: bool,
    /// The data for recognising records.
    pub known: Arc<Recognition>,
    /// Whether this is the second reading of a list that broke off: it uses another page size.
    pub again: bool,
}
