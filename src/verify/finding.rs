//! The findings of a verification.

use std::{collections::BTreeMap, fmt};

/// The number of findings that are kept; the others are only counted.
pub const MOST: usize = 1000;

/// Something that is inconsistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The poll that wrote the row, or should have; 0 if no poll can be named.
    pub poll: i64,
    /// The account.
    pub account: String,
    /// The table.
    pub table: &'static str,
    /// The row's key within the account, if it is known.
    pub row: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { poll, account, table, row, what } = self;
        write!(f, "poll {poll} of account '{account}': {table}")?;
        if let Some(row) = row {
            write!(f, " {row}")?;
        }
        write!(f, ": {what}")
    }
}

/// All findings, of which the first [`MOST`] are kept.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    found: u64,
    /// The first poll of each account with a finding.
    first: BTreeMap<String, i64>,
}

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.found += 1;
        match self.first.get_mut(&finding.account) {
            Some(first) => *first = finding.poll.min(*first),
            None => drop(self.first.insert(finding.account.clone(), finding.poll)),
        }
        if self.kept.len() < MOST {
            self.kept.push(finding);
        }
    }

    /// Returns the number of findings, including those that are not kept.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Returns the first poll of an account with a finding: on the poll's own row, on what it
    /// wrote, or on rows that name a poll that does not exist.
    pub fn first_poll(&self, account: &str) -> Option<i64> {
        self.first.get(account).copied()
    }

    /// Returns the findings that are kept.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }
}
