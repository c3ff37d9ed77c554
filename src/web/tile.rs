//! A tile of a list.

use super::{
    context::PageContext,
    pic::{NOT_SHOWN, Pic, file_path},
    words,
};
use crate::store::browse::{items::Tile, picture::Picture};

/// A short coloured note.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its class.
    pub class: &'static str,
    /// Its text.
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
    /// The notes below its name.
    pub notes: Vec<Note>,
    /// Whether it is removed.
    pub removed: bool,
    /// Whether its picture is loaded at once.
    pub eager: bool,
    /// When it was first seen, and last changed.
    pub dates: [String; 2],
}

/// The text in place of a picture that is not shown.
fn picture_word(context: &PageContext<'_>, picture: Picture) -> Option<&'static str> {
    let past = context.viewpoint.as_of.is_some();
    match picture {
        Picture::Mirrored => context.without_mirror().then_some(NOT_SHOWN),
        Picture::Pending if past => Some("picture of that day not stored"),
        Picture::Pending => Some("picture not mirrored yet"),
        Picture::Failed => Some("picture could not be fetched"),
        Picture::Gone => Some("HeyGen no longer has the picture"),
        Picture::None => Some("no picture given"),
    }
}

impl TileView {
    /// The tile of an item.
    pub fn new(context: &PageContext<'_>, tile: &Tile) -> Self {
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
        let week = context.moments().days(7);
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
