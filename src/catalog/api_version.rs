//! The versions of the API, by name.

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A version of the API. How it is read is in `heygen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ApiVersion {
    /// `GET /v2/avatars`: the whole list in one answer.
    V2,
    /// Page by page: `GET /v3/avatars/looks` and the lists of the other catalogues.
    V3,
}

impl ApiVersion {
    /// Every version that can be configured, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Returns the version that `polls.api_version` names; `None` for an unknown name.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the name, as in `config.toml` and in `polls.api_version`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the number of consecutive polls in which an item must be missing until its removal
    /// is due, unless configured otherwise (rule 8). The list of v3 may shift while its pages are
    /// read, so a removal needs two polls.
    pub fn after_polls(self) -> u32 {
        match self {
            Self::V2 => 1,
            Self::V3 => 2,
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
