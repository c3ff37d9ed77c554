//! Which page a path means. All routes of the gallery stand here.

use super::params::{id_from_path, id_to_path};
use crate::catalog::kind::Kind;

/// How a view is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// All, as the footer lists them.
    pub const ALL: [(&'static str, Self); 3] =
        [("csv", Self::Csv), ("json", Self::Json), ("ndjson", Self::Ndjson)];

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// A page of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// `/`
    Overview,
    /// `/avatars`, `/talking-photos`
    Grid(Kind),
    /// `/avatars/{id}`, `/talking-photos/{id}`
    Item(Kind, String),
    /// `/changes`
    Changes,
    /// `/polls`
    Polls,
    /// `/polls/{n}`
    Poll(i64),
    /// `/timeline`
    Timeline,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A view, as a page or exported.
    View(View, Option<Format>),
    /// `/file/{sha256}`
    File(String),
    /// `/assets/{name}`
    Asset(String),
    /// `/changes.atom`
    Feed,
    /// `/livez`
    Live,
    /// `/readyz`
    Ready,
    /// `/metrics`
    Metrics,
    /// The same under its proper path.
    Moved(String),
    /// Nothing.
    Unknown,
}

/// The path of a list.
pub fn list_path(kind: Kind) -> &'static str {
    kind.path
}

/// The path of an item.
pub fn item_path(kind: Kind, id: &str) -> String {
    format!("{}/{}", list_path(kind), id_to_path(id))
}

/// Reads a path.
pub fn route(path: &str) -> Route {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        [""] => Route::View(View::Overview, None),
        ["changes.atom"] => Route::Feed,
        ["livez"] => Route::Live,
        ["readyz"] => Route::Ready,
        ["metrics"] => Route::Metrics,
        ["file", hash] => Route::File((*hash).to_owned()),
        ["assets", name] => Route::Asset((*name).to_owned()),
        [page] => with_format(page, |page| match page {
            "overview" => Some(View::Overview),
            "avatars" => Some(View::Grid(Kind::AVATAR)),
            "talking-photos" => Some(View::Grid(Kind::TALKING_PHOTO)),
            "changes" => Some(View::Changes),
            "polls" => Some(View::Polls),
            "timeline" => Some(View::Timeline),
            _ => None,
        }),
        [page, ""] => Route::Moved(format!("/{page}")),
        ["avatars", id] => item(Kind::AVATAR, id),
        ["talking-photos", id] => item(Kind::TALKING_PHOTO, id),
        ["polls", number] => with_format(number, |number| {
            let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
            number.parse().ok().filter(|_| plain).map(View::Poll)
        }),
        _ => Route::Unknown,
    }
}

fn with_format(segment: &str, view: impl Fn(&str) -> Option<View>) -> Route {
    let (name, format) = split_format(segment);
    match (view(name), format) {
        (Some(View::Overview), None) => Route::Moved("/".into()),
        (Some(view), format) => Route::View(view, format),
        (None, _) => Route::Unknown,
    }
}

fn split_format(segment: &str) -> (&str, Option<Format>) {
    let known = |(end, format): &(&str, Format)| {
        let name = segment.strip_suffix(end)?.strip_suffix('.')?;
        Some((name, Some(*format)))
    };
    Format::ALL.iter().find_map(known).unwrap_or((segment, None))
}

/// An id may have been typed or pasted: it is led to its proper spelling.
fn item(kind: Kind, segment: &str) -> Route {
    let (name, format) = split_format(segment);
    let Some(id) = id_from_path(name) else { return Route::Unknown };
    let proper = id_to_path(&id);
    match proper == name {
        true => Route::View(View::Item(kind, id), format),
        false => Route::Moved(format!("{}/{proper}", list_path(kind))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_path_and_its_exports() {
        let page = |view| Route::View(view, None);
        assert_eq!(route("/"), page(View::Overview));
        assert_eq!(route("/avatars"), page(View::Grid(Kind::AVATAR)));
        assert_eq!(route("/avatars.csv"), Route::View(View::Grid(Kind::AVATAR), Some(Format::Csv)));
        assert_eq!(route("/polls/12"), page(View::Poll(12)));
        assert_eq!(route("/polls/12.json"), Route::View(View::Poll(12), Some(Format::Json)));
        assert_eq!(route("/polls/012"), Route::Unknown);
        assert_eq!(route("/polls/x"), Route::Unknown);
        assert_eq!(route("/overview.ndjson"), Route::View(View::Overview, Some(Format::Ndjson)));
        assert_eq!(route("/nothing"), Route::Unknown);
        assert_eq!(route("/avatars/"), Route::Moved("/avatars".into()));
        assert_eq!(route("//evil"), Route::Unknown);
    }

    #[test]
    fn an_id_with_a_dot_is_no_export() {
        let id = |id: &str| Route::View(View::Item(Kind::AVATAR, id.into()), None);
        assert_eq!(route("/avatars/a~2Ecsv"), id("a.csv"));
        assert_eq!(route(&item_path(Kind::AVATAR, "a/../b")), id("a/../b"));
        assert_eq!(route("/avatars/a%20b"), Route::Moved("/avatars/a~20b".into()));
        assert_eq!(route("/avatars/~"), Route::Unknown);
    }
}
