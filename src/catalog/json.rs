//! A reader of JSON text, which reads it once from front to back.
//!
//! A typed decoder loses what rule 5 keeps: it turns 2^70 into a double, fails at `1e400` or a lone
//! surrogate, and cannot detect a repeated key. This reader therefore returns each value as its raw
//! text, found and checked in one pass. The grammar is that of `serde_json`.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Visitor};

/// The error for text that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The raw text of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    json: &'a str,
    /// Whether it is a string with escapes.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// Wraps the text of a value, which must be well-formed, without white space around it.
    pub fn of(json: &'a str) -> Self {
        Self { json, escaped: json.starts_with('"') && json.contains('\\') }
    }

    /// Returns the raw text.
    pub fn get(self) -> &'a str {
        self.json
    }

    /// Returns the decoded string, with U+0000 and lone surrogates as U+FFFD; `None` for any other value.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.json.strip_prefix('"')?;
        Some(match self.escaped {
            false => Cow::Borrowed(inner.strip_suffix('"').unwrap_or(inner)),
            true => unescaped(self.json),
        })
    }
}

/// Reads `text`, which must be one value, optionally with white space around it.
///
/// # Errors
/// [`Malformed`] if it is not.
pub fn parse<'a, T>(
    text: &'a str,
    read: impl FnOnce(&mut JsonReader<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let mut reader = JsonReader::partial(text, 0, true);
    let value = read(&mut reader)?;
    reader.peek();
    if reader.at < text.len() { Err(Malformed) } else { Ok(value) }
}

/// A position in a text, before a value.
#[derive(Debug)]
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    /// Whether the text is complete: a number at its end is then complete, too.
    ended: bool,
}

impl<'a> JsonReader<'a> {
    /// Creates a reader of a text that may be only the beginning of a document, unless it has `ended`.
    pub(super) fn partial(text: &'a str, at: usize, ended: bool) -> Self {
        Self { text, at, ended }
    }

    /// Returns the number of bytes before the next value, or before a fault; after a fault at the end
    /// of the text it may be beyond the end.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads an object: `each` is called with each key and must read its value. Any other value is
    /// skipped, and `false` is returned.
    pub fn object(
        &mut self,
        mut each: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        self.members(b'{', |reader| {
            let key = reader.key()?;
            each(key.text().unwrap_or_default(), reader)
        })
    }

    /// Reads an array: `each` must read one element. Any other value is skipped, and `false` is
    /// returned.
    pub fn array(
        &mut self,
        each: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        self.members(b'[', each)
    }

    fn members(
        &mut self,
        open: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        if self.peek() != open {
            return self.value().map(|_| false);
        }
        self.at += 1;
        if self.accept(closing(open)) {
            return Ok(true);
        }
        loop {
            each(self)?;
            if self.accept(closing(open)) {
                return Ok(true);
            }
            self.expect(b',')?;
        }
    }

    /// Reads the next value, however deeply it is nested.
    pub fn value(&mut self) -> Result<Raw<'a>, Malformed> {
        let first = self.peek();
        let start = self.at;
        let escaped = match first {
            b'{' | b'[' => self.nested().map(|()| false),
            _ => self.scalar(first),
        }?;
        Ok(Raw { json: self.since(start), escaped })
    }

    /// Skips an object or an array, without recursion, since the depth of nesting is not limited.
    fn nested(&mut self) -> Result<(), Malformed> {
        let mut open = vec![];
        loop {
            let first = self.peek();
            if matches!(first, b'{' | b'[') {
                self.at += 1;
                if !self.accept(closing(first)) {
                    if first == b'{' {
                        self.key()?;
                    }
                    open.push(closing(first));
                    continue;
                }
            } else {
                self.scalar(first)?;
            }
            while open.pop_if(|close| self.accept(*close)).is_some() {}
            match open.last() {
                None => return Ok(()),
                Some(close) => {
                    self.expect(b',')?;
                    if *close == b'}' {
                        self.key()?;
                    }
                }
            }
        }
    }

    /// Skips a value that begins with `first` and contains no other; returns whether it has escapes.
    fn scalar(&mut self, first: u8) -> Result<bool, Malformed> {
        match first {
            b'"' => return self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
        .map(|()| false)
    }

    /// Reads a key and the colon after it.
    pub(super) fn key(&mut self) -> Result<Raw<'a>, Malformed> {
        if self.peek() != b'"' {
            return Err(Malformed);
        }
        let start = self.at;
        let escaped = self.string()?;
        let json = self.since(start);
        self.expect(b':')?;
        Ok(Raw { json, escaped })
    }

    fn string(&mut self) -> Result<bool, Malformed> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain(self.rest());
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(escaped);
                }
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
                {
                    self.at += 6;
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                _ => return Err(Malformed),
            }
            escaped = true;
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        self.at += word.len();
        if self.since(self.at - word.len()) == word { Ok(()) } else { Err(Malformed) }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.skip(|byte| byte == b'-');
        if !self.skip(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.skip(|byte| matches!(byte, b'e' | b'E')) {
            self.skip(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        if self.ended || !self.rest().is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits > 0 { Ok(()) } else { Err(Malformed) }
    }

    /// Skips the next byte if `is` returns true for it; returns whether it was skipped.
    fn skip(&mut self, is: impl Fn(u8) -> bool) -> bool {
        let found = self.rest().first().is_some_and(|byte| is(*byte));
        self.at += usize::from(found);
        found
    }

    /// Skips white space and returns the next byte without skipping it; 0 at the end.
    pub fn peek(&mut self) -> u8 {
        loop {
            match self.rest().first() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                next => return next.copied().unwrap_or(0),
            }
        }
    }

    /// Skips `byte` if it is the next one; returns whether it was skipped.
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.accept(byte) { Ok(()) } else { Err(Malformed) }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// Returns the bracket that closes `open`.
pub(super) fn closing(open: u8) -> u8 {
    if open == b'{' { b'}' } else { b']' }
}

/// Counts the bytes before the first quote, backslash or control character, eight bytes at a time.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least));
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        // The lowest high bit that is set is that of the first such byte.
        let found = (below(word, b' ') | is(b'"') | is(b'\\')) & !word & (ONES << 7);
        if found != 0 {
            return 8 * at + found.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    8 * words.len() + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Decodes a string with escapes.
fn unescaped(raw: &str) -> Cow<'_, str> {
    let mut decoder = serde_json::Deserializer::from_str(raw);
    ByteText::deserialize(&mut decoder).map(|ByteText(text)| Cow::Owned(text)).unwrap_or_default()
}

/// A string read as bytes, the only way in which `serde_json` accepts lone surrogates.
struct ByteText(String);

impl<'de> Deserialize<'de> for ByteText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = ByteText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(ByteText(mended(bytes)))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Converts the bytes that `serde_json` decodes to UTF-8, with U+FFFD for U+0000 and for lone
/// surrogates: these are three bytes `ED A0..BF ..`, which no valid UTF-8 contains.
fn mended(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (0xED, [0xA0..=0xBF, _, after @ ..]) | (0, after) => {
                out.extend_from_slice("\u{FFFD}".as_bytes());
                rest = after;
            }
            (byte, after) => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out)
        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into())
}

#[cfg(test)]
mod tests;
