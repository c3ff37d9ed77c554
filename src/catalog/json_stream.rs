//! Reads a JSON document in pieces, so that a large one is never in memory as a whole.
//!
//! Each value is read by [`JsonReader`] from the text received so far. If a value does not end
//! there, more is received and the value is read again.

use std::{
    io::{self, BufRead},
    str,
};

use super::json::{JsonReader, Malformed, closing};

/// The number of bytes that are received at once, unless a longer value needs more. Tests have values in many pieces.
const PIECE: usize = if cfg!(test) { 3 } else { 64 << 10 };

/// The length of the longest token that the reader checks as a whole, `\u0000`. If a fault is this close
/// to the end of the received text, the token may continue in the next piece.
const LONGEST_TOKEN: usize = 6;

/// The error of a document that cannot be read.
#[derive(Debug)]
pub enum JsonFault {
    /// It contains only white space.
    Empty,
    /// It is not JSON.
    Malformed,
    /// The byte at this offset is not UTF-8.
    NotUtf8(usize),
    /// The source failed.
    Source(io::Error),
}

/// A position in a document, before a value.
#[derive(Debug)]
pub struct JsonStream<R> {
    source: R,
    /// The text that was received, without what was read before the last piece was received.
    text: String,
    at: usize,
    /// The first bytes of a character that is not received completely.
    incomplete: Vec<u8>,
    /// The number of bytes before `text`.
    before: usize,
    ended: bool,
}

impl<R: BufRead> JsonStream<R> {
    /// Creates a reader for a document that begins where `source` does.
    pub fn new(source: R) -> Self {
        Self { source, text: String::new(), at: 0, incomplete: vec![], before: 0, ended: false }
    }

    /// Reads an object: `each` is called with each key and must read its value. Any other value is
    /// skipped, and `false` is returned.
    pub fn object(
        &mut self,
        mut each: impl FnMut(&str, &mut Self) -> Result<(), JsonFault>,
    ) -> Result<bool, JsonFault> {
        self.members(b'{', |stream| {
            let key = stream.next(|reader| Ok(reader.key()?.text().map(Into::into)))?;
            each(&key.unwrap_or_else(String::new), stream)
        })
    }

    /// Reads an array: `each` must read one element. Since it is called again if the element
    /// continues in the next piece, it must not have an effect before it has read the element. Any
    /// other value is skipped, and `false` is returned.
    pub fn array(
        &mut self,
        mut each: impl FnMut(&mut JsonReader<'_>) -> Result<(), Malformed>,
    ) -> Result<bool, JsonFault> {
        self.members(b'[', |stream| stream.next(&mut each))
    }

    /// Returns the raw text of the next value.
    pub fn value(&mut self) -> Result<String, JsonFault> {
        self.next(|reader| Ok(reader.value()?.get().to_owned()))
    }

    /// Skips the next value.
    pub fn skip(&mut self) -> Result<(), JsonFault> {
        self.next(|reader| reader.value().map(drop))
    }

    /// Skips white space and returns the next byte without skipping it; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<u8>, JsonFault> {
        loop {
            let mut reader = JsonReader::partial(&self.text, self.at, self.ended);
            reader.peek();
            self.at = reader.position();
            let next = self.text.as_bytes().get(self.at);
            if next.is_some() || self.ended {
                return Ok(next.copied());
            }
            self.receive()?;
        }
    }

    /// Skips a byte-order mark and white space at the beginning of the document.
    pub fn begin(&mut self) -> Result<(), JsonFault> {
        self.receive()?;
        let rest = self.text.strip_prefix('\u{FEFF}').unwrap_or(&self.text);
        self.at = self.text.len() - rest.len();
        self.peek()?.map(drop).ok_or(JsonFault::Empty)
    }

    /// Returns the number of bytes received.
    pub fn received(&self) -> usize {
        self.before + self.text.len()
    }

    fn members(
        &mut self,
        open: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonFault>,
    ) -> Result<bool, JsonFault> {
        if self.peek()? != Some(open) {
            return self.skip().map(|()| false);
        }
        self.at += 1;
        if self.accept(closing(open))? {
            return Ok(true);
        }
        loop {
            each(self)?;
            if self.accept(closing(open))? {
                return Ok(true);
            }
            if !self.accept(b',')? {
                return Err(JsonFault::Malformed);
            }
        }
    }

    fn accept(&mut self, byte: u8) -> Result<bool, JsonFault> {
        let found = self.peek()? == Some(byte);
        self.at += usize::from(found);
        Ok(found)
    }

    /// Calls `read`, which must read one value or key, until the received text contains all of it.
    fn next<T>(
        &mut self,
        mut read: impl FnMut(&mut JsonReader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, JsonFault> {
        loop {
            let mut reader = JsonReader::partial(&self.text, self.at, self.ended);
            match read(&mut reader) {
                Ok(value) => {
                    self.at = reader.position();
                    return Ok(value);
                }
                Err(Malformed)
                    if self.ended || reader.position() + LONGEST_TOKEN < self.text.len() =>
                {
                    return Err(JsonFault::Malformed);
                }
                Err(Malformed) => self.receive()?,
            }
        }
    }

    /// Receives at least as much text as is kept, so that all readings of a long value together cost
    /// about twice its length.
    fn receive(&mut self) -> Result<(), JsonFault> {
        self.text.drain(..self.at);
        self.before += self.at;
        self.at = 0;
        let mut wanted = PIECE.max(self.text.len());
        while wanted > 0 && !self.ended {
            let piece = self.source.fill_buf().map_err(JsonFault::Source)?;
            let piece = &piece[..piece.len().min(wanted)];
            let length = piece.len();
            self.ended = length == 0;
            let bytes = match self.incomplete.is_empty() {
                true => piece,
                false => {
                    self.incomplete.extend_from_slice(piece);
                    &self.incomplete
                }
            };
            let (text, fault) = match str::from_utf8(bytes) {
                Ok(text) => (text, None),
                Err(fault) => {
                    let (valid, _) = bytes.split_at(fault.valid_up_to());
                    (str::from_utf8(valid).unwrap_or_default(), Some(fault))
                }
            };
            self.text.push_str(text);
            if fault.is_some_and(|fault| self.ended || fault.error_len().is_some()) {
                return Err(JsonFault::NotUtf8(self.received()));
            }
            self.incomplete = bytes.get(text.len()..).unwrap_or_default().to_vec();
            self.source.consume(length);
            wanted -= length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
