//! The name of a set of held removals: their number, and a hash of their keys.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use super::kind::Kind;

/// A set of held removals, named `N-HASH` so that exactly these can be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSet {
    count: u64,
    hash: u32,
}

impl HeldSet {
    /// Names the removals of these items, in any order. The hash is the first four bytes of the
    /// SHA-256 of the lines `kind`, tab, id, sorted by bytes.
    pub fn of<'a>(items: impl IntoIterator<Item = (Kind, &'a str)>) -> Self {
        let keys = items.into_iter().map(|(kind, id)| format!("{kind}\t{id}"));
        let mut keys: Vec<String> = keys.collect();
        keys.sort_unstable();
        let mut digest = Sha256::new();
        for key in &keys {
            digest.update(key);
            digest.update("\n");
        }
        let digest = digest.finalize();
        let hash = digest.iter().take(4).fold(0, |hash, byte| hash << 8 | u32::from(*byte));
        Self { count: keys.len() as u64, hash }
    }

    /// Returns the number of removals.
    pub fn count(self) -> u64 {
        self.count
    }
}

impl fmt::Display for HeldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.count, self.hash)
    }
}

impl FromStr for HeldSet {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            "give a number, or a number and a hash as a held poll prints them (40-1a2b3c4d)";
        let (count, hash) = text.split_once('-').ok_or(wrong)?;
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if hash.len() != 8 || !digits(hash) || !digits(count) {
            return Err(wrong);
        }
        let count = count.parse().map_err(|_| wrong)?;
        Ok(Self { count, hash: u32::from_str_radix(hash, 16).map_err(|_| wrong)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_by_its_number_and_hash_in_any_order() {
        let (a, b) = ((Kind::AVATAR, "b"), (Kind::TALKING_PHOTO, "a"));
        let name = HeldSet::of([b, a]).to_string();
        // printf 'avatar\tb\ntalking_photo\ta\n' | sha256sum
        assert_eq!(name, "2-bcc03faa");
        assert_eq!(name.parse(), Ok(HeldSet::of([a, b])));
        assert_ne!(HeldSet::of([a]), HeldSet::of([b]));
    }

    #[test]
    fn what_is_no_name_of_a_set_is_refused() {
        for text in [
            "",
            "40",
            "40-",
            "-1a2b3c4d",
            "40-1a2b3c4",
            "40-1a2b3c4dd",
            "4x-1a2b3c4d",
            "40-+a2b3c4d",
        ] {
            assert!(text.parse::<HeldSet>().is_err(), "{text}");
        }
    }
}
