//! Parses the text into records.

use std::mem;

use csv::{ByteRecord, StringRecord};
use encoding_rs::WINDOWS_1252;

use super::Delimiter;
use super::error::Problem;
use super::source::CHUNK;
use super::text::{END_MARK, Text};

/// The most lines of one record. A record with more has a quote that is never closed.
const MAX_LINES: u64 = 1_000;

/// The CSV parser with its bounds, line numbers and fallback encoding.
pub(super) struct Records {
    reader: csv::Reader<Text>,
    /// The buffer not in the caller's hands, swapped with it record by record.
    spare: Option<ByteRecord>,
    /// Decode a record that is no UTF-8 from Windows-1252; else mark what is not UTF-8 in it.
    fall_back: bool,
    /// Records that were no UTF-8 and decoded from Windows-1252.
    fallen_back: u64,
    crlf: bool,
    /// Lines of the list before this text.
    lines_before: u64,
}

impl Records {
    /// Parses a text with this delimiter and line end, which begins after `lines_before` lines of the
    /// list.
    pub(super) fn new(
        text: Text,
        delimiter: Delimiter,
        crlf: bool,
        fall_back: bool,
        lines_before: u64,
    ) -> Self {
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(CHUNK)
            .from_reader(text);
        Self {
            reader,
            spare: None,
            fall_back,
            fallen_back: 0,
            crlf,
            lines_before,
        }
    }

    /// Records so far that were no UTF-8 and decoded from Windows-1252.
    pub(super) fn fallen_back(&self) -> u64 {
        self.fallen_back
    }

    /// Reads the next record that is not blank; returns the line it begins on, `None` at the end of the
    /// text.
    ///
    /// # Errors
    /// If the list is unreadable from here on; the error has the line.
    pub(super) fn read(
        &mut self,
        record: &mut StringRecord,
    ) -> Result<Option<u64>, (u64, Problem)> {
        loop {
            match self.read_any(record) {
                // Spreadsheets write rows of nothing but delimiters.
                Ok(Some(_)) if record.iter().all(|field| field.trim().is_empty()) => {}
                Ok(line) => return Ok(line.map(|line| line + self.lines_before)),
                Err((line, problem)) => return Err((line + self.lines_before, problem)),
            }
        }
    }

    fn read_any(&mut self, record: &mut StringRecord) -> Result<Option<u64>, (u64, Problem)> {
        let mut bytes = self.spare.take().unwrap_or_default();
        self.reader.get_mut().begin_record();
        let before = self.reader.position().line();
        let more = self
            .reader
            .read_byte_record(&mut bytes)
            .map_err(|error| (before, problem_of(error)))?;
        if !more {
            return Ok(None);
        }
        if bytes.as_slice().ends_with(END_MARK.as_bytes()) {
            return if bytes.as_slice() == END_MARK.as_bytes() {
                Ok(None)
            } else {
                // No line end ends this record: all line ends are inside it, the mark's too.
                let inside = line_feeds(bytes.as_slice());
                let line = self.reader.position().line().saturating_sub(inside);
                Err((line, Problem::UnclosedQuote))
            };
        }
        let line = self.first_line(before, bytes.as_slice());
        if self.reader.position().line().saturating_sub(line) > MAX_LINES {
            return Err((line, Problem::TooManyLines(MAX_LINES)));
        }
        self.reader
            .get_ref()
            .check_record(bytes.as_slice().len())
            .map_err(|problem| (line, problem))?;
        let text = StringRecord::from_byte_record(bytes).unwrap_or_else(|error| {
            let bytes = error.into_byte_record();
            if self.fall_back {
                self.fallen_back += 1;
                bytes
                    .iter()
                    // `decode` would take the first bytes of a field for a byte order mark.
                    .map(|field| WINDOWS_1252.decode_without_bom_handling(field).0)
                    .collect()
            } else {
                StringRecord::from_byte_record_lossy(bytes)
            }
        });
        self.spare = Some(mem::replace(record, text).into_byte_record());
        Ok(Some(line))
    }

    /// The line on which the record that was just read begins.
    ///
    /// The parser returns the line before blank lines and before the second half of `\r\n`; so it is
    /// counted back from where the record ended.
    fn first_line(&self, before: u64, record: &[u8]) -> u64 {
        let after = self.reader.position().line();
        let line_feed = u64::from(!self.crlf);
        if after == before + line_feed {
            return after - line_feed;
        }
        after.saturating_sub(line_feeds(record) + line_feed).max(1)
    }
}

fn line_feeds(record: &[u8]) -> u64 {
    record.split(|byte| *byte == b'\n').count() as u64 - 1
}

/// Converts an error of the CSV parser.
fn problem_of(error: csv::Error) -> Problem {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Problem::Damaged {
            format: "CSV",
            reason: format!("{other:?}"),
        },
    }
}
