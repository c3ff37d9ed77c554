//! One poll, for a round or for the mirror: the client or the saved response, the request for the key's
//! expiry date, and the progress on a terminal.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar};

use super::{
    account::expect_no_orphan,
    api::{client, deadline},
    context::Context,
    progress,
    task::{Input, PollTask},
};
use crate::{
    archive::Archive,
    catalog::diff::Accepted,
    config::{Config, Event},
    error::Result,
    heygen::{self, Progress},
    poll::{Report, Request, Source, dry_run, poll},
    store::Store,
    time::Timestamp,
    words::counted,
};

/// The settings of polls.
pub(super) struct PollSettings<'a> {
    pub config: &'a Config,
    pub context: &'a Context,
    /// What triggered the polls of the API.
    pub trigger: &'static str,
    pub accepted: Accepted,
    pub observed_at: Option<Timestamp>,
    pub dry_run: bool,
    /// Whether an account may begin a history while another one is no longer configured.
    pub new_account: bool,
    /// Whether a spinner is drawn on a terminal.
    pub spinner: bool,
    /// The archive that keeps the answers, if it is on.
    pub archive: Option<&'a Archive>,
}

impl<'a> PollSettings<'a> {
    /// Returns the settings of ordinary polls.
    pub fn new(config: &'a Config, context: &'a Context, archive: Option<&'a Archive>) -> Self {
        Self {
            config,
            context,
            trigger: "manual",
            accepted: Accepted::None,
            observed_at: None,
            dry_run: false,
            new_account: false,
            archive,
            spinner: true,
        }
    }

    /// Polls once; `store` is `None` if there is no database yet. Waits up to `patience` for the lock of
    /// another poll.
    ///
    /// # Errors
    /// As [`poll()`], and if the account has no key, or may not begin a history.
    pub async fn poll(
        &self,
        task: PollTask,
        mut store: Option<&mut Store>,
        patience: Duration,
    ) -> Result<Report> {
        let Self { config, context, .. } = self;
        if let Some(store) = store.as_deref_mut().filter(|_| !self.new_account) {
            expect_no_orphan(store, &task.account, config, context).await?;
        }
        let client;
        let mut key_expires_at = None;
        let spinner = match self.spinner {
            true => progress::spinner(context, "waiting for HeyGen's list"),
            false => ProgressBar::hidden(),
        };
        context.service.health.step(patience + deadline(config));
        let progress = |progress: Progress| {
            // The next step is more bytes, or another request with its pauses.
            context.service.health.step(config.api.retry_time + config.api.timeout);
            spinner.set_message(progress_text(progress));
        };
        let (trigger, source) = match task.source? {
            Input::Saved { name, file } => ("file", Source::Saved { name, file }),
            Input::Key(key) => {
                client = self::client(config, key, &context.clock)?;
                if self.asks_for_expiry(&mut store, &task.account).await? {
                    key_expires_at = heygen::key::expires_at(&client).await;
                }
                let version = config.api.version;
                (self.trigger, Source::Api { client: &client, version, progress: &progress })
            }
        };
        let request = Request {
            account: &task.account,
            catalogue: task.catalogue,
            trigger,
            removals: &config.removals,
            mirror: config.mirror.enabled,
            accepted: self.accepted,
            observed_at: self.observed_at,
            archive: self.archive,
            deadline: deadline(config),
            patience,
            notify: &config.notify,
            key_expires_at,
        };
        match store {
            Some(store) if !self.dry_run => poll(store, &context.clock, &request, source).await,
            store => dry_run(store, &context.clock, &request, source).await,
        }
    }

    /// Whether to ask when the account's key expires: a receiver wants to know, and no poll of the API
    /// has begun today, which would have asked.
    async fn asks_for_expiry(&self, store: &mut Option<&mut Store>, account: &str) -> Result<bool> {
        let blocks = &self.config.notify;
        let wanted = blocks.iter().any(|block| block.wants(Event::ApiEnding, account));
        let Some(store) = store.as_deref_mut().filter(|_| wanted && !self.dry_run) else {
            return Ok(false);
        };
        let day = |at: Timestamp| at.to_chrono().date_naive();
        let last = store.last_begun(account).await?;
        Ok(last.is_none_or(|last| day(last) < day(self.context.clock.now())))
    }
}

/// Returns how much of a list has been read.
fn progress_text(progress: Progress) -> String {
    match progress {
        Progress::Bytes(bytes) => format!("reading HeyGen's list, {}", HumanBytes(bytes)),
        Progress::Pages { pages, items } => {
            let items = counted(items, "item", "items");
            format!("reading HeyGen's list, page {pages}, {items}")
        }
    }
}
