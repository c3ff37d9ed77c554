//! What the versions are judged by: when each poll saw its answer, and with which API.

use std::{collections::HashMap, sync::Arc};

use crate::catalog::catalogue::Catalogue;

/// What is kept of a poll.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its number.
    pub poll_id: i64,
    /// Its account.
    pub account: Arc<str>,
    /// What it read, as it is stored.
    pub catalogue: Arc<str>,
    /// When it had its answer, as it is stored.
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
    /// Of each account's catalogue the places of its good polls.
    good: HashMap<(Arc<str>, Arc<str>), Vec<usize>>,
    names: HashMap<String, Arc<str>>,
}

impl AllPolls {
    /// Adds a poll; they must come by number.
    pub fn add(&mut self, facts: Facts) {
        if facts.good {
            let key = (facts.account.clone(), facts.catalogue.clone());
            self.good.entry(key).or_default().push(self.all.len());
        }
        self.all.push(facts);
    }

    /// The one copy of a text that many polls share.
    pub fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        self.names.insert(text.to_owned(), shared.clone());
        shared
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.all.len() as u64
    }

    /// The poll of that number.
    pub fn get(&self, poll_id: i64) -> Option<&Facts> {
        let at = self.all.binary_search_by_key(&poll_id, |facts| facts.poll_id).ok()?;
        self.all.get(at)
    }

    /// The account's last poll, or the last of all where it has none.
    pub fn last_of(&self, account: &str) -> Option<&Facts> {
        let own = self.all.iter().rev().find(|facts| *facts.account == *account);
        own.or_else(|| self.all.last())
    }

    /// The good poll at that time, best of that account's catalogue.
    pub fn at(&self, account: &str, catalogue: Catalogue, observed_at: &str) -> Option<&Facts> {
        let same = |facts: &&Facts| facts.good && facts.observed_at.as_deref() == Some(observed_at);
        self.good_at(account, catalogue, observed_at).or_else(|| self.all.iter().find(same))
    }

    /// The last good poll of the account's catalogue before `poll_id`.
    pub fn good_before(&self, account: &str, catalogue: Catalogue, poll_id: i64) -> Option<&Facts> {
        let good = self.good(account, catalogue)?;
        let after = good.partition_point(|at| self.number(*at) < poll_id);
        self.all.get(*good.get(after.checked_sub(1)?)?)
    }

    /// The good poll of the account's catalogue at that time.
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
