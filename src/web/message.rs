//! A page that contains only a message: an error, or that nothing was polled yet.

use askama::Template;

use super::{anchor::Anchor, context::PageContext, shell::Shell, viewpoint::Viewpoint};

/// A page that contains only a message.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// The frame.
    pub shell: Shell,
    /// The heading.
    pub heading: String,
    /// What happened.
    pub text: String,
    /// A command to run.
    pub command: String,
    /// Links to continue with.
    pub links: Vec<Anchor>,
    /// A search form: its action and its text.
    pub search: Option<(&'static str, String)>,
}

impl MessagePage {
    /// Creates a message about a page of the catalogue.
    pub fn of(
        context: &PageContext<'_>,
        heading: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        let message = Self::new(&context.viewpoint, heading, text);
        Self { shell: Shell::of_message(context, message.heading.clone()), ..message }
    }

    /// Creates a message that needs no catalogue; its links keep the viewpoint.
    pub fn new(viewpoint: &Viewpoint, heading: impl Into<String>, text: impl Into<String>) -> Self {
        let heading = heading.into();
        Self {
            shell: Shell::plain(viewpoint, heading.clone()),
            heading,
            text: text.into(),
            command: String::new(),
            links: vec![],
            search: None,
        }
    }
}
