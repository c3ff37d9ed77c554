//! The parameters of a view. Pure.

use super::{
    params::{self, By, ChangesQuery, GridQuery},
    query_pairs::{BadParameter, QueryPairs},
    route::View,
};
use crate::catalog::search;

/// The parameters of a view, read before the database.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The front page.
    Overview,
    /// A list.
    Grid(GridQuery),
    /// An item, optionally with two versions to compare.
    Item(Option<(i64, i64)>),
    /// The change feed.
    Changes(ChangesQuery),
    /// A page of polls.
    Polls(i64),
    /// The changes of one poll.
    Poll(ChangesQuery),
    /// The timeline.
    Timeline(By),
    /// A search in all lists.
    Search(String),
}

impl Ask {
    /// Takes the parameters of `view`; others remain in `pairs`.
    pub(super) fn take(view: &View, pairs: &mut QueryPairs) -> Result<Self, BadParameter> {
        Ok(match view {
            View::Overview => Self::Overview,
            View::Grid(kind) => Self::Grid(GridQuery::take(pairs, &[*kind])?),
            View::Item(..) => Self::Item(params::take_versions(pairs)?),
            View::Changes => Self::Changes(ChangesQuery::take(pairs)?),
            View::Polls => Self::Polls(pairs.page()?),
            View::Poll(_) => Self::Poll(ChangesQuery::of_poll(pairs)?),
            View::Timeline => Self::Timeline(params::take_by(pairs)?),
            View::Search => {
                let q = pairs.one("q")?.filter(|q| !search::words(q).is_empty());
                Self::Search(q.unwrap_or_default())
            }
        })
    }

    /// Returns the parameters as pairs of a query string.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
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
            Self::Search(q) if q.is_empty() => vec![],
            Self::Search(q) => vec![("q", q.clone())],
        }
    }
}
