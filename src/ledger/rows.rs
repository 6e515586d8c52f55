//! Row numbers as text: the first, then the gaps.

use std::fmt::Write;

/// Writes ascending, distinct row numbers as a JSON array of the first and the gaps.
pub(super) fn encode(rows: impl IntoIterator<Item = u64>) -> String {
    let mut text = String::from("[");
    let mut last = 0;
    for row in rows {
        let separator = if text.len() > 1 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{}", row - last);
        last = row;
    }
    text.push(']');
    text
}

/// Reads them back; none if the text is not of that form.
pub(super) fn decode(text: &str) -> Option<Vec<u64>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    // By hand, for speed: every call reads a thousand gaps to take a hundred.
    let mut rows = Vec::with_capacity(inner.len() / 2 + 1);
    let (mut last, mut gap) = (0u64, None::<u64>);
    for byte in inner.bytes() {
        match byte {
            b'0'..=b'9' => {
                let digit = u64::from(byte - b'0');
                gap = Some(gap.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            }
            b',' => {
                last = after(last, gap.take()?)?;
                rows.push(last);
            }
            _ => return None,
        }
    }
    rows.push(after(last, gap?)?);
    Some(rows)
}

/// The row this far after another: rows are numbered from 1, and none is listed twice.
fn after(row: u64, gap: u64) -> Option<u64> {
    row.checked_add(gap).filter(|next| *next > row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_read_back_as_the_rows() {
        for rows in [vec![], vec![7], vec![7, 8, 9, 14], vec![1, 10_000_000]] {
            assert_eq!(decode(&encode(rows.iter().copied())), Some(rows));
        }
        assert_eq!(encode([7, 8, 9, 14]), "[7,1,1,5]");
        for damaged in [
            "",
            "[",
            "7,1",
            "[7,]",
            "[0,1]",
            "[7,0]",
            "[,7]",
            "[-1]",
            "[18446744073709551615,1]",
            "[18446744073709551616]",
        ] {
            assert_eq!(decode(damaged), None, "{damaged}");
        }
    }
}
