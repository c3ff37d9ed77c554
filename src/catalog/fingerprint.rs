//! The hash of a record that is stored with its item; see [`super::recognition`].

use std::sync::LazyLock;

use siphasher::sip128::{Hash128, SipHasher13};

use super::item::Fields;
use crate::words::hex;

/// A hash of a record. Equal hashes mean that the fields, JSON types and URLs are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64, u64);

/// The input of the hash. Each part is preceded by its length, so that parts are unambiguous.
#[derive(Debug, Default)]
pub struct Parts(Vec<u8>);

/// The initial capacity, in bytes, which is enough for most records.
const ROOM: usize = 1_024;

impl Parts {
    /// Removes all parts.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a part; `what` distinguishes parts of different types.
    pub fn add(&mut self, what: u8, part: &str) {
        self.0.push(what);
        self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.0.extend_from_slice(part.as_bytes());
    }

    /// Returns the fingerprint of the record with these parts.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = hash(&self.0);
        Fingerprint(hash.h1, hash.h2)
    }
}

impl Fingerprint {
    /// Returns the text that is stored with an item that has these fields.
    pub fn to_column(self, fields: &Fields) -> String {
        let numbers = [self.1, self.0, state(fields)].map(u64::to_be_bytes);
        hex(&[&GENERATION.to_be_bytes(), numbers.as_flattened()].concat())
    }

    /// Parses the text of [`Self::to_column`]; `None` if another version of this program wrote it,
    /// which may decode records differently.
    pub fn parse(stored: &str) -> Option<Self> {
        let own = hexadecimal(stored.get(..8)?);
        let (high, low) = (hexadecimal(stored.get(8..24)?), hexadecimal(stored.get(24..40)?));
        (own == u64::from(*GENERATION)).then_some(Self(low, high))
    }

    /// Returns whether a stored, readable fingerprint does not belong to an item with these fields.
    pub fn contradicts(stored: &str, fields: &Fields) -> bool {
        let of_state = stored.get(40..).map(hexadecimal);
        Self::parse(stored).is_some() && of_state != Some(state(fields))
    }
}

/// Parses hexadecimal digits; other text gives an arbitrary number. `from_str_radix`, which rejects
/// other text, takes almost twice as long.
fn hexadecimal(digits: &str) -> u64 {
    let digit = |byte: u8| u64::from(byte & 15) + 9 * u64::from(byte >> 6);
    digits.bytes().fold(0, |number, byte| number << 4 | digit(byte))
}

fn hash(bytes: &[u8]) -> Hash128 {
    SipHasher13::new().hash(bytes)
}

/// The number that identifies this version of the program in its fingerprints.
static GENERATION: LazyLock<u32> =
    LazyLock::new(|| hash(env!("CARGO_PKG_VERSION").as_bytes()).h1 as u32);

/// Hashes an item's fields, to check that a fingerprint belongs to the row that it is stored with.
fn state(fields: &Fields) -> u64 {
    let mut parts = Parts(Vec::with_capacity(ROOM));
    for (name, value) in fields.iter() {
        parts.add(b'n', name);
        parts.add(value.sort() as u8, value.as_cell());
    }
    hash(&parts.0).h1
}
