//! `find`: finds items by words of their name or id.

use clap::Args;

use super::{
    Context,
    flags::kind_parser,
    output::{Format, Rows, note, visible},
};
use crate::{
    catalog::{kind::Kind, search},
    error::{Error, Result},
    store::search::FoundItem,
};

/// Find items by words of their name or id
///
/// The words may be in any order; case and diacritics are ignored. Each must be part of the name or
/// id. Removed items are left out. The gallery's search finds the same items.
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
                "cannot search for this: give at least one word, {} bytes at most in total",
                search::LONGEST
            )));
        }
        let (_, mut store) = context.reading(None).await?;
        let accounts = store.account_names().await?;
        let mut found = vec![];
        for account in &accounts {
            found.extend(store.found_items(account, None, kind, &words).await?);
        }
        if found.is_empty() && !context.quiet {
            let mut texts = vec![];
            for account in &accounts {
                texts.extend(store.search_texts(account, None, kind).await?);
            }
            suggest(&words, &texts);
        }
        let format = Format::or_default(format);
        // A table has no `missing_since`: the state shows it.
        let shown = FoundItem::COLUMNS.len() - usize::from(format == Format::Table);
        let mut rows = Rows::new(format, &FoundItem::COLUMNS[..shown])?;
        for item in &found {
            rows.row(item.cells().into_iter().take(shown).collect())?;
        }
        rows.finish(context.nothing("No such items."))?;
        Ok(0)
    }
}

fn suggest(words: &[String], texts: &[(Kind, String)]) {
    let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    let similar = search::suggestions(words, &texts).into_iter();
    let similar: Vec<String> =
        similar.map(|(query, items)| format!("'{}' ({items})", visible(&query))).collect();
    if !similar.is_empty() {
        note(format_args!("Did you mean {}?", similar.join(" or ")));
    }
}
