//! The list as UTF-8 text, within bounds.

use std::io::{self, Read};

use super::error::Problem;

/// How much text one record may take, in bytes, blank lines before it included. The parser needs
/// a bound of its own: it holds a record, which may be one of any length, until its end.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// What is appended to the text: a line end, and a record no list can contain.
///
/// The CSV parser does not report whether the text ended inside a quote. This mark shows it:
/// outside of one, the mark is a record of its own; inside, it ends the last field.
pub(super) const END_MARK: &str = "\0";

/// Decoded text on its way to the CSV parser.
///
/// Promises: no NUL but the one of [`END_MARK`]; at most [`MAX_TEXT`] bytes, or what the longest record
/// takes if all of it is quotes, and the parser's buffer, between two calls of
/// [`Text::begin_record`].
pub(super) struct Text {
    inner: Box<dyn Read + Send>,
    /// The longest record, in KiB.
    max_record: u32,
    /// Bytes that may still be read for this record.
    left: usize,
    /// A NUL stands next: what was read before it is given first, or the rows that are read would
    /// depend on how the list comes in pieces.
    is_binary: bool,
    /// What remains of the end mark, once the text has ended.
    end: Option<&'static [u8]>,
    /// The end mark with its line end.
    mark: &'static [u8],
}

impl Text {
    /// Bounds a stream, whose longest record has `max_record` KiB; `crlf` is set if its lines end so.
    pub(super) fn new(inner: Box<dyn Read + Send>, max_record: u32, crlf: bool) -> Self {
        Self {
            inner,
            max_record,
            left: 0,
            is_binary: false,
            end: None,
            // Use the list's own line ending, or the last line number is off by one.
            mark: if crlf { b"\r\n\0" } else { b"\n\0" },
        }
    }

    /// Says that a new record begins.
    pub(super) fn begin_record(&mut self) {
        // A quote inside a quoted field takes two bytes of text.
        self.left = MAX_TEXT.max(2 * self.max_record_bytes());
    }

    /// Checks the length of a record, the bytes of its fields.
    pub(super) fn check_record(&self, length: usize) -> Result<(), Problem> {
        if length > self.max_record_bytes() {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn max_record_bytes(&self) -> usize {
        self.max_record as usize * 1024
    }

    fn too_long(&self) -> Problem {
        Problem::TooLong {
            kib: self.max_record,
            row: None,
        }
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.is_none() {
            if self.left == 0 {
                return Err(self.too_long().into());
            }
            if self.is_binary {
                return Err(Problem::Binary.into());
            }
            let room = buffer.len().min(self.left);
            let mut read = self.inner.read(&mut buffer[..room])?;
            if let Some(nul) = buffer[..read].iter().position(|byte| *byte == 0) {
                self.is_binary = true;
                if nul == 0 {
                    return Err(Problem::Binary.into());
                }
                read = nul;
            }
            self.left -= read;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
        }
        let end = self.end.unwrap_or(self.mark);
        let (now, later) = end.split_at(end.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        self.end = Some(later);
        Ok(now.len())
    }
}
