//! Text in which the words of a search are marked.

use crate::catalog::search;

/// A text in parts, each with whether it matches a word of the search.
#[derive(Clone, Debug, Default)]
pub struct MarkedText(pub Vec<(String, bool)>);

/// Returns the text with the folded words marked.
pub fn marked(text: &str, words: &[String]) -> MarkedText {
    let parts = search::marked(text, words).into_iter();
    MarkedText(parts.map(|(part, is_marked)| (part.to_owned(), is_marked)).collect())
}

impl MarkedText {
    /// Returns whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text without marks.
    pub fn plain(&self) -> String {
        self.0.iter().map(|(part, _)| part.as_str()).collect()
    }
}
