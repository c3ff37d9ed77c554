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

/// Something for each kind, in the order of [`Kind::ALL`].
pub type ByKind<T> = BTreeMap<Kind, T>;

impl Kind {
    /// This kind, or every one.
    pub fn only(kind: Option<Self>) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |one| kind.is_none_or(|only| only == *one))
    }

    /// Every kind, in the order in which everything lists them.
    pub const ALL: [Self; kinds::ALL.len()] = {
        let mut all = [Self(0); kinds::ALL.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = Self(at as u8);
            at += 1;
        }
        all
    };

    /// An entry of `avatars` in v2, a look in v3. Only an API version names a kind.
    pub const AVATAR: Self = Self(0);
    /// An entry of `talking_photos` in v2, a look of a photo in v3. Only an API version names a kind.
    pub const TALKING_PHOTO: Self = Self(1);

    /// The kind that a column `kind` names.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// The word in the columns called `kind`.
    pub fn as_str(self) -> &'static str {
        self.description().name
    }

    /// The kinds that a catalogue lists.
    pub fn of(catalogue: Catalogue) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| kind.catalogue == catalogue)
    }

    /// The kind whose ids a column of other kinds has.
    pub fn referred(column: &str) -> Option<Self> {
        match column {
            "group_id" => Self::parse("avatar_group"),
            "default_voice_id" => Self::parse("voice"),
            _ => None,
        }
    }

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn description(self) -> &'static Description {
        kinds::ALL[usize::from(self.0)]
    }

    /// `name` as a field's name, without a copy where the kind has a column for it.
    pub fn field(self, name: &str) -> FieldName {
        match self.column(name) {
            Some(column) => Cow::Borrowed(column.name),
            None => Cow::Owned(name.to_owned()),
        }
    }

    /// The column of a field.
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
