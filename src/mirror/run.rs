//! One run of the mirror: leases, downloads, batches.

mod dead_links;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use super::{
    blob::Blobs,
    fetch::{self, Fetcher},
    guard::Guard,
    plan::{self, FailureCategory, Outcome, Task},
    settings::MirrorSettings,
    summary::{BadOutcome, MirrorProgress, Summary},
    workspace::GROUP,
};
use crate::{
    error::{Error, Result},
    store::{
        Store,
        queue::{Asset, Settled},
    },
    time::{Clock, Timestamp},
};

/// The duration of a lease, during which no other mirror gets the asset (PostgreSQL).
const LEASE: Duration = Duration::from_secs(120);
/// The number of rows of one batch, and the longest wait of the first of them.
const BATCH: usize = 256;
const BATCH_WAIT: Duration = Duration::from_millis(300);

/// How long a run waits for others that lock its rows, and how often it checks (PostgreSQL).
const PATIENCE: Duration = Duration::from_secs(240);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The longest wait within a run: one download at its slowest, and its batch.
pub const LONGEST_STEP: Duration = Duration::from_secs(fetch::LONGEST.as_secs() + 300);

/// How many assets are leased at a time: finding the most urgent ones reads all that are due.
const AHEAD: usize = 1_000;
/// The same for a mirror that has the queue for itself.
const AHEAD_ALONE: usize = 2_000;

/// Works through the queue until nothing is due. `refresh` polls every account with the trigger
/// `refresh`; it is called at most once in ten minutes, according to `polls`, and reports its own
/// errors.
///
/// # Errors
/// `Busy` while another mirror works on the queue of a SQLite file; `Storage` if the database or
/// the store cannot be written to: what was saved before that stays, the rest is due again.
pub async fn run(
    store: &mut Store,
    clock: &Clock,
    settings: &MirrorSettings,
    blobs: Arc<Blobs>,
    progress: &(dyn Fn(MirrorProgress) + Sync),
    mut refresh: impl AsyncFnMut(&mut Store) -> Result<()>,
) -> Result<Summary> {
    let lock = store.lock_queue()?;
    let most = if lock.is_alone() { AHEAD_ALONE } else { AHEAD };
    let wanted = settings.wanted();
    let now = clock.now();
    let latest = plan::latest(now, settings.mirror.recheck);
    let allowed = Guard::new(&settings.mirror.allowed_hosts).allowed();
    store.update_queue(wanted, &allowed, now, latest).await?;
    let due = store.count_due(wanted, now).await?;
    if due == 0 {
        return Ok(Summary::default());
    }
    let workspace = Arc::new(blobs.workspace()?);
    let fetcher = Arc::new(Fetcher::new(settings, clock, blobs, workspace)?);
    let ahead_by = store.clock_ahead(clock).await?;
    let mut run = Run::new(store, clock, settings, fetcher, most, due);
    run.ahead_by = ahead_by;
    let worked = run.work(progress, &mut refresh).await;
    run.end(worked).await
}

type FetchedAsset = (Asset, Result<Outcome>);

struct Run<'a> {
    store: &'a mut Store,
    clock: &'a Clock,
    settings: &'a MirrorSettings,
    fetcher: Arc<Fetcher>,
    tasks: JoinSet<FetchedAsset>,
    /// Leased assets that are to be downloaded, the most urgent first.
    ahead: VecDeque<Asset>,
    /// How many assets are leased ahead.
    most: usize,
    /// Leased assets that are not written yet.
    under_way: HashSet<String>,
    settled: Vec<Settled>,
    /// When the oldest of `settled` must be written.
    flush_at: Option<Instant>,
    renew_at: Instant,
    /// Whether nothing more is due.
    drained: bool,
    /// Assets whose links do not work.
    dead: Vec<Asset>,
    /// Assets that got a fresh link in this run.
    renewed: HashSet<String>,
    due: u64,
    done: u64,
    summary: Summary,
    /// The last bad outcome of each asset, by URL: one that is tried twice counts once.
    bad: HashMap<String, BadOutcome>,
    /// By how much the clock of the database is ahead of ours, in milliseconds: leases are made and
    /// checked by it, so that mirrors on several hosts agree.
    ahead_by: i64,
}

impl<'a> Run<'a> {
    fn new(
        store: &'a mut Store,
        clock: &'a Clock,
        settings: &'a MirrorSettings,
        fetcher: Arc<Fetcher>,
        most: usize,
        due: u64,
    ) -> Self {
        Self {
            store,
            clock,
            settings,
            fetcher,
            tasks: JoinSet::new(),
            ahead: VecDeque::new(),
            most,
            under_way: HashSet::new(),
            settled: vec![],
            flush_at: None,
            renew_at: Instant::now() + LEASE / 3,
            drained: false,
            dead: vec![],
            renewed: HashSet::new(),
            due,
            done: 0,
            summary: Summary::default(),
            bad: HashMap::new(),
            ahead_by: 0,
        }
    }

    /// Returns the time by which leases are made and checked.
    fn lease_time(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().millis() + self.ahead_by)
    }

    async fn work(
        &mut self,
        progress: &(dyn Fn(MirrorProgress) + Sync),
        refresh: &mut impl AsyncFnMut(&mut Store) -> Result<()>,
    ) -> Result<()> {
        let stop = self.settings.stop.clone();
        while !stop.is_cancelled() {
            self.lease().await?;
            self.start();
            if self.tasks.is_empty() {
                self.flush().await?;
                if self.drained && !self.revive(refresh).await? {
                    return Ok(());
                }
                continue;
            }
            let wake = self.flush_at.map_or(self.renew_at, |at| at.min(self.renew_at));
            tokio::select! {
                joined = self.tasks.join_next() => if let Some(joined) = joined {
                    self.take(joined.map_err(Error::unforeseen)?)?;
                },
                () = tokio::time::sleep_until(wake) => {}
                () = stop.cancelled() => {}
            }
            if self.flush_at.is_some_and(|at| at <= Instant::now()) || self.settled.len() >= BATCH {
                self.flush().await?;
                progress(MirrorProgress {
                    done: self.done,
                    due: self.due,
                    bytes: self.summary.bytes,
                });
            }
            self.renew_leases().await?;
        }
        Ok(())
    }

    /// Renews the leases when it is time.
    async fn renew_leases(&mut self) -> Result<()> {
        if self.renew_at <= Instant::now() {
            let until = self.lease_time().plus(LEASE);
            self.store.renew_leases(self.under_way.iter(), until).await?;
            self.renew_at = Instant::now() + LEASE / 3;
        }
        Ok(())
    }

    /// Leases enough assets that no download waits for the database.
    async fn lease(&mut self) -> Result<()> {
        if self.drained || self.ahead.len() > self.most / 4 {
            return Ok(());
        }
        let now = self.clock.now();
        let most = self.most - self.ahead.len();
        let wanted = self.settings.wanted();
        let (from, until) = (self.lease_time(), self.lease_time().plus(LEASE));
        let leased = self.store.lease(wanted, most, &self.under_way, from, until).await?;
        self.drained = leased.len() < most;
        for asset in leased {
            self.under_way.insert(asset.url.clone());
            match plan::task(&asset, now) {
                Task::Fetch => self.ahead.push_back(asset),
                Task::Renew => {
                    self.record_outcome(
                        asset,
                        Outcome::LinkDead("the link has expired".into()),
                        now,
                    );
                }
                Task::Nothing => self.settle(plan::at_rest(asset)),
            }
        }
        Ok(())
    }

    /// Runs as many downloads as allowed, besides those whose bodies are being stored.
    fn start(&mut self) {
        while self.tasks.len() < self.settings.mirror.concurrency + GROUP
            && let Some(asset) = self.ahead.pop_front()
        {
            let fetcher = self.fetcher.clone();
            self.tasks.spawn(async move {
                let outcome = fetcher.fetch(&asset).await;
                (asset, outcome)
            });
        }
    }

    fn take(&mut self, (asset, outcome): FetchedAsset) -> Result<()> {
        let now = self.clock.now();
        self.record_outcome(asset, outcome?, now);
        Ok(())
    }

    fn record_outcome(&mut self, asset: Asset, outcome: Outcome, now: Timestamp) {
        let failure = outcome.failure().map(|(what, why)| (what, why.to_owned()));
        match &outcome {
            Outcome::Saved(content) => {
                self.bad.remove(&asset.url);
                if asset.saved() && asset.sha256.as_ref() == Some(&content.sha256) {
                    self.summary.unchanged += 1;
                } else {
                    self.summary.saved += 1;
                    self.summary.bytes += content.bytes;
                }
            }
            Outcome::Unchanged => self.summary.unchanged += 1,
            _ => {}
        }
        // Counted once its outcome is known.
        let died = matches!(outcome, Outcome::LinkDead(_)) && !asset.saved();
        let link = died.then(|| asset.clone());
        let before = asset.last_error.clone();
        let settled = plan::settle(asset, outcome, now, self.settings.mirror.recheck);
        let next_attempt_at = settled.asset.next_attempt_at;
        if let Some(link) = link {
            let last_error = settled.asset.last_error.clone();
            self.dead.push(Asset { next_attempt_at, last_error, ..link });
        } else if let Some((what, why)) = failure {
            self.summary.is_news |=
                what != FailureCategory::Failed && before.as_ref() != Some(&why);
            self.note(&settled.asset, what, why);
        }
        self.settle(settled);
    }

    fn note(&mut self, asset: &Asset, what: FailureCategory, why: String) {
        let bad = BadOutcome { what, why, next: asset.next_attempt_at };
        self.bad.insert(asset.url.clone(), bad);
    }

    fn settle(&mut self, settled: Settled) {
        self.done += 1;
        self.settled.push(settled);
        self.flush_at.get_or_insert_with(|| Instant::now() + BATCH_WAIT);
    }

    async fn flush(&mut self) -> Result<()> {
        self.flush_at = None;
        if self.settled.is_empty() {
            return Ok(());
        }
        let patience = Instant::now() + PATIENCE;
        let maybe_pruned = loop {
            if let Some(maybe_pruned) = self.store.settle(&self.settled).await? {
                break maybe_pruned;
            }
            if patience <= Instant::now() {
                return Err(Error::storage(format!(
                    "a poll or a prune has locked rows of assets for {} s; what was not recorded is \
                     due again: run again once it has ended",
                    PATIENCE.as_secs()
                )));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            self.renew_leases().await?;
        };
        for settled in self.settled.drain(..) {
            self.under_way.remove(&settled.asset.url);
        }
        self.recheck_pruned(maybe_pruned).await
    }

    /// Downloads again the files that were pruned after they were stored and before they were
    /// recorded.
    async fn recheck_pruned(&mut self, maybe_pruned: Vec<String>) -> Result<()> {
        let mut lost = vec![];
        for file in maybe_pruned {
            if self.fetcher.blobs().size(&file).await?.is_none() {
                lost.push(file);
            }
        }
        if !lost.is_empty() {
            self.store.requeue_lost(&lost).await?;
            self.drained = false;
        }
        Ok(())
    }

    /// Writes the remaining results; if the run broke off, assets under way are due again at once.
    async fn end(mut self, worked: Result<()>) -> Result<Summary> {
        self.tasks.shutdown().await;
        let flushed = self.flush().await;
        if !self.under_way.is_empty() {
            let now = self.lease_time();
            // A lease that cannot be returned expires.
            let _ = self.store.renew_leases(self.under_way.iter(), now).await;
        }
        worked?;
        flushed?;
        Ok(self.summary.with(self.bad))
    }
}
