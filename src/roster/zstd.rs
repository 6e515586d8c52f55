//! Zstandard (RFC 8878): frames one after another, skippable ones anywhere.
//!
//! `ruzstd` decodes one frame; this reads a whole stream of them, and checks the length and checksum that
//! frames declare.

use std::io::{self, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::parts::has_more;
use super::source::CHUNK;

/// The largest window accepted, in bytes: as much as `zstd -d` accepts without `--long=31` or
/// `--memory`, and what `zstd --ultra -22` uses.
const MAX_WINDOW: u64 = 128 << 20;

/// Reads the content of all frames.
pub(super) struct Frames<R> {
    source: TrackedSource<BufReader<R>>,
    decoder: FrameDecoder,
    /// Bytes of the current frame's content so far, if there is a current frame.
    length: Option<u64>,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            source: TrackedSource {
                inner: BufReader::with_capacity(CHUNK, source),
                error: None,
                is_at_end: false,
            },
            decoder,
            length: None,
        }
    }

    /// Begins the next frame. False at the end of the source.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            let is_start = |byte| matches!(byte, 0x28 | 0x50..=0x5F);
            if !has_more(&mut self.source.inner, "zstd", is_start)? {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.length = Some(0);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = (&mut self.source.inner).take(length);
                    if io::copy(&mut { skipped }, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.source.source_error(&error)),
            }
        }
    }

    /// Compares the frame that was read with the length and checksum it declares.
    fn check_frame(&mut self, length: u64) -> io::Result<()> {
        self.length = None;
        let checksum = self.decoder.get_checksum_from_data();
        if checksum.is_some() && checksum != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("a frame's checksum does not match"));
        }
        // 0 also means "not given".
        let given = self.decoder.content_size();
        if given > 0 && given != length {
            return Err(io::Error::other("a frame's length does not match"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(length) = self.length else {
                if !self.begin_frame()? {
                    return Ok(0);
                }
                continue;
            };
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                self.length = Some(length + read as u64);
                return Ok(read);
            }
            if self.decoder.is_finished() {
                self.check_frame(length)?;
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.source, one)
                    .map_err(|error| self.source.source_error(&error))?;
            }
        }
    }
}

/// A source that remembers how it failed: the decoder wraps its errors.
struct TrackedSource<R> {
    inner: R,
    error: Option<io::Error>,
    is_at_end: bool,
}

impl<R> TrackedSource<R> {
    /// The error to return where the decoder fails: the source's own, if it failed.
    fn source_error(&mut self, error: &FrameDecoderError) -> io::Error {
        match self.error.take() {
            Some(error) => error,
            None if self.is_at_end => io::ErrorKind::UnexpectedEof.into(),
            None => io::Error::other(error.to_string()),
        }
    }
}

impl<R: Read> Read for TrackedSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        match &result {
            Ok(read) => self.is_at_end = *read == 0 && !buffer.is_empty(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                // The decoder gets one of the same kind; the error itself is kept.
                let kind = io::ErrorKind::Other;
                self.error = result.err();
                return Err(kind.into());
            }
        }
        result
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use sha2::{Digest, Sha256};

    /// Of the text that the fixtures contain.
    const SHA_256: &str = "1679cf429ea53021da16535a73a96cefd6ba1a81a6e025b534b79675a1c6869f";

    /// One frame.
    pub(in super::super) fn compress(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Frames::new(bytes).read_to_end(&mut content)?;
        Ok(content)
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/lists/zstd/", $name, ".zst"))
        };
    }

    #[test]
    fn what_the_reference_implementation_writes_is_read() {
        for (name, bytes) in [
            ("zstd -1", &fixture!("level-1")[..]),
            ("zstd --ultra -22 <pipe", fixture!("streamed-22")),
            ("zstd -19 --no-check", fixture!("no-checksum")),
            ("pzstd -p 3", fixture!("parallel")),
            ("skippable and empty frames", fixture!("skippable")),
        ] {
            let content = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(hex::encode(Sha256::digest(content)), SHA_256, "{name}");
        }
    }

    #[test]
    fn what_zstd_refuses_without_a_flag_is_refused() {
        let error = read(fixture!("window-256-mib")).unwrap_err().to_string();
        assert!(error.contains("window_size is too big"), "{error}");
        let error = read(fixture!("dictionary")).unwrap_err().to_string();
        assert!(error.contains("ict"), "{error}");
    }

    #[test]
    fn a_stream_that_ends_within_a_frame_is_cut_short_wherever_it_is_cut() {
        let whole = fixture!("skippable");
        let mut ends = 0;
        for end in (1..400).chain(whole.len() - 200..whole.len()) {
            match read(&whole[..end]) {
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}"),
                Ok(_) => ends += 1,
            }
        }
        // Between two frames.
        assert_eq!(ends, 2);
    }

    #[test]
    fn a_changed_byte_is_an_error_or_changes_nothing() {
        let whole = fixture!("skippable");
        let content = read(whole).unwrap();
        for place in (0..whole.len()).step_by(7) {
            let mut changed = whole.to_vec();
            changed[place] ^= 0x10;
            if let Ok(read) = read(&changed) {
                assert!(read == content, "byte {place} changes the content unseen");
            }
        }
    }
}
