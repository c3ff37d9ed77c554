//! What all pages have in common: the frame around them, pictures, tiles, pages to turn.

use askama::Template;

use super::{
    params::Place,
    route::{Format, View, item_path, list_path},
    server::App,
    words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        GoodPoll, Mark,
        filter::{Moments, Picture, Scope, Span},
        items::Tile,
    },
    time::Timestamp,
};

/// After so long without a good poll the footer says so, in hours.
const OLD_HOURS: i64 = 26;

/// Where a page is made: the place, the account and its last good poll at that place.
pub struct Context<'a> {
    /// The gallery.
    pub app: &'a App,
    /// What all links carry on.
    pub place: Place,
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
    /// The account's last good poll, at the place.
    pub good: GoodPoll,
    /// Whether the mirror has ever had a picture or video, by what the database says.
    pub mirrored: bool,
}

impl Context<'_> {
    /// A link that stays in the place.
    pub fn href(&self, path: &str, own: &[(&str, String)]) -> String {
        self.place.href(path, own)
    }

    /// The link to an item.
    pub fn item(&self, kind: Kind, id: &str) -> String {
        self.href(&item_path(kind, id), &[])
    }

    /// Whose items, of when.
    pub fn scope(&self, kind: Kind) -> Scope {
        Scope { kind, account: self.account.clone(), at: self.place.at() }
    }

    /// Now, or the moment of the past.
    pub fn reference(&self) -> Timestamp {
        self.place.at().unwrap_or(self.now)
    }

    /// When the last good poll was.
    pub fn polled_at(&self) -> Timestamp {
        self.good.row.observed_at.unwrap_or(self.now)
    }

    /// When the account's first good poll was.
    pub fn first_poll_at(&self) -> Timestamp {
        self.good.first.unwrap_or(self.polled_at())
    }

    /// The moments that the spans of the facets begin at: days from midnight, so that a page says
    /// the same all day.
    pub fn moments(&self) -> Moments {
        Moments {
            poll: self.polled_at(),
            first: self.first_poll_at(),
            reference: words::start_of_day(self.reference()),
        }
    }

    /// Whether the last good poll is too long ago.
    pub fn is_old(&self) -> bool {
        self.place.as_of.is_none()
            && self.now.millis() - self.polled_at().millis() > OLD_HOURS * 3_600_000
    }

    /// Whether there is no store to show pictures from.
    pub fn without_mirror(&self) -> bool {
        self.app.settings.files.is_none()
    }
}

/// A link with its words.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where to.
    pub href: String,
    /// Its words.
    pub text: String,
}

impl Link {
    /// A link.
    pub fn new(href: String, text: impl Into<String>) -> Self {
        Self { href, text: text.into() }
    }
}

/// A link of the main navigation.
pub struct NavLink {
    /// Where to.
    pub href: String,
    /// Its words.
    pub text: &'static str,
    /// Its words where there is little room.
    pub short: &'static str,
    /// Whether this is the page.
    pub here: bool,
}

/// The bar above a page of the past.
pub struct PastBar {
    /// The day or time.
    pub when: String,
    /// The poll whose words these are.
    pub poll: i64,
    /// The same page now.
    pub now: String,
}

/// The frame around a page.
pub struct Shell {
    /// The page's title.
    pub title: String,
    /// The main navigation.
    pub nav: Vec<NavLink>,
    /// The start page.
    pub home: String,
    /// The style sheet.
    pub css: String,
    /// The script.
    pub js: String,
    /// The icon.
    pub icon: String,
    /// The page's path, for the form in the header.
    pub path: String,
    /// What the form in the header carries on.
    pub hidden: Vec<(&'static str, String)>,
    /// The day in the header.
    pub day: String,
    /// The last day that can be chosen.
    pub today: String,
    /// The first day that can be chosen.
    pub first_day: String,
    /// Whether the header's form is there.
    pub travels: bool,
    /// The accounts to choose from, where there are two or more: name, and whether it is shown.
    pub accounts: Vec<(String, bool)>,
    /// Of a page of the past.
    pub bar: Option<PastBar>,
    /// Where no pictures can be shown: the command that fetches them.
    pub mirror_command: Option<String>,
    /// What the footer says of the last poll.
    pub polled: String,
    /// What the footer says of its age.
    pub old: String,
    /// The exports of the page.
    pub exports: Vec<Link>,
    /// The feed.
    pub feed: String,
    /// Whether it tells just what the page shows.
    pub is_feed: bool,
}

impl Shell {
    /// The frame of a page of the catalogue.
    pub fn new(context: &Context<'_>, view: &View, title: impl Into<String>) -> Self {
        let now = context.now;
        let poll = &context.good.row;
        let mut own = context.own.clone();
        own.retain(|(name, _)| !matches!(*name, "page" | "before"));
        let account = context.place.account.iter().map(|account| ("account", account.clone()));
        // What another day may not have is no part of the way there.
        let mut travelling = own.clone();
        travelling.retain(|(name, value)| match *name {
            "listed" => value != "missing",
            "from" | "to" => !matches!(view, View::Item(..)),
            _ => true,
        });
        let hidden = match context.accounts.len() {
            0 | 1 => account.chain(travelling).collect(),
            _ => travelling,
        };
        let present = Place { as_of: None, ..context.place.clone() };
        Self {
            nav: nav(&context.place, Some(view)),
            home: context.href("/", &[]),
            path: context.path.clone(),
            hidden,
            day: words::day(context.reference()),
            today: words::day(now),
            first_day: words::day(context.first_poll_at()),
            travels: true,
            accounts: accounts(context),
            bar: context.place.as_of.as_ref().map(|as_of| PastBar {
                when: if as_of.is_day {
                    words::date(as_of.at)
                } else {
                    words::date_time(as_of.at) + " UTC"
                },
                poll: poll.poll_id,
                now: present.href(&context.path, &own),
            }),
            mirror_command: (context.without_mirror() || !context.mirrored)
                .then(|| format!("{} mirror", context.app.settings.program)),
            polled: format!(
                "Poll {}, {} UTC",
                poll.poll_id,
                words::today_or_date(context.polled_at(), now)
            ),
            old: match context.is_old() {
                true => format!(
                    "The last good poll was {} ago: see whether the schedule still runs.",
                    words::span(context.polled_at(), now)
                ),
                false => String::new(),
            },
            exports: exports(context, view),
            feed: feed(context, view),
            is_feed: is_feed(context, view),
            ..Self::plain(&context.place, title)
        }
    }

    /// The frame of a page that knows nothing of the catalogue.
    pub fn plain(place: &Place, title: impl Into<String>) -> Self {
        let [css, js, icon] = super::assets::paths();
        Self {
            title: title.into(),
            nav: nav(place, None),
            home: place.href("/", &[]),
            css,
            js,
            icon,
            path: "/".into(),
            hidden: place.pairs(),
            day: String::new(),
            today: String::new(),
            first_day: String::new(),
            travels: false,
            accounts: vec![],
            bar: None,
            mirror_command: None,
            polled: String::new(),
            old: String::new(),
            exports: vec![],
            feed: String::new(),
            is_feed: false,
        }
    }
}

fn nav(place: &Place, here: Option<&View>) -> Vec<NavLink> {
    let link = |path: &str, text, short, is: bool| NavLink {
        href: place.href(path, &[]),
        text,
        short,
        here: is,
    };
    let of_kind = |kind: Kind| {
        matches!(here, Some(View::Grid(k)) if *k == kind)
            || matches!(here, Some(View::Item(k, _)) if *k == kind)
    };
    vec![
        link("/", "Overview", "Overview", here == Some(&View::Overview)),
        link(list_path(Kind::AVATAR), "Avatars", "Avatars", of_kind(Kind::AVATAR)),
        link(
            list_path(Kind::TALKING_PHOTO),
            "Talking photos",
            "Photos",
            of_kind(Kind::TALKING_PHOTO),
        ),
        link(
            "/changes",
            "Changes",
            "Changes",
            matches!(here, Some(View::Changes | View::Timeline)),
        ),
        link("/polls", "Polls", "Polls", matches!(here, Some(View::Polls | View::Poll(_)))),
    ]
}

/// The feed of the page's changes, by what a feed can be asked for. It tells what is new: the past
/// has none.
fn feed(context: &Context<'_>, view: &View) -> String {
    let mut own = if *view == View::Changes { context.own.clone() } else { vec![] };
    own.retain(|(name, _)| matches!(*name, "kind" | "change" | "id"));
    Place { as_of: None, ..context.place.clone() }.href("/changes.atom", &own)
}

fn is_feed(context: &Context<'_>, view: &View) -> bool {
    let asked = |name: &str| context.own.iter().any(|(own, _)| *own == name);
    let past = context.place.as_of.is_some();
    *view == View::Changes && !past && !["field", "from", "to"].into_iter().any(asked)
}

fn accounts(context: &Context<'_>) -> Vec<(String, bool)> {
    match context.accounts.len() {
        0 | 1 => vec![],
        _ => context
            .accounts
            .iter()
            .map(|account| (account.clone(), *account == context.account))
            .collect(),
    }
}

fn exports(context: &Context<'_>, view: &View) -> Vec<Link> {
    let mut own = context.own.clone();
    own.retain(|(name, _)| !matches!(*name, "page" | "view" | "before"));
    let path = if *view == View::Overview { "/overview" } else { &context.path };
    let link = |(end, _): &(&str, Format)| {
        Link::new(context.href(&format!("{path}.{end}"), &own), end.to_uppercase())
    };
    Format::ALL.iter().map(link).collect()
}

/// A picture, or what stands in its place.
#[derive(Clone, Debug)]
pub struct Pic {
    /// The picture's path.
    pub src: Option<String>,
    /// The class of the rectangles in its place: kind, hue and state.
    pub class: String,
}

/// The path of a kept file.
pub fn file_path(sha256: &str) -> String {
    format!("/file/{sha256}")
}

impl Pic {
    /// The picture of the item called `name` (or `id`).
    pub fn new(image: Option<&str>, kind: Kind, name: &str, state: &str) -> Self {
        let letter = name
            .chars()
            .find(|c| c.is_alphanumeric())
            .map_or(0, |c| c.to_lowercase().next().map_or(0, |c| c as u32));
        let kind = if kind == Kind::AVATAR { "ka" } else { "kp" };
        Self {
            src: image.map(file_path),
            class: format!("{kind} h{} {state}", letter % 8).trim_end().to_owned(),
        }
    }
}

/// A small coloured remark.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its class.
    pub class: &'static str,
    /// Its words.
    pub text: String,
}

/// A tile of a grid.
pub struct TileView {
    /// The item's page.
    pub href: String,
    /// Its id.
    pub id: String,
    /// Its id as an attribute.
    pub copy: String,
    /// Its name; empty when it has none.
    pub name: String,
    /// Its picture.
    pub pic: Pic,
    /// Its video's path.
    pub video: Option<String>,
    /// What stands below its name.
    pub notes: Vec<Note>,
    /// Whether it is removed.
    pub removed: bool,
    /// Whether its picture is needed at once.
    pub eager: bool,
    /// When it was first seen, and last changed.
    pub dates: [String; 2],
}

/// What is said of a kept picture that cannot be shown.
pub const NOT_SHOWN: &str = "picture not shown, the mirror is off";

/// What is said in place of a picture that is not shown.
fn picture_word(context: &Context<'_>, picture: Picture) -> Option<&'static str> {
    let past = context.place.as_of.is_some();
    match picture {
        Picture::Mirrored => context.without_mirror().then_some(NOT_SHOWN),
        Picture::Pending if past => Some("picture of that day not kept"),
        Picture::Pending | Picture::Risk => Some("picture not mirrored yet"),
        Picture::Failed => Some("picture could not be fetched"),
        Picture::Gone => Some("HeyGen no longer has the picture"),
        Picture::None => Some("no picture given"),
    }
}

impl TileView {
    /// The tile of an item.
    pub fn new(context: &Context<'_>, tile: &Tile) -> Self {
        let reference = context.reference();
        let name = tile.name.as_deref().unwrap_or("");
        let mut notes = vec![];
        let mut note = |class, text: String| notes.push(Note { class, text });
        if let Some(gender) = tile.gender.as_deref().filter(|gender| !gender.is_empty()) {
            note("", words::tile_name(gender));
        }
        if tile.premium == Some(true) {
            note("", "premium".into());
        }
        if let Some(word) = picture_word(context, tile.picture) {
            note("", word.into());
        }
        let week = context.moments().start(Span::Week);
        if tile.first_seen_at > context.first_poll_at() && tile.first_seen_at >= week {
            note("added", format!("new {}", words::short_date(tile.first_seen_at, reference)));
        }
        if let Some(at) = tile.removed_at {
            note("removed", format!("removed {}", words::short_date(at, reference)));
        } else if let Some(at) = tile.missing_since {
            note("held", format!("missing since {}", words::short_date(at, reference)));
        }
        let state = match tile.picture {
            Picture::Gone | Picture::None => "gone",
            Picture::Failed => "failed",
            _ => "",
        };
        Self {
            href: context.item(tile.kind, &tile.id),
            id: tile.id.clone(),
            copy: words::attribute(&tile.id),
            name: words::tile_name(name),
            pic: Pic::new(
                tile.image.as_deref().filter(|_| !context.without_mirror()),
                tile.kind,
                if name.is_empty() { &tile.id } else { name },
                state,
            ),
            video: tile.video.as_deref().filter(|_| !context.without_mirror()).map(file_path),
            notes,
            removed: tile.removed_at.is_some(),
            eager: false,
            dates: [tile.first_seen_at, tile.changed_at].map(words::date),
        }
    }
}

/// A step of the pages to turn.
pub enum Step {
    /// Another page.
    Go(String, i64),
    /// This page.
    Here(i64),
    /// Pages left out.
    Gap,
}

/// The pages to turn.
pub struct Pager {
    /// The page before.
    pub older: Option<String>,
    /// Numbers.
    pub steps: Vec<Step>,
    /// The page after.
    pub newer: Option<String>,
    /// How many pages there are.
    pub pages: i64,
}

impl Pager {
    /// For `pages` pages of which `page` is open.
    pub fn new(page: i64, pages: i64, href: impl Fn(i64) -> String) -> Option<Self> {
        if pages <= 1 {
            return None;
        }
        let near =
            |other: i64| other == 1 || other == pages || (other - page).abs() <= 2 || pages <= 9;
        // Far from everything that is shown nothing has to be looked at.
        let mut wanted: Vec<i64> = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
        wanted.extend((page - 2).max(1)..=(page + 2).min(pages));
        wanted.push(pages);
        wanted.retain(|other| *other <= pages && near(*other));
        wanted.sort_unstable();
        wanted.dedup();
        let mut steps = vec![];
        let mut last = 0;
        for other in wanted {
            if other > last + 1 {
                steps.push(Step::Gap);
            }
            steps.push(if other == page {
                Step::Here(other)
            } else {
                Step::Go(href(other), other)
            });
            last = other;
        }
        Some(Self {
            older: (page > 1 && page <= pages).then(|| href(page - 1)),
            steps,
            newer: (page < pages).then(|| href(page + 1)),
            pages,
        })
    }
}

/// A page that says what went wrong, or that nothing is there yet.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message {
    /// The frame.
    pub shell: Shell,
    /// The heading.
    pub heading: String,
    /// What happened.
    pub text: String,
    /// A command to type.
    pub command: String,
    /// Where to go on.
    pub links: Vec<Link>,
    /// Text to search for.
    pub search: Option<(String, String)>,
}

impl Message {
    /// Without anything but words; its links stay in the place.
    pub fn new(place: &Place, heading: impl Into<String>, text: impl Into<String>) -> Self {
        let heading = heading.into();
        Self {
            shell: Shell::plain(place, heading.clone()),
            heading,
            text: text.into(),
            command: String::new(),
            links: vec![],
            search: None,
        }
    }
}

/// The account that is shown where none is chosen.
pub fn usual_account(mark: &Mark) -> Option<&String> {
    let default = mark.accounts.iter().find(|account| *account == "default");
    default.or(mark.accounts.first())
}
