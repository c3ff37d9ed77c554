//! A link and its text.

/// A link and its text.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The URL.
    pub href: String,
    /// The text.
    pub text: String,
}

impl Anchor {
    /// Creates a link.
    pub fn new(href: String, text: impl Into<String>) -> Self {
        Self { href, text: text.into() }
    }
}
