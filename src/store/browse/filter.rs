//! What can be asked of a list: the choices of the facets, search, order.

use std::time::Duration;

use crate::{catalog::kind::Kind, time::Timestamp};

/// Whose items, of which kind, and of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The kind.
    pub kind: Kind,
    /// The account.
    pub account: String,
    /// A moment of the past; `None` is now.
    pub at: Option<Timestamp>,
}

/// Whether an item is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Listed {
    /// Not removed.
    #[default]
    Now,
    /// Not listed at present, not removed yet.
    Missing,
    /// Removed.
    Removed,
    /// Every one ever seen.
    All,
}

/// How long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// By the last good poll.
    Poll,
    /// Within seven days.
    Week,
    /// Within thirty days.
    Month,
}

impl Span {
    /// All, shortest first.
    pub const ALL: [Self; 3] = [Self::Poll, Self::Week, Self::Month];
}

/// What is known of an item's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Picture {
    /// Its bytes are kept.
    Mirrored,
    /// Not fetched yet; of the past: not kept.
    Pending,
    /// Could not be fetched, is tried again.
    Failed,
    /// HeyGen no longer has it.
    Gone,
    /// The item names none.
    None,
    /// Not kept, and its link will expire: beside one of the others.
    Risk,
}

impl Picture {
    /// All that exclude each other, in the order of the classes in SQL.
    pub const CLASSES: [Self; 5] =
        [Self::Mirrored, Self::Pending, Self::Failed, Self::Gone, Self::None];
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// By name, A to Z.
    #[default]
    Name,
    /// Newest first.
    Added,
    /// Last changed first.
    Changed,
    /// By id.
    Id,
}

/// The choices: of one facet any, of several facets all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Text that name or id hold.
    pub q: String,
    /// Offered or not.
    pub listed: Listed,
    /// First seen within.
    pub new: Option<Span>,
    /// Changed or restored within.
    pub changed: Option<Span>,
    /// Genders.
    pub gender: Vec<String>,
    /// Premium or not.
    pub premium: Vec<bool>,
    /// Tags.
    pub tag: Vec<String>,
    /// Values of the field `type`.
    pub of_type: Vec<String>,
    /// States of the picture.
    pub picture: Vec<Picture>,
    /// Columns that hold nothing.
    pub none: Vec<String>,
}

/// The moments that [`Span`]s begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// The last good poll.
    pub poll: Timestamp,
    /// The account's first good poll: what it added is no news.
    pub first: Timestamp,
    /// Now, or the moment of the past.
    pub reference: Timestamp,
}

impl Moments {
    /// Where a span begins.
    pub fn start(&self, span: Span) -> Timestamp {
        // The reference is the beginning of the last day, which is one of them.
        let days = |days: u64| self.reference.minus(Duration::from_secs((days - 1) * 86_400));
        match span {
            Span::Poll => self.poll,
            Span::Week => days(7),
            Span::Month => days(30),
        }
    }
}
