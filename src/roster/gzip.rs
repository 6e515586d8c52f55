//! Gzip (RFC 1952): members one after another, perhaps with zeros after the last.

use std::io::{self, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::parts::has_more;
use super::source::CHUNK;

/// Reads the content of all members.
pub(super) struct Members<R> {
    /// The current member; none at the end.
    current: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(source: R) -> Self {
        let source = BufReader::with_capacity(CHUNK, source);
        Self {
            current: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.current.take() {
            let read = member.read(buffer);
            if !matches!(read, Ok(0)) || buffer.is_empty() {
                self.current = Some(member);
                return read;
            }
            let mut source = member.into_inner();
            if has_more(&mut source, "gzip", |byte| byte == 0x1F)? {
                self.current = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}
