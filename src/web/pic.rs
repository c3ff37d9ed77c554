//! Pictures on pages.

use crate::catalog::kind::Kind;

/// A picture, or the shapes that replace it.
#[derive(Clone, Debug)]
pub struct Pic {
    /// The picture's path.
    pub src: Option<String>,
    /// The class of the shapes: kind, hue and state.
    pub class: String,
}

/// The path of a stored file.
pub fn file_path(sha256: &str) -> String {
    format!("/file/{sha256}")
}

impl Pic {
    /// The picture of the item called `name` (or `id`).
    pub fn new(image: Option<&str>, kind: Kind, name: &str, state: &str) -> Self {
        let letter = name
            .chars()
            .find(|c| c.is_alphanumeric())
            .map_or(0, |c| c.to_lowercase().next().map_or(0, |c| c as u32));
        Self {
            src: image.map(file_path),
            class: format!("k-{kind} h{} {state}", letter % 8).trim_end().to_owned(),
        }
    }
}

/// The text for a stored picture while the mirror is off.
pub const NOT_SHOWN: &str = "picture not shown, the mirror is off";
