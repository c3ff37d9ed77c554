//! `daemon`: polls on the schedule until it is stopped.

use std::{cell::Cell, time::Duration};

use clap::Args;

use super::{
    account::expect_no_orphan,
    context::Context,
    one_poll::PollSettings,
    report, report_error,
    round::{Round, RoundEvent},
    stores::{archive_in_use, configured_archive},
    task::PollTask,
};
use crate::{
    config::Config,
    daemon::{self, Ended, Setup, plan::LEAD, plan::Work},
    error::{Kind, Result, caught, gravest},
    store::{Location, Store, ahead::Ahead},
    time::Timestamp,
};

/// The longest time that opening the database may take.
const OPENING: Duration = Duration::from_secs(60);

/// Poll on a schedule until stopped; serve metrics and health over HTTP
#[derive(Debug, Args)]
#[command(
    after_help = "Polls at once if a scheduled poll was missed. Never runs two polls at once.
SIGTERM and SIGINT stop it after the current poll or after daemon.stop_time; a second one at once.
SIGHUP reloads the configuration. A change of database, daemon.listen or log.format needs a restart.
Exits with 74 if its database no longer exists."
)]
pub struct DaemonArgs {
    /// Fail if there is no database, instead of creating one
    #[arg(long)]
    existing: bool,
}

impl DaemonArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (config, origin, location) = context.config()?;
        // Fail at once if no account has a usable key: waiting would not help.
        let mut keys = config.api_keys(&context.sources).into_iter().map(|(_, key)| key);
        if let Some(Err(error)) = keys.next()
            && keys.all(|key| key.is_err())
        {
            return Err(error);
        }
        // Fail now, while somebody is likely to watch, rather than in a round.
        configured_archive(&config, context)?;
        tracing::info!("configuration: {origin}; database: {location}");
        let setup = Setup {
            config,
            location: location.clone(),
            clock: context.clock.clone(),
            health: context.service.health.clone(),
            stop: context.service.stop.clone(),
        };
        // Once opened, the database must exist: none is created where its disk is not mounted.
        let existing = Cell::new(self.existing);
        let look = async |config: &Config| {
            let ahead = caught(look(config, &location, existing.get(), context)).await?;
            existing.set(true);
            Ok(ahead)
        };
        let work = async |config: &Config, what| {
            let worked = caught(work(config, &location, what, context)).await;
            // After `Gone`, the next `look` fails with the same error and ends the daemon.
            if let Err(error) = worked
                && error.kind != Kind::Gone
            {
                report_error(&error);
            }
        };
        let reload = || {
            let (config, _) = Config::load(&context.sources)?;
            configured_archive(&config, context).map(|_| config)
        };
        match daemon::run(setup, look, work, reload).await? {
            Ended::Well => Ok(0),
            Ended::AtOnce => Ok(1),
        }
    }
}

async fn look(
    config: &Config,
    location: &Location,
    existing: bool,
    context: &Context,
) -> Result<Ahead> {
    let mut store = match existing {
        true => Store::open_existing(location).await?,
        false => Store::open_to_write(location).await?,
    };
    expect_one_account(&mut store, config, context).await?;
    let now = context.clock.now();
    let mut ahead = store.ahead(&config.polled(), LEAD, now).await?;
    if !config.mirror.enabled {
        // Nothing works the queue.
        ahead.retry = None;
    }
    ahead.notice = next_notice(&mut store, config, context).await?;
    store.close().await?;
    Ok(ahead)
}

/// Returns when the next notice may be tried: one for a receiver that is set up or, if there is none,
/// one for a receiver whose secret cannot be read, so that the latter do not delay the former.
async fn next_notice(
    store: &mut Store,
    config: &Config,
    context: &Context,
) -> Result<Option<Timestamp>> {
    let (set_up, not_set_up): (Vec<_>, Vec<_>) =
        config.receivers().partition(|block| block.receiver(&context.sources).is_ok());
    let now = context.clock.now();
    for blocks in [set_up, not_set_up] {
        let names: Vec<&str> = blocks.iter().map(|block| block.name()).collect();
        if let Some(at) = store.next_notice(&names, now).await? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Fails if every account is new while one that is no longer configured has a history.
async fn expect_one_account(store: &mut Store, config: &Config, context: &Context) -> Result<()> {
    let mut refused = None;
    for account in config.account_names() {
        match expect_no_orphan(store, &account, config, context).await {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Does one round of work, with the same function as `sync`.
async fn work(config: &Config, location: &Location, what: Work, context: &Context) -> Result<u8> {
    // A database that does not respond must not look like an idle daemon.
    context.service.health.step(OPENING);
    let archive = archive_in_use(config, context);
    let trigger = if what == Work::Poll { "schedule" } else { "refresh" };
    let polling = PollSettings { trigger, ..PollSettings::new(config, context, archive.as_ref()) };
    let round = Round { polling, mirror: what != Work::Notices };
    let tasks = match what {
        Work::Mirror | Work::Notices => vec![],
        Work::Poll | Work::Refresh => PollTask::of_all(config, context),
    };
    // The first `look` has created the database.
    let mut store = match Store::open_existing(location).await {
        Ok(store) => Some(store),
        Err(error) => return Err(round.could_not_begin(&tasks, error).await),
    };
    let code = round.run(&mut store, tasks, |event| Ok(log(event, context))).await?;
    if let Some(store) = store {
        store.close().await?;
    }
    Ok(gravest([code]))
}

/// Logs a poll in one line, within its span, and returns its exit code.
fn log(event: RoundEvent<'_>, context: &Context) -> u8 {
    let RoundEvent::Poll { polled, .. } = event else { return 0 };
    let report = match polled {
        Ok(report) => report,
        Err(error) => return report_error(error),
    };
    if let Some(error) = &report.error {
        report_error(error);
    }
    if let Some(counts) = &report.row.counts {
        tracing::info!(
            catalogue = report.row.catalogue().as_str(),
            outcome = report.row.outcome,
            listed = counts.summary(),
            added = counts.added,
            changed = counts.changed,
            removed = counts.removed,
            restored = counts.restored,
            "polled"
        );
    }
    if let Some(held) = report::held(report, &context.program()) {
        tracing::warn!("{held}");
    }
    report.exit_code(false)
}
