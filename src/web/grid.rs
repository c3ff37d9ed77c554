//! The page of a list: `/avatars` and those of the other kinds.

use std::sync::Arc;

use askama::Template;

use super::{
    anchor::Anchor,
    context::PageContext,
    facet_views::{FacetGroup, FacetLinks},
    failure::PageFailure,
    message::MessagePage,
    pager::{Pager, PagerStep},
    params::{GridQuery, Layout, ORDERS, default_layout},
    pic::is_compact,
    response::render,
    search::found,
    shell::Shell,
    tile::TileView,
    users, words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        Reading,
        cube::FacetCounts,
        facets::Facet,
        filter::ItemFilter,
        items::{Slice, Tile, shown_facets},
    },
};

/// The number of items on a page.
pub const PAGE: i64 = 60;
/// The number of tiles in the first row, whose pictures are loaded eagerly.
const FIRST_ROW: usize = 5;

#[derive(Template)]
#[template(path = "grid.html")]
struct GridPage {
    shell: Shell,
    kind: Kind,
    total: String,
    q: String,
    sorts: [(&'static str, &'static str, bool); 4],
    /// The hidden fields of the search form.
    hidden: Vec<(&'static str, String)>,
    groups: Vec<FacetGroup>,
    pills: Vec<Anchor>,
    /// The links to the layouts; empty for a kind without pictures.
    views: Vec<Anchor>,
    table: bool,
    /// The columns of the table, each with the index of its values in the cells of a row.
    columns: Vec<(usize, &'static Facet)>,
    /// Whether any row has a sample.
    sounds: bool,
    /// The heading of the items that refer to those of the list; `None` if no kind refers to them.
    used: Option<&'static str>,
    /// Whether no item has a picture, so that each is one line.
    compact: bool,
    tiles: Vec<TileView>,
    /// The other kinds in which the search finds something.
    elsewhere: Vec<Anchor>,
    /// If the search finds nothing in any list: similar searches.
    suggested: Vec<Anchor>,
    pager: Option<Pager>,
    /// If nothing matches: links that drop a restriction, with the number of items then shown.
    ways_out: Vec<Anchor>,
}

/// Renders the page of a list.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    kind: Kind,
    query: &GridQuery,
) -> Result<String, PageFailure> {
    query.refuse_unknown_past(context.viewpoint.as_of.is_some())?;
    let counts = counts(context, reading, kind, &query.filter).await?;
    let pages = (counts.total + PAGE - 1) / PAGE;
    let href = |query: &GridQuery| context.href(kind.path, &query.pairs());
    if counts.total > 0 && query.page > pages {
        return Err(no_such_page(context, kind, query, pages));
    }
    let tiles = match counts.total {
        0 => vec![],
        _ => {
            let slice = Slice { order: query.order, limit: PAGE, offset: (query.page - 1) * PAGE };
            let (scope, moments) = (context.scope(kind), context.moments());
            reading.tiles(&scope, &query.filter, &moments, slice).await?
        }
    };
    let mut views = tile_views(context, reading, &tiles, kind, query).await?;
    views.iter_mut().take(FIRST_ROW).for_each(|tile| tile.eager = true);
    let links = FacetLinks { context, kind, query, tiles: &tiles };
    let ways_out = match counts.total {
        0 => links.ways_out(reading, &counts).await?,
        _ => vec![],
    };
    let found = found(context, reading, &query.filter.q, Some(kind), counts.total == 0).await?;
    render(&GridPage {
        shell: Shell::new(context, kind.title),
        kind,
        total: words::number(counts.total),
        q: query.filter.q.clone(),
        sorts: ORDERS.map(|(word, text, order)| (word, text, order == query.order)),
        hidden: hidden(context, query),
        pills: links.chosen(),
        groups: links.groups(&counts),
        views: layouts(context, kind, query),
        table: query.layout.unwrap_or(default_layout(kind)) == Layout::Table,
        columns: columns(&views),
        sounds: views.iter().any(|tile| tile.audio.is_some()),
        used: users::title(kind),
        compact: is_compact(views.iter().map(|tile| &tile.pic)),
        tiles: views,
        elsewhere: found.lists(context),
        suggested: found.suggested(context),
        pager: Pager::new(query.page, pages, |page| href(&query.with(|q| q.page = page))),
        ways_out,
    })
}

/// Returns the views of the items of a page, with the items that refer to them.
async fn tile_views(
    context: &PageContext<'_>,
    reading: &mut Reading,
    tiles: &[Tile],
    kind: Kind,
    query: &GridQuery,
) -> Result<Vec<TileView>, PageFailure> {
    let ids: Vec<String> = tiles.iter().map(|tile| tile.id.clone()).collect();
    let named = reading.users(&context.scope(kind), &ids).await?;
    let view = |tile: &Tile| {
        let mut view = TileView::new(context, tile, &query.filter);
        if let Some(users) = named.get(&tile.id) {
            users::add_users(context, &mut view, tile, users);
        }
        view
    };
    Ok(tiles.iter().map(view).collect())
}

/// Returns the counts of the facets, from the cache if it contains them.
async fn counts(
    context: &PageContext<'_>,
    reading: &mut Reading,
    kind: Kind,
    filter: &ItemFilter,
) -> Result<Arc<FacetCounts>, PageFailure> {
    let (scope, moments) = (context.scope(kind), context.moments());
    let key = format!("{:?} {scope:?} {filter:?} {moments:?}", context.stamp);
    Ok(context.app.facets.get_or(key, reading.facets(&scope, filter, &moments)).await?)
}

fn no_such_page(
    context: &PageContext<'_>,
    kind: Kind,
    query: &GridQuery,
    pages: i64,
) -> PageFailure {
    let text = format!(
        "Page {} does not exist: this list has {}.",
        words::number(query.page),
        words::counted(pages, "page", "pages")
    );
    let href = |query: &GridQuery| context.href(kind.path, &query.pairs());
    let links = vec![
        Anchor::new(href(&query.first_page()), "The first page"),
        Anchor::new(href(&query.with(|q| q.page = pages)), "The last page"),
    ];
    PageFailure::not_found(MessagePage::of(context, kind.title, text), links)
}

/// Returns the columns in which an item of the page has a value.
fn columns(tiles: &[TileView]) -> Vec<(usize, &'static Facet)> {
    let columns = shown_facets().enumerate().map(|(place, (facet, _))| (place, facet));
    columns.filter(|(place, _)| tiles.iter().any(|tile| !tile.cells[*place].is_empty())).collect()
}

fn layouts(context: &PageContext<'_>, kind: Kind, query: &GridQuery) -> Vec<Anchor> {
    let link = |layout, text| {
        let other = query.with(|query| query.layout = layout);
        Anchor::new(context.href(kind.path, &other.pairs()), text)
    };
    match default_layout(kind) {
        Layout::Grid => vec![link(None, "Pictures"), link(Some(Layout::Table), "Table")],
        Layout::Table => vec![],
    }
}

/// Returns all parameters except those of the form's own fields.
fn hidden(context: &PageContext<'_>, query: &GridQuery) -> Vec<(&'static str, String)> {
    let mut pairs = query.first_page().pairs();
    pairs.retain(|(name, _)| !matches!(*name, "q" | "sort"));
    context.viewpoint.pairs().into_iter().chain(pairs).collect()
}
