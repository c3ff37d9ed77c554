//! The hash of a record that is kept beside its item; see [`super::recognition`].

use std::sync::LazyLock;

use siphasher::sip128::SipHasher13;

use super::item::Fields;

/// Equal for records that decode to the same fields, JSON types and URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u128);

/// What is hashed together; its length before each part keeps the parts apart.
#[derive(Debug, Default)]
pub struct Parts(Vec<u8>);

/// Room for the parts of most records.
const ROOM: usize = 1_024;

impl Parts {
    /// Removes all parts.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a part; `what` keeps parts of different sorts apart.
    pub fn add(&mut self, what: u8, part: &str) {
        self.0.push(what);
        self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.0.extend_from_slice(part.as_bytes());
    }

    /// The fingerprint of a record that these are the parts of.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(hash(&self.0))
    }
}

impl Fingerprint {
    /// As it is stored beside an item that has these fields.
    pub fn to_column(self, fields: &Fields) -> String {
        format!("{:08x}{:032x}{:016x}", *GENERATION, self.0, state(fields))
    }

    /// Reads [`Self::to_column`] back; `None` for what another version of this program wrote, which
    /// may decode otherwise.
    pub fn parse(stored: &str) -> Option<Self> {
        let own = hexadecimal(stored.get(..8)?);
        let (high, low) = (hexadecimal(stored.get(8..24)?), hexadecimal(stored.get(24..40)?));
        let fingerprint = u128::from(high) << 64 | u128::from(low);
        (own == u64::from(*GENERATION)).then_some(Self(fingerprint))
    }

    /// Whether a stored fingerprint is not that of an item with these fields.
    pub fn contradicts(stored: &str, fields: &Fields) -> bool {
        let of_state = stored.get(40..).map(hexadecimal);
        Self::parse(stored).is_some() && of_state != Some(state(fields))
    }
}

/// The number that hexadecimal digits write; any number for other text. `from_str_radix`, which refuses
/// other text, takes almost twice as long.
fn hexadecimal(digits: &str) -> u64 {
    let digit = |byte: u8| u64::from(byte & 15) + 9 * u64::from(byte >> 6);
    digits.bytes().fold(0, |number, byte| number << 4 | digit(byte))
}

fn hash(bytes: &[u8]) -> u128 {
    SipHasher13::new().hash(bytes).into()
}

/// What this version of the program writes fingerprints with.
static GENERATION: LazyLock<u32> =
    LazyLock::new(|| hash(env!("CARGO_PKG_VERSION").as_bytes()) as u32);

/// A hash of an item's fields, by which a fingerprint is compared with the row that it belongs to.
fn state(fields: &Fields) -> u64 {
    let mut parts = Parts(Vec::with_capacity(ROOM));
    for (name, value) in fields.iter() {
        parts.add(b'n', name);
        parts.add(value.sort() as u8, value.as_cell());
    }
    hash(&parts.0) as u64
}
