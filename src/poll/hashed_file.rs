//! A saved response that is read and hashed on a second thread while it is decoded.

use std::{
    io::{self, BufRead, Read, Seek},
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use sha2::{Digest, Sha256};

use crate::{catalog::body::Document, words::hex};

/// The size of a piece, in bytes.
const PIECE: usize = 64 << 10;

/// The number of pieces that may be read ahead.
const AHEAD: usize = 4;

/// A file, or its content.
pub trait SavedFile: Read + Seek + Send + 'static {}

impl<T: Read + Seek + Send + 'static> SavedFile for T {}

/// A file and the hash of what was read of it.
struct Hashing {
    file: Box<dyn SavedFile>,
    hash: Sha256,
    bytes: u64,
    /// Whether the end was reached. What is added to the file later is not read.
    ended: bool,
}

impl Hashing {
    /// Reads a piece; it is empty at the end.
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE);
        self.file.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        self.hash.update(&piece);
        self.bytes += piece.len() as u64;
        self.ended = piece.is_empty();
        Ok(piece)
    }

    /// Sends the pieces until the end, or until nobody receives them.
    fn send(mut self, pieces: &SyncSender<io::Result<Vec<u8>>>) -> Self {
        loop {
            let piece = self.piece();
            let is_last = piece.is_err() || self.ended;
            if pieces.send(piece).is_err() || is_last {
                return self;
            }
        }
    }
}

/// See [the module](self).
pub struct HashedFile {
    state: ReadState,
    /// The piece that is being decoded, and how much of it was.
    piece: Vec<u8>,
    at: usize,
    /// Whether the beginning has been consumed.
    has_begun: bool,
}

enum ReadState {
    Idle(Hashing),
    Reading(Receiver<io::Result<Vec<u8>>>, JoinHandle<Hashing>),
    /// The thread panicked or could not be started.
    Lost,
}

impl HashedFile {
    pub fn new(file: Box<dyn SavedFile>) -> Self {
        let hashing = Hashing { file, hash: Sha256::new(), bytes: 0, ended: false };
        Self { state: ReadState::Idle(hashing), piece: vec![], at: 0, has_begun: false }
    }

    /// Ends the thread and returns the file.
    fn idle(&mut self) -> io::Result<&mut Hashing> {
        self.state = match mem::replace(&mut self.state, ReadState::Lost) {
            ReadState::Reading(pieces, thread) => {
                drop(pieces);
                thread.join().map_or(ReadState::Lost, ReadState::Idle)
            }
            other => other,
        };
        match &mut self.state {
            ReadState::Idle(hashing) => Ok(hashing),
            _ => Err(lost()),
        }
    }

    /// Returns the size of the file in bytes and its SHA-256 in hex.
    pub fn digest(mut self) -> io::Result<(u64, String)> {
        let hashing = self.idle()?;
        while !hashing.ended {
            hashing.piece()?;
        }
        Ok((hashing.bytes, hex(&mem::take(&mut hashing.hash).finalize())))
    }

    fn next_piece(&mut self) -> io::Result<Vec<u8>> {
        self.state = match mem::replace(&mut self.state, ReadState::Lost) {
            ReadState::Idle(hashing) => {
                let (sender, pieces) = sync_channel(AHEAD);
                let thread = Builder::new().spawn(move || hashing.send(&sender))?;
                ReadState::Reading(pieces, thread)
            }
            other => other,
        };
        match &self.state {
            ReadState::Reading(pieces, _) => pieces.recv().unwrap_or_else(|_| Ok(vec![])),
            _ => Err(lost()),
        }
    }
}

fn lost() -> io::Error {
    io::Error::other("the thread that reads it ended")
}

impl BufRead for HashedFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() {
            (self.piece, self.at) = (self.next_piece()?, 0);
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.has_begun |= bytes > 0;
    }
}

impl Read for HashedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl Document for HashedFile {
    fn restart(&mut self) -> io::Result<()> {
        if mem::take(&mut self.has_begun) {
            (self.piece, self.at) = (vec![], 0);
            let hashing = self.idle()?;
            (hashing.hash, hashing.bytes, hashing.ended) = (Sha256::new(), 0, false);
            hashing.file.rewind()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Vec<u8> {
        (0..3 * PIECE as u32 + 7).map(|at| at as u8).collect()
    }

    fn hashed(content: Vec<u8>) -> HashedFile {
        HashedFile::new(Box::new(io::Cursor::new(content)))
    }

    #[test]
    fn the_digest_is_that_of_the_whole_file_however_much_was_read() {
        let digest = (content().len() as u64, hex(&Sha256::digest(content())));
        assert_eq!(hashed(content()).digest().unwrap(), digest);
        for consumed in [0, 1, PIECE] {
            let mut file = hashed(content());
            assert!(file.fill_buf().unwrap().len() >= consumed);
            file.consume(consumed);
            assert_eq!(file.digest().unwrap(), digest, "{consumed}");
        }
    }

    #[test]
    fn a_file_is_read_again_from_its_beginning() {
        let mut file = hashed(content());
        let mut read = vec![];
        for _ in 0..2 {
            read.clear();
            file.restart().unwrap();
            file.read_to_end(&mut read).unwrap();
            assert!(read == content());
        }
        assert_eq!(file.digest().unwrap().1, hex(&Sha256::digest(content())));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_an_end() {
        assert!(HashedFile::new(Box::new(Broken)).fill_buf().is_err());
        assert!(HashedFile::new(Box::new(Broken)).digest().is_err());
    }

    /// A file that cannot be read.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }

    impl Seek for Broken {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
}
