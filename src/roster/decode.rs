//! From a list's bytes to its text, and to the records it begins with.

use std::io::Read;

use super::compression::peek;
use super::dialect::{self, Opening, SAMPLE};
use super::error::Problem;
use super::header;
use super::names::is_known;
use super::source::CHUNK;
use super::{Delimiter, Encoding, Options};

/// How much text is looked at to find the first records, in bytes.
const OPENING: usize = 1024 * 1024;

/// A list's text, and how it was found.
pub(super) struct Decoded {
    pub(super) text: Box<dyn Read + Send>,
    /// The start of the text, taken off it: the first record, if it is no longer than it may be.
    pub(super) start: Vec<u8>,
    pub(super) encoding: Encoding,
    pub(super) has_bom: bool,
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
pub(super) fn decode(
    mut bytes: Box<dyn Read + Send>,
    options: &Options,
) -> Result<Decoded, Problem> {
    let start = peek(&mut bytes, CHUNK, |start| first_line(start).is_some())?;
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(Problem::Workbook);
    }
    let bom = Encoding::of_bom(&start);
    let encoding = bom
        .or(options.encoding)
        .or_else(|| Encoding::of_nuls(first_line(&start).unwrap_or(&start)))
        .unwrap_or_default();
    let mut text = encoding.decode(start, bytes);
    let start = peek(&mut text, OPENING, |start| {
        start.contains(&0) || is_enough(start, options)
    })?;
    Ok(Decoded {
        text,
        start,
        encoding,
        has_bom: bom.is_some(),
    })
}

/// Whether the start of a text shows how the list is to be read: its first record alone, or many.
fn is_enough(start: &[u8], options: &Options) -> bool {
    let opening = Opening::of(start, false, options.skip_lines);
    let Some((_, first)) = opening.records.first() else {
        return false;
    };
    let cells = dialect::cells(first, find_delimiter(&opening, first, options));
    opening.records.len() > SAMPLE || header::is_clear(&cells, options)
}

/// How a text begins, and its first record; what there is of it, if it is not all there.
pub(super) fn opening<'a>(start: &'a [u8], options: &Options) -> (Opening<'a>, &'a [u8]) {
    // Ignore bytes after a NUL: how many are buffered depends on the source.
    let text = start.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_all = text.len() < start.len() || (start.len() < OPENING && !is_enough(start, options));
    let opening = Opening::of(text, is_all, options.skip_lines);
    let rest = &text[opening.skipped..];
    let first = opening.records.first().map_or(rest, |(_, record)| *record);
    (opening, first)
}

/// The delimiter that the user, the list's first line or else its fields set.
pub(super) fn find_delimiter(opening: &Opening<'_>, record: &[u8], options: &Options) -> Delimiter {
    let detect = || dialect::delimiter(record, |cell| is_known(cell, options));
    options
        .delimiter
        .or(opening.separator)
        .unwrap_or_else(detect)
}
