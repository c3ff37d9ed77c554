//! The kinds of items: a handle to the description of each.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref};

use super::{
    catalogue::Catalogue,
    column::{Column, FieldName},
    description::Description,
    kinds,
};

pub use super::description::{Preview, Role};

/// A kind of item: a handle to its [`Description`], which it dereferences to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

/// A map by kind, in the order of [`Kind::ALL`].
pub type ByKind<T> = BTreeMap<Kind, T>;

impl Kind {
    /// Returns the given kind, or every kind for `None`.
    pub fn only(kind: Option<Self>) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |one| kind.is_none_or(|only| only == *one))
    }

    /// Every kind, in the order in which kinds are always listed.
    pub const ALL: [Self; kinds::ALL.len()] = {
        let mut all = [Self(0); kinds::ALL.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = Self(at as u8);
            at += 1;
        }
        all
    };

    /// An entry of `avatars` in v2, a look in v3. For the code of an API version only.
    pub const AVATAR: Self = Self(0);
    /// An entry of `talking_photos` in v2, a look of a photo in v3. For the code of an API version only.
    pub const TALKING_PHOTO: Self = Self(1);

    /// Returns the kind with this name, as in the columns called `kind`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// Returns the kind's name in the columns called `kind`.
    pub fn as_str(self) -> &'static str {
        self.description().name
    }

    /// Returns the kinds that a catalogue lists.
    pub fn of(catalogue: Catalogue) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| kind.catalogue == catalogue)
    }

    /// Returns the kind whose ids a column of another kind contains.
    pub fn referred(column: &str) -> Option<Self> {
        match column {
            "group_id" => Self::parse("avatar_group"),
            "default_voice_id" => Self::parse("voice"),
            _ => None,
        }
    }

    /// Returns its index in [`Self::ALL`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn description(self) -> &'static Description {
        kinds::ALL[usize::from(self.0)]
    }

    /// Returns `name` as a field's name, without copying it if the kind has a column for it.
    pub fn field(self, name: &str) -> FieldName {
        match self.column(name) {
            Some(column) => Cow::Borrowed(column.name),
            None => Cow::Owned(name.to_owned()),
        }
    }

    /// Returns the column of a field, if it has one.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.description().columns.iter().find(|column| column.name == name)
    }
}

impl Deref for Kind {
    type Target = Description;

    fn deref(&self) -> &Description {
        self.description()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
