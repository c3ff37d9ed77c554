//! Checks item by item whether versions follow one another, whether the current tables match the
//! last ones, and whether `field_changes` contains the differences between them.

use std::collections::BTreeMap;

use super::{
    changes::{self, ChangeVerdict},
    finding::{Finding, Findings},
    polls::AllPolls,
    progress::{OnVerifyProgress, VerifyProgress},
    timeline::Timeline,
};
use crate::{
    catalog::{cell::Cell, diff::OpenedBy, kind::Kind, search},
    error::Result,
    store::{
        audit::{Audit, Changed, Current, Version},
        table::SEARCH_NAMES,
    },
};

/// Reads and checks all items; returns the number of versions.
pub async fn read(
    audit: &mut Audit<'_>,
    polls: &AllPolls,
    findings: &mut Findings,
    progress: OnVerifyProgress<'_>,
) -> Result<u64> {
    let mut versions = 0;
    for kind in Kind::ALL {
        audit
            .without_account(kind, |account, id, at| {
                findings.add(item_without_account(polls, kind, account, &id, at))
            })
            .await?;
    }
    for head in audit.heads().await? {
        for kind in Kind::ALL {
            let timeline = Timeline::new(audit.schema(&head.account, kind).await?, polls);
            let checker = ItemChecker { polls, timeline, account: &head.account, kind, findings };
            let before = versions;
            let more = |more: u64| progress(VerifyProgress::Versions(before + more));
            versions += checker.read(audit, &more).await?;
        }
    }
    Ok(versions)
}

/// Returns the finding of an item whose account does not exist.
fn item_without_account(
    polls: &AllPolls,
    kind: Kind,
    account: String,
    id: &str,
    at: Option<String>,
) -> Finding {
    Finding {
        poll: poll_at(polls, &account, kind, at),
        account,
        table: kind.table,
        row: Some(format!("'{id}'")),
        what: "its account has no row in accounts".into(),
    }
}

/// Returns the number of the poll with that `observed_at`, or else of the account's last.
fn poll_at(polls: &AllPolls, account: &str, kind: Kind, at: Option<String>) -> i64 {
    let poll =
        at.and_then(|at| polls.at(account, kind.catalogue, &at)).or_else(|| polls.last_of(account));
    poll.map_or(0, |poll| poll.poll_id)
}

/// The data for checking one account's items of one kind.
struct ItemChecker<'a> {
    polls: &'a AllPolls,
    timeline: Timeline,
    account: &'a str,
    kind: Kind,
    findings: &'a mut Findings,
}

/// The rows of other tables, for some items.
struct Beside {
    current: BTreeMap<String, Current>,
    changed: BTreeMap<(String, i64), Vec<Changed>>,
    /// The text by which the search finds a version.
    search_texts: BTreeMap<(String, i64), String>,
}

/// An item, as far as its versions have been read.
struct ItemSoFar {
    last: Version,
    first_seen_at: Option<String>,
    changed_at: Option<String>,
}

impl ItemChecker<'_> {
    async fn read(mut self, audit: &mut Audit<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<u64> {
        let mut versions = 0;
        let mut from = Some(String::new());
        while let Some(first) = from {
            let span = audit.span(self.account, self.kind, first).await?;
            let mut beside = Beside::new(audit.current(&span).await?, audit.changed(&span).await?);
            for (id, version, text) in audit.search_texts(&span).await? {
                beside.search_texts.insert((id, version), text);
            }
            let mut item: Option<ItemSoFar> = None;
            audit
                .versions(&span, |version| {
                    versions += 1;
                    if item.as_ref().is_some_and(|item| item.last.id != version.id) {
                        self.end(item.take(), &mut beside);
                    }
                    item = Some(self.version(item.take(), version, &mut beside));
                })
                .await?;
            self.end(item, &mut beside);
            self.left_over(beside);
            progress(versions);
            from = span.to;
        }
        Ok(versions)
    }

    /// Checks a version against the one before it.
    fn version(
        &mut self,
        before: Option<ItemSoFar>,
        new: Version,
        beside: &mut Beside,
    ) -> ItemSoFar {
        self.span_of(&new);
        self.check_search_text(&new, beside);
        let opened_by = OpenedBy::parse(&new.opened_by);
        let changed = beside.changed.remove(&(new.id.clone(), new.version)).unwrap_or_default();
        match &before {
            Some(item) => {
                self.follows(&item.last, &new, opened_by);
                self.changes(&item.last, &new, opened_by, changed);
            }
            None => {
                self.begins(&new, opened_by);
                changed.iter().for_each(|row| self.report_without_version(row));
            }
        }
        let news = opened_by != Some(OpenedBy::Learned);
        let (first_seen_at, changed_at) = match before {
            Some(item) => (item.first_seen_at, item.changed_at.filter(|_| !news)),
            None => (new.valid_from.clone(), None),
        };
        let changed_at = changed_at.or_else(|| new.valid_from.clone());
        ItemSoFar { last: new, first_seen_at, changed_at }
    }

    /// Checks that its times are those of its polls, and that it is closed completely or not at all.
    fn span_of(&mut self, new: &Version) {
        let observed = |poll_id| {
            let poll = self.polls.get(poll_id).filter(|poll| *poll.account == *self.account);
            poll.and_then(|poll| poll.observed_at.as_deref())
        };
        let mut wrong = vec![];
        if new.valid_from.as_deref() != observed(new.opened_poll) {
            wrong.push((new.opened_poll, "valid_from is not the observed_at of opened_poll"));
        }
        match new.closed_poll {
            Some(poll) => {
                if new.valid_to.as_deref() != observed(poll) || new.valid_to.is_none() {
                    wrong.push((poll, "valid_to is not the observed_at of closed_poll"));
                }
                if new.valid_to <= new.valid_from {
                    wrong.push((poll, "it ends before it begins"));
                }
                if !matches!(new.closed_by.as_deref(), Some("changed" | "removed" | "learned")) {
                    wrong.push((poll, "closed_by is not a reason to close a version"));
                }
                if !self.shown_until(new) {
                    wrong.push((poll, "closed_after is not a poll that showed it"));
                }
            }
            None if new.valid_to.is_some()
                || new.closed_by.is_some()
                || new.closed_after.is_some() =>
            {
                wrong.push((new.opened_poll, "it is closed, but without closed_poll"));
            }
            None => {}
        }
        for (poll, what) in wrong {
            self.find_version(poll, new, what);
        }
    }

    /// Returns whether `closed_after` is a good poll within the version's time.
    fn shown_until(&self, version: &Version) -> bool {
        let Some(after) = version.closed_after.as_deref() else { return false };
        let within = version.valid_from.as_deref() <= Some(after)
            && Some(after) < version.valid_to.as_deref();
        within && self.polls.good_at(self.account, self.kind.catalogue, after).is_some()
    }

    /// Checks that the search finds it by its name and id.
    fn check_search_text(&mut self, new: &Version, beside: &mut Beside) {
        let label = self.kind.label;
        let name = new.own.iter().find(|(column, _)| *column == label).map(|(_, cell)| cell);
        let name = match name {
            Some(Cell::Text(name)) => Some(name.as_ref()),
            _ => None,
        };
        let stored = beside.search_texts.remove(&(new.id.clone(), new.version));
        let expected = search::text(name, &new.id);
        if stored != expected {
            let row = format!("'{}' version {}", new.id, new.version);
            let what = match (stored, expected) {
                (None, _) => "the row is missing",
                (_, None) => "a version in ASCII has no row",
                _ => "it is not the folded name and id of the version",
            };
            self.find(new.opened_poll, SEARCH_NAMES.name, row, what.into());
        }
    }

    fn begins(&mut self, new: &Version, opened_by: Option<OpenedBy>) {
        if new.version != 1 {
            let what = format!("versions 1 to {} are missing", new.version.saturating_sub(1));
            self.find_version(new.opened_poll, new, &what);
        } else if opened_by != Some(OpenedBy::Added) {
            self.find_version(new.opened_poll, new, "the first version is not opened by added");
        }
        if new.version == 1 && new.opened_after.as_deref() != self.good_before(new) {
            self.find_version(
                new.opened_poll,
                new,
                "opened_after is not the last good poll before",
            );
        }
    }

    fn follows(&mut self, old: &Version, new: &Version, opened_by: Option<OpenedBy>) {
        let removed = old.closed_by.as_deref() == Some("removed");
        let fits = match opened_by {
            Some(OpenedBy::Restored) => removed,
            Some(OpenedBy::Changed) => old.closed_by.as_deref() == Some("changed"),
            Some(OpenedBy::Learned) => old.closed_by.as_deref() == Some("learned"),
            Some(OpenedBy::Added) | None => false,
        };
        let after = match removed {
            true => self.good_before(new),
            false => old.closed_after.as_deref(),
        };
        let what = if new.version != old.version.saturating_add(1) {
            "the version before it is missing"
        } else if old.valid_to.is_none() {
            "it begins while the version before it is open"
        } else if old.valid_to > new.valid_from || (removed && old.valid_to == new.valid_from) {
            "it overlaps the version before it"
        } else if !removed && old.closed_poll != Some(new.opened_poll) {
            "there is a gap between it and the version before it"
        } else if !fits {
            "opened_by does not follow from how the version before it ended"
        } else if new.opened_after.as_deref() != after {
            "opened_after is not the last poll that showed the state before"
        } else {
            return;
        };
        self.find_version(new.opened_poll, new, what);
    }

    fn good_before(&self, new: &Version) -> Option<&str> {
        self.polls
            .good_before(self.account, self.kind.catalogue, new.opened_poll)?
            .observed_at
            .as_deref()
    }

    fn changes(
        &mut self,
        old: &Version,
        new: &Version,
        opened_by: Option<OpenedBy>,
        rows: Vec<Changed>,
    ) {
        let (polls, account) = (self.polls, self.account);
        let expected = changes::expected(self.kind, old, new, polls, &self.timeline, account);
        for (field, what) in changes::compare(&expected, new, rows) {
            let row = format!("'{}' version {} field '{field}'", new.id, new.version);
            self.find(new.opened_poll, "field_changes", row, what);
        }
        let any = |verdict: ChangeVerdict| {
            expected
                .iter()
                .any(|one| one.verdict == verdict || one.verdict == ChangeVerdict::Either)
        };
        let fits = match opened_by {
            Some(OpenedBy::Changed) => any(ChangeVerdict::Changed),
            Some(OpenedBy::Learned) => {
                any(ChangeVerdict::Learned)
                    && !expected.iter().any(|one| one.verdict == ChangeVerdict::Changed)
            }
            _ => true,
        };
        if !fits {
            let what = "opened_by does not match how it differs from the version before it";
            self.find_version(new.opened_poll, new, what);
        }
    }

    /// Compares an item's last version with its current row.
    fn end(&mut self, item: Option<ItemSoFar>, beside: &mut Beside) {
        let Some(ItemSoFar { last, first_seen_at, changed_at }) = item else { return };
        let poll = last.closed_poll.unwrap_or(last.opened_poll);
        let table = self.kind.table;
        let row = format!("'{}'", last.id);
        let Some(current) = beside.current.remove(&last.id) else {
            return self.find(poll, table, row, "the row is missing".into());
        };
        let removed = last.closed_by.as_deref() == Some("removed");
        let removed_at = last.valid_to.clone().filter(|_| removed);
        if !removed && last.closed_poll.is_some() {
            self.find_version(poll, &last, "the version after it is missing");
        }
        let mut wrong = vec![
            ("version", current.version != last.version),
            ("valid_from", current.valid_from != last.valid_from),
            ("first_seen_at", current.first_seen_at != first_seen_at),
            ("changed_at", current.changed_at != changed_at),
            ("removed_at", current.removed_at != removed_at),
        ];
        let own = current.own.iter().zip(&last.own);
        wrong.extend(own.map(|(now, then)| (now.0, now != then)));
        wrong.retain(|(_, wrong)| *wrong);
        if wrong.is_empty() && current.wrong_fingerprint {
            wrong.push(("fingerprint", true));
        }
        for (column, _) in wrong {
            let what = format!("{column} is not that of version {}", last.version);
            self.find(poll, table, row.clone(), what);
        }
    }

    /// Reports rows that belong to no version.
    fn left_over(&mut self, beside: Beside) {
        let Beside { current, changed, search_texts } = beside;
        for (id, version) in search_texts.into_keys() {
            let poll = self.polls.last_of(self.account).map_or(0, |poll| poll.poll_id);
            let row = format!("'{id}' version {version}");
            self.find(poll, SEARCH_NAMES.name, row, "there is no such version".into());
        }
        for item in current.into_values() {
            let poll = poll_at(self.polls, self.account, self.kind, item.valid_from);
            let row = format!("'{}'", item.id);
            self.find(poll, self.kind.table, row, "it has no history".into());
        }
        changed.into_values().flatten().for_each(|row| self.report_without_version(&row));
    }

    fn report_without_version(&mut self, row: &Changed) {
        let key = format!("'{}' version {} field '{}'", row.item_id, row.version, row.field);
        let what = "there is no version that was opened by this change";
        self.find(row.poll_id, "field_changes", key, what.into());
    }

    fn find_version(&mut self, poll: i64, version: &Version, what: &str) {
        let row = format!("'{}' version {}", version.id, version.version);
        self.find(poll, self.kind.history, row, what.into());
    }

    fn find(&mut self, poll: i64, table: &'static str, row: String, what: String) {
        let account = self.account.to_owned();
        self.findings.add(Finding { poll, account, table, row: Some(row), what });
    }
}

impl Beside {
    fn new(current: Vec<Current>, rows: Vec<Changed>) -> Self {
        let mut changed: BTreeMap<(String, i64), Vec<Changed>> = BTreeMap::new();
        for row in rows {
            changed.entry((row.item_id.clone(), row.version)).or_default().push(row);
        }
        let current = current.into_iter().map(|item| (item.id.clone(), item)).collect();
        Self { current, changed, search_texts: BTreeMap::new() }
    }
}
