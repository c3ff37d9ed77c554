//! The polls by which versions are checked: when each was observed, and by which API.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::catalog::catalogue::Catalogue;

/// The data of a poll that is kept.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its number.
    pub poll_id: i64,
    /// Its account.
    pub account: Arc<str>,
    /// Its catalogue, as it is stored.
    pub catalogue: Arc<str>,
    /// When it was observed, as it is stored.
    pub observed_at: Option<Box<str>>,
    /// The version of the API that answered.
    pub api_version: Arc<str>,
    /// Whether it did not fail.
    pub good: bool,
}

/// All polls, by number.
#[derive(Debug, Default)]
pub struct AllPolls {
    all: Vec<Facts>,
    /// The positions of the good polls of each account's catalogue.
    good: HashMap<(Arc<str>, Arc<str>), Vec<usize>>,
    names: HashSet<Arc<str>>,
}

impl AllPolls {
    /// Adds a poll; polls must be added in the order of their numbers.
    pub fn add(&mut self, facts: Facts) {
        if facts.good {
            let key = (facts.account.clone(), facts.catalogue.clone());
            self.good.entry(key).or_default().push(self.all.len());
        }
        self.all.push(facts);
    }

    /// Returns the one copy of a text that many polls share.
    pub fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        self.names.insert(shared.clone());
        shared
    }

    /// Returns the number of polls.
    pub fn len(&self) -> u64 {
        self.all.len() as u64
    }

    /// Returns the poll with that number.
    pub fn get(&self, poll_id: i64) -> Option<&Facts> {
        let at = self.all.binary_search_by_key(&poll_id, |facts| facts.poll_id).ok()?;
        self.all.get(at)
    }

    /// Returns the account's last poll, or the last of all if it has none.
    pub fn last_of(&self, account: &str) -> Option<&Facts> {
        let own = self.all.iter().rev().find(|facts| *facts.account == *account);
        own.or_else(|| self.all.last())
    }

    /// Returns the good poll at that time, preferably of that account's catalogue.
    pub fn at(&self, account: &str, catalogue: Catalogue, observed_at: &str) -> Option<&Facts> {
        let same = |facts: &&Facts| facts.good && facts.observed_at.as_deref() == Some(observed_at);
        self.good_at(account, catalogue, observed_at).or_else(|| self.all.iter().find(same))
    }

    /// Returns the last good poll of the account's catalogue before `poll_id`.
    pub fn good_before(&self, account: &str, catalogue: Catalogue, poll_id: i64) -> Option<&Facts> {
        let good = self.good(account, catalogue)?;
        let after = good.partition_point(|at| self.number(*at) < poll_id);
        self.all.get(*good.get(after.checked_sub(1)?)?)
    }

    /// Returns the good poll of the account's catalogue at that time.
    pub fn good_at(
        &self,
        account: &str,
        catalogue: Catalogue,
        observed_at: &str,
    ) -> Option<&Facts> {
        let good = self.good(account, catalogue)?;
        let time = |at: &usize| self.all.get(*at).and_then(|facts| facts.observed_at.as_deref());
        let found = good.binary_search_by(|at| time(at).cmp(&Some(observed_at))).ok()?;
        self.all.get(*good.get(found)?)
    }

    fn good(&self, account: &str, catalogue: Catalogue) -> Option<&Vec<usize>> {
        let account = self.names.get(account)?;
        self.good.get(&(account.clone(), self.names.get(catalogue.as_str())?.clone()))
    }

    fn number(&self, at: usize) -> i64 {
        self.all.get(at).map_or(0, |facts| facts.poll_id)
    }
}
