//! One round of work, done once by `sync` and by the daemon whenever it is due: a poll of each
//! catalogue of each account, the notices, the mirror. It returns the gravest of all exit codes.
//!
//! The caller decides how polls are reported.

use std::time::Duration;

use indicatif::HumanBytes;
use tracing::Instrument;

use super::{
    account::expect_no_orphan,
    api::{client, deadline},
    context::Context,
    log::span,
    mirror::{Mirrored, after_sync},
    progress,
    task::{Input, PollTask},
};
use crate::{
    archive::Archive,
    catalog::{catalogue::Catalogue, diff::Accepted},
    config::{Config, Event},
    error::{Error, Result, caught, gravest},
    heygen::{self, Progress},
    notify::{self, LONGEST_RUN, Pings},
    poll::{Report, Request, Source, dry_run, poll},
    store::{
        Store,
        publish::{is_behind, publish},
    },
    time::Timestamp,
    words::counted,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

fn asks_the_api(task: &PollTask) -> bool {
    !matches!(task.source, Ok(Input::Saved { .. }))
}

/// The settings of a round.
pub(super) struct Round<'a> {
    pub config: &'a Config,
    pub context: &'a Context,
    /// What triggered the polls of the API.
    pub trigger: &'static str,
    pub accepted: Accepted,
    pub observed_at: Option<Timestamp>,
    pub dry_run: bool,
    /// Whether an account may begin a history while another one is no longer configured.
    pub new_account: bool,
    /// Whether the mirror may run, if it is on.
    pub mirror: bool,
    /// The archive that keeps the answers, if it is on.
    pub archive: Option<&'a Archive>,
}

/// An event that is reported to the caller as it happens; the caller returns an exit code.
pub(super) enum RoundEvent<'a> {
    /// A poll has ended.
    Poll { account: &'a str, catalogue: Catalogue, polled: &'a Result<Report> },
    /// Everything is done, including the mirror if it was to run.
    Done { mirrored: Option<&'a Mirrored> },
}

impl<'a> Round<'a> {
    /// Returns an ordinary round.
    pub fn new(config: &'a Config, context: &'a Context) -> Self {
        Self {
            config,
            context,
            trigger: "manual",
            accepted: Accepted::None,
            observed_at: None,
            dry_run: false,
            new_account: false,
            mirror: true,
            archive: None,
        }
    }

    /// Runs the round; ends early, between two steps, when it is requested to stop. A failed report
    /// does not prevent the rest of the work.
    ///
    /// # Errors
    /// The first error of `on_event`, returned at the end.
    pub async fn run(
        &self,
        store: &mut Option<Store>,
        tasks: Vec<PollTask>,
        mut on_event: impl FnMut(RoundEvent<'_>) -> Result<u8>,
    ) -> Result<u8> {
        let stop = &self.context.service.stop;
        let pings = self.is_watched(&tasks).then(|| self.pings());
        let refresh = tasks.iter().all(asks_the_api);
        let (mut codes, mut first_error, mut changed) = (vec![], None, false);
        let mut report_event = |what: RoundEvent<'_>| {
            on_event(what).unwrap_or_else(|error| {
                let code = error.kind.exit_code();
                first_error.get_or_insert(error);
                code
            })
        };
        let mut begun: Option<String> = None;
        for task in tasks {
            if stop.is_cancelled() {
                break;
            }
            let (account, requested) = (task.account.clone(), task.catalogue);
            // Another poll may have taken the lock between two catalogues of an account.
            let patience = match begun.replace(account.clone()) {
                Some(before) if before == account => deadline(self.config),
                _ => Duration::ZERO,
            };
            let span = span(&account, self.trigger);
            let polled = self.poll(task, store.as_mut(), patience);
            let polled = caught(polled).instrument(span.clone()).await;
            let read = polled.as_ref().ok().map(|report| report.row.catalogue());
            let catalogue = read.or(requested).unwrap_or_default();
            changed |= polled.as_ref().is_ok_and(Report::changes_tables);
            let event = RoundEvent::Poll { account: &account, catalogue, polled: &polled };
            codes.push(span.in_scope(|| report_event(event)));
        }
        let mut mirrored = None;
        if let Some(store) = store.as_mut().filter(|_| !self.dry_run && !stop.is_cancelled()) {
            self.report_stale(store).await;
            // Before the mirror, whose downloads may take hours.
            self.deliver(store).await;
            codes.push(self.publish(store, changed).await);
            if self.config.mirror.enabled && self.mirror {
                let worked = after_sync(store, self.config, self.context, refresh).await;
                codes.push(worked.code);
                mirrored = Some(worked);
                // The mirror may have polled for fresh links.
                self.deliver(store).await;
            }
        }
        codes.push(report_event(RoundEvent::Done { mirrored: mirrored.as_ref() }));
        let code = gravest(codes);
        // A round that was stopped has not failed, but has not done what a monitor waits for either.
        if let Some(pings) = pings.filter(|_| code != 0 || !stop.is_cancelled()) {
            pings.end(code).await;
        }
        first_error.map_or(Ok(code), Err)
    }

    /// Whether monitors are pinged: only for a round that polls the API and is not a dry run.
    fn is_watched(&self, tasks: &[PollTask]) -> bool {
        !self.dry_run && tasks.iter().any(asks_the_api)
    }

    /// Pings the monitors of a round that could not begin, since the database cannot be opened.
    pub async fn could_not_begin(&self, tasks: &[PollTask], error: Error) -> Error {
        if self.is_watched(tasks) {
            self.pings().end(error.kind.exit_code()).await;
        }
        error
    }

    fn pings(&self) -> Pings<'a> {
        Pings::start(&self.config.notify)
    }

    /// Writes notices of stale catalogues, except in a backfill, which is of an earlier time.
    async fn report_stale(&self, store: &mut Store) {
        if self.observed_at.is_none() {
            let (notify, polled) = (&self.config.notify, self.config.polled());
            notify::report_stale(store, &self.context.clock, notify, &polled).await;
        }
    }

    async fn deliver(&self, store: &mut Store) {
        let Context { clock, sources, service, .. } = self.context;
        service.health.step(LONGEST_RUN);
        notify::deliver(store, clock, &self.config.notify, sources).await;
    }

    /// Publishes the database if the published copy lacks a change. A failure is logged and leaves
    /// the file as it was; the next round retries.
    async fn publish(&self, store: &mut Store, changed: bool) -> u8 {
        let Context { clock, sources, .. } = self.context;
        let Some(file) = &self.config.publish.file else { return 0 };
        let file = sources.working_dir.join(file);
        let published = async {
            if changed || is_behind(store, &file).await? {
                publish(store.location(), &file, clock.now()).await?;
            }
            Ok(())
        };
        match caught(published).await {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!("the published copy was not written: {error}");
                error.kind.exit_code()
            }
        }
    }

    /// Whether to ask when the account's key expires: a receiver wants to know, and no poll of the
    /// account has begun today (it would have asked).
    async fn asks_for_expiry(&self, store: &mut Option<&mut Store>, account: &str) -> Result<bool> {
        let blocks = &self.config.notify;
        let wanted = blocks.iter().any(|block| block.wants(Event::ApiEnding, account));
        let Some(store) = store.as_deref_mut().filter(|_| wanted && !self.dry_run) else {
            return Ok(false);
        };
        let day = |at: Timestamp| at.millis().div_euclid(DAY_MILLIS);
        let last = store.last_begun(account).await?;
        Ok(last.is_none_or(|last| day(last) < day(self.context.clock.now())))
    }

    async fn poll(
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
        let spinner = progress::spinner(context, "waiting for HeyGen's list");
        context.service.health.step(patience + deadline(config));
        let progress = |progress: Progress| {
            // The next step is more bytes, or another request with its pauses.
            context.service.health.step(config.api.retry_time + config.api.timeout);
            spinner.set_message(progress_text(progress));
        };
        let (trigger, source) = match task.source? {
            Input::Saved { name, body } => ("file", Source::Saved { name, body }),
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
