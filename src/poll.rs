//! The poll: the one place that combines the steps. `sync`, the daemon, backfills and tests all call
//! it, and the next poll is the retry.
//!
//! lock → fetch → stage the answer → read the tables → compare → write all or nothing → archive. It
//! contains no rule of history (the diff does), no SQL (the store does) and prints nothing.

mod ask;
mod dates;
mod hashed_file;
pub mod replay;
pub mod version;

use std::time::Duration;

use crate::{
    archive::{Archive, envelope::Stored},
    catalog::{
        api_version::ApiVersion,
        catalogue::Catalogue,
        diff::{Accepted, Diff, Policy, PollContext, Snapshot, diff, is_foreign},
        foreign,
        list::Answer,
    },
    config::{Notify, Removals, Version},
    error::{Result, caught},
    heygen::{self, Fetched, OnProgress},
    notify,
    store::{
        Session, Store,
        past::Overlap,
        row::{Counts, PollRow, policy_json},
    },
    system::host,
    time::{Clock, Timestamp},
};

pub use self::{
    dates::{account_label, ahead_of_clock},
    hashed_file::SavedFile,
};
pub use crate::store::report::Report;

use self::{
    ask::{Asking, PollDatabase, Received, from_file},
    version::VersionPlan,
};

/// The time within which an answer should arrive: a stored link must be valid for longer to be left alone.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// What to poll, and the settings of the poll.
pub struct Request<'a> {
    /// The account.
    pub account: &'a str,
    /// The catalogue to read; `None` if the records of a saved response decide.
    pub catalogue: Option<Catalogue>,
    /// `manual`, `schedule`, `file` or `refresh`.
    pub trigger: &'a str,
    /// When an item that is no longer listed counts as removed.
    pub removals: &'a Removals,
    /// Whether the mirror is on.
    pub mirror: bool,
    /// Held removals to let through.
    pub accepted: Accepted,
    /// When the saved answer was received, if not now.
    pub observed_at: Option<Timestamp>,
    /// The archive that keeps the answer once the poll has been committed.
    pub archive: Option<&'a Archive>,
    /// How long the poll may hold the lock without a statement to the database.
    pub deadline: Duration,
    /// How long the poll waits for the lock of another one.
    pub patience: Duration,
    /// The receivers of notices, and the monitors.
    pub notify: &'a [Notify],
    /// When the key expires, if the API was asked and reported it.
    pub key_expires_at: Option<Timestamp>,
}

/// The source of a list.
pub enum Source<'a> {
    /// The API.
    Api {
        /// The client, with the key of the account.
        client: &'a heygen::Client,
        /// The version of the API to read.
        version: Version,
        /// Called while the list is received.
        progress: OnProgress<'a>,
    },
    /// A saved response.
    Saved {
        /// The file's name, `-` for standard input.
        name: String,
        /// The file.
        file: Box<dyn SavedFile>,
    },
}

/// Polls once and writes the result. An `Err` left no row: the lock was held, the database failed or
/// the request is invalid; a poll that failed otherwise is a [`Report`].
pub async fn poll(
    store: &mut Store,
    clock: &Clock,
    request: &Request<'_>,
    source: Source<'_>,
) -> Result<Report> {
    let run = Polling::begin(request, clock)?;
    let (deadline, patience) = (request.deadline, request.patience);
    let mut session =
        store.wait_to_poll(request.account, run.started_at, deadline, patience).await?;
    let done = run.in_session(&mut session, source).await;
    // A connection that cannot even roll back has already lost its lock.
    let _ = session.end().await;
    let (mut report, staged) = done?;
    // The caller's span of this poll, if it has made one.
    tracing::Span::current().record("poll_id", report.row.poll_id);
    if let (Some(archive), Some(staged)) = (request.archive, staged) {
        keep(archive, store, &report.row, staged).await;
    }
    report.overlap = overlap(store, &report).await;
    Ok(report)
}

/// Computes what a poll would do, and writes nothing; `store` is `None` if there is no database yet.
pub async fn dry_run(
    mut store: Option<&mut Store>,
    clock: &Clock,
    request: &Request<'_>,
    source: Source<'_>,
) -> Result<Report> {
    let run = Polling::begin(request, clock)?;
    let mut known =
        PollDatabase { store: store.as_deref_mut(), account: request.account, deadline: None };
    let fetched = run.fetch(source, &mut known).await?;
    let snapshot = match store {
        Some(store) => {
            run.refuse_early(store, fetched.catalogue).await?;
            run.read(store, &fetched).await?
        }
        None => Snapshot::default(),
    };
    Ok(run.report_of(fetched, &snapshot))
}

/// A poll in progress.
struct Polling<'a> {
    request: &'a Request<'a>,
    clock: &'a Clock,
    started_at: Timestamp,
}

impl<'a> Polling<'a> {
    fn begin(request: &'a Request<'a>, clock: &'a Clock) -> Result<Self> {
        let started_at = clock.now();
        dates::refuse_future(request.observed_at, started_at)?;
        Ok(Self { request, clock, started_at })
    }

    /// Does everything from the lock to the commit. The answer is staged in the archive before the
    /// commit: if the process ends right after the commit, a later poll can complete the archive.
    async fn in_session(
        &self,
        session: &mut Session<'_>,
        source: Source<'_>,
    ) -> Result<(Report, Option<Result<Stored>>)> {
        let Request { account, deadline, notify, .. } = *self.request;
        let store = Some(session.store());
        let mut known = PollDatabase { store, account, deadline: Some(deadline) };
        let mut fetched = self.fetch(source, &mut known).await?;
        self.refuse_early(session.store(), fetched.catalogue).await?;
        let staged = self.stage(&mut fetched.list).await;
        session.begin_writing().await?;
        let snapshot = self.read(session.store(), &fetched).await?;
        let mut report = self.report_of(fetched, &snapshot);
        let before = match notify.iter().any(Notify::has_receiver) {
            true => Some(session.before(&report).await?),
            false => None,
        };
        session.write(&mut report).await?;
        if let Some(before) = before {
            let drafts = notify::drafts(notify, &report, &before, self.request.key_expires_at);
            session.put_notices(&report.row, drafts).await?;
        }
        session.commit().await?;
        Ok((report, staged))
    }

    async fn fetch(&self, source: Source<'_>, known: &mut PollDatabase<'_>) -> Result<Received> {
        let Request { account, catalogue, trigger, mirror, observed_at, archive, .. } =
            *self.request;
        let (started_at, clock, keep) = (self.started_at, self.clock, archive.is_some());
        let until = observed_at.unwrap_or(started_at).max(started_at).plus(LONGEST);
        let recognition = known.recognition(catalogue, until, mirror).await?;
        match source {
            Source::Saved { name, file } => {
                from_file(name, file, catalogue, keep, &recognition, clock)
            }
            Source::Api { client, version, progress } => {
                let catalogue = catalogue.unwrap_or_default();
                let counts = matches!(trigger, "manual" | "schedule");
                let store = known.store.as_deref_mut();
                let plan =
                    VersionPlan::of_account(version, catalogue, account, store, started_at).await?;
                let asking = Asking {
                    catalogue,
                    plan,
                    client,
                    keep,
                    recognition,
                    progress,
                    counts,
                    started_at,
                    clock,
                };
                asking.ask(known).await
            }
        }
    }

    /// Fails if a backfill is not later than the last good poll; called before anything is staged.
    async fn refuse_early(&self, store: &mut Store, catalogue: Catalogue) -> Result<()> {
        let Request { account, observed_at, .. } = *self.request;
        let Some(observed_at) = observed_at else { return Ok(()) };
        match store.last_good(account, catalogue).await? {
            Some(last) if observed_at <= last => {
                Err(dates::too_early(account, catalogue, observed_at, last))
            }
            _ => Ok(()),
        }
    }

    async fn stage(&self, list: &mut Fetched) -> Option<Result<Stored>> {
        let (archive, bodies) = (self.request.archive?, list.bodies.take()?);
        list.answer.as_ref().ok()?;
        let staged = archive.stage(bodies, self.started_at, list.trace.sha256.as_deref());
        Some(caught(staged).await)
    }

    /// Reads what the tables contain, as far as the answer is to be compared with it.
    async fn read(&self, store: &mut Store, fetched: &Received) -> Result<Snapshot> {
        let Ok(answer) = &fetched.list.answer else { return Ok(Snapshot::default()) };
        let Request { account, observed_at, .. } = *self.request;
        let now = observed_at.unwrap_or_else(|| self.clock.now());
        let after_polls = self.policy(fetched.version).after_polls;
        let left_out = answer.left_out();
        store.snapshot(account, fetched.catalogue, &left_out, after_polls, now).await
    }

    fn policy(&self, version: ApiVersion) -> Policy {
        let Removals { min_count, max_share, .. } = *self.request.removals;
        let after_polls = self.request.removals.after_polls_on(version);
        Policy { after_polls, min_count, max_share, accepted: self.request.accepted }
    }

    /// Converts the answer into a row and, if it is a plausible list, a diff.
    fn report_of(&self, fetched: Received, snapshot: &Snapshot) -> Report {
        let policy = self.policy(fetched.version);
        let mut row = self.row(&fetched, &policy);
        let switched_to = fetched.switched_to;
        let compared = fetched.list.answer;
        let compared = compared.and_then(|answer| self.compare(&row, &policy, answer, snapshot));
        row.finished_at = Some(self.clock.now());
        match compared {
            Ok((observed_at, diff)) => {
                row.observed_at = Some(observed_at);
                count(&mut row, &diff);
                Report { row, diff: Some(diff), switched_to, ..Report::default() }
            }
            Err(error) => {
                row.outcome = "failed".into();
                row.error = Some(error.message.clone());
                Report { row, error: Some(error), switched_to, ..Report::default() }
            }
        }
    }

    /// Returns the diff, and the time of the poll in history.
    ///
    /// # Errors
    /// The poll fails if the clock is far behind, or if the list is another account's.
    fn compare(
        &self,
        row: &PollRow,
        policy: &Policy,
        answer: Answer,
        snapshot: &Snapshot,
    ) -> Result<(Timestamp, Diff)> {
        let last = snapshot.last_good.as_ref().map(|poll| poll.observed_at);
        let received = row.observed_at.unwrap_or(self.started_at);
        let account = self.request.account;
        let observed_at = dates::after(last, received, account, row.catalogue())?;
        let api_version = row.api_version.as_deref().unwrap_or_default();
        let poll = PollContext { observed_at, api_version, policy, mirror: self.request.mirror };
        if is_foreign(snapshot, &answer, &poll) && !policy.accepted.replaces_all(snapshot) {
            return Err(foreign::refusal(&answer, snapshot.current_set()));
        }
        Ok((observed_at, diff(snapshot, answer, &poll)))
    }

    fn row(&self, fetched: &Received, policy: &Policy) -> PollRow {
        let small = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let (list, trace) = (&fetched.list, &fetched.list.trace);
        PollRow {
            account: self.request.account.to_owned(),
            catalogue: fetched.catalogue.as_str().to_owned(),
            trigger: self.request.trigger.to_owned(),
            api_version: Some(fetched.version.as_str().to_owned()),
            source: Some(list.source.clone()),
            started_at: Some(self.started_at),
            observed_at: trace.received_at.map(|at| self.request.observed_at.unwrap_or(at)),
            policy: Some(policy_json(policy)),
            http_status: trace.status.map(i64::from),
            request_id: trace.request_id.clone(),
            response_bytes: small(trace.bytes),
            response_sha256: trace.sha256.clone(),
            warning: trace.notice.clone(),
            superseded: fetched.superseded,
            host: Some(host()),
            tool_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..PollRow::default()
        }
    }
}

/// Sets the columns of the row that summarise the diff.
fn count(row: &mut PollRow, diff: &Diff) {
    row.outcome = if diff.held() > 0 { "held" } else { "succeeded" }.into();
    row.counts = Some(Counts::of(diff));
    row.held_reason = diff.held_reason();
}

/// Adds the staged answer to the archive. A failure never fails the poll; it is logged as an error,
/// so that it is seen even if only errors are logged.
async fn keep(archive: &Archive, store: &mut Store, row: &PollRow, staged: Result<Stored>) {
    if row.failed() {
        archive.forget(row).await;
        return;
    }
    let kept = match staged {
        Ok(staged) => caught(archive.keep(store, row.poll_id, staged)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        tracing::error!(
            "poll {} is not in the archive: {error}; the poll itself is good",
            row.poll_id
        );
    }
}

/// Returns what the API versions before and after a switch have in common, once removals are held.
/// The poll is committed, so the next poll reports an error of the database.
async fn overlap(store: &mut Store, report: &Report) -> Option<Overlap> {
    let Report { row, diff, .. } = report;
    let version = row.api_version.as_deref()?;
    diff.as_ref().filter(|diff| diff.held() > 0)?;
    store.overlap(&row.account, row.catalogue(), version).await.ok().flatten()
}
