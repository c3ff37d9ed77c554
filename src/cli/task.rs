//! What is to be polled, and with which key or file.

use secrecy::SecretString;

use super::context::Context;
use crate::{catalog::catalogue::Catalogue, config::Config, error::Result};

/// A catalogue of an account to poll, with where its list comes from.
pub(super) struct PollTask {
    pub account: String,
    /// `None` leaves it to the records of a saved response.
    pub catalogue: Option<Catalogue>,
    pub source: Result<Input>,
}

/// Where a list comes from.
pub(super) enum Input {
    /// The API, asked with this key.
    Key(SecretString),
    /// A saved response.
    Saved { name: String, body: Vec<u8> },
}

impl PollTask {
    /// Every configured catalogue of every account, with its key as it is now.
    pub fn of_all(config: &Config, context: &Context) -> Vec<Self> {
        let keys = config.api_keys(&context.sources).into_iter();
        let tasks = keys.flat_map(|(account, key)| {
            // Without a key there is one failure to report.
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
