//! The URL of the API with the data of a page. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{route::View, viewpoint::Viewpoint};

/// The characters of an id that are percent-encoded in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// Returns the URL of the API with the data of a page with these parameters; `None` if the API has none.
pub fn api_link(
    viewpoint: &Viewpoint,
    view: &View,
    parameters: &[(&'static str, String)],
) -> Option<String> {
    let mut pairs: Vec<(&str, String)> = parameters.to_vec();
    pairs.retain(|(name, _)| !matches!(*name, "page" | "view" | "before"));
    let of = |path: &str, first: Option<(&'static str, String)>| {
        let pairs: Vec<_> = first.into_iter().chain(pairs.iter().cloned()).collect();
        viewpoint.href(&format!("/api/v1/{path}"), &pairs)
    };
    Some(match view {
        View::Overview => "/api/v1/status".into(),
        View::Grid(kind) => of("items", Some(("kind", kind.as_str().into()))),
        View::Item(kind, id) if viewpoint.as_of.is_some() => {
            let one = [("kind", kind.as_str().to_owned()), ("id", id.clone())];
            viewpoint.href("/api/v1/as-of", &one)
        }
        View::Item(kind, id) => {
            let id = utf8_percent_encode(id, SEGMENT);
            viewpoint.href(&format!("/api/v1/items/{kind}/{id}"), &[])
        }
        View::Changes => of("changes", None),
        View::Polls => of("polls", None),
        View::Poll(number) => of("changes", Some(("poll", number.to_string()))),
        View::Search => of("items", None),
        View::Timeline => return None,
    })
}
