//! Recognises unchanged records, so that neither they nor their items' rows are decoded again.
//!
//! Each item is stored with a hash of the last record whose fields are exactly those of its row:
//! its [`Fingerprint`]. A listed record with the same hash has the same fields, so the diff would
//! not find any change: such records and their items are left out on both sides, and only counted.
//!
//! In doubt a record is decoded. A record is only recognised if its item is neither missing nor
//! removed, the item's row has no other field (rule 4 decides about those), and its previews cannot
//! change a stored link ([`is_settled`]). Of all recognised records with the same fields and JSON
//! types, the first by id is decoded for the list's schema. If copies of an id are not all
//! recognised, the whole answer is decoded again, without recognition.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    fingerprint::{Fingerprint, Parts},
    kind::{ByKind, Kind},
    links::{StoredLinks, is_settled},
    record::{ApiNames, Record},
    signed_url,
    value::Object,
};
use crate::time::Timestamp;

/// All items ever seen, by id, with the fingerprints of those that are not missing.
pub type KnownItems = HashMap<String, Option<Fingerprint>, RandomState>;

/// The state before an answer is decoded, by which records are recognised; empty by default.
#[derive(Debug, Default)]
pub struct Recognition {
    /// Whether fingerprints are computed; they are not in a replay or a dry run.
    pub takes_fingerprints: bool,
    /// Every item ever seen.
    pub items: ByKind<KnownItems>,
    /// The stored links.
    pub links: StoredLinks,
    /// The latest time at which the poll receives its answer: a link that expires a day after that
    /// is not replaced by one that expires less than a day later.
    pub links_until: Option<Timestamp>,
    /// Whether unsigned previews are wanted, too.
    pub unsigned: bool,
}

/// The recognised records of a list.
#[derive(Clone, Debug, Default)]
pub struct Recognised {
    /// The state that they were recognised by.
    pub known: Arc<Recognition>,
    /// Their ids, sorted, each once.
    pub ids: Arc<[String]>,
    /// The first record by id of each set of fields and types among them.
    pub samples: Arc<[Record]>,
}

/// The limits on what a poll reads from the tables after records were recognised.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The recognised records of each list.
    pub lists: ByKind<Recognised>,
    /// The previews of the other records, if any record is recognised; no other link can change.
    pub urls: Option<Vec<String>>,
}

impl Recognised {
    /// Returns the ids of the known items of a kind that are not recognised.
    pub fn others(&self, kind: Kind) -> Vec<&str> {
        let known = self.known.items.get(&kind);
        let Some(known) = known.filter(|known| known.len() > self.ids.len()) else { return vec![] };
        let ids = self.ids.iter().map(String::as_str);
        let recognised: HashSet<&str, RandomState> = ids.collect();
        known.keys().map(String::as_str).filter(|id| !recognised.contains(id)).collect()
    }
}

impl Recognition {
    /// Returns a copy by which nothing is recognised.
    pub fn without_items(&self) -> Self {
        Self { takes_fingerprints: self.takes_fingerprints, ..Self::default() }
    }

    /// Returns whether any record may be recognised.
    pub fn has_fingerprints(&self) -> bool {
        self.items.values().flat_map(HashMap::values).any(Option::is_some)
    }

    /// Returns the fingerprint of a record of `kind`, and whether the item `id` has the same one
    /// and the record's previews are settled; `parts` is a buffer for reuse.
    pub(super) fn of_record(
        &self,
        id: &str,
        pairs: &Object<'_>,
        kind: Kind,
        dialect: &ApiNames,
        parts: &mut Parts,
    ) -> (Fingerprint, bool) {
        let known = self.items.get(&kind).and_then(|items| *items.get(id)?);
        let mut settled = known.is_some();
        let fingerprint = fingerprint(pairs, kind, dialect, parts, |url, expires_at| {
            settled = settled && self.is_settled(url, expires_at);
        });
        (fingerprint, settled && known == Some(fingerprint))
    }

    fn is_settled(&self, url: &str, expires_at: Option<Option<Timestamp>>) -> bool {
        let until = |until| is_settled(&self.links, url, expires_at, until, self.unsigned);
        self.links_until.is_some_and(until)
    }
}

/// Hashes what determines how a record is decoded: its keys and raw values, signed URLs without
/// their signatures. Calls `preview` with each preview URL, and with its expiry if it is signed.
fn fingerprint(
    pairs: &Object<'_>,
    kind: Kind,
    dialect: &ApiNames,
    parts: &mut Parts,
    mut preview: impl FnMut(&str, Option<Option<Timestamp>>),
) -> Fingerprint {
    parts.clear();
    parts.add(b'd', dialect.id);
    for (key, raw) in pairs {
        parts.add(b'n', key);
        let text = raw.text();
        let signed = text.as_deref().and_then(signed_url::parse);
        match &signed {
            Some(signed) => parts.add(b's', &signed.canonical),
            None => parts.add(b'v', raw.get()),
        }
        if kind.previews.iter().any(|preview| dialect.name_of(preview.field) == key) {
            match (&signed, &text) {
                (Some(signed), _) => preview(&signed.canonical, Some(signed.expires_at)),
                (None, Some(text)) => preview(text, None),
                (None, None) => {}
            }
        }
    }
    parts.fingerprint()
}

#[cfg(test)]
mod tests;
