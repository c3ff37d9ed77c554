//! Paths ↔ pages. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    catalog::kind::{Kind, Role},
    store::browse::preview::PreviewKey,
};

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl DataFormat {
    /// All formats with their extensions, as the footer lists them.
    pub const ALL: [(&'static str, Self); 2] = [("csv", Self::Csv), ("ndjson", Self::Ndjson)];

    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// A page of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// `/`
    Overview,
    /// `/avatars` and the lists of the other kinds
    Grid(Kind),
    /// `/avatars/{id}` and the items of the other kinds
    Item(Kind, String),
    /// `/changes`
    Changes,
    /// `/polls`
    Polls,
    /// `/polls/{n}`
    Poll(i64),
    /// `/timeline`
    Timeline,
    /// `/search`
    Search,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A view, as a page or exported.
    View(View, Option<DataFormat>),
    /// A view with the extension `.json`: a redirect to the API.
    Json(View),
    /// `/file/{sha256}`
    File(String),
    /// `/preview/{account}/{kind}/{id}/{version}/{role}`
    Preview(PreviewKey),
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
    /// A redirect to the canonical path.
    Moved(String),
    /// No page.
    Unknown,
}

/// Returns the path of an item.
pub fn item_path(kind: Kind, id: &str) -> String {
    format!("{}/{}", kind.path, id_to_path(id))
}

/// Parses a path.
pub fn route(path: &str) -> Route {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        [""] => Route::View(View::Overview, None),
        ["changes.atom"] => Route::Feed,
        ["livez"] => Route::Live,
        ["readyz"] => Route::Ready,
        ["metrics"] => Route::Metrics,
        ["file", hash] => Route::File((*hash).to_owned()),
        ["preview", account, kind, id, version, role] => {
            preview([account, kind, id, version, role]).map_or(Route::Unknown, Route::Preview)
        }
        ["assets", name] => Route::Asset((*name).to_owned()),
        [page] => with_format(page, |page| match page {
            "overview" => Some(View::Overview),
            "changes" => Some(View::Changes),
            "polls" => Some(View::Polls),
            "timeline" => Some(View::Timeline),
            "search" => Some(View::Search),
            list => of_segment(list).map(View::Grid),
        }),
        [page, ""] => match route(&format!("/{page}")) {
            Route::Unknown => Route::Unknown,
            _ => Route::Moved(format!("/{page}")),
        },
        ["polls", number] => with_format(number, |number| {
            let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
            number.parse().ok().filter(|_| plain).map(View::Poll)
        }),
        [list, id] => of_segment(list).map_or(Route::Unknown, |kind| item(kind, id)),
        _ => Route::Unknown,
    }
}

/// Returns the path of a preview.
pub fn preview_path(key: &PreviewKey) -> String {
    let PreviewKey { account, kind, id, version, role } = key;
    let [account, id] = [account, id].map(|text| id_to_path(text));
    format!("/preview/{account}/{kind}/{id}/{version}/{}", role.as_str())
}

fn preview([account, kind, id, version, role]: [&str; 5]) -> Option<PreviewKey> {
    Some(PreviewKey {
        account: id_from_path(account)?,
        kind: Kind::parse(kind)?,
        id: id_from_path(id)?,
        version: version.parse().ok()?,
        role: Role::parse(role)?,
    })
}

/// Returns the kind whose list has this path segment.
fn of_segment(segment: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.path.strip_prefix('/') == Some(segment))
}

fn with_format(segment: &str, view: impl Fn(&str) -> Option<View>) -> Route {
    if let Some(view) = segment.strip_suffix(".json").and_then(&view) {
        return Route::Json(view);
    }
    let (name, format) = split_format(segment);
    match (view(name), format) {
        (Some(View::Overview), None) => Route::Moved("/".into()),
        (Some(view), format) => Route::View(view, format),
        (None, _) => Route::Unknown,
    }
}

fn split_format(segment: &str) -> (&str, Option<DataFormat>) {
    let known = |(end, format): &(&str, DataFormat)| {
        let name = segment.strip_suffix(end)?.strip_suffix('.')?;
        Some((name, Some(*format)))
    };
    DataFormat::ALL.iter().find_map(known).unwrap_or((segment, None))
}

/// Parses the path of an item. A typed or pasted id is redirected to its canonical spelling.
fn item(kind: Kind, segment: &str) -> Route {
    if let Some(id) = segment.strip_suffix(".json").and_then(id_from_path) {
        return Route::Json(View::Item(kind, id));
    }
    let (name, format) = split_format(segment);
    let Some(id) = id_from_path(name) else { return Route::Unknown };
    let proper = id_to_path(&id);
    match proper == name {
        true => Route::View(View::Item(kind, id), format),
        false => Route::Moved(format!("{}/{proper}", kind.path)),
    }
}

/// Encodes an id as a path segment: every byte except letters, digits, `_` and `-` as `~XX`.
pub fn id_to_path(id: &str) -> String {
    const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'_').remove(b'-');
    utf8_percent_encode(id, &ENCODED).to_string().replace('%', "~")
}

/// Decodes the id of a path segment; `None` if the segment is not an encoded id.
pub fn id_from_path(segment: &str) -> Option<String> {
    let segment: Vec<u8> = percent_decode_str(segment).collect();
    let mut bytes = Vec::with_capacity(segment.len());
    let mut at = 0;
    while let Some(byte) = segment.get(at) {
        if *byte == b'~' {
            let hex = std::str::from_utf8(segment.get(at + 1..at + 3)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            at += 3;
        } else {
            bytes.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty() && !id.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_path_and_its_exports() {
        let page = |view| Route::View(view, None);
        assert_eq!(route("/"), page(View::Overview));
        assert_eq!(route("/avatars"), page(View::Grid(Kind::AVATAR)));
        assert_eq!(
            route("/avatars.csv"),
            Route::View(View::Grid(Kind::AVATAR), Some(DataFormat::Csv))
        );
        assert_eq!(route("/polls/12"), page(View::Poll(12)));
        assert_eq!(route("/polls/12.json"), Route::Json(View::Poll(12)));
        assert_eq!(route("/polls/012"), Route::Unknown);
        assert_eq!(route("/polls/x"), Route::Unknown);
        assert_eq!(
            route("/overview.ndjson"),
            Route::View(View::Overview, Some(DataFormat::Ndjson))
        );
        assert_eq!(route("/nothing"), Route::Unknown);
        assert_eq!(route("/avatars/"), Route::Moved("/avatars".into()));
        for unknown in ["/nothing/", "/\\evil.example/", "/avatars//"] {
            assert_eq!(route(unknown), Route::Unknown, "{unknown}");
        }
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

    #[test]
    fn any_id_travels_in_a_path() {
        for id in ["Abigail_public-1", "a/b", "a~b", "ü\n", "<script>", "x.csv", "a b%2F"] {
            let path = id_to_path(id);
            assert!(
                path.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-~".contains(&b)),
                "{path}"
            );
            assert_eq!(id_from_path(&path).as_deref(), Some(id));
        }
        for broken in ["~", "~4", "~zz", "~FF", "", "~00"] {
            assert_eq!(id_from_path(broken), None, "{broken}");
        }
    }
}
