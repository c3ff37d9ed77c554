//! Replays an archive into an empty database, poll by poll: with the same diff and the same writes
//! as when the answers were received, and with the rows that were recorded then.
//!
//! Each poll must result in its recorded digest; the first one that does not ends the replay, and
//! the polls before it stay: they are what the database contained at that time. Links are not
//! replayed, since an archive has none. Knows no SQL and prints nothing.

use std::{collections::HashMap, time::Duration};

use super::count;
use crate::{
    archive::{
        Archive,
        envelope::{Entry, Envelope, Stored},
    },
    catalog::{
        api_version::ApiVersion,
        diff::{Policy, PollContext, diff},
        list::Answer,
    },
    error::{Error, Result},
    store::{
        Session, Store,
        report::Report,
        row::{PollRow, policy_of},
    },
    time::{Clock, Timestamp},
};

/// How long one poll may keep the database's lock.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// The result of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The number of polls, the failed ones included.
    pub polls: u64,
    /// The number of polls that had failed.
    pub failed: u64,
}

/// Replays `envelopes`, which are all of `archive`, into `store`, which must be empty. `progress`
/// is called with the id of each poll that is done.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if the database is not empty, [`crate::error::Kind::Storage`] if
/// the archive lacks a poll or an answer or one is damaged, [`crate::error::Kind::Unforeseen`] if a
/// poll differs from its record.
pub async fn replay(
    store: &mut Store,
    clock: &Clock,
    archive: &Archive,
    envelopes: &[Envelope],
    progress: &dyn Fn(i64),
) -> Result<Replayed> {
    store.refuse_rows().await?;
    let names = names(envelopes)?;
    let mut names = names.iter();
    let place = store.location().to_string();
    let mut replaying = Replaying { store, clock, archive, answer: None };
    let mut replayed = Replayed::default();
    for envelope in envelopes {
        for entry in envelope.entries() {
            let row =
                PollRow { account: names.next().cloned().unwrap_or_default(), ..entry.row.clone() };
            let (poll, failed) = (row.poll_id, row.failed());
            let done = replaying.entry(row, &envelope.answer, replayed.polls as i64).await;
            done.map_err(|error| ended(error, poll, &place))?;
            replayed.polls += 1;
            replayed.failed += u64::from(failed);
            progress(poll);
        }
    }
    Ok(replayed)
}

/// Adds the current contents of the database to the error.
fn ended(mut error: Error, poll: i64, place: &str) -> Error {
    let holds = match poll {
        1 => "nothing was written".into(),
        _ => {
            format!("{place} contains what was known before poll {poll}, sealed as it was then")
        }
    };
    error.message = format!("{}; {holds}", error.message);
    error
}

/// Returns the account of each poll: the last name that its chain of digests has had, so an account
/// that was renamed in between is one account. No digest depends on a name.
fn names(envelopes: &[Envelope]) -> Result<Vec<String>> {
    let entries: Vec<&Entry> = envelopes.iter().flat_map(Envelope::entries).collect();
    let mut chains: Vec<&str> = vec![];
    let mut chain_of: HashMap<&str, usize> = HashMap::new();
    let mut of = Vec::with_capacity(entries.len());
    for entry in entries {
        let before = entry.previous_digest.as_deref().and_then(|digest| chain_of.get(digest));
        let chain = before.copied().unwrap_or(chains.len());
        if chain == chains.len() {
            chains.push("");
        }
        chains[chain] = &entry.row.account;
        chain_of.insert(entry.row.digest.as_deref().unwrap_or_default(), chain);
        of.push((chain, entry));
    }
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (chain, entry) in of.iter().filter(|(_, entry)| entry.previous_digest.is_none()) {
        if first.insert(chains[*chain], *chain).is_some_and(|other| other != *chain) {
            return Err(Error::storage(format!(
                "the archive has two accounts '{}', since one was renamed and not polled after \
                 that; poll {} begins the second: they cannot be distinguished in one database",
                entry.row.account, entry.row.poll_id
            )));
        }
    }
    Ok(of.into_iter().map(|(chain, _)| chains[chain].to_owned()).collect())
}

struct Replaying<'a> {
    store: &'a mut Store,
    clock: &'a Clock,
    archive: &'a Archive,
    /// The last answer that was read: the next poll often has the same.
    answer: Option<(Stored, Vec<u8>)>,
}

impl Replaying<'_> {
    /// Replays one poll, which must directly follow `last`.
    async fn entry(&mut self, row: PollRow, answer: &Stored, last: i64) -> Result<()> {
        if row.poll_id != last + 1 {
            return Err(self.gap(last + 1, row.poll_id - 1));
        }
        match row.failed() {
            true => self.write(row, None).await,
            false => self.answered(row, answer).await,
        }
    }

    fn gap(&self, from: i64, to: i64) -> Error {
        let missing = match from == to {
            true => format!("poll {from} is"),
            false => format!("polls {from} to {to} are"),
        };
        Error::storage(format!(
            "{missing} not in the archive {}, which was off or could not be reached; later polls \
             cannot be rebuilt",
            self.archive.shown()
        ))
    }

    async fn answered(&mut self, row: PollRow, stored: &Stored) -> Result<()> {
        let poll = row.poll_id;
        let incomplete =
            |what: &str| Error::storage(format!("the record of poll {poll} has no {what}"));
        let policy = row.policy.as_ref().and_then(|policy| policy_of(&policy.0));
        let policy: Policy = policy.ok_or_else(|| incomplete("policy"))?;
        let observed_at = row.observed_at.ok_or_else(|| incomplete("observed_at"))?;
        let api_version = row.api_version.clone().ok_or_else(|| incomplete("api_version"))?;
        let version = ApiVersion::named(&api_version).ok_or_else(|| {
            Error::storage(format!(
                "poll {poll} read {api_version} of the API, which this version of heygen-sync does \
                 not know; use a newer one"
            ))
        })?;
        let answer = version.read(row.catalogue(), self.text(stored).await?);
        let answer = answer.map_err(|error| error.context(&stored.file))?;
        let compared =
            PollContext { observed_at, api_version: &api_version, policy: &policy, mirror: false };
        self.write(row, Some((answer, compared))).await
    }

    /// Writes a poll with its recorded row: a failed one alone, any other with the diff of its
    /// answer.
    async fn write(
        &mut self,
        row: PollRow,
        answer: Option<(Answer, PollContext<'_>)>,
    ) -> Result<()> {
        let now = self.clock.now();
        let mut session = self.store.begin_poll(&row.account, now, DEADLINE).await?;
        let written = write(&mut session, row, answer, now).await;
        written.and(session.end().await)
    }

    async fn text(&mut self, stored: &Stored) -> Result<&[u8]> {
        if self.answer.as_ref().is_none_or(|(known, _)| known != stored) {
            self.answer = Some((stored.clone(), self.archive.answer(stored).await?));
        }
        Ok(self.answer.as_ref().map_or(&[], |(_, text)| text))
    }
}

async fn write(
    session: &mut Session<'_>,
    row: PollRow,
    answer: Option<(Answer, PollContext<'_>)>,
    now: Timestamp,
) -> Result<()> {
    session.begin_writing().await?;
    let mut report = Report { row, ..Report::default() };
    if let Some((answer, poll)) = answer {
        let (account, catalogue) = (report.row.account.clone(), report.row.catalogue());
        let after_polls = poll.policy.after_polls;
        let snapshot = session
            .store()
            .snapshot(&account, catalogue, &answer.left_out(), after_polls, now)
            .await?;
        let diff = diff(&snapshot, answer, &poll);
        count(&mut report.row, &diff);
        report.diff = Some(diff);
    }
    session.write(&mut report).await?;
    session.commit().await
}
