//! The list as UTF-8 text, within bounds.

use std::io::{self, Read};

use super::error::Problem;

/// The longest record, in bytes of text: more is a quote never closed, or no list.
const MAX_RECORD: usize = 8 * 1024 * 1024;

/// What is appended to the text: a line end, and a record no list can contain.
///
/// The CSV parser does not tell whether the text ended inside a quote. With this mark it shows:
/// outside of one, the mark is a record of its own; inside, it ends the last field.
pub(super) const END: &str = "\0";

/// Decoded text on its way to the CSV parser.
///
/// Promises: no NUL but the one of [`END`]; at most [`MAX_RECORD`] bytes, and the parser's buffer,
/// between two calls of [`Text::begin_record`].
pub(super) struct Text {
    inner: Box<dyn Read + Send>,
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
    /// Bounds a stream; `crlf` says how its lines end.
    pub(super) fn new(inner: Box<dyn Read + Send>, crlf: bool) -> Self {
        Self {
            inner,
            left: MAX_RECORD,
            is_binary: false,
            end: None,
            // The line end of the list, lest the last line be counted wrong.
            mark: if crlf { b"\r\n\0" } else { b"\n\0" },
        }
    }

    /// Says that a new record begins.
    pub(super) fn begin_record(&mut self) {
        self.left = MAX_RECORD;
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.is_none() {
            if self.left == 0 {
                let bound = format!("{} MiB", MAX_RECORD / 1024 / 1024);
                return Err(Problem::TooLong(bound).into());
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
