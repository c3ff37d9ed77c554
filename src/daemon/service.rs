//! The daemon's event loop: what it waits for, and the signals that it handles meanwhile. Every
//! wait, for a slot, for running work or for the database, also waits for signals. [`super::run`]
//! defines the order of the waits.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    health::Health,
    http::{self, Site},
    plan::{NextWork, Plan, Work},
    schedule::Schedule,
    signals::{Signal, Signals},
    timer::Timer,
};
use crate::{
    config::Config,
    error::{Error, Kind, Result},
    metrics::Configured,
    store::{Location, ahead::Ahead},
    system::systemd,
    time::{Clock, Timestamp},
};

/// The loop checks the clock at least this often, independently of the timer: after a suspend or a
/// clock change nothing else would.
const BEAT: Duration = Duration::from_secs(5);
/// The timeout of a look ahead in the database: it is a few small queries.
const LOOK: Duration = Duration::from_secs(60);

/// The inputs of the daemon.
pub struct Setup {
    /// The configuration at the start.
    pub config: Config,
    /// Where the database is.
    pub location: Location,
    /// The source of the time.
    pub clock: Clock,
    /// Receives the progress of the work.
    pub health: Health,
    /// Cancelled when the work should end.
    pub stop: CancellationToken,
}

/// How the wait for running work ended.
pub(super) enum Busy {
    Done,
    Abandoned,
    AtOnce,
}

/// Returns the result of `look`, or an error if it takes longer than [`LOOK`].
async fn in_time(look: impl Future<Output = Result<Ahead>>) -> Result<Ahead> {
    let late = |_| {
        Err(Error::storage(format!(
            "the database did not answer within {} s; check that it is up and can be reached",
            LOOK.as_secs()
        )))
    };
    tokio::time::timeout(LOOK, look).await.unwrap_or_else(late)
}

/// Replaces an error by the default: only the schedule counts then, and the poll itself reports the
/// fault. An error that the database is gone is returned.
fn or_default_work(ahead: Result<Ahead>) -> Result<Ahead> {
    match ahead {
        Err(error) if error.kind != Kind::Gone => {
            tracing::error!("cannot determine the next work: {error}");
            Ok(Ahead::default())
        }
        ahead => ahead,
    }
}

/// The running daemon; see the module's documentation.
pub(super) struct Service<'a, R> {
    config: Arc<Config>,
    clock: Clock,
    health: Health,
    stop: CancellationToken,
    reload: &'a R,
    site: Arc<Site>,
    signals: Signals,
    timer: Timer,
    shots: mpsc::Receiver<Timestamp>,
    beat: Interval,
    watched: bool,
    seed: u64,
    plan: Plan,
    ahead: Ahead,
    /// Whether the configuration was reloaded since the last look ahead.
    unseen: bool,
    /// Whether a reload added accounts.
    joined: bool,
    reported: Option<NextWork>,
}

/// Returns the first look ahead, and whether a reload was requested meanwhile; `None` if the daemon
/// was told to stop.
async fn first_look(
    look: impl Future<Output = Result<Ahead>>,
    signals: &mut Signals,
) -> Result<Option<(Ahead, bool)>> {
    let mut look = std::pin::pin!(in_time(look));
    let mut reload = false;
    loop {
        tokio::select! {
            ahead = &mut look => return ahead.map(|ahead| Some((ahead, reload))),
            signal = signals.next() => match signal {
                // The reload follows the start: the configuration may have been read a while ago.
                Signal::Reload => reload = true,
                Signal::Stop => {
                    tracing::info!("stop signal received");
                    return Ok(None);
                }
            },
        }
    }
}

impl<'a, R: Fn() -> Result<Config>> Service<'a, R> {
    /// Starts the daemon; `None` if it was told to stop before it was ready.
    pub(super) async fn start(
        setup: Setup,
        look: &impl AsyncFn(&Config) -> Result<Ahead>,
        reload: &'a R,
    ) -> Result<Option<Self>> {
        let Setup { config, location, clock, health, stop } = setup;
        let mut signals = Signals::new()?;
        let seed = fastrand::u64(..);
        let schedule = Schedule::new(&config.daemon, seed)?;
        let (listener, address) = http::listen(config.daemon.address()?).await?;
        let first = first_look(look(&config), &mut signals).await?;
        let Some((ahead, changed)) = first else { return Ok(None) };
        let configured = Configured::of(&config);
        let site = Arc::new(Site::new(location, health.clone(), clock.clone(), configured));
        tokio::spawn(http::serve(listener, site.clone()));
        let (timer, shots) = Timer::start().await?;
        let watchdog = systemd::watchdog_every();
        let mut beat = tokio::time::interval(watchdog.map_or(BEAT, |every| every.min(BEAT)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tracing::info!(
            "metrics and health at http://{address}/metrics; polls by '{}' ({})",
            config.daemon.schedule,
            config.daemon.timezone
        );
        systemd::ready();
        let plan = Plan::new(schedule, &ahead, clock.now());
        let mut service = Self {
            config: Arc::new(config),
            clock,
            health,
            stop,
            reload,
            site,
            signals,
            timer,
            shots,
            beat,
            watched: watchdog.is_some(),
            seed,
            plan,
            ahead,
            unseen: false,
            joined: false,
            reported: None,
        };
        if changed {
            service.reload();
        }
        Ok(Some(service))
    }

    /// Looks ahead again, with the configuration that is in force at the end; returns false if the
    /// daemon was told to stop meanwhile.
    pub(super) async fn look(
        &mut self,
        look: &impl AsyncFn(&Config) -> Result<Ahead>,
    ) -> Result<bool> {
        let mut anew = false;
        loop {
            anew |= std::mem::take(&mut self.unseen);
            let Some(ahead) = self.one_look(look).await? else { return Ok(false) };
            if !self.unseen {
                self.ahead = ahead;
                break;
            }
        }
        if anew && (std::mem::take(&mut self.joined) || self.ahead.last_poll.is_none()) {
            self.plan.begin(&self.ahead, self.clock.now());
        }
        Ok(true)
    }

    async fn one_look(
        &mut self,
        look: &impl AsyncFn(&Config) -> Result<Ahead>,
    ) -> Result<Option<Ahead>> {
        let config = self.config.clone();
        let mut looking = std::pin::pin!(in_time(look(&config)));
        loop {
            tokio::select! {
                ahead = &mut looking => return or_default_work(ahead).map(Some),
                _ = self.beat.tick() => self.record_iteration(),
                signal = self.signals.next() => match signal {
                    Signal::Reload => self.reload(),
                    Signal::Stop => {
                        self.end(Duration::ZERO);
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// Waits until work is due; `None` if the daemon is told to stop.
    pub(super) async fn idle(
        &mut self,
        look: &impl AsyncFn(&Config) -> Result<Ahead>,
    ) -> Result<Option<Work>> {
        loop {
            if self.unseen && !self.look(look).await? {
                return Ok(None);
            }
            let now = self.clock.now();
            let next = self.plan.next(&self.ahead, now);
            if next.at <= now {
                return Ok(Some(next.work));
            }
            self.report_next_work(next);
            // Arming the timer is part of the select: signals and the clock never wait for it.
            let shot = async {
                self.timer.arm(next.at, now).await?;
                Ok::<_, Error>(self.shots.recv().await)
            };
            tokio::select! {
                shot = shot => {
                    shot?;
                    self.timer.fired();
                }
                _ = self.beat.tick() => self.record_iteration(),
                signal = self.signals.next() => match signal {
                    Signal::Reload => self.reload(),
                    Signal::Stop => {
                        self.end(Duration::ZERO);
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// Returns the configuration that is in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.clone()
    }

    /// Returns whether `work` is still due.
    pub(super) fn is_due(&mut self, work: Work) -> bool {
        let now = self.clock.now();
        let next = self.plan.next(&self.ahead, now);
        next.at <= now && next.work == work
    }

    /// Waits for the running work.
    pub(super) async fn busy(&mut self, work: Pin<Box<dyn Future<Output = ()> + '_>>) -> Busy {
        let ended = self.ended(work).await;
        self.health.rest();
        ended
    }

    /// Records that work has been done; returns false if the daemon was told to stop meanwhile.
    pub(super) fn done(&mut self, work: Work) -> bool {
        self.plan.done(work, &self.ahead, self.clock.now());
        !self.stop.is_cancelled()
    }

    async fn ended(&mut self, mut work: Pin<Box<dyn Future<Output = ()> + '_>>) -> Busy {
        let mut give_up = None;
        self.reported = None;
        systemd::status("polling");
        loop {
            tokio::select! {
                () = &mut work => return Busy::Done,
                _ = self.beat.tick() => self.record_iteration(),
                () = until(give_up) => return Busy::Abandoned,
                signal = self.signals.next() => match signal {
                    Signal::Reload => self.reload(),
                    Signal::Stop if give_up.is_some() => return Busy::AtOnce,
                    Signal::Stop => {
                        let most = self.config.daemon.stop_time;
                        self.end(most);
                        give_up = Some(Instant::now() + most);
                    }
                },
            }
        }
    }

    /// Records an iteration of the loop, and notifies the watchdog if the work makes progress, too.
    fn record_iteration(&mut self) {
        self.health.record_iteration();
        if self.watched && self.health.makes_progress() {
            systemd::watchdog();
        }
    }

    /// Begins the shutdown, which may take up to `most`.
    fn end(&mut self, most: Duration) {
        tracing::info!("stop signal received");
        // Before systemd is notified, so that /readyz does not contradict it.
        self.health.stop();
        systemd::stopping(most + Duration::from_secs(5));
        self.stop.cancel();
    }

    fn reload(&mut self) {
        systemd::reloading();
        match self.reloaded() {
            Ok(()) => tracing::info!("the configuration was reloaded"),
            Err(error) => tracing::error!(
                "the configuration cannot be reloaded, the old one stays in force: {error}"
            ),
        }
        systemd::ready();
    }

    fn reloaded(&mut self) -> Result<()> {
        let config = (self.reload)()?;
        if config.database != self.config.database
            || config.daemon.listen != self.config.daemon.listen
            || config.log.format != self.config.log.format
        {
            return Err(Error::config(
                "database, daemon.listen and log.format cannot change while the daemon runs; \
                 restart it",
            ));
        }
        let schedule = Schedule::new(&config.daemon, self.seed)?;
        let (polled, known) = (config.polled(), self.config.polled());
        self.joined |= polled.iter().any(|one| !known.contains(one));
        self.site.set_configured(Configured::of(&config));
        // Rescheduling drops a slot that waits in its jitter: only done if the schedule changed.
        let (old, new) = (&self.config.daemon, &config.daemon);
        if (&old.schedule, &old.timezone, old.jitter) != (&new.schedule, &new.timezone, new.jitter)
        {
            self.plan.reschedule(schedule, self.clock.now());
        }
        self.plan.try_at_once();
        self.unseen = true;
        self.reported = None;
        self.config = Arc::new(config);
        Ok(())
    }

    /// Reports the next work if it has changed.
    fn report_next_work(&mut self, next: NextWork) {
        if self.reported != Some(next) {
            let what = match next.work {
                Work::Poll => "next poll",
                Work::Refresh => "next poll, for fresh links,",
                Work::Mirror => "next previews",
                Work::Notices => "next notices",
            };
            systemd::status(&format!("{what} at {}", next.at));
            tracing::debug!("{what} at {}", next.at);
            self.reported = Some(next);
        }
    }
}

/// Waits until `at`, or for ever if that is `None`.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_at_a_database_that_never_answers_ends_and_only_the_schedule_counts() {
        let error = in_time(std::future::pending()).await.unwrap_err();
        assert_eq!(error.kind.exit_code(), 74);
        assert!(error.message.contains("did not answer within 60 s"), "{error}");
        assert_eq!(or_default_work(Err(error)), Ok(Ahead::default()));
        let gone = Error::new(Kind::Gone, "no catalogue");
        assert_eq!(or_default_work(Err(gone.clone())), Err(gone));
    }
}
