//! What every page is made from: the viewpoint, the account, its last good poll.

use super::{app::App, route::item_path, viewpoint::Viewpoint, words};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        LastGoodPoll, Stamp,
        scope::{Moments, Scope},
    },
    time::Timestamp,
};

/// The age in hours from which the footer warns of the last good poll.
const OLD_HOURS: i64 = 26;

/// What a page is made from, beside its own data: the viewpoint, the account and its last good poll.
pub struct PageContext<'a> {
    /// The gallery.
    pub app: &'a App,
    /// What all links keep.
    pub viewpoint: Viewpoint,
    /// The path of the page, without an export's ending.
    pub path: String,
    /// The page's own parameters.
    pub own: Vec<(&'static str, String)>,
    /// The account that is shown.
    pub account: String,
    /// All accounts.
    pub accounts: Vec<String>,
    /// The present.
    pub now: Timestamp,
    /// The account's last good poll at the viewpoint.
    pub good: LastGoodPoll,
}

impl PageContext<'_> {
    /// A link that keeps the viewpoint.
    pub fn href(&self, path: &str, own: &[(&str, String)]) -> String {
        self.viewpoint.href(path, own)
    }

    /// The link to an item.
    pub fn item(&self, kind: Kind, id: &str) -> String {
        self.href(&item_path(kind, id), &[])
    }

    /// The items of a kind at the viewpoint.
    pub fn scope(&self, kind: Kind) -> Scope {
        Scope { kind, account: self.account.clone(), at: self.viewpoint.at() }
    }

    /// Now, or the moment of the past.
    pub fn reference(&self) -> Timestamp {
        self.viewpoint.at().unwrap_or(self.now)
    }

    /// The kinds of the catalogues that were ever polled.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.good.first_of(kind.catalogue).is_some())
    }

    /// When the last good poll was.
    pub fn polled_at(&self) -> Timestamp {
        self.good.row.observed_at.unwrap_or(self.now)
    }

    /// When the account's first good poll was.
    pub fn first_poll_at(&self) -> Timestamp {
        self.good.first_of(self.good.row.catalogue()).unwrap_or(self.polled_at())
    }

    /// The moments to which the facets refer: days from midnight, so a page is the same all day.
    pub fn moments(&self) -> Moments {
        self.good.moments(words::start_of_day(self.reference()))
    }

    /// Whether the last good poll is too long ago.
    pub fn is_old(&self) -> bool {
        self.viewpoint.as_of.is_none()
            && self.now.millis() - self.polled_at().millis() > OLD_HOURS * 3_600_000
    }

    /// Whether pictures and videos that are not stored are fetched when they are asked for. The past
    /// has none: what a link gives today is not what it gave then.
    pub fn shows_live(&self) -> bool {
        self.app.settings.previews.is_some() && self.viewpoint.as_of.is_none()
    }

    /// Whether the mirror's files cannot be read.
    pub fn without_mirror(&self) -> bool {
        self.app.settings.files.is_none()
    }
}

/// The account that is shown if none is chosen.
pub fn usual_account(stamp: &Stamp) -> Option<&String> {
    let default = stamp.accounts.iter().find(|account| *account == "default");
    default.or(stamp.accounts.first())
}
