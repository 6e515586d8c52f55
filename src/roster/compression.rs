//! Decompresses a list (gzip, zstd) and measures its raw bytes.

use std::fmt;
use std::io::{self, Cursor, Read};

use super::digest::Meter;
use super::error::Problem;
use super::gzip::Members;
use super::source::CHUNK;
use super::zstd::Frames;

/// The compression of a list, detected from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not compressed.
    Plain,
    /// One or many gzip members (RFC 1952).
    Gzip,
    /// One or many zstd frames (RFC 8878).
    Zstd,
}

impl Compression {
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            // A frame, or a skippable one before it, as `pzstd` writes.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Decompresses a stream, and measures the raw bytes read from it.
pub(super) fn decompress(
    source: Box<dyn Read + Send>,
    meter: Meter,
) -> Result<(Box<dyn Read + Send>, Compression), Problem> {
    let mut raw: Box<dyn Read + Send> = Box::new(MeasuredReader { source, meter });
    let start = peek(&mut raw, 4, |_| false)?;
    let compression = Compression::of(&start);
    let raw = Cursor::new(start).chain(raw);
    let decompressed: Box<dyn Read + Send> = match compression {
        Compression::Plain => return Ok((Box::new(raw), compression)),
        Compression::Gzip => Box::new(Members::new(raw)),
        Compression::Zstd => Box::new(Frames::new(raw)),
    };
    let inner = decompressed;
    Ok((Box::new(Decompressed { inner, compression }), compression))
}

/// Reads the start of a stream, at most `limit` bytes, until `enough` of it is there or it ends.
pub(super) fn peek(
    stream: &mut dyn Read,
    limit: usize,
    enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut filled = 0;
    while filled < limit && !enough(&start[..filled]) {
        start.resize(limit.min(filled + CHUNK), 0);
        match stream.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    start.truncate(filled);
    Ok(start)
}

/// Measures the bytes read, and marks errors of the source, to distinguish them from the decoder's.
struct MeasuredReader {
    source: Box<dyn Read + Send>,
    meter: Meter,
}

impl Read for MeasuredReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buffer) {
            Ok(read) => {
                self.meter.add(&buffer[..read]);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(Problem::from(error).into()),
        }
    }
}

/// Distinguishes truncated from damaged data.
struct Decompressed {
    inner: Box<dyn Read + Send>,
    compression: Compression,
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let format = self.compression.name();
        self.inner.read(buffer).map_err(|error| {
            let inner = error.get_ref();
            let is_marked = inner
                .and_then(|inner| inner.downcast_ref::<Problem>())
                .is_some();
            match error.kind() {
                _ if is_marked => error,
                io::ErrorKind::Interrupted => error,
                io::ErrorKind::UnexpectedEof => Problem::CutShort(format).into(),
                _ => Problem::Damaged {
                    format,
                    reason: error.to_string(),
                }
                .into(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::zstd::tests::compress;

    /// Returns its bytes, then fails.
    struct Failing(Cursor<Vec<u8>>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the disk is gone",
                )),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn an_error_of_the_source_is_not_blamed_on_the_packing() {
        let packed = compress(b"user_id\n");
        let gzip_start = vec![0x1F, 0x8B, 8, 0];
        for start in [b"user_id\n".to_vec(), packed[..9].to_vec(), gzip_start] {
            let source = Box::new(Failing(Cursor::new(start)));
            let (mut bytes, compression) = decompress(source, Meter::default()).unwrap();
            let problem: Problem = bytes.read_to_end(&mut Vec::new()).unwrap_err().into();
            assert!(
                matches!(problem, Problem::Io(_)),
                "{compression}: {problem}"
            );
            assert_eq!(problem.to_string(), "cannot be read: the disk is gone");
        }
    }

    #[test]
    fn the_start_is_as_long_as_it_need_be() {
        let text = vec![b'a'; 3 * CHUNK];
        let start =
            |enough: fn(&[u8]) -> bool| peek(&mut &text[..], 2 * CHUNK, enough).unwrap().len();
        assert_eq!(start(|_| true), 0);
        assert_eq!(start(|start| !start.is_empty()), CHUNK);
        assert_eq!(start(|_| false), 2 * CHUNK);
    }
}
