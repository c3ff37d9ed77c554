//! The items that refer to an item by its id: the looks of a person, the items that use a voice. They are
//! shown beside its tile and on its page.

use super::{
    anchor::Anchor,
    context::PageContext,
    failure::PageFailure,
    params::{Layout, default_layout},
    pic::{OfItem, Pic, is_compact},
    query_pairs::fits_query,
    tile::TileView,
    words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        Reading, facets,
        filter::{ItemFilter, Order},
        items::{Slice, Tile, shown_facets},
        scope::Scope,
        users::{Users, users_of},
    },
};

/// The maximum number of pictures beside that of a person.
const SHEET: usize = 3;
/// The maximum number of items of each kind on a page.
const FEW: usize = 24;

/// Returns the heading of the items that refer to items of this kind; `None` if no kind does.
pub fn title(kind: Kind) -> Option<&'static str> {
    users_of(kind)?;
    Some(if default_layout(kind) == Layout::Grid { "Looks" } else { "Used by" })
}

/// Adds to the view of a tile the items that refer to its item: a few pictures, and links to the lists.
pub fn add_users(context: &PageContext<'_>, view: &mut TileView, tile: &Tile, users: &Users) {
    let pics = users.first.iter().map(|(kind, user)| {
        let item = OfItem { kind: *kind, id: &user.id, version: user.version };
        Pic::of(context, item, user.name.as_deref(), &user.image)
    });
    let mut pics: Vec<Pic> = pics.collect();
    pics.sort_by_key(|pic| pic.src.is_none());
    if let Some(first) = pics.first().filter(|pic| view.pic.src.is_none() && pic.src.is_some()) {
        view.pic = first.clone();
    }
    if pics.len() > 1 {
        pics.truncate(SHEET);
        view.looks = pics;
    }
    let lists = users.totals.iter();
    let lists =
        lists.filter_map(|(kind, total)| list(context, tile.kind, &tile.id, *kind, Some(*total)));
    view.used = lists.collect();
}

/// Returns the link to the items of kind `user` that refer to an item, with their number if it is known.
fn list(
    context: &PageContext<'_>,
    kind: Kind,
    id: &str,
    user: Kind,
    total: Option<i64>,
) -> Option<Anchor> {
    let facet = users_of(kind).and_then(|(column, _)| facets::of_column(column))?;
    let text = match total {
        Some(total) => words::items(user, total),
        None => format!("all {}", words::plural(user)),
    };
    let href = context.href(user.path, &[(facet.param, id.to_owned())]);
    fits_query(id).then(|| Anchor::new(href, text))
}

/// The items that refer to an item, on its page.
pub struct UsersView {
    /// The heading.
    pub title: &'static str,
    /// The links to the lists of all of them.
    pub lists: Vec<Anchor>,
    /// The first ones of each kind.
    pub tiles: Vec<TileView>,
    /// Whether none has a picture.
    pub compact: bool,
}

/// Reads the items that refer to an item, for its page; `None` if no kind refers to items of its kind.
pub async fn users(
    context: &PageContext<'_>,
    reading: &mut Reading,
    kind: Kind,
    id: &str,
) -> Result<Option<UsersView>, PageFailure> {
    let (Some(title), Some((column, kinds))) = (title(kind), users_of(kind)) else {
        return Ok(None);
    };
    let polled: Vec<Kind> = context.kinds().filter(|kind| kinds.contains(kind)).collect();
    let scopes: Vec<Scope> = polled.iter().map(|kind| context.scope(*kind)).collect();
    let mut filter = ItemFilter::default();
    if let Some(facet) = facets::of_column(column) {
        filter.choose(facet, vec![id.to_owned()]);
    }
    let slice = Slice { order: Order::Name, limit: FEW as i64 + 1, offset: 0 };
    let found = reading.found_tiles(&scopes, &filter, &context.moments(), slice).await?;
    let (mut lists, mut tiles) = (vec![], vec![]);
    for user in polled {
        let own: Vec<&Tile> = found.iter().filter(|tile| tile.kind == user).collect();
        let total = (own.len() <= FEW).then_some(own.len() as i64);
        if total != Some(0) {
            lists.extend(list(context, kind, id, user, total));
        }
        tiles.extend(own.into_iter().take(FEW).map(|tile| view(context, tile)));
    }
    let compact = is_compact(tiles.iter().map(|tile: &TileView| &tile.pic));
    Ok(Some(UsersView { title, lists, tiles, compact }))
}

/// Creates a tile with the engines of its look.
fn view(context: &PageContext<'_>, tile: &Tile) -> TileView {
    let mut view = TileView::new(context, tile, &ItemFilter::default());
    let engines = shown_facets().position(|(_, column)| column == "supported_api_engines");
    let engines = engines.and_then(|place| view.cells.get(place)).cloned();
    view.facts.extend(engines.filter(|engines| !engines.is_empty()));
    view
}
