//! The context of every page: the viewpoint, the account, its last good poll.

use super::{
    app::App,
    route::{View, item_path},
    viewpoint::Viewpoint,
    words,
};
use crate::{
    catalog::kind::Kind,
    store::{
        browse::{
            GoodPolls, Stamp,
            scope::{Moments, Scope},
        },
        row::PollRow,
    },
    time::Timestamp,
};

/// The age in hours from which the footer warns that the last good poll is old.
const OLD_HOURS: i64 = 26;

/// The input of a page besides its own data: the viewpoint, the account and its last good poll.
pub struct PageContext<'a> {
    /// The gallery.
    pub app: &'a App,
    /// What the page shows.
    pub view: View,
    /// The account and the time that all links keep.
    pub viewpoint: Viewpoint,
    /// The path of the page, without the extension of an export.
    pub path: String,
    /// The page's own parameters.
    pub parameters: Vec<(&'static str, String)>,
    /// The account that is shown.
    pub account: String,
    /// The state of the database.
    pub stamp: &'a Stamp,
    /// The current time.
    pub now: Timestamp,
    /// The account's good polls at the viewpoint.
    pub polls: GoodPolls,
    /// The last one: of the view's catalogue if it has one, else of another.
    pub good: PollRow,
}

impl PageContext<'_> {
    /// Returns a link that keeps the viewpoint.
    pub fn href(&self, path: &str, parameters: &[(&str, String)]) -> String {
        self.viewpoint.href(path, parameters)
    }

    /// Returns the link to an item.
    pub fn item(&self, kind: Kind, id: &str) -> String {
        self.href(&item_path(kind, id), &[])
    }

    /// Returns the link to a poll.
    pub fn poll(&self, number: i64, parameters: &[(&str, String)]) -> String {
        self.href(&format!("/polls/{number}"), parameters)
    }

    /// Returns the scope of the items of a kind at the viewpoint.
    pub fn scope(&self, kind: Kind) -> Scope {
        Scope { kind, account: self.account.clone(), at: self.viewpoint.at() }
    }

    /// Returns the current time, or the past time of the viewpoint.
    pub fn reference(&self) -> Timestamp {
        self.viewpoint.at().unwrap_or(self.now)
    }

    /// Returns the kinds of the catalogues that were ever polled.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.polls.first_of(kind.catalogue).is_some())
    }

    /// Returns the time of the last good poll.
    pub fn polled_at(&self) -> Timestamp {
        self.good.observed_at.unwrap_or(self.now)
    }

    /// Returns the time of the first good poll of the last good poll's catalogue.
    pub fn first_poll_at(&self) -> Timestamp {
        self.polls.first_of(self.good.catalogue()).unwrap_or(self.polled_at())
    }

    /// Returns the moments to which the facets refer; days begin at midnight, so a page is the same all
    /// day.
    pub fn moments(&self) -> Moments {
        self.polls.moments(&self.good, words::start_of_day(self.reference()))
    }

    /// Whether the last good poll is too long ago.
    pub fn is_old(&self) -> bool {
        self.viewpoint.as_of.is_none()
            && self.now.millis() - self.polled_at().millis() > OLD_HOURS * 3_600_000
    }

    /// Whether pictures and videos that are not stored are fetched on request. Not for the past: the
    /// content of a link today is not its content at that time.
    pub fn shows_live(&self) -> bool {
        self.app.settings.previews.is_some() && self.viewpoint.as_of.is_none()
    }

    /// Whether the mirror's files cannot be read.
    pub fn without_mirror(&self) -> bool {
        self.app.settings.files.is_none()
    }
}

/// Returns the account that is shown if none is chosen.
pub fn usual_account(stamp: &Stamp) -> Option<&String> {
    let default = stamp.accounts.iter().find(|account| *account == "default");
    default.or(stamp.accounts.first())
}
