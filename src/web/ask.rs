//! What a page was asked, read from path and query before anything is read. Pure.

use super::{
    params::{self, BadParameter, By, ChangesQuery, GridQuery, Pairs},
    route::View,
};

/// A question, read from path and query before anything is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The front page.
    Overview,
    /// A list.
    Grid(GridQuery),
    /// An item; two versions to compare.
    Item(Option<(i64, i64)>),
    /// The change feed.
    Changes(ChangesQuery),
    /// A page of polls.
    Polls(i64),
    /// Of one poll these changes.
    Poll(ChangesQuery),
    /// Bars.
    Timeline(By),
}

impl Ask {
    /// Reads it; an unknown parameter is left in `pairs`.
    pub(super) fn take(view: &View, pairs: &mut Pairs) -> Result<Self, BadParameter> {
        Ok(match view {
            View::Overview => Self::Overview,
            View::Grid(kind) => Self::Grid(GridQuery::take(pairs, *kind)?),
            View::Item(..) => Self::Item(params::take_versions(pairs)?),
            View::Changes => Self::Changes(ChangesQuery::take(pairs)?),
            View::Polls => Self::Polls(params::take_page(pairs)?),
            View::Poll(_) => Self::Poll(ChangesQuery::of_poll(pairs)?),
            View::Timeline => Self::Timeline(params::take_by(pairs)?),
        })
    }

    /// As a query string's pairs.
    pub(super) fn own(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Overview | Self::Item(None) => vec![],
            Self::Item(Some((from, to))) => {
                vec![("from", from.to_string()), ("to", to.to_string())]
            }
            Self::Grid(query) => query.pairs(),
            Self::Changes(query) | Self::Poll(query) => query.pairs(),
            Self::Polls(page) if *page > 1 => vec![("page", page.to_string())],
            Self::Polls(_) => vec![],
            Self::Timeline(By::Day) => vec![("by", "day".into())],
            Self::Timeline(By::Week) => vec![],
        }
    }
}
