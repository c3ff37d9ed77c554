//! Compares the list with the rows of a table, in any order.

use std::collections::HashMap;

use super::list::{Item, Link, Value};

/// A row as an engine returns it.
pub trait Stored {
    fn is(&self, column: usize, value: Value<'_>) -> bool;
    fn text(&self, column: usize) -> Option<String>;
}

pub struct Changed<'a, T> {
    pub item: &'a T,
    /// The version that the change closes.
    pub version: i64,
    /// The columns that differ, with the values before.
    pub fields: Vec<(usize, Option<String>)>,
}

pub struct Diff<'a, T> {
    pub added: Vec<&'a T>,
    pub changed: Vec<Changed<'a, T>>,
    /// Ids and versions.
    pub removed: Vec<(String, i64)>,
}

/// Matches the rows of a table one by one.
pub struct Matching<'a, T> {
    list: &'a [T],
    by_id: HashMap<&'a str, usize>,
    seen: Vec<bool>,
    diff: Diff<'a, T>,
}

impl<'a, T: Item> Matching<'a, T> {
    pub fn new(list: &'a [T]) -> Self {
        Self {
            list,
            by_id: list.iter().enumerate().map(|(at, item)| (item.id(), at)).collect(),
            seen: vec![false; list.len()],
            diff: Diff { added: Vec::new(), changed: Vec::new(), removed: Vec::new() },
        }
    }

    pub fn row(&mut self, id: &str, version: i64, row: &impl Stored) {
        let Some(&at) = self.by_id.get(id) else {
            self.diff.removed.push((id.to_owned(), version));
            return;
        };
        self.seen[at] = true;
        let item = &self.list[at];
        let differs = (0..T::KIND.columns.len()).filter(|at| !row.is(*at, item.value(*at)));
        let fields: Vec<_> = differs.map(|at| (at, row.text(at))).collect();
        if !fields.is_empty() {
            self.diff.changed.push(Changed { item, version, fields });
        }
    }

    pub fn finish(mut self) -> Diff<'a, T> {
        let unseen = self.list.iter().zip(self.seen).filter(|(_, seen)| !seen);
        self.diff.added = in_key_order(unseen.map(|(item, _)| item).collect());
        self.diff
    }
}

/// Returns the diff in which every item is added.
pub fn baseline<T: Item>(list: &[T]) -> Diff<'_, T> {
    let added = in_key_order(list.iter().collect());
    Diff { added, changed: Vec::new(), removed: Vec::new() }
}

/// Sorts by key: B-trees are filled faster in the order of their keys.
fn in_key_order<T: Item>(mut items: Vec<&T>) -> Vec<&T> {
    items.sort_unstable_by(|a, b| a.id().cmp(b.id()));
    items
}

const DAY: i64 = 86_400;

/// Compares the signed URLs with the rows of `assets`.
pub struct Linking<'l, 'a> {
    links: &'l [Link<'a>],
    by_url: HashMap<&'a str, usize>,
    seen: Vec<bool>,
    now: i64,
    renewed: Vec<&'l Link<'a>>,
}

impl<'l, 'a> Linking<'l, 'a> {
    pub fn new(links: &'l [Link<'a>], now: i64) -> Self {
        let by_url = links.iter().enumerate().map(|(at, link)| (link.url, at)).collect();
        Self { links, by_url, seen: vec![false; links.len()], now, renewed: Vec::new() }
    }

    /// Compares a row; `expires` is in Unix seconds.
    pub fn row(&mut self, url: &str, expires: Option<i64>) {
        let Some(&at) = self.by_url.get(url) else { return };
        self.seen[at] = true;
        let (old, new) = (expires.unwrap_or(0), self.links[at].expires.unwrap_or(0));
        if new > old + DAY || (old < self.now + DAY && new > old) {
            self.renewed.push(&self.links[at]);
        }
    }

    /// Returns the new links and the renewed ones.
    pub fn finish(self) -> (Vec<&'l Link<'a>>, Vec<&'l Link<'a>>) {
        let unseen = self.links.iter().zip(self.seen).filter(|(_, seen)| !seen);
        let mut new: Vec<_> = unseen.map(|(link, _)| link).collect();
        new.sort_unstable_by_key(|link| link.url);
        (new, self.renewed)
    }
}
