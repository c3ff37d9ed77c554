//! Decides which links to store (rule 3), so that a list with new signatures at every poll is not
//! written at every poll.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    kind::{Kind, Role},
    record::{Record, SignedUrl},
    signatures::{Signature, Signatures},
};
use crate::time::{DAY, Timestamp};

/// The longest canonical URL, in bytes, that gets a row in `assets`.
pub const MAX_URL: usize = 2000;

/// The contents of `assets` for a URL before the poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLink {
    /// Whether a signed URL is stored.
    pub signed: bool,
    /// When it expires; `None` if it is unsigned or this is unknown.
    pub expires_at: Option<Timestamp>,
    /// The signed URL, if the poll may have to compare it: its expiry is under a day away, or unknown.
    pub signed_url: Option<SignedUrl>,
}

/// The links before the poll, by canonical URL.
pub type StoredLinks = HashMap<String, StoredLink, RandomState>;

/// A link to write to `assets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkWrite {
    /// The canonical URL, the key.
    pub url: String,
    /// The role, for a new row.
    pub role: Role,
    /// Whether the row is new.
    pub new: bool,
    /// The signature of the link to store; `None` if the URL is now listed unsigned.
    pub signature: Option<Signature>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

impl LinkWrite {
    /// Returns the link to store; `None` if the URL is now listed unsigned.
    pub fn signed_url(&self) -> Option<SignedUrl> {
        self.signature.as_ref().map(|signature| signature.of(&self.url))
    }
}

/// The preview URLs of a poll whose links may have to be stored, each with the best link found.
#[derive(Debug)]
pub struct ListedLinks<'a> {
    stored: &'a StoredLinks,
    /// The canonical URLs of the links of dropped copies; a kept record may list them unsigned.
    of_copies: HashSet<&'a str, RandomState>,
    /// Whether URLs that were never signed are wanted, too.
    unsigned: bool,
    best: HashMap<&'a str, Best, RandomState>,
}

#[derive(Debug)]
struct Best {
    role: Role,
    link: Option<(Option<Timestamp>, Signature)>,
}

impl<'a> ListedLinks<'a> {
    /// Creates an empty set; `stored` are the links before the poll, `dropped` the copies that are not
    /// kept. `unsigned` is whether unsigned URLs are wanted, which is the case if the mirror is on.
    pub fn new(
        stored: &'a StoredLinks,
        dropped: impl Iterator<Item = &'a Record>,
        unsigned: bool,
    ) -> Self {
        let of_copies =
            dropped.flat_map(|copy| copy.links.iter().filter_map(|link| copy.canonical(link)));
        Self { stored, of_copies: of_copies.collect(), unsigned, best: HashMap::default() }
    }

    /// Adds the previews of a kept record, which is from a list with these signatures.
    pub fn keep(&mut self, kind: Kind, record: &'a Record, signatures: &Arc<Signatures>) {
        for preview in kind.previews {
            let (role, url) = (preview.role, record.fields.text(preview.field));
            if let Some(url) = url.filter(|url| fits(url) && self.may_need_write(record, url)) {
                let best = self.best.entry(url).or_insert(Best { role, link: None });
                best.role = best.role.min(role);
            }
        }
        self.compare(record, signatures);
    }

    /// Returns whether the URL may need a write; most do not, since they were never signed.
    fn may_need_write(&self, record: &Record, url: &str) -> bool {
        record.links.iter().any(|link| record.canonical(link) == Some(url))
            || self.stored.get(url).is_some_and(|stored| stored.signed)
            || self.of_copies.contains(url)
            || (self.unsigned && !self.stored.contains_key(url))
    }

    /// Adds the links of a record, kept or dropped, for the URLs that kept records list. If a poll
    /// lists several links for a URL, the one that expires last is used.
    pub fn compare(&mut self, record: &'a Record, signatures: &Arc<Signatures>) {
        for link in &record.links {
            if let Some(best) = record.canonical(link).and_then(|url| self.best.get_mut(url)) {
                let link = (link.expires_at, Signature::new(signatures, link.signature));
                best.link = best.link.take().max(Some(link));
            }
        }
    }

    /// Returns the links to write, sorted by URL.
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
                stored.is_replaced_by(
                    *expires_at,
                    stored.signed_url.as_ref().is_some_and(same),
                    now,
                )
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
    /// Returns whether a stored link has under a day left at `now`; an unknown expiry counts as expired.
    pub fn is_short(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
        expires_at.is_none_or(|at| at < now.plus(DAY))
    }

    /// Returns whether a new link replaces this one: it must expire more than a day later, or just
    /// later if this one has under a day left. `same` is whether the two are equal.
    fn is_replaced_by(&self, expires_at: Option<Timestamp>, same: bool, now: Timestamp) -> bool {
        match (self.expires_at, expires_at) {
            _ if !self.signed => true,
            (Some(stored), Some(new)) if Self::is_short(self.expires_at, now) => new > stored,
            (Some(stored), Some(new)) => new > stored.plus(DAY),
            // A new link of unknown expiry only replaces an expired one.
            (Some(stored), None) => stored <= now && !same,
            (None, _) => !same,
        }
    }
}

/// Returns whether listing a preview again cannot change a stored link, regardless of the rest of
/// the poll, whose answer must be received by `until`. `signed` is the preview's expiry, if it is
/// signed. `unsigned` is whether unsigned URLs are wanted, which is the case if the mirror is on.
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

/// Returns whether a canonical URL may be a key of `assets`.
pub fn fits(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
    url.len() <= MAX_URL && (scheme("https://") || scheme("http://"))
}
