//! Why a list cannot be read at all.

use std::fmt;
use std::io;

use super::ChannelName;
use super::remote::RemoteError;
use crate::model::escape_control;

/// A list that cannot be read: what, where, and how to fix it.
///
/// Defects of single rows are [`super::Defect`]s, not errors.
#[derive(Debug, thiserror::Error)]
pub struct RosterError {
    /// The list, as messages call it.
    pub list: String,
    /// The line of the unpacked text, from 1, at or after which it went wrong.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Problem::Setting { .. } = self.problem {
            // No fault of the list's.
            return self.problem.fmt(f);
        }
        write!(f, "{}", escape_control(&self.list, usize::MAX))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl RosterError {
    /// How to fix it, where a way is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.problem.hint()
    }

    /// Whether the request is wrong. If it is not, the list could not be fetched now.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(&self.problem, Problem::Remote(error) if !error.is_usage)
    }

    /// The same, of a list that could be read before.
    #[must_use]
    pub(crate) fn after_it_was_read(mut self) -> Self {
        if let Problem::Remote(error) = &mut self.problem {
            error.is_usage = false;
        }
        self
    }
}

/// The problem of a list.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// A directory was given.
    #[error("is a directory, not a list")]
    Directory,
    /// It is not on this machine, and cannot be fetched.
    #[error(transparent)]
    Remote(RemoteError),
    /// It contains only blank lines.
    #[error("is empty")]
    Empty,
    /// A spreadsheet's own format.
    #[error("is an Excel workbook or ZIP archive, not text")]
    Workbook,
    /// Text of another kind.
    #[error("is {what}, not CSV")]
    OtherFormat {
        /// What it is.
        what: &'static str,
        /// How to make a list of it.
        hint: &'static str,
    },
    /// Not text in any encoding that lists come in.
    #[error("is not text: it contains NUL bytes")]
    Binary,
    /// Compressed data that ends early.
    #[error("the {0} data is cut short")]
    CutShort(&'static str),
    /// Compressed data that does not unpack.
    #[error("the {format} data is damaged: {reason}")]
    Damaged {
        /// The compression's name.
        format: &'static str,
        /// The unpacker's message.
        reason: String,
    },
    /// Something else after the end of compressed data.
    #[error("trailing data: the {0} data ends, and bytes follow that are no {0} data")]
    TrailingData(&'static str),
    /// A quote that is never closed.
    #[error("a quote is opened in the record that begins here, and never closed")]
    UnclosedQuote,
    /// A record of too many lines.
    #[error("the record that begins here is longer than {0} lines")]
    TooManyLines(u64),
    /// A record of too many bytes.
    #[error("{} is longer than {kib} KiB", row.map_or_else(
        || "the record that begins here".to_owned(),
        |row| format!("row {row}, which begins here,")
    ))]
    TooLong {
        /// The longest it may be, in KiB.
        kib: u32,
        /// The row's number; none if it is not known to be a row.
        row: Option<u64>,
    },
    /// No column contains the members.
    #[error("no column of members found; the columns are {columns}")]
    NoMembers {
        /// The columns of the list.
        columns: String,
        /// One of their names.
        example: Option<String>,
    },
    /// The filters leave out every row.
    #[error("no row is selected: --where leaves out all {rows}")]
    NothingSelected {
        /// Rows that were read.
        rows: u64,
        /// What is worth knowing about the filters.
        notes: Vec<String>,
    },
    /// Several columns hold members, and none is named.
    #[error("{count} columns hold members: {columns}")]
    SeveralMembers {
        /// How many.
        count: usize,
        /// Their positions.
        columns: String,
    },
    /// Two columns have the name of one that is needed.
    #[error("columns {} and {} are both called `{name}`", positions[0], positions[1])]
    SameColumn {
        /// Their name.
        name: String,
        /// Where they are, from 1.
        positions: [usize; 2],
    },
    /// The first record may be a header or a row.
    #[error("it is not clear whether the first line names the columns or is a row: {first}")]
    UnclearHeader {
        /// Its fields, or the first of them.
        first: String,
    },
    /// A header that is not the first line.
    #[error("the header is not the first line; lines above it: {lines}")]
    LinesAboveHeader {
        /// How many lines are above it.
        lines: u64,
    },
    /// No column contains the channels, and no channel was given.
    #[error("no column of channels found, and no channel given; the columns are {columns}")]
    NoChannels {
        /// The columns of the list.
        columns: String,
    },
    /// A column that was given by name does not exist.
    #[error("has no column `{name}`; the columns are {columns}")]
    NoColumn {
        /// The name that was given.
        name: String,
        /// The columns of the list.
        columns: String,
        /// The column that may have been meant.
        similar: Option<String>,
    },
    /// A setting that is not possible.
    #[error("{what}: {reason}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

impl From<io::Error> for Problem {
    /// A problem found inside a stream travels through it as an `io::Error`; here it comes out.
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl From<Problem> for io::Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Io(error) => Self::new(error.kind(), Problem::Io(error)),
            other => Self::other(other),
        }
    }
}

impl Problem {
    /// Members in these columns.
    pub(super) fn several_members(columns: &[usize]) -> Self {
        let shown = columns.iter().take(3).map(|at| (at + 1).to_string());
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = if columns.len() > 3 { ", ..." } else { "" };
        Self::SeveralMembers {
            count: columns.len(),
            columns: format!("{shown}{more}"),
        }
    }

    /// The same, of this row.
    pub(super) fn with_row(self, row: u64) -> Self {
        match self {
            Self::TooLong { kib, .. } => Self::TooLong {
                kib,
                row: Some(row),
            },
            other => other,
        }
    }

    /// How to fix it, where a way is known.
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "check the path; `-` reads standard input"
            }
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "whoever runs this must be allowed to read it"
            }
            Self::Io(_) => "see whether it can be read to its end with another program",
            Self::Remote(error) => &error.hint,
            Self::Empty => "give a list with one member a line",
            Self::Directory => "give a file in it",
            Self::Workbook => "in Excel: Save As, \"CSV UTF-8 (Comma delimited)\"",
            Self::OtherFormat { hint, .. } => hint,
            Self::Binary => "give a CSV file, plain or packed with gzip or zstd",
            Self::CutShort(_) => "the file was not copied or written to its end; fetch it again",
            Self::TrailingData(_) => {
                "if they are rows, compress them as well; else cut them off, or decompress the file \
                 with another program"
            }
            Self::Damaged { .. } => "fetch or pack the file again",
            Self::TooLong { .. } => {
                "look for a single \" at or after that line; if the row is as long as that, \
                 raise --max-record-size (in KiB)"
            }
            Self::UnclosedQuote | Self::TooManyLines(_) => {
                "look for a single \" at or after that line; one inside a quoted field is written \"\""
            }
            Self::NoMembers {
                example: Some(example),
                ..
            } => {
                return Some(format!(
                    "pass --member-column with the name of the members' column, for example \
                     --member-column '{example}'"
                ));
            }
            Self::NoMembers { .. } => {
                "pass --member-column with the position of the members' column (from 1)"
            }
            Self::NothingSelected { notes, .. } => {
                let mut lines = notes.clone();
                lines.push("pass --allow-empty if there may be nothing to add".to_owned());
                return Some(lines.join("; "));
            }
            Self::SeveralMembers { .. } => {
                "write one member a line, or pass --member-column with the position of one column \
                 (from 1)"
            }
            Self::SameColumn { positions, .. } => {
                return Some(format!(
                    "rename one of them in the list, or pass its position ({} or {}) to the flag \
                     that names the column",
                    positions[0], positions[1]
                ));
            }
            Self::UnclearHeader { .. } => {
                "pass --header if it names the columns, --no-header if it is a row"
            }
            Self::LinesAboveHeader { lines } => {
                return Some(format!(
                    "pass --skip-lines {lines} to leave them out, or --no-header if all lines are \
                     rows"
                ));
            }
            Self::NoChannels { .. } => {
                "give --channel-arn for one channel, or name the column with --channel-column"
            }
            Self::NoColumn {
                similar: Some(similar),
                ..
            } => return Some(format!("did you mean `{similar}`?")),
            Self::NoColumn { .. } => {
                "a column is named as in the header, or by its position (from 1)"
            }
            Self::Setting {
                what: "--channel-arn",
                ..
            } => ChannelName::HINT,
            Self::Setting { .. } => return None,
        };
        Some(text.to_owned())
    }
}
