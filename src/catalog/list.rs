//! The lists of an answer: each version of the API fills them through [`ListBuilder`], each record on
//! its own.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    fingerprint::Parts,
    kind::Kind,
    links::fits,
    recognition::{LeftOut, Recognised, Recognition},
    record::{self, ApiNames, Decoded, Record, Shared},
    shape::Shape,
    signatures::Signatures,
    value::Object,
};
use crate::error::Result;

/// The contents of one answer of the API.
#[derive(Debug)]
pub struct Answer {
    /// One list for each kind that the answer lists.
    pub lists: Vec<List>,
    /// The API's own notice of deprecation, from the body.
    pub warning: Option<String>,
}

impl Answer {
    /// Marks every list as possibly incomplete. A list that already has a reason keeps it.
    pub fn incomplete(&mut self, why: &str) {
        for list in &mut self.lists {
            list.incomplete.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Returns the limits on what the poll reads from the tables.
    pub fn left_out(&self) -> LeftOut {
        let lists = self.lists.iter().map(|list| (list.kind, list.recognised.clone()));
        let is_recognised = self.lists.iter().any(|list| !list.recognised.ids.is_empty());
        let urls = is_recognised.then(|| self.lists.iter().flat_map(List::previews).collect());
        LeftOut { lists: lists.collect(), urls }
    }

    /// Returns every listed id, with its kind.
    pub fn ids(&self) -> BTreeSet<(Kind, &str)> {
        self.lists.iter().flat_map(|list| list.ids().map(|id| (list.kind, id))).collect()
    }
}

impl List {
    /// Returns the canonical URLs of the previews of its records.
    fn previews(&self) -> impl Iterator<Item = String> {
        let of = |record: &Record| {
            let urls = self.kind.previews.iter().filter_map(|one| record.fields.text(one.field));
            urls.filter(|url| fits(url)).map(str::to_owned).collect::<Vec<_>>()
        };
        self.records.iter().flat_map(of)
    }

    /// Returns every listed id, including repeated ones.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let decoded = self.records.iter().map(|record| record.id.as_str());
        let others = self.undecodable.iter().chain(self.recognised.ids.iter());
        decoded.chain(others.map(String::as_str))
    }
}

/// One list, decoded.
#[derive(Debug)]
pub struct List {
    /// The kind of its items.
    pub kind: Kind,
    /// The decoded records with usable ids, sorted by id; copies of one id are adjacent.
    pub records: Vec<Record>,
    /// The recognised records, which were not decoded.
    pub recognised: Recognised,
    /// The signatures of the records' links.
    pub signatures: Arc<Signatures>,
    /// The ids of records of which nothing else could be decoded.
    pub undecodable: BTreeSet<String>,
    /// The number of distinct usable ids.
    pub listed: u64,
    /// The number of records beyond the first of their id.
    pub duplicates: u64,
    /// The number of records that could not be read, with or without a usable id.
    pub rejected: u64,
    /// The number of these without a usable id: each might be any item.
    pub unusable: u64,
    /// Whether the list had no record at all.
    pub is_empty: bool,
    /// Why the list may be incomplete, if so; removals are then held.
    pub incomplete: Option<String>,
}

/// Decodes an answer with `read`. If copies of an id are not all recognised, decodes it once more
/// without recognition, since copies are compared with each other.
///
/// # Errors
/// Those of `read`.
pub fn redecoded_if_copies(
    known: &Arc<Recognition>,
    mut read: impl FnMut(&Arc<Recognition>) -> Result<Answer>,
) -> Result<Answer> {
    let answer = read(known)?;
    let recognises = answer.lists.iter().any(|list| !list.recognised.ids.is_empty());
    match recognises && answer.lists.iter().any(has_copies) {
        true => read(&Arc::new(known.without_items())),
        false => Ok(answer),
    }
}

/// Returns whether an id has two decoded records, or a recognised one and one that is not.
fn has_copies(list: &List) -> bool {
    let known = |id: &String| list.recognised.ids.binary_search(id).is_ok();
    list.records.windows(2).any(|pair| pair[0].id == pair[1].id)
        || list.records.iter().any(|record| known(&record.id))
        || list.undecodable.iter().any(known)
}

/// Collects the records of one list, in any order and from any number of pages.
#[derive(Debug)]
pub struct ListBuilder {
    kind: Kind,
    records: Vec<Record>,
    shared: Shared,
    undecodable: Vec<String>,
    unusable: u64,
    incomplete: Option<String>,
    known: Arc<Recognition>,
    recognised: Vec<String>,
    samples: Vec<(Shape, Record)>,
    parts: Parts,
}

impl ListBuilder {
    /// Creates an empty list; `known` is what its records are recognised by.
    pub fn new(kind: Kind, known: &Arc<Recognition>) -> Self {
        Self {
            kind,
            records: vec![],
            shared: Shared::default(),
            undecodable: vec![],
            unusable: 0,
            incomplete: None,
            known: known.clone(),
            recognised: vec![],
            samples: vec![],
            parts: Parts::default(),
        }
    }

    /// Decodes a record of this list by the names of its version of the API, unless it is recognised.
    pub fn decode(&mut self, pairs: &Object<'_>, dialect: &ApiNames) -> Decoded {
        let (kind, known) = (self.kind, &self.known);
        let id = record::usable_id(pairs, dialect).filter(|_| known.takes_fingerprints);
        let Some(id) = id else { return record::decode(pairs, kind, dialect, &mut self.shared) };
        let (fingerprint, is_known) = known.of_record(&id, pairs, kind, dialect, &mut self.parts);
        let sample = self.samples.iter().find(|(shape, _)| is_known && shape.is_of(pairs));
        if sample.is_some_and(|(_, first)| first.id.as_str() <= &*id) {
            return Decoded::Unchanged { id: id.into_owned(), sample: None };
        }
        match record::decode(pairs, kind, dialect, &mut self.shared) {
            Decoded::Record(record) if is_known => {
                let sample = Some(Box::new((Shape::of(pairs), record)));
                Decoded::Unchanged { id: id.into_owned(), sample }
            }
            Decoded::Record(record) => {
                Decoded::Record(Record { fingerprint: Some(fingerprint), ..record })
            }
            other => other,
        }
    }

    /// Adds one record.
    pub fn push(&mut self, record: Decoded) {
        match record {
            Decoded::Record(record) => self.records.push(record),
            Decoded::Undecodable(id) => self.undecodable.push(id),
            Decoded::Unusable => self.unusable += 1,
            Decoded::Unchanged { id, sample } => {
                self.recognised.push(id);
                sample.into_iter().for_each(|sample| self.add_sample(*sample));
            }
        }
    }

    /// Adds a sample: the first record by id of each shape is kept.
    fn add_sample(&mut self, (shape, record): (Shape, Record)) {
        match self.samples.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, first)) if record.id < first.id => *first = record,
            Some(_) => {}
            None => self.samples.push((shape, record)),
        }
    }

    /// Marks the list as possibly incomplete, with the reason.
    pub fn incomplete(&mut self, why: String) {
        self.incomplete = Some(why);
    }

    /// Returns the list, sorted and counted.
    pub fn finish(self) -> List {
        let Self { kind, mut records, shared, undecodable, unusable, incomplete, .. } = self;
        let Self { known, mut recognised, mut samples, .. } = self;
        records.shrink_to_fit();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        let usable = records.len() + undecodable.len() + recognised.len();
        recognised.sort_unstable();
        recognised.dedup();
        samples.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let rejected = undecodable.len() as u64 + unusable;
        let is_empty = usable == 0 && unusable == 0;
        let undecodable: BTreeSet<String> = undecodable.into_iter().collect();
        let decoded = records.chunk_by(|a, b| a.id == b.id).count();
        let beside = |id: &&String| {
            records.binary_search_by(|record| record.id.as_str().cmp(id.as_str())).is_ok()
        };
        let listed = decoded + undecodable.len() - undecodable.iter().filter(beside).count();
        let listed = listed + recognised.len();
        let samples = samples.into_iter().map(|(_, record)| record).collect();
        let recognised = Recognised { known, ids: recognised.into(), samples };
        List {
            kind,
            recognised,
            listed: listed as u64,
            duplicates: (usable - listed) as u64,
            records,
            signatures: Arc::new(shared.signatures),
            undecodable,
            rejected,
            unusable,
            is_empty,
            incomplete,
        }
    }
}
