//! What an unchanged record is recognised by, so that neither it nor its item's row is decoded again.
//!
//! Beside each item is kept a hash of the last record whose fields are exactly what its row contains:
//! its [`Fingerprint`]. A listed record with the same hash has the same fields, so that the diff
//! would find nothing: such records and their items are left out on both sides, and only counted.
//!
//! In doubt a record is decoded. Recognised are only records of items that are neither missing nor
//! removed, whose row has no other field (rule 4 decides about those), and whose previews cannot
//! change a stored link ([`is_settled`]). Of all recognised records with the same fields and JSON
//! types the first by id is decoded, too: it is what they add to the list's schema. Where copies of
//! an id are not all recognised, the whole answer is decoded anew, without recognition.

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

/// Items ever seen, by id, with their fingerprints while they are listed.
pub type KnownItems = HashMap<String, Option<Fingerprint>, RandomState>;

/// What is known before an answer is decoded; nothing by default.
#[derive(Debug, Default)]
pub struct Recognition {
    /// Whether fingerprints are taken at all: in a replay and in a dry run they are not.
    pub takes_fingerprints: bool,
    /// Every item ever seen.
    pub items: ByKind<KnownItems>,
    /// The stored links,
    pub links: StoredLinks,
    /// and when the poll has its answer at the latest: a link that expires a day after that is not
    /// replaced by one that expires less than a day later.
    pub links_until: Option<Timestamp>,
    /// Whether unsigned previews are wanted, too.
    pub unsigned: bool,
}

/// The recognised records of a list.
#[derive(Clone, Debug, Default)]
pub struct Recognised {
    /// What they were recognised by.
    pub known: Arc<Recognition>,
    /// Their ids, sorted; none twice.
    pub ids: Arc<[String]>,
    /// A record for each set of fields and types that they have, the first by id.
    pub samples: Arc<[Record]>,
}

/// What an answer leaves to be read of the tables.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The recognised records of each list.
    pub lists: ByKind<Recognised>,
    /// The previews of the other records, where a record is recognised: no other link can change.
    pub urls: Option<Vec<String>>,
}

impl Recognised {
    /// The ids of the items of a kind that are known and not recognised.
    pub fn others(&self, kind: Kind) -> Vec<&str> {
        let known = self.known.items.get(&kind);
        let Some(known) = known.filter(|known| known.len() > self.ids.len()) else { return vec![] };
        let ids = self.ids.iter().map(String::as_str);
        let recognised: HashSet<&str, RandomState> = ids.collect();
        known.keys().map(String::as_str).filter(|id| !recognised.contains(id)).collect()
    }
}

impl Recognition {
    /// The same, by which nothing is recognised.
    pub fn without_items(&self) -> Self {
        Self { takes_fingerprints: self.takes_fingerprints, ..Self::default() }
    }

    /// Whether any record may be recognised.
    pub fn has_fingerprints(&self) -> bool {
        self.items.values().flat_map(HashMap::values).any(Option::is_some)
    }

    /// The fingerprint of a record of `kind`, and whether the item `id` has it and the record's
    /// previews are settled; `parts` is a buffer that is used again.
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

/// Hashes what of a record decides how it is decoded: its keys and values as they stand, signed URLs
/// without their signatures. Hands each preview URL to `preview`, with its expiry if signed.
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
