//! Pictures on pages: the stored file, else a preview on demand, else initials.

use super::{context::PageContext, route::preview_path};
use crate::{
    catalog::kind::{Kind, Role},
    store::{
        browse::{picture::ItemPreview, preview::PreviewKey},
        query::Version,
    },
};

/// The field of the picture's URL.
pub const IMAGE: &str = "preview_image_url";

/// A picture and the initials that replace it.
#[derive(Clone, Debug)]
pub struct Pic {
    /// The picture's path.
    pub src: Option<String>,
    /// The initials, shown if there is no picture or until it is loaded; empty for a stored picture.
    pub initials: String,
}

/// One version of an item.
#[derive(Clone, Copy)]
pub struct OfItem<'a> {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: &'a str,
    /// The version.
    pub version: i64,
}

impl<'a> OfItem<'a> {
    /// Returns the version of an item's history.
    pub fn of(version: &'a Version) -> Self {
        Self { kind: version.kind, id: &version.id, version: version.version }
    }
}

/// Returns whether cards are shown in the compact form, since none of them has a picture.
pub fn is_compact<'a>(mut pics: impl Iterator<Item = &'a Pic>) -> bool {
    pics.all(|pic| pic.src.is_none())
}

/// Returns the path of a stored file.
pub fn file_path(sha256: &str) -> String {
    format!("/file/{sha256}")
}

/// Returns the path of the picture or video of an item's version; `None` if it cannot be shown.
pub fn source(
    context: &PageContext<'_>,
    item: OfItem<'_>,
    role: Role,
    preview: &ItemPreview,
) -> Option<String> {
    let stored = preview.stored.as_deref().filter(|_| !context.without_mirror()).map(file_path);
    let is_live = context.shows_live() && preview.live_until.is_some_and(|end| end > context.now);
    let OfItem { kind, id, version } = item;
    let key =
        || PreviewKey { account: context.account.clone(), kind, id: id.into(), version, role };
    stored.or_else(|| is_live.then(|| preview_path(&key())))
}

impl Pic {
    /// Creates the picture of the item called `name`; without a name the initials are made from its id.
    pub fn of(
        context: &PageContext<'_>,
        item: OfItem<'_>,
        name: Option<&str>,
        preview: &ItemPreview,
    ) -> Self {
        let src = source(context, item, Role::Image, preview);
        Self::new(src, name.filter(|name| !name.is_empty()).unwrap_or(item.id))
    }

    /// Creates the picture at a path, with the initials of `name`.
    pub fn new(src: Option<String>, name: &str) -> Self {
        let is_stored = src.as_deref().is_some_and(|src| src.starts_with("/file/"));
        let initials = if is_stored { String::new() } else { initials(name) };
        Self { src, initials }
    }
}

/// Returns the first letters of two words, preferring words with a capital; without letters, the first sign.
fn initials(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.chars().next());
    let (capital, small): (Vec<char>, Vec<char>) = words.partition(|first| !first.is_lowercase());
    let letters = capital.into_iter().chain(small).take(2).flat_map(char::to_uppercase);
    let initials: String = letters.collect();
    if initials.is_empty() { name.trim().chars().take(1).collect() } else { initials }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_the_first_letters_of_two_words() {
        let names = ["Annie in Blue Suit", " \n(zoë)", "алина", "a3f9-public", "…", "ßa"];
        assert_eq!(names.map(initials), ["AB", "Z", "А", "AP", "…", "SS"]);
    }
}
