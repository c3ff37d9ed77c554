//! `find`: finds items by words of their name or id.

use clap::Args;

use super::{
    Context,
    flags::kind_parser,
    output::{Cell, Format, Rows, note, visible},
};
use crate::{
    catalog::{kind::Kind, search},
    error::{Error, Result},
    store::search::FoundItem,
};

/// The columns of the table format.
const TABLE: [&str; 5] = ["account", "kind", "item_id", "name", "state"];

/// Find items by words of their name or id
///
/// The words may be in any order; case and diacritics are ignored. Each must be part of the name or
/// id. The gallery's search finds the same items.
#[derive(Debug, Args)]
pub struct Find {
    /// The words
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// Only items of this kind
    #[arg(long, value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Output format
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Find {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { words, kind, format } = self;
        let query = words.join(" ");
        let words = search::words(&query);
        if words.is_empty() || query.len() > search::LONGEST || query.contains('\0') {
            return Err(Error::usage(format!(
                "cannot search for this: give words of at most {} bytes in total",
                search::LONGEST
            )));
        }
        let (_, mut store) = context.reading(None).await?;
        let found = store.find_items(kind, &words).await?;
        if found.is_empty() && !context.quiet {
            suggest(&words, &store.search_texts(kind).await?);
        }
        let format = Format::or_default(format);
        let is_table = format == Format::Table;
        let mut rows = match is_table {
            true => Rows::new(format, TABLE)?,
            false => Rows::new(format, FoundItem::COLUMNS)?,
        };
        for item in found {
            let state = item.state();
            let mut cells: Vec<Cell> = vec![
                item.account.into(),
                item.kind.as_str().into(),
                item.id.into(),
                item.name.as_deref().into(),
                state.into(),
            ];
            if !is_table {
                cells.push(item.missing_since.into());
            }
            rows.row(cells)?;
        }
        rows.finish("No such items.")?;
        Ok(0)
    }
}

fn suggest(words: &[String], texts: &[String]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let similar = search::suggestions(words, &texts).into_iter();
    let similar: Vec<String> =
        similar.map(|(query, items)| format!("'{}' ({items})", visible(&query))).collect();
    if !similar.is_empty() {
        note(format_args!("Did you mean {}?", similar.join(" or ")));
    }
}
