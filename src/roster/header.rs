//! Whether the first record of a list is a header, which names the columns, or a row.
//!
//! Promises: a list that can be read both ways is refused, with the flags that decide it.

use super::dialect::{Opening, cells};
use super::error::Problem;
use super::layout::MAX_NAME;
use super::names::{is_heading, is_known, is_named, is_own_name, is_position, named};
use super::{Delimiter, Options};
use crate::model::escape_control;

/// What the first record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstRecord {
    /// It names the columns.
    Header,
    /// It names the columns, judged only by how it differs from the others.
    HeaderByShape,
    /// It is a row.
    Row,
}

/// Whether the first record alone shows what it is.
pub(super) fn is_clear(first: &[String], options: &Options) -> bool {
    options.header.is_some() || has_value(first) || has_heading(first, options)
}

/// Finds out what the first record is.
///
/// # Errors
/// It may be either, or lines stand above the header.
pub(super) fn find_header(
    opening: &Opening<'_>,
    delimiter: Delimiter,
    options: &Options,
) -> Result<FirstRecord, Problem> {
    let cells = |record: &(u64, &[u8])| cells(record.1, delimiter);
    let Some((first, others)) = opening.records.split_first() else {
        return Ok(FirstRecord::Row);
    };
    match options.header {
        Some(true) => return Ok(FirstRecord::Header),
        Some(false) => return Ok(FirstRecord::Row),
        None => {}
    }
    let first_cells = &cells(first)[..];
    if has_value(first_cells) {
        return Ok(FirstRecord::Row);
    }
    if has_heading(first_cells, options) {
        return Ok(FirstRecord::Header);
    }
    check_lines_above(first.1, others, options)?;
    let first = first_cells;
    if first.iter().any(|cell| is_known(cell, options)) {
        return Ok(FirstRecord::Header);
    }
    // A column named by more than its position needs a header.
    if named(options).any(|name| !is_position(name)) {
        return Ok(FirstRecord::Header);
    }
    let others: Vec<Vec<String>> = others.iter().map(cells).collect();
    match judge_shapes(first, &others) {
        Judgement::Header => Ok(FirstRecord::HeaderByShape),
        Judgement::Row => Ok(FirstRecord::Row),
        Judgement::Unclear if first.len() == 1 => Err(unclear(first)),
        Judgement::Alike if first.len() == 1 => Ok(FirstRecord::Row),
        Judgement::Unclear | Judgement::Alike if options.has_member_column() => Err(unclear(first)),
        // Refused later, with the names of the columns: it is not known where the members are.
        Judgement::Unclear | Judgement::Alike => Ok(FirstRecord::Header),
    }
}

fn unclear(first: &[String]) -> Problem {
    let shown: Vec<String> = first
        .iter()
        .take(5)
        .map(|cell| format!("`{}`", escape_control(cell, MAX_NAME)))
        .collect();
    Problem::UnclearHeader {
        first: shown.join(", "),
    }
}

/// Refuses a list with lines above the header: they would be rows, and so would the header.
fn check_lines_above(
    first: &[u8],
    others: &[(u64, &[u8])],
    options: &Options,
) -> Result<(), Problem> {
    let is_header = |record: &[u8]| {
        let mut delimiters = Delimiter::USUAL.into_iter();
        delimiters.any(|delimiter| is_header(&cells(record, delimiter), options))
    };
    let is_narrower = |delimiter: Delimiter| {
        let width = |record: &[u8]| cells(record, delimiter).len();
        let narrowest = others.iter().map(|(_, record)| width(record)).min();
        narrowest.is_some_and(|narrowest| narrowest > width(first))
    };
    let header = others.iter().find(|(_, record)| is_header(record));
    let is_title = Delimiter::USUAL.into_iter().any(is_narrower);
    match header.or(others.first().filter(|_| is_title)) {
        Some((lines, _)) => Err(Problem::LinesAboveHeader { lines: *lines }),
        None => Ok(()),
    }
}

/// Whether a record names columns of ours: no row is like this.
fn is_header(cells: &[String], options: &Options) -> bool {
    let is_own = cells.iter().any(|cell| is_own_name(cell));
    let known = cells.iter().filter(|cell| is_known(cell, options)).count();
    cells.iter().any(|cell| is_heading(cell)) || (is_own && (known > 1 || cells.len() == 1))
}

/// No column is called by an ARN or address; a field of a row may well be called as a column.
fn has_value(first: &[String]) -> bool {
    let is_value = |cell: &String| cell.starts_with("arn:") || cell.contains('@');
    first.iter().any(is_value)
}

/// Whether a field can only be the heading of a column that is used.
fn has_heading(first: &[String], options: &Options) -> bool {
    first
        .iter()
        .any(|cell| is_own_name(cell) || is_named(cell, options))
}

/// What the shapes of its fields make the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Header,
    Row,
    /// It differs from the others, but may be a row as well.
    Unclear,
    /// It does not differ.
    Alike,
}

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Address,
    Uuid,
    Number,
    /// With a digit somewhere.
    Code,
    /// Several words.
    Phrase,
    Word,
}

impl Shape {
    fn of(cell: &str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit();
        let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        Some(match cell {
            "" => return None,
            _ if cell.contains('@') || cell.starts_with("arn:") => Self::Address,
            _ if cell.len() == 36 && cell.chars().all(is_hex) => Self::Uuid,
            _ if cell
                .chars()
                .all(|c| is_digit(c) || matches!(c, '.' | '-' | '+')) =>
            {
                Self::Number
            }
            _ if cell.contains(is_digit) => Self::Code,
            _ if cell.contains(' ') => Self::Phrase,
            _ => Self::Word,
        })
    }

    /// Whether no heading looks like this.
    fn is_value(self) -> bool {
        matches!(self, Self::Address | Self::Uuid | Self::Number)
    }
}

/// Compares the first record's fields with those of the others, column by column.
fn judge_shapes(first: &[String], others: &[Vec<String>]) -> Judgement {
    let (mut is_row, mut differs, mut is_alike, mut is_header) = (false, false, false, false);
    for (at, cell) in first.iter().enumerate() {
        let Some(shape) = Shape::of(cell) else {
            continue;
        };
        is_row |= shape.is_value();
        let below = others.iter().filter_map(|cells| Shape::of(cells.get(at)?));
        let below: Vec<Shape> = below.collect();
        let Some(common) = below
            .first()
            .filter(|common| below.iter().all(|one| one == *common))
        else {
            continue;
        };
        let is_wordy = matches!(shape, Shape::Word | Shape::Phrase);
        is_header |= is_wordy && common.is_value();
        // An id has no blanks.
        is_header |= first.len() == 1 && shape == Shape::Phrase && *common != Shape::Phrase;
        differs |= is_wordy && *common == Shape::Code;
        // A capital at the beginning, and none below.
        let is_capital = |cell: &String| cell.starts_with(char::is_uppercase);
        let mut below = others.iter().filter_map(|cells| cells.get(at));
        differs |= shape == Shape::Word && is_capital(cell) && !below.any(is_capital);
        is_alike |= shape == Shape::Code && *common == Shape::Code;
    }
    match () {
        () if is_row => Judgement::Row,
        () if is_header => Judgement::Header,
        () if is_alike && !differs => Judgement::Row,
        () if differs && !is_alike && first.len() > 1 => Judgement::Header,
        () if differs => Judgement::Unclear,
        () => Judgement::Alike,
    }
}
