//! What to poll, and with which key or file.

use secrecy::SecretString;

use super::context::Context;
use crate::{catalog::catalogue::Catalogue, config::Config, error::Result, poll::SavedFile};

/// A catalogue of an account to poll, and the source of its list.
pub(super) struct PollTask {
    pub account: String,
    /// `None` if the records of a saved response decide.
    pub catalogue: Option<Catalogue>,
    pub source: Result<Input>,
}

/// The source of a list.
pub(super) enum Input {
    /// The API, with this key.
    Key(SecretString),
    /// A saved response.
    Saved { name: String, file: Box<dyn SavedFile> },
}

impl PollTask {
    /// Returns every configured catalogue of every account, with the key read now.
    pub fn of_all(config: &Config, context: &Context) -> Vec<Self> {
        let keys = config.api_keys(&context.sources).into_iter();
        let tasks = keys.flat_map(|(account, key)| {
            // A missing key is reported once.
            let most = if key.is_ok() { usize::MAX } else { 1 };
            config.api.catalogues.iter().take(most).map(move |catalogue| Self {
                account: account.clone(),
                catalogue: Some(*catalogue),
                source: key.clone().map(Input::Key),
            })
        });
        tasks.collect()
    }
}
