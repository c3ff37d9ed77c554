//! One round of work, done once by `sync` and by the daemon whenever it is due: a poll of each
//! catalogue of each account, the notices, the mirror. It returns the gravest of all exit codes.
//!
//! The caller decides how polls are reported.

use std::time::Duration;

use tracing::Instrument;

use super::{
    api::deadline,
    context::Context,
    log::span,
    mirror::{Mirrored, after_sync},
    one_poll::PollSettings,
    task::{Input, PollTask},
};
use crate::{
    catalog::catalogue::Catalogue,
    error::{Error, Result, caught, gravest},
    notify::{self, LONGEST_RUN, Pings},
    poll::Report,
    store::{
        Store,
        publish::{is_behind, publish},
    },
};

fn asks_the_api(task: &PollTask) -> bool {
    !matches!(task.source, Ok(Input::Saved { .. }))
}

/// The settings of a round.
pub(super) struct Round<'a> {
    pub polling: PollSettings<'a>,
    /// Whether the mirror may run, if it is on.
    pub mirror: bool,
}

/// An event that is reported to the caller as it happens; the caller returns an exit code.
pub(super) enum RoundEvent<'a> {
    /// A poll has ended.
    Poll { account: &'a str, catalogue: Catalogue, polled: &'a Result<Report> },
    /// Everything is done, including the mirror if it was to run.
    Done { mirrored: Option<&'a Mirrored> },
}

impl<'a> Round<'a> {
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
        let PollSettings { config, context, dry_run, .. } = self.polling;
        let stop = &context.service.stop;
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
                Some(before) if before == account => deadline(config),
                _ => Duration::ZERO,
            };
            let span = span(&account, self.polling.trigger);
            let polled = self.polling.poll(task, store.as_mut(), patience);
            let polled = caught(polled).instrument(span.clone()).await;
            let read = polled.as_ref().ok().map(|report| report.row.catalogue());
            let catalogue = read.or(requested).unwrap_or_default();
            changed |= polled.as_ref().is_ok_and(Report::changes_tables);
            let event = RoundEvent::Poll { account: &account, catalogue, polled: &polled };
            codes.push(span.in_scope(|| report_event(event)));
        }
        let mut mirrored = None;
        if let Some(store) = store.as_mut().filter(|_| !dry_run && !stop.is_cancelled()) {
            self.report_stale(store).await;
            // Before the mirror, whose downloads may take hours.
            self.deliver(store).await;
            codes.push(self.publish(store, changed).await);
            if config.mirror.enabled && self.mirror {
                let worked = after_sync(store, config, context, refresh).await;
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
        !self.polling.dry_run && tasks.iter().any(asks_the_api)
    }

    /// Pings the monitors of a round that could not begin, since the database cannot be opened.
    pub async fn could_not_begin(&self, tasks: &[PollTask], error: Error) -> Error {
        if self.is_watched(tasks) {
            self.pings().end(error.kind.exit_code()).await;
        }
        error
    }

    fn pings(&self) -> Pings<'a> {
        Pings::start(&self.polling.config.notify)
    }

    /// Writes notices of stale catalogues, except in a backfill, which is of an earlier time.
    async fn report_stale(&self, store: &mut Store) {
        let PollSettings { config, context, observed_at, .. } = self.polling;
        if observed_at.is_none() {
            notify::report_stale(store, &context.clock, &config.notify, &config.polled()).await;
        }
    }

    async fn deliver(&self, store: &mut Store) {
        let PollSettings { config, context, .. } = self.polling;
        let Context { clock, sources, service, .. } = context;
        service.health.step(LONGEST_RUN);
        notify::deliver(store, clock, &config.notify, sources).await;
    }

    /// Publishes the database if the published copy lacks a change. A failure is logged and leaves
    /// the file as it was; the next round retries.
    async fn publish(&self, store: &mut Store, changed: bool) -> u8 {
        let Context { clock, sources, .. } = self.polling.context;
        let Some(file) = &self.polling.config.publish.file else { return 0 };
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
}
