//! What follows a part of compressed data: a gzip member, or a zstd frame.

use std::io::{self, BufRead};

use super::error::Problem;

/// Whether another part follows, whose first byte `is_start` accepts. Zeros up to the end are padding, as
/// tapes and some programs write it.
///
/// # Errors
/// Something else follows, or the source cannot be read.
pub(super) fn has_more(
    source: &mut impl BufRead,
    format: &'static str,
    is_start: impl Fn(u8) -> bool,
) -> io::Result<bool> {
    match source.fill_buf()?.first() {
        None => return Ok(false),
        Some(first) if is_start(*first) => return Ok(true),
        Some(_) => {}
    }
    loop {
        let buffer = source.fill_buf()?;
        if buffer.iter().any(|byte| *byte != 0) {
            return Err(Problem::TrailingData(format).into());
        }
        let length = buffer.len();
        if length == 0 {
            return Ok(false);
        }
        source.consume(length);
    }
}
