//! The signatures of the URLs of a whole list, in one allocation.
//!
//! Signatures are most of a long list. If each were allocated among the records, their memory could
//! hardly be reused after they are freed; one allocation can be reused as a whole. They are
//! credentials and are never printed.

use std::{cmp::Ordering, fmt, sync::Arc};

/// A URL with its signature, as a browser reads the received text: a credential, so it is never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedUrl(Arc<str>);

impl SignedUrl {
    /// Wraps a signed URL.
    pub fn new(url: impl Into<Arc<str>>) -> Self {
        Self(url.into())
    }

    /// Returns the URL itself; only for fetching and for `assets.signed_url`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signed]")
    }
}

/// The signatures of one list.
#[derive(Default)]
pub struct Signatures(String);

/// The place of one signature, and how many bytes a signed URL has in common with the start of the
/// URL without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignaturePlace {
    same: u32,
    start: u32,
    length: u32,
}

/// A reference to one signature, which keeps all signatures of its list in memory.
#[derive(Clone)]
pub struct Signature {
    all: Arc<Signatures>,
    place: SignaturePlace,
}

impl Signatures {
    /// Stores the part of `signed` that differs from `canonical`, the same URL without its
    /// signature. `None` if there is no room: no list has 4 GiB of signatures.
    pub fn keep(&mut self, canonical: &str, signed: &str) -> Option<SignaturePlace> {
        let same = canonical.bytes().zip(signed.bytes()).take_while(|(a, b)| a == b).count();
        let same = signed.floor_char_boundary(same);
        let rest = signed.get(same..)?;
        let place = SignaturePlace {
            same: u32::try_from(same).ok()?,
            start: u32::try_from(self.0.len()).ok()?,
            length: u32::try_from(rest.len()).ok()?,
        };
        self.0.push_str(rest);
        Some(place)
    }

    fn at(&self, place: SignaturePlace) -> &str {
        let start = place.start as usize;
        self.0.get(start..start + place.length as usize).unwrap_or_default()
    }
}

impl Signature {
    /// Creates a reference to the signature of `all` at `place`.
    pub fn new(all: &Arc<Signatures>, place: SignaturePlace) -> Self {
        Self { all: all.clone(), place }
    }

    /// Returns the signed URL of `canonical`, byte for byte as it was passed to [`Signatures::keep`].
    pub fn of(&self, canonical: &str) -> SignedUrl {
        let same = canonical.get(..self.place.same as usize).unwrap_or_default();
        SignedUrl::new([same, self.all.at(self.place)].concat())
    }

    fn text(&self) -> (&str, u32) {
        (self.all.at(self.place), self.place.same)
    }
}

impl Ord for Signature {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl PartialOrd for Signature {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Signature {}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signature]")
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signatures]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_url_comes_back_byte_for_byte_and_never_prints() {
        let urls = [
            ("https://h/a", "https://h/a?Expires=1&Signature=s&Key-Pair-Id=K"),
            ("https://h/a?v=2#é", "https://h/a?Signature=s&v=2&Key-Pair-Id=K#é"),
            ("https://h/ü", "https://h/û?Signature=s"),
            ("", ""),
        ];
        let mut all = Signatures::default();
        let places = urls.map(|(canonical, signed)| all.keep(canonical, signed).unwrap());
        let all = Arc::new(all);
        for ((canonical, signed), place) in urls.into_iter().zip(places) {
            let signature = Signature::new(&all, place);
            assert_eq!(signature.of(canonical).expose(), signed);
            assert_eq!(format!("{signature:?} {all:?}"), "[signature] [signatures]");
        }
    }
}
