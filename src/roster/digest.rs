//! The hash of a list, to recognize it later.
//!
//! Promises: it depends on the bytes of the list alone, as they are on the disk, and not on the sizes
//! in which they are read. Must not: keep the list.
//!
//! It is SipHash-1-3 with 128 bits and a fixed key: faster than any disk, and two lists have the same
//! hash with a probability of 2^-128. A cryptographic hash would protect from somebody who makes two
//! lists of one hash. Nobody gains by that: whoever can replace the list decides what it contains.

use std::hash::Hasher;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::Source;
use super::source::CHUNK;

/// The number and the hash of the bytes that were read of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDigest {
    bytes: u64,
    hash: String,
}

/// How a list differs from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListChange {
    /// It begins with what it was, and more follows.
    Grown,
    /// It has another size.
    Size,
    /// It has the same size and other content.
    Content,
}

impl ListDigest {
    /// Whether a list is still the one of this digest, which had `size` bytes if that was known.
    /// Reads as many of its bytes as were read before.
    ///
    /// Returns no change where there is nothing to compare: standard input, a FIFO, or a file that
    /// is gone or cannot be read.
    #[must_use]
    pub fn change(&self, source: &Source, size: Option<u64>) -> Option<ListChange> {
        let (list, now): (Box<dyn Read>, u64) = match source {
            // Of a remote list the identity is compared, without reading it.
            Source::Stdin | Source::Remote { .. } => return None,
            Source::Bytes { bytes, .. } => (Box::new(Cursor::new(bytes)), bytes.len() as u64),
            Source::File(path) => {
                // Before it is opened: to open a FIFO is to wait for its writer.
                let metadata = std::fs::metadata(path)
                    .ok()
                    .filter(std::fs::Metadata::is_file)?;
                (Box::new(std::fs::File::open(path).ok()?), metadata.len())
            }
        };
        let before = size.unwrap_or(self.bytes);
        if now < before {
            return Some(ListChange::Size);
        }
        let is_same = Self::of(list, self.bytes).ok()? == *self;
        match (now == before, is_same) {
            (true, true) => None,
            (true, false) => Some(ListChange::Content),
            (false, true) => Some(ListChange::Grown),
            (false, false) => Some(ListChange::Size),
        }
    }

    /// The digest of the first bytes of a stream.
    fn of(stream: impl Read, bytes: u64) -> io::Result<Self> {
        let meter = Meter::default();
        let mut stream = stream.take(bytes);
        let mut buffer = vec![0; CHUNK];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(meter.digest()),
                Ok(read) => meter.add(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Counts and hashes the bytes of a list while they are read. Clones are the same meter.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    bytes: u64,
    hasher: SipHasher13,
}

impl Meter {
    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds bytes that were read.
    pub(super) fn add(&self, bytes: &[u8]) {
        let mut measured = self.measured();
        measured.bytes += bytes.len() as u64;
        measured.hasher.write(bytes);
    }

    /// How many bytes were read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.measured().bytes
    }

    /// The digest of the bytes that were read so far.
    pub(super) fn digest(&self) -> ListDigest {
        let measured = self.measured();
        ListDigest {
            bytes: measured.bytes,
            hash: format!("{:032x}", measured.hasher.finish128().as_u128()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(list: &[u8], size: usize) -> ListDigest {
        let meter = Meter::default();
        list.chunks(size).for_each(|bytes| meter.add(bytes));
        meter.digest()
    }

    fn list(bytes: &[u8]) -> Source {
        Source::Bytes {
            name: "list".to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn the_sizes_of_reads_do_not_matter() {
        let text: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let whole = digest_of(&text, 1_000);
        for size in 1..100 {
            assert_eq!(digest_of(&text, size), whole, "{size}");
        }
        assert_eq!(whole.bytes, 1_000);
    }

    #[test]
    fn a_change_is_found_in_what_was_read() {
        let read = digest_of(b"user_id\nann\n", 5);
        for (now, size, change) in [
            (&b"user_id\nann\n"[..], Some(12), None),
            (b"user_id\nann\n", None, None),
            (b"user_id\nbob\n", Some(12), Some(ListChange::Content)),
            (b"user_id\nann\nbob\n", Some(12), Some(ListChange::Grown)),
            (b"user_id\nbob\nann\n", Some(12), Some(ListChange::Size)),
            (b"user_id\n", Some(12), Some(ListChange::Size)),
            // With a limit on rows, the rest was not read.
            (b"user_id\nann\nbob\n", Some(16), None),
            (b"user_id\nann\neve\n", Some(16), None),
            (b"user_id\nbob\nann\n", Some(16), Some(ListChange::Content)),
            (b"user_id\nann\nbo\n", Some(16), Some(ListChange::Size)),
        ] {
            assert_eq!(read.change(&list(now), size), change, "{now:?}, {size:?}");
        }
        assert_eq!(read.change(&Source::Stdin, None), None);
        let gone = Source::File("does not exist".into());
        assert_eq!(read.change(&gone, Some(12)), None);
    }
}
