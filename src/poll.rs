//! THE poll: the one place where the steps meet. `sync`, the daemon, backfills and tests all call
//! it, and the next one is the retry.
//!
//! lock → fetch → keep the answer → read the tables → judge → write all or nothing → archive. It
//! decides nothing of history (the diff does), knows no SQL (the store does) and prints nothing.

pub mod accept;
mod ask;
pub mod replay;
pub mod version;

use std::time::Duration;

use crate::{
    archive::{Archive, envelope::Stored},
    catalog::{
        catalogue::Catalogue,
        diff::{Accepted, Diff, Policy, Poll, Standing, diff, is_foreign},
        foreign,
    },
    config::{ApiVersion, Notify, Removals, Version},
    error::{Error, Result, caught},
    heygen::{self, OnProgress},
    notify,
    store::{
        Session, Store,
        host::host,
        json_text::JsonText,
        outbox::{Before, Tell},
        past::Overlap,
        row::{Counts, PollRow, policy_json},
        write::Outcome,
    },
    time::{Clock, Timestamp},
};

use self::{
    ask::{Asking, Known, Received, from_file},
    version::Plan,
};

/// How far behind the last good poll an answer may be to be moved to 1 ms after it.
pub const NUDGE: Duration = Duration::from_secs(10 * 60);

/// What to poll, and how to judge it.
pub struct Request<'a> {
    /// The account.
    pub account: &'a str,
    /// What is read; `None` leaves it to the records of a saved response.
    pub catalogue: Option<Catalogue>,
    /// `manual`, `schedule`, `file` or `refresh`.
    pub trigger: &'a str,
    /// Where the list comes from.
    pub source: Source<'a>,
    /// When a removal is believed.
    pub removals: &'a Removals,
    /// Whether the mirror is on.
    pub mirror: bool,
    /// Held removals to let through.
    pub accepted: Accepted,
    /// When the saved answer had been received, if it is not now.
    pub observed_at: Option<Timestamp>,
    /// Where the answer is kept once the poll has been committed.
    pub archive: Option<&'a Archive>,
    /// How long the poll may hold the lock without a word to the database.
    pub deadline: Duration,
    /// How long the poll waits for the lock of another one.
    pub patience: Duration,
    /// Who is told; `None` tells nobody.
    pub notify: Option<&'a Notify>,
}

/// Where a list comes from.
pub enum Source<'a> {
    /// The API.
    Api {
        /// Whose list.
        client: &'a heygen::Client,
        /// Which version of it.
        version: Version,
        /// Told while it comes.
        progress: OnProgress<'a>,
    },
    /// A saved response.
    Saved {
        /// The file's name, `-` for standard input.
        name: String,
        /// Its content.
        body: Vec<u8>,
    },
}

/// What a poll did, or would do.
#[derive(Debug)]
pub struct Report {
    /// Its row, as written; the number is 0 in a dry run.
    pub row: PollRow,
    /// What it changed; `None` when it failed.
    pub diff: Option<Diff>,
    /// Why it failed.
    pub error: Option<Error>,
    /// The version of the API that the account has gone over to with this poll.
    pub switched_to: Option<ApiVersion>,
    /// At the first held poll after the version changed: what the two have in common.
    pub overlap: Option<Overlap>,
}

impl Report {
    /// Whether it changed an item or its history.
    pub fn changes_tables(&self) -> bool {
        self.diff.iter().flat_map(|diff| &diff.lists).any(|list| {
            let is_moved = !list.newly_missing.is_empty() || !list.found_again.is_empty();
            is_moved || !list.opened.is_empty() || !list.removed.is_empty()
        })
    }

    /// The exit code that the poll asks for; `changed_is_10` as `--exit-code` says.
    pub fn exit_code(&self, changed_is_10: bool) -> u8 {
        match (&self.error, &self.diff) {
            (Some(error), _) => error.kind.exit_code(),
            (None, Some(diff)) if diff.held() > 0 => 3,
            (None, Some(diff)) if changed_is_10 && diff.is_news() => 10,
            _ => 0,
        }
    }
}

/// Polls once and writes what follows. An `Err` left no row: the lock was taken, the database is
/// in trouble or the request makes no sense; a poll that failed otherwise is a [`Report`].
pub async fn poll(store: &mut Store, clock: &Clock, request: Request<'_>) -> Result<Report> {
    let started_at = clock.now();
    refuse_future(&request, started_at)?;
    let (deadline, patience) = (request.deadline, request.patience);
    let mut session = store.wait_to_poll(request.account, started_at, deadline, patience).await?;
    let archive = request.archive;
    let (request, mut fetched) =
        match prepare_and_fetch(&mut session, request, started_at, clock).await {
            Ok(fetched) => fetched,
            Err(error) => {
                // A connection that cannot even roll back has lost its lock by itself.
                let _ = session.end().await;
                return Err(error);
            }
        };
    let switched_to = fetched.switched_to;
    let stored = receive(archive, &mut fetched, started_at).await;
    let written = commit(session, &request, fetched, started_at, clock).await?;
    // The caller's span of this poll, if it has made one.
    tracing::Span::current().record("poll_id", written.row.poll_id);
    if let (Some(archive), Some(stored)) = (archive, stored) {
        keep(archive, store, &written.row, stored).await;
    }
    let overlap = overlap(store, &written).await;
    let Outcome { row, diff, error } = written;
    Ok(Report { row, diff, error, switched_to, overlap })
}

async fn prepare_and_fetch<'a>(
    session: &mut Session<'_>,
    request: Request<'a>,
    started_at: Timestamp,
    clock: &Clock,
) -> Result<(Judged<'a>, Received)> {
    let plan = match request.source.version() {
        Some(version) => {
            let catalogue = request.catalogue.unwrap_or_default();
            Some(Plan::of_session(version, catalogue, session, started_at).await?)
        }
        None => None,
    };
    let (account, observed_at) = (request.account, request.observed_at);
    let mut known = Known::Session(session, request.deadline);
    let (judged, received) = fetch(request, plan, started_at, clock, &mut known).await?;
    if let Some(observed_at) = observed_at
        && let Some(last) = session.last_good(received.catalogue).await?
        && observed_at <= last
    {
        return Err(too_early(account, received.catalogue, observed_at, last));
    }
    Ok((judged, received))
}

/// What the versions before and after a switch have in common, once removals are held. The poll is
/// committed: what is wrong with the database here is found by the next one.
async fn overlap(store: &mut Store, written: &Outcome) -> Option<Overlap> {
    let Outcome { row, diff, .. } = written;
    let version = row.api_version.as_deref()?;
    diff.as_ref().filter(|diff| diff.held() > 0)?;
    store.overlap(&row.account, row.catalogue(), version).await.ok().flatten()
}

/// The answer goes into the archive before the commit: a process that ends right after it leaves
/// nothing that cannot be made up for.
async fn receive(
    archive: Option<&Archive>,
    fetched: &mut Received,
    started_at: Timestamp,
) -> Option<Result<Stored>> {
    let list = &mut fetched.list;
    let (archive, bodies) = (archive?, list.bodies.take()?);
    list.answer.as_ref().ok()?;
    let received = archive.receive(bodies, started_at, list.response_sha256.as_deref());
    Some(caught(received).await)
}

/// Archive failures never fail a poll. They are logged as errors, so that they are seen where only
/// errors are.
async fn keep(archive: &Archive, store: &mut Store, row: &PollRow, stored: Result<Stored>) {
    if row.failed() {
        archive.forget(row).await;
        return;
    }
    let kept = match stored {
        Ok(stored) => caught(archive.keep(store, row.poll_id, stored)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        tracing::error!(
            "poll {} is not in the archive: {error}; the poll itself is good",
            row.poll_id
        );
    }
}

/// Works out what a poll would do, and writes nothing; `store` is `None` where there is no
/// database yet.
pub async fn dry_run(
    store: Option<&mut Store>,
    clock: &Clock,
    request: Request<'_>,
) -> Result<Report> {
    let started_at = clock.now();
    refuse_future(&request, started_at)?;
    let mut store = store;
    let plan = match request.source.version() {
        Some(version) => {
            let (account, catalogue) = (request.account, request.catalogue.unwrap_or_default());
            let store = store.as_deref_mut();
            Some(Plan::of_account(version, catalogue, account, store, started_at).await?)
        }
        None => None,
    };
    let mut known = Known::Store(store.as_deref_mut(), request.account);
    let (request, fetched) = fetch(request, plan, started_at, clock, &mut known).await?;
    let switched_to = fetched.switched_to;
    let after_polls = request.removals.after_polls_on(fetched.version);
    let standing = match store {
        Some(store) => {
            let (account, catalogue) = (request.account, fetched.catalogue);
            store.standing(account, catalogue, after_polls, clock.now()).await?
        }
        None => Standing::default(),
    };
    let judged = Judge { request: &request, started_at, clock, after_polls };
    let Outcome { row, diff, error } = match fetched.list.answer.as_ref().err() {
        Some(_) => judged.failed(&fetched, None),
        None => judged.answered(fetched, standing)?,
    };
    Ok(Report { row, diff, error, switched_to, overlap: None })
}

async fn commit(
    session: Session<'_>,
    request: &Judged<'_>,
    fetched: Received,
    started_at: Timestamp,
    clock: &Clock,
) -> Result<Outcome> {
    let after_polls = request.removals.after_polls_on(fetched.version);
    let judge = Judge { request, started_at, clock, after_polls };
    let watch = request.notify.filter(|notify| notify.url.is_some()).map(|notify| &notify.watch);
    let drafts = |outcome: &Outcome, before: Before| {
        watch.map_or(vec![], |watch| notify::drafts(watch, outcome, before))
    };
    let tell = watch.map(|_| &drafts as Tell<'_>);
    match fetched.list.answer.as_ref().err() {
        Some(_) => session.record(judge.failed(&fetched, None), clock.now(), tell).await,
        None => {
            let now = request.observed_at.unwrap_or_else(|| clock.now());
            let catalogue = fetched.catalogue;
            let judged = |standing| judge.answered(fetched, standing);
            session.commit(catalogue, after_polls, now, tell, judged).await
        }
    }
}

/// A backfill is of the past.
fn refuse_future(request: &Request<'_>, now: Timestamp) -> Result<()> {
    match request.observed_at.filter(|observed_at| *observed_at > now.plus(NUDGE)) {
        Some(observed_at) => Err(Error::usage(format!(
            "--observed-at {observed_at} is in the future (it is {now}); give the time at which the \
             list was received"
        ))),
        None => Ok(()),
    }
}

/// Why no poll of `account` can follow its last good one, if that is dated in the future at `now`.
/// Clocks that differ by less than [`NUDGE`] are no fault.
pub fn ahead_of_clock(
    account: &str,
    catalogue: Catalogue,
    last_good: Timestamp,
    now: Timestamp,
) -> Option<Error> {
    (now < last_good.minus(NUDGE)).then(|| {
        let whose = whose(account, catalogue);
        Error::unforeseen(format!(
            "the last good poll of {whose} is dated {last_good}, in the future (this \
             machine's clock: {now}), and no poll can be added before that time; set the clock if it \
             is wrong, else restore a backup from before that poll, or set its history aside: \
             `account rename {account} NEW_NAME`, then `sync --new-account`, both with the --config \
             and --database of this command"
        ))
    })
}

/// A backfill goes to the end of history or nowhere.
fn too_early(
    account: &str,
    catalogue: Catalogue,
    observed_at: Timestamp,
    last: Timestamp,
) -> Error {
    let whose = whose(account, catalogue);
    Error::usage(format!(
        "--observed-at {observed_at} is not later than the last good poll of {whose} ({last}): \
         history is only ever added to its end"
    ))
}

/// `account 'default'`, and its catalogue where that is not the usual one.
pub fn whose(account: &str, catalogue: Catalogue) -> String {
    catalogue.of(&format!("account '{account}'"))
}

/// A request once its list has come.
struct Judged<'a> {
    account: &'a str,
    trigger: &'a str,
    removals: &'a Removals,
    mirror: bool,
    accepted: Accepted,
    observed_at: Option<Timestamp>,
    notify: Option<&'a Notify>,
}

impl Source<'_> {
    /// The version that is configured; a saved response has none.
    fn version(&self) -> Option<Version> {
        match self {
            Self::Api { version, .. } => Some(*version),
            Self::Saved { .. } => None,
        }
    }
}

async fn fetch<'a>(
    request: Request<'a>,
    plan: Option<Plan>,
    started_at: Timestamp,
    clock: &Clock,
    known: &mut Known<'_, '_>,
) -> Result<(Judged<'a>, Received)> {
    let Request {
        account,
        catalogue,
        trigger,
        source,
        removals,
        mirror,
        accepted,
        observed_at,
        archive,
        deadline: _,
        patience: _,
        notify,
    } = request;
    let keep = archive.is_some();
    let received = match source {
        Source::Api { client, version, progress } => {
            let catalogue = catalogue.unwrap_or_default();
            let counts = matches!(trigger, "manual" | "schedule");
            let unknown = || Plan::new(version, catalogue, &Default::default(), started_at);
            let plan = plan.unwrap_or_else(unknown);
            let asking =
                Asking { catalogue, plan, client, keep, progress, counts, started_at, clock };
            asking.ask(known).await?
        }
        Source::Saved { name, body } => from_file(name, &body, catalogue, keep, clock)?,
    };
    let judged = Judged { account, trigger, removals, mirror, accepted, observed_at, notify };
    Ok((judged, received))
}

/// What the row says of its diff.
fn count(row: &mut PollRow, diff: &Diff) {
    row.outcome = if diff.held() > 0 { "held" } else { "succeeded" }.into();
    row.counts = Some(Counts::of(diff));
    row.held_reason = diff.held_reason();
}

/// What turns an answer into a row and a diff.
struct Judge<'a> {
    request: &'a Judged<'a>,
    started_at: Timestamp,
    clock: &'a Clock,
    after_polls: u32,
}

impl Judge<'_> {
    fn policy(&self) -> Policy {
        let Removals { after_polls: _, min_count, max_share } = *self.request.removals;
        let accepted = self.request.accepted;
        Policy { after_polls: self.after_polls, min_count, max_share, accepted }
    }

    fn answered(&self, fetched: Received, standing: Standing) -> Result<Outcome> {
        let last = standing.last_good.as_ref().map(|poll| poll.observed_at);
        let observed_at = match self.observed_at(&fetched, last)? {
            Ok(observed_at) => observed_at,
            Err(error) => return Ok(self.failed(&fetched, Some(error))),
        };
        let mut row = self.row(&fetched);
        let policy = self.policy();
        let api_version = fetched.version.as_str();
        let poll = Poll { observed_at, api_version, policy: &policy, mirror: self.request.mirror };
        if let Ok(answer) = &fetched.list.answer
            && is_foreign(&standing, answer, &poll)
            && !policy.accepted.replaces_all(&standing)
        {
            let refusal = foreign::refusal(answer, standing.current_set());
            return Ok(self.failed(&fetched, Some(refusal)));
        }
        let Ok(answer) = fetched.list.answer else {
            return Ok(Outcome { row, diff: None, error: None });
        };
        let diff = diff(&standing, answer, &poll);
        row.observed_at = Some(observed_at);
        count(&mut row, &diff);
        row.finished_at = Some(self.clock.now());
        Ok(Outcome { row, diff: Some(diff), error: None })
    }

    /// The one clock of history: strictly increasing. The outer error is the caller's (a backfill
    /// too early), the inner one fails the poll.
    fn observed_at(
        &self,
        fetched: &Received,
        last: Option<Timestamp>,
    ) -> Result<Result<Timestamp>> {
        let received = fetched.list.received_at.unwrap_or(self.started_at);
        let observed_at = self.request.observed_at.unwrap_or(received);
        let Some(last) = last.filter(|last| observed_at <= *last) else {
            return Ok(Ok(observed_at));
        };
        if self.request.observed_at.is_some() {
            return Err(too_early(self.request.account, fetched.catalogue, observed_at, last));
        }
        if let Some(error) =
            ahead_of_clock(self.request.account, fetched.catalogue, last, observed_at)
        {
            return Ok(Err(error));
        }
        let nudged = last.plus(Duration::from_millis(1));
        tracing::warn!(
            "the clock is behind the last poll ({observed_at}, {last}); this one is dated {nudged}"
        );
        Ok(Ok(nudged))
    }

    /// A poll that failed, for the reason of its answer or another.
    fn failed(&self, fetched: &Received, error: Option<Error>) -> Outcome {
        let error = error.or_else(|| fetched.list.answer.as_ref().err().cloned());
        let mut row = self.row(fetched);
        row.outcome = "failed".into();
        row.observed_at = fetched.list.received_at.map(|at| self.request.observed_at.unwrap_or(at));
        row.error = error.as_ref().map(|error| error.message.clone());
        row.finished_at = Some(self.clock.now());
        Outcome { row, diff: None, error }
    }

    fn row(&self, fetched: &Received) -> PollRow {
        let small = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let list = &fetched.list;
        PollRow {
            account: self.request.account.to_owned(),
            catalogue: fetched.catalogue.as_str().to_owned(),
            trigger: self.request.trigger.to_owned(),
            api_version: Some(fetched.version.as_str().to_owned()),
            source: Some(list.source.clone()),
            started_at: Some(self.started_at),
            policy: Some(JsonText(policy_json(&self.policy()))),
            http_status: list.http_status.map(i64::from),
            request_id: list.request_id.clone(),
            response_bytes: small(list.response_bytes),
            response_sha256: list.response_sha256.clone(),
            warning: list.warning.clone(),
            superseded: fetched.superseded,
            host: Some(host()),
            tool_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..PollRow::default()
        }
    }
}
