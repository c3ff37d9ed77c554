//! What verifying found, as a value.

use std::{collections::BTreeMap, fmt};

/// So many findings are kept; the others are counted.
pub const MOST: usize = 1000;

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The poll that wrote the row, or should have; 0 where no poll can be named.
    pub poll: i64,
    /// The account.
    pub account: String,
    /// The table.
    pub table: &'static str,
    /// The row's key within the account, where it can be told.
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

/// All that was found, of which the first [`MOST`] are kept.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    found: u64,
    /// The first poll of each account of which something was found.
    first: BTreeMap<String, i64>,
}

impl Findings {
    /// Adds one.
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

    /// How many there are.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The first poll of an account of which something was found, be it of the poll's own row, of
    /// what it wrote or of what says to be of a poll that never was.
    pub fn first_poll(&self, account: &str) -> Option<i64> {
        self.first.get(account).copied()
    }

    /// Those that are kept.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }
}
