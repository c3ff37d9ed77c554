//! The frame around a page: navigation, header, footer.

use super::{
    anchor::Anchor,
    api_link::api_link,
    assets,
    context::PageContext,
    route::{DataFormat, View},
    viewpoint::Viewpoint,
    words,
};
use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    store::browse::facets::is_of_present,
};

/// A link of the main navigation.
pub struct NavLink {
    /// The URL.
    pub href: String,
    /// Its text.
    pub text: String,
    /// Its text in narrow windows.
    pub short: String,
    /// Whether the current page belongs to this link.
    pub here: bool,
}

/// The bar above a page of the past.
pub struct PastBar {
    /// The day or time.
    pub when: String,
    /// The last good poll at that time.
    pub poll: i64,
    /// The link to the same page now.
    pub now: String,
}

/// The frame around a page.
#[derive(Default)]
pub struct Shell {
    /// The page's title.
    pub title: String,
    /// The main navigation.
    pub nav: Vec<NavLink>,
    /// The link to the front page.
    pub home: String,
    /// The style sheet.
    pub css: String,
    /// The script.
    pub js: String,
    /// The icon.
    pub icon: String,
    /// The page's path, for the form in the header.
    pub path: String,
    /// The hidden fields of the form in the header.
    pub hidden: Vec<(&'static str, String)>,
    /// The day in the header.
    pub day: String,
    /// The last day that can be chosen.
    pub today: String,
    /// The first day that can be chosen.
    pub first_day: String,
    /// Whether the header has the form that chooses the day.
    pub travels: bool,
    /// The accounts to choose from if there are two or more: name, and whether it is shown.
    pub accounts: Vec<(String, bool)>,
    /// The bar above a page of the past.
    pub bar: Option<PastBar>,
    /// The footer's text about the last poll.
    pub polled: String,
    /// The footer's warning if the last poll is too old; empty otherwise.
    pub old: String,
    /// The links to the exports of the page.
    pub exports: Vec<Anchor>,
    /// The link to the feed.
    pub feed: String,
    /// Whether the feed contains exactly what the page shows.
    pub is_feed: bool,
}

impl Shell {
    /// Creates the frame of a page of the catalogue.
    pub fn new(context: &PageContext<'_>, title: impl Into<String>) -> Self {
        let poll = &context.good;
        let (now, polled_at) = (context.now, context.polled_at());
        let old = || {
            let age = words::span(polled_at, now);
            format!("The last good poll was {age} ago: check whether the schedule still runs.")
        };
        Self {
            nav: nav(&context.viewpoint, context.kinds(), Some(&context.view)),
            home: context.href("/", &[]),
            path: context.path.clone(),
            hidden: hidden(context),
            day: words::day(context.reference()),
            today: words::day(now),
            first_day: words::day(context.first_poll_at()),
            travels: true,
            accounts: accounts(context),
            bar: past_bar(context),
            polled: format!("Poll {}, {} UTC", poll.poll_id, words::today_or_date(polled_at, now)),
            old: if context.is_old() { old() } else { String::new() },
            exports: exports(context),
            feed: feed(context),
            is_feed: is_feed(context),
            ..Self::plain(&context.viewpoint, title)
        }
    }

    /// Creates the frame of a message about a page of the catalogue.
    pub fn of_message(context: &PageContext<'_>, title: impl Into<String>) -> Self {
        Self {
            nav: nav(&context.viewpoint, context.kinds(), None),
            ..Self::plain(&context.viewpoint, title)
        }
    }

    /// Creates the frame of a page without a catalogue.
    pub fn plain(viewpoint: &Viewpoint, title: impl Into<String>) -> Self {
        let [css, js, icon] = assets::paths();
        Self {
            title: title.into(),
            nav: nav(viewpoint, Kind::of(Catalogue::Avatars), None),
            home: viewpoint.href("/", &[]),
            css,
            js,
            icon,
            path: "/".into(),
            hidden: viewpoint.pairs(),
            ..Self::default()
        }
    }
}

/// Returns the page's own parameters without its position.
fn parameters(context: &PageContext<'_>) -> Vec<(&'static str, String)> {
    let mut parameters = context.parameters.clone();
    parameters.retain(|(name, _)| !matches!(*name, "page" | "before"));
    parameters
}

/// Returns the hidden fields of the form in the header, without those that may be unknown on another day.
fn hidden(context: &PageContext<'_>) -> Vec<(&'static str, String)> {
    let mut parameters = parameters(context);
    parameters.retain(|(name, value)| match *name {
        "from" | "to" => !matches!(context.view, View::Item(..)),
        _ => !is_of_present(name, value),
    });
    // With two or more accounts the form has a menu of them.
    let account = context.viewpoint.account.iter().filter(|_| context.stamp.accounts.len() < 2);
    account.map(|account| ("account", account.clone())).chain(parameters).collect()
}

fn past_bar(context: &PageContext<'_>) -> Option<PastBar> {
    let as_of = context.viewpoint.as_of.as_ref()?;
    let present = Viewpoint { as_of: None, ..context.viewpoint.clone() };
    Some(PastBar {
        when: match as_of.is_day {
            true => words::date(as_of.at),
            false => words::date_time(as_of.at) + " UTC",
        },
        poll: context.good.poll_id,
        now: present.href(&context.path, &parameters(context)),
    })
}

fn nav(
    viewpoint: &Viewpoint,
    kinds: impl Iterator<Item = Kind>,
    here: Option<&View>,
) -> Vec<NavLink> {
    let link = |path: &str, text: String, short: String, here: bool| NavLink {
        href: viewpoint.href(path, &[]),
        text,
        short,
        here,
    };
    let page = |path: &str, text: &str, here| link(path, text.into(), text.into(), here);
    let list = |kind: Kind| {
        // The last word, for narrow windows.
        let short = kind.title.rsplit(' ').next().unwrap_or_default();
        let here = matches!(here, Some(View::Grid(of) | View::Item(of, _)) if *of == kind);
        link(kind.path, kind.title.into(), words::sentence(short), here)
    };
    let mut links = vec![page("/", "Overview", here == Some(&View::Overview))];
    links.extend(kinds.map(list));
    let changes = matches!(here, Some(View::Changes | View::Timeline));
    links.push(page("/changes", "Changes", changes));
    links.push(page("/polls", "Polls", matches!(here, Some(View::Polls | View::Poll(_)))));
    links
}

/// Returns the link to the feed of the page's changes, with the parameters that a feed takes.
fn feed(context: &PageContext<'_>) -> String {
    let mut parameters = match context.view {
        View::Changes => context.parameters.clone(),
        _ => vec![],
    };
    parameters.retain(|(name, _)| matches!(*name, "kind" | "change" | "id"));
    Viewpoint { as_of: None, ..context.viewpoint.clone() }.href("/changes.atom", &parameters)
}

fn is_feed(context: &PageContext<'_>) -> bool {
    let is_set = |name: &str| context.parameters.iter().any(|(known, _)| *known == name);
    let past = context.viewpoint.as_of.is_some();
    context.view == View::Changes && !past && !["field", "from", "to"].into_iter().any(is_set)
}

fn accounts(context: &PageContext<'_>) -> Vec<(String, bool)> {
    match context.stamp.accounts.len() {
        0 | 1 => vec![],
        _ => context
            .stamp
            .accounts
            .iter()
            .map(|account| (account.clone(), *account == context.account))
            .collect(),
    }
}

fn exports(context: &PageContext<'_>) -> Vec<Anchor> {
    let mut parameters = context.parameters.clone();
    parameters.retain(|(name, _)| !matches!(*name, "page" | "view" | "before"));
    let view = &context.view;
    let path = if *view == View::Overview { "/overview" } else { &context.path };
    let link = |(end, _): &(&str, DataFormat)| {
        Anchor::new(context.href(&format!("{path}.{end}"), &parameters), end.to_uppercase())
    };
    let api = api_link(&context.viewpoint, view, &parameters).map(|href| Anchor::new(href, "JSON"));
    DataFormat::ALL.iter().map(link).chain(api).collect()
}
