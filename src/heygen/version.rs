//! How each version of the API is read: which file reads its lists, and which decoder its answers.

use super::{Client, Fetched, OnProgress, request::ListRequest, v2, v3};
use crate::{
    catalog::{self, api_version::ApiVersion, catalogue::Catalogue, list::Answer, pages},
    error::Result,
};

impl ApiVersion {
    /// Decodes an archived answer of a catalogue by this version, which was stored from
    /// [`Fetched::bodies`].
    ///
    /// # Errors
    /// [`crate::error::Kind::NotACatalogue`] for anything else.
    pub fn read(self, catalogue: Catalogue, kept: &[u8]) -> Result<Answer> {
        match self {
            Self::V2 => catalog::v2::decode(kept),
            Self::V3 => pages::read(catalogue, kept),
        }
    }

    /// Returns the cheapest request that shows whether a catalogue's list is there: path and query.
    pub(super) fn probe(self, catalogue: Catalogue) -> String {
        match self {
            Self::V2 => v2::PATH.to_owned(),
            Self::V3 => v3::probe(catalogue),
        }
    }

    /// Reads the list once, with the client's retries. Errors are in [`Fetched::answer`].
    pub(super) async fn fetch(
        self,
        client: &Client,
        request: ListRequest,
        progress: OnProgress<'_>,
    ) -> Fetched {
        match self {
            Self::V2 => v2::fetch(client, request, progress).await,
            Self::V3 => v3::fetch(client, request, progress).await,
        }
    }
}
