//! A search in the lists of all kinds: `/search`, and the links of a list to the matches in other lists.

use askama::Template;

use super::{
    anchor::Anchor, context::PageContext, failure::PageFailure, pic::is_compact, response::render,
    shell::Shell, tile::TileView, words,
};
use crate::{
    catalog::{kind::Kind, search},
    store::browse::{
        Reading,
        filter::{ItemFilter, Order},
        items::Slice,
        scope::Scope,
    },
};

/// The number of items of each kind that are shown.
const FEW: i64 = 10;

/// The result of a search in the lists of all kinds.
pub struct SearchResult {
    q: String,
    /// The kinds with matching items, except the one that is shown, and their number.
    kinds: Vec<(Kind, i64)>,
    /// If there are none: similar searches, and how many items each finds.
    suggested: Vec<(String, usize)>,
}

/// The items of one kind.
struct SearchSection {
    heading: &'static str,
    total: String,
    all: String,
    compact: bool,
    tiles: Vec<TileView>,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    q: String,
    hidden: Vec<(&'static str, String)>,
    total: String,
    sections: Vec<SearchSection>,
    suggested: Vec<Anchor>,
}

/// Runs the search `q` beside the list of the kind `shown`. `is_empty`: this list has no match, so similar
/// searches may be needed.
pub async fn found(
    context: &PageContext<'_>,
    reading: &mut Reading,
    q: &str,
    shown: Option<Kind>,
    is_empty: bool,
) -> Result<SearchResult, PageFailure> {
    let (account, at) = (context.account.as_str(), context.viewpoint.at());
    let words = search::words(q);
    let mut found = SearchResult { q: q.to_owned(), kinds: vec![], suggested: vec![] };
    if words.is_empty() {
        return Ok(found);
    }
    if !is_empty {
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| Some(*kind) != shown).collect();
        let key = format!("{:?} {account:?} {at:?} {kinds:?} {words:?}", context.stamp);
        let counted = reading.found(kinds, account, at, &words);
        found.kinds = context.app.found.get_or(key, counted).await?.to_vec();
    } else {
        let key = format!("{:?} {account:?} {at:?}", context.stamp);
        let read = async { reading.store().search_texts(account, at, None).await };
        let texts = context.app.texts.get_or(key, read).await?;
        let matching = |kind: Kind| {
            let of_kind =
                texts.iter().filter(|(of, text)| *of == kind && search::matches(text, &words));
            (kind, of_kind.count() as i64)
        };
        found.kinds = Kind::ALL.into_iter().map(matching).collect();
        if found.kinds.iter().all(|(_, items)| *items == 0) {
            let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
            found.suggested = search::suggestions(&words, &texts);
        }
    }
    found.kinds.retain(|(kind, items)| *items > 0 && Some(*kind) != shown);
    Ok(found)
}

impl SearchResult {
    /// Returns the links to the lists with matches.
    pub fn lists(&self, context: &PageContext<'_>) -> Vec<Anchor> {
        let link = |(kind, items): &(Kind, i64)| {
            let text = words::items(*kind, *items);
            Anchor::new(context.href(kind.path, &[("q", self.q.clone())]), text)
        };
        self.kinds.iter().map(link).collect()
    }

    /// Returns the links to the similar searches.
    pub fn suggested(&self, context: &PageContext<'_>) -> Vec<Anchor> {
        let link = |(q, items): &(String, usize)| {
            let text = format!("{q} ({})", words::number(*items as i64));
            Anchor::new(context.href("/search", &[("q", q.clone())]), text)
        };
        self.suggested.iter().map(link).collect()
    }
}

/// Renders the page of a search.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    q: &str,
) -> Result<String, PageFailure> {
    let mut result = found(context, reading, q, None, false).await?;
    let filter = ItemFilter::new(q.to_owned(), vec![]);
    let scopes: Vec<Scope> = result.kinds.iter().map(|(kind, _)| context.scope(*kind)).collect();
    let slice = Slice { order: Order::Name, limit: FEW, offset: 0 };
    let tiles = reading.found_tiles(&scopes, &filter, &context.moments(), slice).await?;
    if result.kinds.is_empty() && !q.is_empty() {
        result = found(context, reading, q, None, true).await?;
    }
    let section = |(kind, items): &(Kind, i64)| {
        let of_kind = tiles.iter().filter(|tile| tile.kind == *kind);
        let tiles: Vec<TileView> =
            of_kind.map(|tile| TileView::new(context, tile, &filter)).collect();
        SearchSection {
            heading: kind.title,
            total: words::number(*items),
            all: context.href(kind.path, &[("q", q.to_owned())]),
            compact: is_compact(tiles.iter().map(|tile| &tile.pic)),
            tiles,
        }
    };
    render(&SearchPage {
        shell: Shell::new(context, "Search"),
        q: q.to_owned(),
        hidden: context.viewpoint.pairs(),
        total: words::number(result.kinds.iter().map(|(_, items)| items).sum::<i64>()),
        sections: result.kinds.iter().map(section).collect(),
        suggested: result.suggested(context),
    })
}
