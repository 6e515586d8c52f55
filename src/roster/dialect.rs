//! Finding the delimiter and the line end from the first record.

use csv::StringRecord;

use super::Delimiter;

/// The first record that is not blank, without its line end, and that line end; `None` while it
/// is not all there.
pub(super) fn first_record(start: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let begin = start.iter().position(|byte| !is_end(byte))?;
    let start = &start[begin..];
    let mut quoted = false;
    let end = start.iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && is_end(byte)
    })?;
    let rest = &start[end..];
    // A lone `\r` at the end of what is there may be half of a line end.
    let length = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r'] => return None,
        _ => 1,
    };
    Some((&start[..end], &rest[..length]))
}

/// Whether a record is the line that sets the delimiter for Excel, `sep=;`.
pub(super) fn is_separator_line(record: &StringRecord) -> bool {
    let delimiter = record.get(0).and_then(|first| first.strip_prefix("sep="));
    match (record.len(), delimiter) {
        (1, Some(given)) => given.len() == 1,
        (2, Some("")) => record.get(1) == Some(""),
        _ => false,
    }
}

/// The delimiter of a record: the one that yields known columns, else the one that occurs most
/// outside quotes.
pub(super) fn delimiter(record: &[u8], is_known: impl Fn(&str) -> bool) -> Delimiter {
    let score = |delimiter: Delimiter| {
        let mut quoted = false;
        let cells = record.split(|byte| {
            quoted ^= *byte == b'"';
            !quoted && *byte == delimiter.byte()
        });
        let (mut count, mut known) = (0_usize, 0_usize);
        for cell in cells {
            count += 1;
            let cell = String::from_utf8_lossy(cell);
            known += usize::from(is_known(cell.trim().trim_matches('"')));
        }
        (known, count)
    };
    // `max_by_key` returns the last of equals.
    Delimiter::USUAL
        .into_iter()
        .rev()
        .max_by_key(|delimiter| score(*delimiter))
        .unwrap_or(Delimiter::USUAL[0])
}
