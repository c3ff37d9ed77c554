//! A file's commits → polls, oldest first: somebody's scraping becomes a history.
//!
//! Each commit is one saved response, received at the committer's date, and goes through the same
//! poll as any other. It knows neither git nor SQL, and prints nothing.

use std::time::Duration;

use super::{Report, Request, Source, poll};
use crate::{
    archive::Archive,
    catalog::diff::Accepted,
    config::Removals,
    error::{Error, Kind, Result},
    git::{Commit, Repository},
    store::Store,
    time::{Clock, Timestamp},
};

/// What is imported, and how it is judged.
pub struct Import<'a> {
    /// Into this account.
    pub account: &'a str,
    /// From here.
    pub repository: &'a Repository,
    /// The file, from the repository's top.
    pub path: &'a str,
    /// When a removal is believed.
    pub removals: &'a Removals,
    /// Whether the mirror is on.
    pub mirror: bool,
    /// Held removals to let through, in each poll.
    pub accepted: Accepted,
    /// Where answers are kept.
    pub archive: Option<&'a Archive>,
    /// How long a poll may hold the lock.
    pub deadline: Duration,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Commits polled.
    pub polls: u64,
    /// Those whose file was no catalogue, or not there.
    pub failed: u64,
    /// Those dated 1 ms after the one before, since their own date was not later.
    pub nudged: u64,
    /// Those that an earlier import had polled.
    pub known: u64,
    /// Items added, changed, removed and restored.
    pub changes: [i64; 4],
    /// Removals that the last good one of them held back.
    pub held: u64,
}

/// Polls `commits`, oldest first. One that an earlier import ended with is where this one begins.
/// `progress` is told of each that is done.
///
/// # Errors
/// Those of [`poll`]; what was imported until then stays, and the next import goes on there.
pub async fn import(
    store: &mut Store,
    clock: &Clock,
    import: &Import<'_>,
    commits: &[Commit],
    progress: &dyn Fn(),
) -> Result<Imported> {
    let last = store.last_source(import.account).await?;
    let known = commits.iter().position(|commit| last == Some(import.source(commit)));
    let known = known.map_or(0, |at| at + 1);
    let mut imported = Imported { known: known as u64, ..Imported::default() };
    let dated = dates(commits);
    (0..known).for_each(|_| progress());
    for (commit, at) in commits.iter().zip(dated).skip(known) {
        let report = import.poll(store, clock, commit, at).await?;
        imported.nudged += u64::from(at != commit.at);
        imported.count(&report);
        progress();
    }
    Ok(imported)
}

/// When each commit was observed: its own date, or 1 ms after the one before where that is later.
fn dates(commits: &[Commit]) -> Vec<Timestamp> {
    let mut last: Option<Timestamp> = None;
    let date = |commit: &Commit| {
        let next = last.map(|last| last.plus(Duration::from_millis(1)));
        let at = next.map_or(commit.at, |next| next.max(commit.at));
        last = Some(at);
        at
    };
    commits.iter().map(date).collect()
}

impl Import<'_> {
    /// What `polls.source` says of a commit.
    fn source(&self, commit: &Commit) -> String {
        format!("{}@{}:{}", self.repository.name(), commit.id, self.path)
    }

    async fn poll(
        &self,
        store: &mut Store,
        clock: &Clock,
        commit: &Commit,
        at: Timestamp,
    ) -> Result<Report> {
        // A file that is not there is no catalogue either: an empty body says so.
        let body = self.repository.file(commit, self.path).await?.unwrap_or_default();
        let request = Request {
            account: self.account,
            trigger: "file",
            source: Source::Saved { name: self.source(commit), body },
            removals: self.removals,
            mirror: self.mirror,
            accepted: self.accepted,
            observed_at: Some(at),
            archive: self.archive,
            deadline: self.deadline,
            // What the commits tell is old news.
            notify: None,
        };
        let polled = poll(store, clock, request).await;
        polled.map_err(|error| self.refused(error, commit, at))
    }

    fn refused(&self, error: Error, commit: &Commit, at: Timestamp) -> Error {
        match error.kind {
            Kind::Usage => Error::usage(format!(
                "commit {} is of {at}, and account '{}' has a later poll: history is only ever \
                 added to its end; import into an account of its own (--account)",
                commit.id, self.account
            )),
            _ => error.context(format!("commit {}", commit.id)),
        }
    }
}

impl Imported {
    fn count(&mut self, report: &Report) {
        self.polls += 1;
        let Some(counts) = report.row.counts else {
            self.failed += 1;
            return;
        };
        let all = [counts.added, counts.changed, counts.removed, counts.restored];
        self.changes.iter_mut().zip(all).for_each(|(sum, count)| *sum += count);
        self.held = counts.held.unsigned_abs();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_and_backward_dates_follow_the_one_before() {
        let commits = [5, 5, 3, 6, 6_000]
            .map(|at| Commit { id: String::new(), at: Timestamp::from_millis(at) });
        let dates: Vec<i64> = dates(&commits).into_iter().map(Timestamp::millis).collect();
        assert_eq!(dates, [5, 6, 7, 8, 6_000]);
    }
}
