//! A member list, opened.

use std::io::{Cursor, Read};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::StringRecord;

use super::compression::{CHUNK, Compression, decompress, peek};
use super::detection::detect_layout;
use super::dialect;
use super::error::Problem;
use super::format::detect_other_format;
use super::names::{is_known, usual_channel};
use super::records::Records;
use super::text::Text;
use super::{Encoding, Layout, Options, RosterError, Row, Source};

/// How much text is looked at to find the first record's end, in bytes.
const FIRST_RECORD: usize = 1024 * 1024;

/// A member list being read, from its first row to its last.
pub struct Roster {
    name: String,
    size: Option<u64>,
    count: Arc<AtomicU64>,
    compression: Compression,
    has_bom: bool,
    layout: Layout,
    records: Records,
    /// The first record and its line, where it turned out to be a row and is not yet given out.
    first: Option<(u64, StringRecord)>,
    rows: u64,
}

impl Roster {
    /// Opens a list: finds out how it is written and where its columns are.
    ///
    /// # Errors
    /// It cannot be read, or its columns cannot be found.
    pub fn open(source: &Source, options: &Options) -> Result<Self, RosterError> {
        let name = source.name();
        let (raw, size) = source.open().map_err(|problem| RosterError {
            list: name.clone(),
            line: None,
            problem,
        })?;
        Self::open_stream(name, raw, size, options)
    }

    /// Opens a list that comes as a stream of bytes, with its name in messages, and its size in bytes if
    /// that is known.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_stream(
        name: String,
        raw: Box<dyn Read + Send>,
        size: Option<u64>,
        options: &Options,
    ) -> Result<Self, RosterError> {
        Self::try_open(raw, size, options, &name).map_err(|(line, problem)| RosterError {
            list: name,
            line,
            problem,
        })
    }

    fn try_open(
        raw: Box<dyn Read + Send>,
        size: Option<u64>,
        options: &Options,
        name: &str,
    ) -> Result<Self, (Option<u64>, Problem)> {
        let nowhere = |problem| (None, problem);
        let count = Arc::new(AtomicU64::new(0));
        let (bytes, compression) = decompress(raw, Arc::clone(&count)).map_err(nowhere)?;
        let Decoded {
            text,
            start,
            encoding,
            has_bom,
        } = decode(bytes, options.encoding).map_err(nowhere)?;

        // Ignore bytes after a NUL: how many are buffered depends on the source.
        let text_start = start.split(|byte| *byte == 0).next().unwrap_or_default();
        let first = dialect::first_record(text_start);
        let (record, line_end) = first.unwrap_or((text_start, b""));
        if let Some((what, hint)) = detect_other_format(record) {
            return Err(nowhere(Problem::OtherFormat { what, hint }));
        }
        let delimiter = options
            .delimiter
            .unwrap_or_else(|| dialect::delimiter(record, |cell| is_known(cell, options)));
        let crlf = line_end == b"\r\n";
        let max_record = options.max_record_size.unwrap_or_default();
        let text = Box::new(Cursor::new(start).chain(text));
        let text = Text::new(text, max_record.kib(), crlf);
        let mut records = Records::new(text, delimiter, crlf, options.encoding.is_none());
        let mut first = StringRecord::new();
        let mut next = || {
            records
                .read(&mut first)
                .map_err(|(line, problem)| (Some(line), problem))?
                .map(|line| (line, dialect::is_separator_line(&first)))
                .ok_or((None, Problem::Empty))
        };
        let line = match next()? {
            (_, true) => next()?.0,
            (line, false) => line,
        };
        let layout = detect_layout(&first, options, delimiter, encoding)
            .map_err(|problem| (Some(line), problem))?;
        Ok(Self {
            name: name.to_owned(),
            size,
            count,
            compression,
            has_bom,
            first: (!layout.has_header()).then_some((line, first)),
            layout,
            records,
            rows: 0,
        })
    }

    /// The columns of a record.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What was found out about the list, in one line.
    #[must_use]
    pub fn detected(&self) -> String {
        let mut text = self.layout.encoding().to_string();
        if self.has_bom {
            text.push_str(" with BOM");
        }
        if self.compression != Compression::Plain {
            text = format!("{}, {text}", self.compression);
        }
        let unused = self
            .layout
            .constant_channel()
            .and_then(|_| usual_channel(self.layout.header()))
            .map(|column| format!(" (column `{column}` is not used)"))
            .unwrap_or_default();
        format!("{text}, {}{unused}", self.layout)
    }

    /// Raw bytes taken from the source so far, read ahead included.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Raw bytes in all, where that can be known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Reads the next row; `false` at the end of the list.
    ///
    /// # Errors
    /// The rest of the list cannot be read; there is no reading on.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, RosterError> {
        let line = match self.first.take() {
            Some((line, mut first)) => {
                mem::swap(row.record_mut(), &mut first);
                Some(line)
            }
            None => self
                .records
                .read(row.record_mut())
                .map_err(|(line, problem)| RosterError {
                    list: self.name.clone(),
                    line: Some(line),
                    problem: problem.with_row(self.rows + 1),
                })?,
        };
        let Some(line) = line else {
            return Ok(false);
        };
        self.rows += 1;
        row.fill(self.rows, line, &self.layout);
        Ok(true)
    }
}

/// A list's text, and how it was found.
struct Decoded {
    text: Box<dyn Read + Send>,
    /// The start of the text, taken off it: the first record, if it is no longer than it may be.
    start: Vec<u8>,
    encoding: Encoding,
    has_bom: bool,
}

/// The bytes up to the end of the first line that is not blank, in whatever encoding; `None` while
/// they are not all there. More is not looked at, as what there is more depends on the source.
fn first_line(start: &[u8]) -> Option<&[u8]> {
    let begin = start
        .iter()
        .position(|byte| !matches!(byte, 0 | b'\r' | b'\n'))?;
    let length = start[begin..].iter().position(|byte| *byte == b'\n')?;
    Some(&start[..=begin + length])
}

/// Finds the encoding and decodes.
fn decode(mut bytes: Box<dyn Read + Send>, given: Option<Encoding>) -> Result<Decoded, Problem> {
    let start = peek(&mut bytes, CHUNK, |start| first_line(start).is_some())?;
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(Problem::Workbook);
    }
    let bom = Encoding::of_bom(&start);
    let encoding = bom
        .or(given)
        .or_else(|| Encoding::of_nuls(first_line(&start).unwrap_or(&start)))
        .unwrap_or_default();
    let mut text = encoding.decode(start, bytes);
    let start = peek(&mut text, FIRST_RECORD, |start| {
        start.contains(&0) || dialect::first_record(start).is_some()
    })?;
    Ok(Decoded {
        text,
        start,
        encoding,
        has_bom: bom.is_some(),
    })
}
