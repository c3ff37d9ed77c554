//! Checks poll by poll whether each digest matches what the poll wrote, and whether the digests
//! form one hash chain for each account that ends at its head.
//!
//! Each digest is recomputed over the *stored* digest before it, so that an edit is found at its
//! own poll and not at all that follow.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::Arc,
};

use super::{
    finding::{Finding, Findings},
    polls::{AllPolls, Facts},
    progress::{OnVerifyProgress, VerifyProgress},
};
use crate::{
    catalog::{
        cell::Cell,
        diff::OpenedBy,
        seal::{Line, Seal},
    },
    error::Result,
    store::audit::{Audit, AuditPoll, Head, Section, Written},
    words::counted,
};

/// The result of searching for a digest that was noted earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The state that it seals exists, unaltered.
    Contained {
        /// The account.
        account: String,
        /// The poll that it seals, with all before it.
        poll_id: i64,
        /// When that poll was ready to commit.
        finished_at: String,
    },
    /// A poll has that digest, but the account's chain is broken at or before it.
    Broken {
        /// The account.
        account: String,
        /// The poll that has the digest.
        poll_id: i64,
        /// The first poll at which the chain is broken.
        broken_at: i64,
    },
    /// No poll has it.
    Absent,
}

/// The result of reading poll by poll.
pub struct Chain {
    /// The polls.
    pub polls: AllPolls,
    /// The number of accounts.
    pub accounts: u64,
    /// The result for the noted digest.
    pub proof: Option<Proof>,
}

/// Reads and checks all polls and what they wrote.
pub async fn read(
    audit: &mut Audit<'_>,
    noted: Option<String>,
    findings: &mut Findings,
    progress: OnVerifyProgress<'_>,
) -> Result<Chain> {
    let heads = audit.heads().await?;
    let mut links = Links { noted, ..Links::new(findings) };
    let mut first = i64::MIN;
    loop {
        let next = audit.next_polls(first.max(1)).await?;
        let last = next.map_or(i64::MAX, |next| next - 1);
        links.piece(audit, first..=last).await?;
        progress(VerifyProgress::Polls(links.polls.len()));
        match next {
            Some(next) => first = next,
            None => break,
        }
    }
    heads.iter().for_each(|head| links.head(head));
    links.headless(&heads);
    let proof = links.noted.is_some().then(|| links.proof());
    Ok(Chain { polls: links.polls, accounts: heads.len() as u64, proof })
}

/// The chains, as far as they have been read.
struct Links<'f> {
    findings: &'f mut Findings,
    noted: Option<String>,
    /// The poll that has the noted digest: account, number, time.
    matched: Option<(Arc<str>, i64, String)>,
    /// The first broken poll of each account.
    broken: HashMap<Arc<str>, i64>,
    ends: BTreeMap<Arc<str>, ChainEnd>,
    /// The `observed_at` of the last good poll of each account's catalogue.
    observed: HashMap<(Arc<str>, Arc<str>), Box<str>>,
    polls: AllPolls,
    last_poll: i64,
}

/// The end of an account's chain.
#[derive(Debug, Default)]
struct ChainEnd {
    poll_id: i64,
    polls: i64,
    digest: Option<String>,
}

/// A poll whose rows are being read.
struct Open {
    account: Arc<str>,
    stored: Option<String>,
    seal: Seal,
    /// Counts: name, value in the row, number of rows counted.
    counts: Vec<(&'static str, i64, i64)>,
    failed: bool,
    rows: u64,
}

impl<'f> Links<'f> {
    fn new(findings: &'f mut Findings) -> Self {
        Self {
            findings,
            noted: None,
            matched: None,
            broken: HashMap::new(),
            ends: BTreeMap::new(),
            observed: HashMap::new(),
            polls: AllPolls::default(),
            last_poll: 0,
        }
    }

    async fn piece(&mut self, audit: &mut Audit<'_>, range: RangeInclusive<i64>) -> Result<()> {
        let mut open = BTreeMap::new();
        audit
            .polls(&range, |poll| {
                let poll_id = poll.poll_id;
                open.insert(poll_id, self.begin(poll));
            })
            .await?;
        for section in Section::all() {
            audit.written(section, &range, |row| self.row(&mut open, section, &row)).await?;
        }
        open.into_iter().for_each(|(poll_id, poll)| self.end(poll_id, poll));
        Ok(())
    }

    fn begin(&mut self, poll: AuditPoll) -> Open {
        let AuditPoll { poll_id, account, digest, line } = poll;
        let account = self.polls.shared(&account);
        self.gap(poll_id, &account);
        let good = line.text("outcome") != Some("failed");
        let facts = Facts {
            poll_id,
            account: account.clone(),
            catalogue: self.polls.shared(line.text("catalogue").unwrap_or_default()),
            observed_at: line.text("observed_at").map(Into::into),
            api_version: self.polls.shared(line.text("api_version").unwrap_or_default()),
            good,
        };
        self.order(&facts);
        self.polls.add(facts);
        if digest.is_some() && digest == self.noted {
            let finished_at = line.text("finished_at").unwrap_or_default().to_owned();
            self.matched = Some((account.clone(), poll_id, finished_at));
        }
        let end = self.ends.entry(account.clone()).or_default();
        let mut seal = Seal::after(end.digest.as_deref());
        seal.add(&line);
        (end.poll_id, end.polls, end.digest) = (poll_id, end.polls + 1, digest.clone());
        Open { account, stored: digest, seal, counts: counts(&line), failed: !good, rows: 0 }
    }

    /// Checks that poll numbers are 1, 2, 3 … over all accounts.
    fn gap(&mut self, poll_id: i64, account: &Arc<str>) {
        let expected = self.last_poll.saturating_add(1);
        if poll_id != expected {
            let what = match poll_id > expected {
                true => format!("polls {expected} to {} are missing", poll_id.saturating_sub(1)),
                false => "poll numbers begin at 1".into(),
            };
            let missing = expected.min(poll_id);
            self.find(missing, account, "polls", None, what);
        }
        self.last_poll = poll_id;
    }

    /// Checks that the good polls of an account's catalogue are in the order of time.
    fn order(&mut self, facts: &Facts) {
        let Facts { poll_id, account, catalogue, observed_at, good, .. } = facts;
        let of = (account.clone(), catalogue.clone());
        let late = self.observed.get(&of) >= observed_at.as_ref();
        if *good && observed_at.is_none() {
            let what = "a poll that did not fail has no observed_at".into();
            self.find(*poll_id, account, "polls", Some(format!("{poll_id}")), what);
        } else if *good {
            if late {
                let what = "observed_at is not later than that of the poll before".into();
                self.find(*poll_id, account, "polls", Some(format!("{poll_id}")), what);
            }
            self.observed.extend(observed_at.clone().map(|at| (of, at)));
        }
    }

    fn row(&mut self, open: &mut BTreeMap<i64, Open>, section: Section, row: &Written) {
        let Some(poll) = open.get_mut(&row.poll_id) else {
            let account: Arc<str> = row.account.as_str().into();
            let what = format!("names poll {}, which does not exist", row.poll_id);
            return self.find(row.poll_id, &account, section.table(), key(&row.line), what);
        };
        poll.seal.add(&row.line);
        poll.rows += 1;
        poll.count(section, &row.line);
        if *poll.account != *row.account {
            let account = poll.account.clone();
            let what = format!("is of account '{}', but its poll is not", row.account);
            self.breaks(row.poll_id, &account);
            self.find(row.poll_id, &account, section.table(), key(&row.line), what);
        }
    }

    fn end(&mut self, poll_id: i64, poll: Open) {
        let Open { account, stored, seal, counts, failed, rows } = poll;
        let row = || Some(poll_id.to_string());
        for (name, stored, found) in counts {
            if stored != found {
                let rows = counted(found, "row", "rows");
                let what = format!("{name} is {stored}, but history has {rows} of it");
                self.find(poll_id, &account, "polls", row(), what);
            }
        }
        if failed && rows > 0 {
            let rows = counted(rows, "row names", "rows name");
            let what = format!("the poll failed, but {rows} it");
            self.find(poll_id, &account, "polls", row(), what);
        }
        let what = match stored {
            Some(stored) if stored == seal.finish() => return,
            Some(_) => {
                "its digest does not match: this row, the digest before it or rows that the poll \
                 wrote were edited, deleted or inserted"
            }
            None => "it is not sealed",
        };
        self.breaks(poll_id, &account);
        self.find(poll_id, &account, "polls", row(), what.into());
    }

    /// Checks that the head in `accounts` is the end of the chain.
    fn head(&mut self, head: &Head) {
        let Head { account, last_poll_id, polls, digest } = head;
        let none = ChainEnd::default();
        let end = self.ends.get(account.as_str()).unwrap_or(&none);
        let next = last_poll_id
            .filter(|last| *last == self.last_poll.saturating_add(1) || end.poll_id == 0);
        let poll = next.unwrap_or(end.poll_id);
        let mut wrong = vec![];
        if end.polls == 0 {
            wrong.push("it has no polls".to_owned());
        }
        if *last_poll_id != Some(end.poll_id) {
            wrong.push(format!("last_poll_id is not the last one's, {}", end.poll_id));
        }
        if *polls != end.polls {
            wrong.push(format!("polls is {polls}, but there are {}", end.polls));
        }
        if *digest != end.digest {
            wrong.push("digest is not that of the last poll".into());
        }
        let account: Arc<str> = account.as_str().into();
        for what in wrong {
            self.find(poll, &account, "accounts", None, what);
        }
    }

    /// Reports polls of accounts that `accounts` does not contain.
    fn headless(&mut self, heads: &[Head]) {
        let unknown: Vec<(Arc<str>, i64)> = self
            .ends
            .iter()
            .filter(|(account, _)| !heads.iter().any(|head| *head.account == ***account))
            .map(|(account, end)| (account.clone(), end.poll_id))
            .collect();
        for (account, poll_id) in unknown {
            self.find(poll_id, &account, "accounts", None, "the row is missing".into());
        }
    }

    fn proof(&self) -> Proof {
        let Some((account, poll_id, finished_at)) = &self.matched else { return Proof::Absent };
        let (poll_id, finished_at) = (*poll_id, finished_at.clone());
        match self.broken.get(account).filter(|broken| **broken <= poll_id) {
            None => Proof::Contained { account: account.to_string(), poll_id, finished_at },
            Some(broken_at) => {
                Proof::Broken { account: account.to_string(), poll_id, broken_at: *broken_at }
            }
        }
    }

    fn breaks(&mut self, poll_id: i64, account: &Arc<str>) {
        let first = self.broken.entry(account.clone()).or_insert(poll_id);
        *first = poll_id.min(*first);
    }

    fn find(
        &mut self,
        poll: i64,
        account: &Arc<str>,
        table: &'static str,
        row: Option<String>,
        what: String,
    ) {
        self.findings.add(Finding { poll, account: account.to_string(), table, row, what });
    }
}

/// Returns the counts that history can confirm: name, value in the row, number counted so far.
fn counts(line: &Line<'_>) -> Vec<(&'static str, i64, i64)> {
    let stated = |name| match line.get(name) {
        Some(Cell::Int(number)) => Some((name, *number, 0)),
        _ => None,
    };
    ["added", "changed", "removed", "restored", "learned"].into_iter().filter_map(stated).collect()
}

impl Open {
    fn count(&mut self, section: Section, line: &Line<'_>) {
        let name = match section {
            Section::Opened(_) => line.text("opened_by").filter(|by| OpenedBy::parse(by).is_some()),
            Section::Closed(_) => line.text("closed_by").filter(|by| *by == "removed"),
            Section::FieldChanges | Section::SchemaChanges => None,
        };
        let counted = self.counts.iter_mut().find(|(known, ..)| Some(*known) == name);
        if let Some((_, _, counted)) = counted {
            *counted += 1;
        }
    }
}

/// Returns the key of a line's row, for people.
fn key(line: &Line<'_>) -> Option<String> {
    let mut key = line.text("item_id").map(|id| format!("'{id}'")).unwrap_or_default();
    if let Some(Cell::Int(version)) = line.get("version") {
        key.push_str(&format!(" version {version}"));
    }
    if let Some(field) = line.text("field") {
        key.push_str(&format!(" field '{field}'"));
    }
    Some(key.trim_start().to_owned()).filter(|key| !key.is_empty())
}
