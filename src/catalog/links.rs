//! Which links are worth storing (rule 3): a list that signs anew at every poll is not written
//! at every poll.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::record::{PREVIEWS, Record, Role, SignedUrl};
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
pub type StoredLinks = HashMap<String, StoredLink>;

/// A link to write to `assets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkWrite {
    /// The canonical URL, the key.
    pub url: String,
    /// Picture or video, for a new row.
    pub role: Role,
    /// Whether the row is new.
    pub new: bool,
    /// The link to store; `None` when the URL is listed unsigned now.
    pub signed_url: Option<SignedUrl>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// The preview URLs that a poll lists and that are signed, or were; each with the best link seen.
#[derive(Debug)]
pub struct Listed<'a> {
    stored: &'a StoredLinks,
    /// The signed URLs of copies that are not kept: what they sign, a kept record may list unsigned.
    of_copies: HashSet<&'a str>,
    /// Whether those that never were signed are wanted too.
    unsigned: bool,
    best: HashMap<&'a str, Best<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Best<'a> {
    role: Role,
    link: Option<(Option<Timestamp>, &'a SignedUrl)>,
}

impl<'a> Listed<'a> {
    /// Nothing listed yet, beside what is stored; `dropped` are the copies that are not kept.
    /// `unsigned` ones are wanted once the mirror is on.
    pub fn new(
        stored: &'a StoredLinks,
        dropped: impl Iterator<Item = &'a Record>,
        unsigned: bool,
    ) -> Self {
        let of_copies = dropped.flat_map(|copy| &copy.links).map(|link| link.canonical.as_str());
        Self { stored, of_copies: of_copies.collect(), unsigned, best: HashMap::new() }
    }

    /// Adds the previews of a record that is kept.
    pub fn keep(&mut self, record: &'a Record) {
        for (field, role) in PREVIEWS {
            let url = record.fields.get(field).and_then(|value| value.as_str());
            if let Some(url) = url.filter(|url| fits(url) && self.concerns(record, url)) {
                let best = self.best.entry(url).or_insert(Best { role, link: None });
                best.role = best.role.min(role);
            }
        }
        self.compare(record);
    }

    /// Most URLs never were signed: they need no second look.
    fn concerns(&self, record: &Record, url: &str) -> bool {
        record.links.iter().any(|link| link.canonical == url)
            || self.stored.get(url).is_some_and(|stored| stored.signed)
            || self.of_copies.contains(url)
            || (self.unsigned && !self.stored.contains_key(url))
    }

    /// Takes the links of a copy that is not kept, for the URLs that kept records list: of
    /// several in one poll the one that expires last.
    pub fn compare(&mut self, record: &'a Record) {
        for link in &record.links {
            if let Some(best) = self.best.get_mut(link.canonical.as_str()) {
                best.link = best.link.max(Some((link.expires_at, &link.signed)));
            }
        }
    }

    /// What is to be written, sorted by URL.
    pub fn writes(&self, observed_at: Timestamp) -> Vec<LinkWrite> {
        let write = |(url, best): (&&str, &Best<'_>)| {
            best.write(url, self.stored.get(*url), observed_at, self.unsigned)
        };
        let mut writes: Vec<LinkWrite> = self.best.iter().filter_map(write).collect();
        writes.sort_by(|a, b| a.url.cmp(&b.url));
        writes
    }
}

impl Best<'_> {
    fn write(
        &self,
        url: &str,
        stored: Option<&StoredLink>,
        now: Timestamp,
        unsigned: bool,
    ) -> Option<LinkWrite> {
        let wanted = match (stored, self.link) {
            (None, link) => link.is_some() || unsigned,
            (Some(stored), Some((expires_at, signed))) => stored.yields_to(expires_at, signed, now),
            (Some(stored), None) => stored.signed && stored.expires_at.is_none_or(|at| at <= now),
        };
        wanted.then(|| LinkWrite {
            url: url.to_owned(),
            role: self.role,
            new: stored.is_none(),
            signed_url: self.link.map(|(_, signed)| signed.clone()),
            expires_at: self.link.and_then(|(expires_at, _)| expires_at),
        })
    }
}

impl StoredLink {
    /// Whether a stored link has under a day left at `now`; an unknown expiry counts as expired.
    pub fn is_short(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
        expires_at.is_none_or(|at| at < now.plus(DAY))
    }

    /// The one with more than a day's gain wins, or any gain once under a day is left.
    fn yields_to(&self, expires_at: Option<Timestamp>, link: &SignedUrl, now: Timestamp) -> bool {
        let same = self.signed_url.as_ref() == Some(link);
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

/// Whether a canonical URL may be a key of `assets`.
pub fn fits(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
    url.len() <= MAX_URL && (scheme("https://") || scheme("http://"))
}
