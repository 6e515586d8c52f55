//! Finding the delimiter and the line end from the first lines of a list.

use super::Delimiter;

/// The most records that are looked at before the first is taken for a header or a row.
pub(super) const SAMPLE: usize = 20;

/// What [`failed.csv`](crate::report::FAILED) has after the columns of the list that it is of. When
/// such a file is read as a list, these are left out.
pub const REPORT_COLUMNS: [&str; 3] = ["error_code", "error_message", "row"];

/// How a list begins: its first record, and those after it as far as they are there.
#[derive(Debug, Default)]
pub(super) struct Opening<'a> {
    /// Bytes before the first record.
    pub(super) skipped: usize,
    /// The lines that these bytes are.
    pub(super) skipped_lines: u64,
    /// The delimiter that a line such as `sep=;` sets, as Excel writes it.
    pub(super) separator: Option<Delimiter>,
    /// The records, without their line ends, each with the number of lines before it.
    pub(super) records: Vec<(u64, &'a [u8])>,
    /// What ends the first record.
    pub(super) line_end: &'a [u8],
}

impl<'a> Opening<'a> {
    /// Looks at the start of a list, or at all of it, after skipping a number of lines.
    pub(super) fn of(start: &'a [u8], is_all: bool, skip_lines: u64) -> Self {
        let mut opening = Self::default();
        // Lines above the list are not in its `failed.csv`, which is read with the same flags.
        let skip_lines = if skip_lines > 0 && begins_as_report(start) {
            0
        } else {
            skip_lines
        };
        for _ in 0..skip_lines {
            let rest = &start[opening.skipped..];
            let length = line_length(rest).or((is_all && !rest.is_empty()).then_some(rest.len()));
            let Some(length) = length else {
                return opening;
            };
            opening.skip(length);
        }
        let mut rest = &start[opening.skipped..];
        let mut before = opening.skipped_lines;
        while opening.records.len() <= SAMPLE
            && let Some((begin, record, line_end)) = next_record(rest, is_all)
        {
            let length = begin + record.len() + line_end.len();
            let separator = separator_of(record).filter(|_| opening.records.is_empty());
            if opening.separator.is_none() && separator.is_some() {
                opening.separator = separator;
                opening.skipped += length;
                opening.skipped_lines += lines(&rest[..length]);
            } else {
                if opening.records.is_empty() {
                    opening.line_end = line_end;
                }
                let blank = lines(&rest[..begin]);
                opening.records.push((before + blank, record));
            }
            before += lines(&rest[..length]);
            rest = &rest[length..];
        }
        opening
    }

    fn skip(&mut self, length: usize) {
        self.skipped += length;
        self.skipped_lines += 1;
    }
}

/// The length of the first line, its end included; `None` while it is not all there.
fn line_length(start: &[u8]) -> Option<usize> {
    let end = start.iter().position(|byte| is_line_end(*byte))?;
    match &start[end..] {
        [b'\r', b'\n', ..] => Some(end + 2),
        [b'\r'] => None,
        _ => Some(end + 1),
    }
}

/// The first record that is not blank: where it begins, itself and its line end; `None` while it is not
/// all there, unless this is all there is.
fn next_record(start: &[u8], is_all: bool) -> Option<(usize, &[u8], &[u8])> {
    let begin = start.iter().position(|byte| !is_line_end(*byte))?;
    let rest = &start[begin..];
    let mut quoted = false;
    let end = rest.iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && is_line_end(*byte)
    });
    let end = end.or(is_all.then_some(rest.len()))?;
    // A lone `\r` at the end of what is there may be half of a line end.
    let length = match &rest[end..] {
        [b'\r', b'\n', ..] => 2,
        [b'\r'] if !is_all => return None,
        [] => 0,
        _ => 1,
    };
    Some((begin, &rest[..end], &rest[end..end + length]))
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The lines of a text, whatever ends them.
fn lines(mut text: &[u8]) -> u64 {
    let mut lines = 0;
    while let Some(length) = line_length(text) {
        lines += 1;
        text = &text[length..];
    }
    lines
}

/// The delimiter that a line sets for Excel: `sep=;`, in quotes or not, in any case, with blanks or
/// further delimiters around, as programs write it that do not know its meaning.
fn separator_of(record: &[u8]) -> Option<Delimiter> {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'"');
    let begin = record.iter().position(|byte| !is_around(byte))?;
    let (name, value) = record[begin..].split_at_checked(4)?;
    if !name.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    let blanks = value.iter().take_while(|byte| **byte == b' ').count();
    let value = &value[blanks..];
    let (delimiter, rest) = value.split_first()?;
    let is_rest = |byte: &u8| {
        is_around(byte)
            || byte == delimiter
            || Delimiter::USUAL.iter().any(|one| one.byte() == *byte)
    };
    let delimiter = Delimiter::try_from(*delimiter).ok()?;
    rest.iter().all(is_rest).then_some(delimiter)
}

/// Whether a file begins as `failed.csv` does: with a header that ends with [`REPORT_COLUMNS`], perhaps
/// after a line that sets the delimiter.
fn begins_as_report(start: &[u8]) -> bool {
    let mut rest = start;
    let mut separator = None;
    for _ in 0..2 {
        let Some((begin, record, line_end)) = next_record(rest, false) else {
            return false;
        };
        let mut delimiters = separator.into_iter().chain(Delimiter::USUAL);
        if delimiters.any(|delimiter| is_report(&cells(record, delimiter))) {
            return true;
        }
        separator = separator_of(record);
        if separator.is_none() {
            return false;
        }
        rest = &rest[begin + record.len() + line_end.len()..];
    }
    false
}

/// Whether a header is one of `failed.csv`.
pub(super) fn is_report<T: AsRef<str>>(header: &[T]) -> bool {
    let own = header.len().saturating_sub(REPORT_COLUMNS.len());
    let last = header[own..].iter().map(AsRef::as_ref);
    own > 0 && last.eq(REPORT_COLUMNS)
}

/// The delimiter of a record: the one that yields known columns, else the one that occurs most
/// outside quotes.
pub(super) fn delimiter(record: &[u8], is_known: impl Fn(&str) -> bool) -> Delimiter {
    let score = |delimiter: Delimiter| {
        let cells = cells(record, delimiter);
        let known = cells.iter().filter(|cell| is_known(cell)).count();
        (known, cells.len())
    };
    // `max_by_key` returns the last of equals.
    Delimiter::USUAL
        .into_iter()
        .rev()
        .max_by_key(|delimiter| score(*delimiter))
        .unwrap_or(Delimiter::COMMA)
}

/// The fields of a record, as far as its quotes are simple.
pub(super) fn cells(record: &[u8], delimiter: Delimiter) -> Vec<String> {
    let mut quoted = false;
    let cells = record.split(|byte| {
        quoted ^= *byte == b'"';
        !quoted && *byte == delimiter.byte()
    });
    let text = |cell| {
        String::from_utf8_lossy(cell)
            .trim()
            .trim_matches('"')
            .to_owned()
    };
    cells.map(text).collect()
}
