//! Reads records from a page's JSON.

use std::borrow::Cow;

use super::schema::PAGE_ROWS;

/// A record: its fields, borrowed from the page unless they contain an escape.
pub(super) type Fields<'a> = Vec<Cow<'a, str>>;

/// A field that borrows where it can; serde deserializes a plain `Cow` as owned.
#[derive(serde::Deserialize)]
struct Field<'a>(#[serde(borrow)] Cow<'a, str>);

type Record<'a> = Option<Vec<Field<'a>>>;

fn fields(record: Vec<Field<'_>>) -> Fields<'_> {
    record.into_iter().map(|field| field.0).collect()
}

/// All records of a page, `None` for those left out; no list if the page is damaged.
pub(super) fn records(page: &str) -> Option<Vec<Option<Fields<'_>>>> {
    let records: Vec<Record<'_>> = serde_json::from_str(page).ok()?;
    Some(
        records
            .into_iter()
            .map(|record| record.map(fields))
            .collect(),
    )
}

/// A page with the positions of its records, so that they can be read one by one.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    /// Where each record ends; the next begins one comma later.
    ends: Vec<u32>,
}

impl Page {
    /// Finds the records; none if the page is damaged.
    pub(super) fn new(text: String) -> Option<Self> {
        // By hand, for speed: if the channels of a list alternate, every row opens a page. Each
        // record is parsed when it is read.
        let mut rest = text.strip_prefix('[')?.strip_suffix(']')?;
        let mut ends = Vec::with_capacity(usize::try_from(PAGE_ROWS).unwrap_or_default());
        let mut depth = 0_usize;
        while let Some(at) = rest.find(['"', '[', ']', ',']) {
            let (mark, after) = (rest.as_bytes()[at], &rest[at + 1..]);
            rest = after;
            match mark {
                b'"' => rest = after_string(after)?,
                b'[' => depth += 1,
                b']' => depth = depth.checked_sub(1)?,
                // The closing bracket and the comma are no longer in `rest`.
                _ if depth == 0 => ends.push(u32::try_from(text.len() - rest.len() - 2).ok()?),
                _ => {}
            }
        }
        ends.push(u32::try_from(text.len() - 1).ok()?);
        (depth == 0).then_some(Self { text, ends })
    }

    /// A record; none if it was left out or is not there.
    pub(super) fn record(&self, index: u64) -> Option<Fields<'_>> {
        let index = usize::try_from(index).ok()?;
        let end = usize::try_from(*self.ends.get(index)?).ok()?;
        let before = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let start = usize::try_from(before.copied().unwrap_or_default()).ok()? + 1;
        let record: Record<'_> = serde_json::from_str(self.text.get(start..end)?).ok()?;
        record.map(fields)
    }

    /// Bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.text.capacity() + size_of::<u32>() * self.ends.capacity()
    }
}

/// What follows a string's closing quote; none if it has none.
fn after_string(mut text: &str) -> Option<&str> {
    loop {
        let (string, after) = text.split_once('"')?;
        let backslashes = string.bytes().rev().take_while(|b| *b == b'\\').count();
        if backslashes.is_multiple_of(2) {
            return Some(after);
        }
        text = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_is_among_all() {
        let text = r#"[["a","b,]"],null,["c\"","ä","\\\\"],[],["\\\"],["]]"#;
        let page = Page::new(text.to_owned()).unwrap();
        let all = records(text).unwrap();
        assert_eq!(all.len(), 5);
        for (index, record) in (0..).zip(all) {
            assert_eq!(page.record(index), record, "record {index}");
        }
        assert_eq!(page.record(5), None);
    }

    #[test]
    fn a_damaged_page_has_no_records() {
        for damaged in ["", "[", r#"[["a"]"#, r#"{"a":1}"#] {
            assert!(Page::new(damaged.to_owned()).is_none(), "{damaged}");
            assert!(records(damaged).is_none(), "{damaged}");
        }
    }
}
