//! A member list, opened.

use std::io::{Cursor, Read};
use std::mem;

use csv::StringRecord;

use super::compression::{Compression, decompress};
use super::decode::{Decoded, decode, find_delimiter, opening};
use super::detection::detect_layout;
use super::dialect::{REPORT_COLUMNS, is_report};
use super::digest::{ListDigest, Meter};
use super::error::Problem;
use super::format::detect_other_format;
use super::header::{self, FirstRecord};
use super::names::{plain_type, usual_channel};
use super::notes::{ListNotes, NoteTaker};
use super::records::Records;
use super::remote::RemoteIdentity;
use super::text::Text;
use super::{Encoding, Layout, Options, RosterError, Row, RowKind, Source};

/// A member list being read, from its first row to its last.
pub struct Roster {
    name: String,
    size: Option<u64>,
    identity: Option<RemoteIdentity>,
    meter: Meter,
    compression: Compression,
    /// The first record is not UTF-8.
    is_assumed: bool,
    /// Records among those read as Windows-1252 that are no rows: the header.
    header_rows: u64,
    layout: Layout,
    first_record: FirstRecord,
    /// Whether the records end with [`REPORT_COLUMNS`].
    is_report: bool,
    records: Records,
    /// The first record and its line, where it turned out to be a row and is not yet given out.
    first: Option<(u64, StringRecord)>,
    rows: u64,
    allow_empty: bool,
    /// How many more good rows are taken, if there is a limit.
    left: Option<u64>,
    notes: NoteTaker,
}

impl Roster {
    /// Opens a list: finds out how it is written and where its columns are.
    ///
    /// # Errors
    /// It cannot be read, or its columns cannot be found.
    pub fn open(source: &Source, options: &Options) -> Result<Self, RosterError> {
        let name = source.name();
        let opened = source.open().map_err(|problem| RosterError {
            list: name.clone(),
            line: None,
            problem,
        })?;
        let roster = Self::open_stream(name, opened.bytes, opened.size, options)?;
        Ok(Self {
            identity: opened.identity,
            ..roster
        })
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
        let meter = Meter::default();
        let (bytes, compression) = decompress(raw, meter.clone()).map_err(nowhere)?;
        let Decoded {
            text,
            mut start,
            encoding,
            has_bom,
        } = decode(bytes, options).map_err(nowhere)?;

        let (opening, record) = opening(&start, options);
        if let Some((what, hint)) = detect_other_format(record) {
            return Err(nowhere(Problem::OtherFormat { what, hint }));
        }
        let delimiter = find_delimiter(&opening, record, options);
        let kind = header::find_header(&opening, delimiter, options);
        let fall_back = options.encoding.is_none();
        let is_assumed =
            fall_back && encoding == Encoding::UTF_8 && std::str::from_utf8(record).is_err();
        let crlf = opening.line_end == b"\r\n";
        let (skipped, lines_before) = (opening.skipped, opening.skipped_lines);
        start.drain(..skipped);
        let max_record = options.max_record_size.unwrap_or_default();
        let text = Box::new(Cursor::new(start).chain(text));
        let text = Text::new(text, max_record.kib(), crlf);
        let mut records = Records::new(text, delimiter, crlf, fall_back, lines_before);
        let mut first = StringRecord::new();
        let line = records
            .read(&mut first)
            .map_err(|(line, problem)| (Some(line), problem))?
            .ok_or((None, Problem::Empty))?;
        let is_report = is_report(&first.iter().collect::<Vec<_>>());
        let kind = if is_report {
            first.truncate(first.len() - REPORT_COLUMNS.len());
            Ok(FirstRecord::Header)
        } else {
            kind
        };
        let detect = |kind| detect_layout(&first, kind, options, delimiter, encoding);
        let detected = kind.and_then(|kind| Ok((kind, detect(kind)?)));
        let (first_record, mut layout) = detected.map_err(|problem| (Some(line), problem))?;
        layout.has_bom = has_bom;
        let header_rows = u64::from(layout.has_header() && records.fallen_back() > 0);
        Ok(Self {
            name: name.to_owned(),
            size,
            identity: None,
            meter,
            compression,
            is_assumed,
            header_rows,
            first: (!layout.has_header()).then_some((line, first)),
            first_record,
            is_report,
            notes: NoteTaker::new(&layout),
            layout,
            records,
            rows: 0,
            allow_empty: options.allow_empty,
            left: options.limit,
        })
    }

    /// The columns of a record.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The detected format of the list, in one line.
    #[must_use]
    pub fn detected(&self) -> String {
        let mut text = self.layout.encoding().to_string();
        if self.is_assumed {
            "not UTF-8, Windows-1252 is assumed (--encoding sets another)".clone_into(&mut text);
        } else if self.layout.has_bom {
            text.push_str(" with BOM");
        }
        if self.compression != Compression::Plain {
            text = format!("{}, {text}", self.compression);
        }
        let channel = self.layout.constant_channel();
        let channel = channel.and_then(|_| usual_channel(self.layout.header()));
        let kind = self.layout.type_column.is_none();
        let kind = kind.then(|| plain_type(self.layout.header())).flatten();
        let unused = match (channel, kind) {
            (Some(channel), Some(kind)) => {
                format!(" (columns `{channel}` and `{kind}` are not used)")
            }
            (Some(column), None) | (None, Some(column)) => {
                format!(" (column `{column}` is not used)")
            }
            (None, None) => String::new(),
        };
        let guess = match self.first_record {
            FirstRecord::HeaderByShape => {
                " (the first line differs from all others, so it counts as the header; --no-header \
                 makes it a row)"
            }
            FirstRecord::Header | FirstRecord::Row => "",
        };
        format!("{text}, {}{unused}{guess}", self.layout)
    }

    /// Raw bytes taken from the source so far, read ahead included.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.meter.bytes()
    }

    /// The digest of these bytes: of all bytes, once the list is read to its end.
    #[must_use]
    pub fn digest(&self) -> ListDigest {
        self.meter.digest()
    }

    /// Raw bytes in all, where that can be known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// What the list is, if it is remote.
    #[must_use]
    pub fn identity(&self) -> Option<&RemoteIdentity> {
        self.identity.as_ref()
    }

    /// Checks, at the end of the list, that the filters left something.
    ///
    /// # Errors
    /// If they left out every row, and that was not allowed.
    fn check_selection(&self) -> Result<(), RosterError> {
        if self.allow_empty || !self.notes.is_nothing_selected() {
            return Ok(());
        }
        Err(RosterError {
            list: self.name.clone(),
            line: None,
            problem: Problem::NothingSelected {
                rows: self.rows,
                notes: self.notes().lines(),
            },
        })
    }

    /// What was found so far: of the whole list, once it is read to its end.
    #[must_use]
    pub fn notes(&self) -> ListNotes {
        let fallback_rows = self.records.fallen_back() - self.header_rows;
        self.notes
            .notes(&self.layout, fallback_rows, self.left == Some(0))
    }

    /// Reads the next row; `false` at the end of the list.
    ///
    /// # Errors
    /// The rest of the list cannot be read; there is no reading on.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, RosterError> {
        if self.left == Some(0) {
            return Ok(false);
        }
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
            self.check_selection()?;
            return Ok(false);
        };
        if self.is_report {
            leave_out_report_columns(row.record_mut(), self.layout.width());
        }
        self.rows += 1;
        row.fill(self.rows, line, &self.layout);
        if let RowKind::Take(_) = row.kind() {
            self.left = self.left.map(|left| left - 1);
        }
        self.notes.see(row, &self.layout);
        Ok(true)
    }
}

/// Leaves out what `failed.csv` has after the columns of the list.
fn leave_out_report_columns(record: &mut StringRecord, width: usize) {
    // A spreadsheet may have left out empty fields at the end.
    let own = record.len().saturating_sub(REPORT_COLUMNS.len()).max(width);
    record.truncate(own.min(record.len()));
}
