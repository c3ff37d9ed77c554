//! Which links are worth storing (rule 3): a list that signs anew at every poll is not written
//! at every poll.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use foldhash::fast::RandomState;

use super::{
    kind::{Kind, Role},
    record::{Record, SignedUrl},
    signatures::{Signature, Signatures},
};
use crate::time::Timestamp;

/// Longer canonical URLs, in bytes, get no row in `assets`.
pub const MAX_URL: usize = 2000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What `assets` says of a URL before the poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLink {
    /// Whether a signed URL is stored.
    pub signed: bool,
    /// When it expires; `None` when unsigned or unknown.
    pub expires_at: Option<Timestamp>,
    /// The signed URL, where the poll may have to compare it: under a day left, or unknown.
    pub signed_url: Option<SignedUrl>,
}

/// The links before the poll, by canonical URL.
pub type StoredLinks = HashMap<String, StoredLink, RandomState>;

/// A link to write to `assets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkWrite {
    /// The canonical URL, the key.
    pub url: String,
    /// Picture or video, for a new row.
    pub role: Role,
    /// Whether the row is new.
    pub new: bool,
    /// What makes it the link to store; `None` when the URL is listed unsigned now.
    pub signature: Option<Signature>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

impl LinkWrite {
    /// The link to store; `None` when the URL is listed unsigned now.
    pub fn signed_url(&self) -> Option<SignedUrl> {
        self.signature.as_ref().map(|signature| signature.of(&self.url))
    }
}

/// The preview URLs that a poll lists and that are signed, or were; each with the best link seen.
#[derive(Debug)]
pub struct ListedLinks<'a> {
    stored: &'a StoredLinks,
    /// The signed URLs of copies that are not kept: what they sign, a kept record may list unsigned.
    of_copies: HashSet<&'a str, RandomState>,
    /// Whether those that never were signed are wanted too.
    unsigned: bool,
    best: HashMap<&'a str, Best, RandomState>,
}

#[derive(Debug)]
struct Best {
    role: Role,
    link: Option<(Option<Timestamp>, Signature)>,
}

impl<'a> ListedLinks<'a> {
    /// Nothing listed yet, beside what is stored; `dropped` are the copies that are not kept.
    /// `unsigned` ones are wanted once the mirror is on.
    pub fn new(
        stored: &'a StoredLinks,
        dropped: impl Iterator<Item = &'a Record>,
        unsigned: bool,
    ) -> Self {
        let of_copies =
            dropped.flat_map(|copy| copy.links.iter().filter_map(|link| copy.canonical(link)));
        Self { stored, of_copies: of_copies.collect(), unsigned, best: HashMap::default() }
    }

    /// Adds the previews of a record that is kept, of a list with these signatures.
    pub fn keep(&mut self, kind: Kind, record: &'a Record, signatures: &Arc<Signatures>) {
        for preview in kind.previews {
            let (role, url) = (preview.role, record.fields.text(preview.field));
            if let Some(url) = url.filter(|url| fits(url) && self.concerns(record, url)) {
                let best = self.best.entry(url).or_insert(Best { role, link: None });
                best.role = best.role.min(role);
            }
        }
        self.compare(record, signatures);
    }

    /// Most URLs never were signed: they need no second look.
    fn concerns(&self, record: &Record, url: &str) -> bool {
        record.links.iter().any(|link| record.canonical(link) == Some(url))
            || self.stored.get(url).is_some_and(|stored| stored.signed)
            || self.of_copies.contains(url)
            || (self.unsigned && !self.stored.contains_key(url))
    }

    /// Takes the links of a copy that is not kept, for the URLs that kept records list: of
    /// several in one poll the one that expires last.
    pub fn compare(&mut self, record: &'a Record, signatures: &Arc<Signatures>) {
        for link in &record.links {
            if let Some(best) = record.canonical(link).and_then(|url| self.best.get_mut(url)) {
                let link = (link.expires_at, Signature::new(signatures, link.signature));
                best.link = best.link.take().max(Some(link));
            }
        }
    }

    /// What is to be written, sorted by URL.
    pub fn writes(self, observed_at: Timestamp) -> Vec<LinkWrite> {
        let Self { stored, of_copies: _, unsigned, best } = self;
        let write =
            |(url, best): (&str, Best)| best.write(url, stored.get(url), observed_at, unsigned);
        let mut writes: Vec<LinkWrite> = best.into_iter().filter_map(write).collect();
        writes.sort_unstable_by(|a, b| a.url.cmp(&b.url));
        writes
    }
}

impl Best {
    fn write(
        self,
        url: &str,
        stored: Option<&StoredLink>,
        now: Timestamp,
        unsigned: bool,
    ) -> Option<LinkWrite> {
        let wanted = match (stored, &self.link) {
            (None, link) => link.is_some() || unsigned,
            (Some(stored), Some((expires_at, signature))) => {
                let same = |known: &SignedUrl| *known == signature.of(url);
                stored.yields_to(*expires_at, stored.signed_url.as_ref().is_some_and(same), now)
            }
            (Some(stored), None) => stored.signed && stored.expires_at.is_none_or(|at| at <= now),
        };
        wanted.then(|| LinkWrite {
            url: url.to_owned(),
            role: self.role,
            new: stored.is_none(),
            expires_at: self.link.as_ref().and_then(|(expires_at, _)| *expires_at),
            signature: self.link.map(|(_, signature)| signature),
        })
    }
}

impl StoredLink {
    /// Whether a stored link has under a day left at `now`; an unknown expiry counts as expired.
    pub fn is_short(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
        expires_at.is_none_or(|at| at < now.plus(DAY))
    }

    /// The one with more than a day's gain wins, or any gain once under a day is left; `same` when
    /// they are one and the same.
    fn yields_to(&self, expires_at: Option<Timestamp>, same: bool, now: Timestamp) -> bool {
        match (self.expires_at, expires_at) {
            _ if !self.signed => true,
            (Some(stored), Some(new)) if Self::is_short(self.expires_at, now) => new > stored,
            (Some(stored), Some(new)) => new > stored.plus(DAY),
            // Of the new one nothing is known: better than what has expired, than nothing else.
            (Some(stored), None) => stored <= now && !same,
            (None, _) => !same,
        }
    }
}

/// Whether a preview that is listed once more changes no stored link, whatever else a poll lists that
/// has its answer by `until`. `signed` is its expiry, if it is signed; `unsigned` ones are wanted
/// once the mirror is on.
pub fn is_settled(
    stored: &StoredLinks,
    url: &str,
    signed: Option<Option<Timestamp>>,
    until: Timestamp,
    unsigned: bool,
) -> bool {
    if !fits(url) {
        return true;
    }
    let Some(stored) = stored.get(url) else { return signed.is_none() && !unsigned };
    if !stored.signed {
        return signed.is_none();
    }
    let Some(at) = stored.expires_at.filter(|at| *at >= until.plus(DAY)) else { return false };
    signed.is_none_or(|new| new.is_some_and(|new| new <= at.plus(DAY)))
}

/// Whether a canonical URL may be a key of `assets`.
pub fn fits(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
    url.len() <= MAX_URL && (scheme("https://") || scheme("http://"))
}
