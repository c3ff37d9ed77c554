//! The catalogues: what one poll reads.

use strum::{EnumString, IntoStaticStr, VariantArray};

use std::fmt;

/// What one poll reads: the lists of one part of the API.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    IntoStaticStr,
    EnumString,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Catalogue {
    /// Avatars and talking photos: the looks of v3.
    #[default]
    Avatars,
    /// Groups of looks, one for each person.
    AvatarGroups,
    /// Voices.
    Voices,
}

impl Catalogue {
    /// Every catalogue, in the order in which catalogues are always listed.
    pub const ALL: [Self; 3] = [Self::Avatars, Self::AvatarGroups, Self::Voices];

    /// Returns the catalogue's name in `polls.catalogue` and in `api.catalogues`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the catalogue with the name `word`.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Catalogue {
    /// Returns `name` with the catalogue appended (`name, voices`), unless that is the default one.
    pub fn of(self, name: &str) -> String {
        match self == Self::default() {
            true => name.to_owned(),
            false => format!("{name}, {self}"),
        }
    }
}

impl fmt::Display for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
