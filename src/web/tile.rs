//! A tile of a list.

use super::{
    anchor::Anchor,
    context::PageContext,
    pic::{OfItem, Pic, source},
    words,
};
use crate::{
    catalog::{kind::Role, search},
    ids::READY,
    store::browse::{
        filter::ItemFilter,
        items::{Tile, shown_facets},
        scope::clip,
    },
};

/// A short coloured note.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its CSS class.
    pub class: &'static str,
    /// Its text.
    pub text: String,
}

/// A tile of a grid, or a row of a table.
pub struct TileView {
    /// The item's page.
    pub href: String,
    /// Its id.
    pub id: String,
    /// Its id, escaped for an attribute.
    pub copy: String,
    /// Its name; empty if it has none.
    pub name: String,
    /// The words that are marked in both.
    searched: Vec<String>,
    /// Whether the id is shown below the name, because the name does not contain the searched words.
    pub shows_id: bool,
    /// Its picture.
    pub pic: Pic,
    /// Its video's path.
    pub video: Option<String>,
    /// The path of its sample.
    pub audio: Option<String>,
    /// The pictures of a few items that refer to it.
    pub looks: Vec<Pic>,
    /// The links to the lists of the items that refer to it.
    pub used: Vec<Anchor>,
    /// Its values below the name.
    pub facts: Vec<String>,
    /// Its values in the columns of the table.
    pub cells: Vec<String>,
    /// Notes on its state and recent events.
    pub notes: Vec<Note>,
    /// Whether it is removed.
    pub removed: bool,
    /// Whether its picture is loaded eagerly.
    pub eager: bool,
    /// The days on which it was first seen and last changed.
    pub dates: [String; 2],
}

/// Returns the status of an item that is not ready for use.
fn not_ready(tile: &Tile) -> Option<&str> {
    let place = shown_facets().position(|(_, column)| column == "status")?;
    tile.facts.get(place)?.as_deref().filter(|status| *status != READY)
}

/// Returns the values that a tile shows: number of looks, gender, premium, and those of chosen facets.
fn facts(tile: &Tile, filter: &ItemFilter) -> Vec<String> {
    let shown = shown_facets().zip(&tile.facts).filter_map(|((facet, column), value)| {
        let value = value.as_deref().filter(|value| !value.is_empty())?;
        let is_chosen = !filter.chosen(facet).is_empty();
        match (column, value) {
            ("premium", "yes") => Some("premium".to_owned()),
            ("premium", _) => is_chosen.then(|| "not premium".to_owned()),
            ("gender", value) => Some(words::tile_name(value)),
            // Any other status is shown as a note.
            ("status", value) => (is_chosen && value == READY).then(|| value.to_owned()),
            (_, value) => is_chosen.then(|| words::tile_name(value)),
        }
    });
    let looks = tile.looks.map(|looks| words::counted(looks, "look", "looks"));
    looks.into_iter().chain(shown).collect()
}

fn notes(context: &PageContext<'_>, tile: &Tile) -> Vec<Note> {
    let reference = context.reference();
    let mut notes = vec![];
    let mut note = |class, text: String| notes.push(Note { class, text });
    let week = context.moments().days(7);
    let first = context.polls.first_of(tile.kind.catalogue);
    if first.is_some_and(|first| tile.first_seen_at > first) && tile.first_seen_at >= week {
        note("added", format!("new {}", words::short_date(tile.first_seen_at, reference)));
    }
    if let Some(at) = tile.removed_at {
        note("removed", format!("removed {}", words::short_date(at, reference)));
    } else if let Some(at) = tile.missing_since {
        note("held", format!("missing since {}", words::short_date(at, reference)));
    }
    if let Some(status) = not_ready(tile) {
        note("held", words::tile_name(status));
    }
    notes
}

impl TileView {
    /// Creates the tile of an item that matches `filter`.
    pub fn new(context: &PageContext<'_>, tile: &Tile, filter: &ItemFilter) -> Self {
        let item = OfItem { kind: tile.kind, id: &tile.id, version: tile.version };
        let name = tile.name.as_deref().unwrap_or("");
        let pic = Pic::of(context, item, Some(name), &tile.image);
        let role = clip(tile.kind).map(|preview| preview.role);
        let played = |wanted| {
            let clip = role.filter(|role| *role == wanted)?;
            source(context, item, clip, &tile.clip)
        };
        let searched = filter.words();
        Self {
            href: context.item(tile.kind, &tile.id),
            id: tile.id.clone(),
            copy: words::attribute(&tile.id),
            name: words::tile_name(name.trim()),
            shows_id: !search::matches(&search::fold(name), &searched),
            searched,
            video: played(Role::Video),
            audio: played(Role::Audio),
            looks: vec![],
            used: vec![],
            facts: facts(tile, filter),
            cells: tile
                .facts
                .iter()
                .map(|value| words::tile_name(value.as_deref().unwrap_or("")))
                .collect(),
            notes: notes(context, tile),
            pic,
            removed: tile.removed_at.is_some(),
            eager: false,
            dates: [tile.first_seen_at, tile.changed_at].map(words::date),
        }
    }

    /// Returns its name, or else its id.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }

    /// Returns the parts of its name or its id, each with whether it matches a word of the search.
    pub fn marked<'a>(&self, text: &'a str) -> Vec<(&'a str, bool)> {
        search::marked(text, &self.searched)
    }
}
