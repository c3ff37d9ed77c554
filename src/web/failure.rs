//! Why a page cannot be shown.

use super::{anchor::Anchor, message::MessagePage, query_pairs::BadParameter};
use crate::{error::Error, store::browse::Unreadable};

/// Why a page cannot be shown.
pub enum PageFailure {
    /// A parameter cannot be used: 400.
    Parameter(BadParameter),
    /// The page does not exist: 404.
    NotFound(Box<MessagePage>),
    /// Nothing was polled yet.
    NothingYet(Box<MessagePage>),
    /// The page belongs to this account, and no account was given: a redirect.
    OfAccount(String),
    /// The database cannot be read: 503.
    Unreadable(Unreadable),
}

impl PageFailure {
    /// Creates the failure of a page that does not exist, with links to continue with.
    pub fn not_found(message: MessagePage, links: Vec<Anchor>) -> Self {
        Self::NotFound(Box::new(MessagePage { links, ..message }))
    }
}

impl From<BadParameter> for PageFailure {
    fn from(bad: BadParameter) -> Self {
        Self::Parameter(bad)
    }
}

impl From<Error> for PageFailure {
    fn from(error: Error) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<Unreadable> for PageFailure {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}
