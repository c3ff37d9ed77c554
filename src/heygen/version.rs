//! A version of the API, as the rest of the program sees it.
//!
//! Each version has a file of its own, described by its `Profile`; `ALL` lists them. A new version
//! needs such a file (which can decode its records with [`crate::catalog::list::ListBuilder`]) and
//! an entry in `ALL`: everything else follows its profile.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use super::{
    Client, OnProgress,
    profile::{Fetching, ListRequest, Profile},
    v2, v3,
};
use crate::{
    catalog::{catalogue::Catalogue, list::Answer},
    error::Result,
};

/// Every version that can be configured, oldest first.
static ALL: [&Profile; 2] = [&v2::PROFILE, &v3::PROFILE];

/// A version of the API.
#[derive(Clone, Copy)]
pub struct ApiVersion(&'static Profile);

impl ApiVersion {
    /// `GET /v2/avatars`: the whole list in one answer.
    pub const V2: Self = Self(&v2::PROFILE);
    /// Page by page: `GET /v3/avatars/looks` and the lists of the other catalogues.
    pub const V3: Self = Self(&v3::PROFILE);

    /// Every version that can be configured, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|profile| Self(profile))
    }

    /// Returns the version that `polls.api_version` names; `None` for an unknown name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|version| version.as_str() == name)
    }

    /// Returns the name, as in `config.toml` and in `polls.api_version`.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// Returns the number of consecutive polls in which an item must be missing until its removal
    /// is due, unless configured otherwise (rule 8).
    pub fn after_polls(self) -> u32 {
        self.0.after_polls
    }

    /// Decodes an archived answer of a catalogue by this version.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotACatalogue`] for anything else.
    pub fn read(self, catalogue: Catalogue, kept: &[u8]) -> Result<Answer> {
        (self.0.read)(catalogue, kept)
    }

    pub(super) fn probe(self, catalogue: Catalogue) -> String {
        (self.0.probe)(catalogue)
    }

    pub(super) fn fetch<'a>(
        self,
        client: &'a Client,
        request: ListRequest,
        progress: OnProgress<'a>,
    ) -> Fetching<'a> {
        (self.0.fetch)(client, request, progress)
    }
}

impl PartialEq for ApiVersion {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ApiVersion {}

impl Hash for ApiVersion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
