//! Pictures on pages: the stored file, else what the link gives, else initials.

use super::{context::PageContext, route::preview_path};
use crate::{
    catalog::kind::{Kind, Role},
    store::browse::{picture::ItemPreview, preview::PreviewKey},
};

/// A picture with the initials in its place.
#[derive(Clone, Debug)]
pub struct Pic {
    /// The picture's path.
    pub src: Option<String>,
    /// What is shown where there is no picture, or until it arrives; empty over a stored one.
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

/// The path of a stored file.
pub fn file_path(sha256: &str) -> String {
    format!("/file/{sha256}")
}

/// Where a browser finds the picture or video of an item's version.
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
    /// The picture of the item called `name`; without a name its id gives the initials.
    pub fn of(
        context: &PageContext<'_>,
        item: OfItem<'_>,
        name: Option<&str>,
        preview: &ItemPreview,
    ) -> Self {
        let src = source(context, item, Role::Image, preview);
        Self::new(src, name.filter(|name| !name.is_empty()).unwrap_or(item.id))
    }

    /// The picture at a path.
    pub fn new(src: Option<String>, name: &str) -> Self {
        let is_stored = src.as_deref().is_some_and(|src| src.starts_with("/file/"));
        let initials = if is_stored { String::new() } else { initials(name) };
        Self { src, initials }
    }
}

/// The first letters of two words, those with a capital first.
fn initials(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.chars().next());
    let (capital, small): (Vec<char>, Vec<char>) = words.partition(|first| !first.is_lowercase());
    let all = capital.into_iter().chain(small).take(2);
    all.flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_the_first_letters_of_two_words() {
        let names = ["Annie in Blue Suit", " \n(zoë)", "алина", "a3f9-public", "…", "ßa"];
        assert_eq!(names.map(initials), ["AB", "Z", "А", "AP", "", "SS"]);
    }
}
