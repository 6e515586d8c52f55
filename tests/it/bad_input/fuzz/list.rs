//! Reads arbitrary bytes as a list.

use std::io::{Cursor, Read};

use chime_bulk::roster::{Entry, Layout, Options, Roster, RosterError, Row, RowKind};

pub(crate) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// A reader that returns at most `size` bytes at a time.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = buffer.len().min(self.size);
        self.bytes.read(&mut buffer[..room])
    }
}

/// What was read of a list, up to its end or to an error.
pub(crate) struct Contents {
    pub(crate) rows: Vec<String>,
    pub(crate) fields: Vec<Vec<String>>,
    pub(crate) layout: Option<Layout>,
    pub(crate) fault: Option<String>,
}

/// Reads a list in pieces of a size, and checks what the reader promises.
pub(crate) fn read(list: &[u8], options: &Options, size: usize) -> Contents {
    let mut contents = Contents {
        rows: Vec::new(),
        fields: Vec::new(),
        layout: None,
        fault: None,
    };
    let bytes = Cursor::new(list.to_vec());
    let pieces = Box::new(Pieces { bytes, size });
    let opened = Roster::open_stream("list".to_owned(), pieces, None, options);
    let mut roster = match opened {
        Ok(roster) => roster,
        Err(error) => {
            contents.fault = Some(fault(&error));
            return contents;
        }
    };
    assert_printable(&roster.detected());
    let layout = roster.layout().clone();
    let stored = serde_json::to_string(&layout).unwrap();
    assert_eq!(serde_json::from_str::<Layout>(&stored).unwrap(), layout);
    let (mut row, mut again, mut line) = (Row::new(), Entry::default(), 0);
    loop {
        match roster.read(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                contents.fault = Some(fault(&error));
                break;
            }
        }
        assert_eq!(
            row.number(),
            contents.rows.len() as u64 + 1,
            "rows have gaps"
        );
        assert!(
            row.line() >= line.max(1),
            "line {} after {line}",
            row.line()
        );
        line = row.line();
        let fields: Vec<String> = row.fields().map(str::to_owned).collect();
        let resolved = layout.resolve(&fields, &mut again);
        let kind = match row.kind() {
            RowKind::Take(entry) => {
                assert_eq!(resolved.as_ref().ok().map(|()| &again), Some(entry));
                let home = entry.app_instance();
                assert!(entry.channel_arn().starts_with(&format!("{home}/channel/")));
                assert!(entry.member_arn().starts_with(home));
                format!("{entry:?}")
            }
            RowKind::Defect(defect) => {
                assert_eq!(resolved.as_ref().err(), Some(defect));
                assert!(!defect.reason.is_empty(), "a defect without a reason");
                assert_printable(&defect.to_string());
                format!("{defect:?}")
            }
            RowKind::LeftOut => {
                assert!(!layout.matches(&fields));
                String::from("-")
            }
        };
        contents
            .rows
            .push(format!("{} {fields:?} {kind}", row.line()));
        contents.fields.push(fields);
    }
    contents.layout = Some(layout);
    contents
}

/// Checks that the size of the pieces makes no difference. (How much of damaged compressed data can be
/// decompressed does depend on it.)
pub(crate) fn assert_same(list: &[u8], one: &Contents, other: &Contents) {
    assert_eq!(one.fault.is_some(), other.fault.is_some());
    let is_packed = matches!(list, [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..]);
    if is_packed && one.fault.is_some() {
        let both = one.rows.len().min(other.rows.len());
        assert_eq!(one.rows[..both], other.rows[..both]);
    } else {
        assert_eq!(one.rows, other.rows);
        assert_eq!(one.fault, other.fault);
        assert_eq!(one.layout, other.layout);
    }
}

/// Checks that a text has no characters that a terminal interprets.
pub(crate) fn assert_printable(text: &str) {
    let unsafe_char = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    assert!(!text.contains(unsafe_char), "not escaped: {text:?}");
}

/// Checks that an error has a place and a hint; returns its text.
fn fault(error: &RosterError) -> String {
    let text = error.to_string();
    assert_printable(&text);
    assert!(text.len() < 4_000, "{text}");
    let is_setting = text.starts_with("--");
    assert!(is_setting || text.starts_with("list"), "no file: {text}");
    let hint = error.hint();
    assert_printable(hint.as_deref().unwrap_or_default());
    assert!(is_setting || hint.is_some(), "no hint: {text}");
    format!("{text}, {hint:?}")
}

/// The lines of a list without quotes; `None` if a row may not be a line.
fn split_lines(list: &[u8]) -> Option<Vec<Vec<u8>>> {
    let binary = |byte: &u8| matches!(byte, 0 | b'"' | 0x80..);
    if list.iter().any(binary) || list.starts_with(b"PK\x03\x04") || list.starts_with(&[0x1F]) {
        return None;
    }
    let lines = list.split(|byte| matches!(byte, b'\r' | b'\n'));
    let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    let text = list.to_ascii_lowercase();
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    (!has(b"sep=") && !has(b"error_code")).then_some(lines)
}

/// The first byte sets the options; the rest is the list.
pub(crate) fn run(input: &[u8]) {
    let Some((&how, list)) = input.split_first() else {
        return;
    };
    let is_given = |bit: u8| how & bit != 0;
    let channel = format!("{INSTANCE}/channel/c");
    let options = Options {
        header: (how & 1 != 0).then_some(false),
        channel_arn: is_given(2).then(|| channel.parse().unwrap()),
        member_column: is_given(4).then(|| "1".to_owned()),
        app_instance: is_given(8).then(|| INSTANCE.parse().unwrap()),
        ..Options::default()
    };
    let whole = read(list, &options, usize::MAX);
    for size in [1, 7, 4_099] {
        if size == 1 && list.len() > 8_192 {
            continue;
        }
        let pieces = read(list, &options, size);
        assert_same(list, &pieces, &whole);
    }
    if let (Some(lines), Some(layout), None) = (split_lines(list), &whole.layout, &whole.fault) {
        let delimiter = char::from(layout.delimiter().byte()).to_string();
        let rows = whole.fields.iter().map(|fields| fields.join(&delimiter));
        let rows: Vec<Vec<u8>> = rows.map(String::into_bytes).collect();
        let is_blank = |line: &Vec<u8>| {
            let fields = line.split(|byte| *byte == layout.delimiter().byte());
            let mut fields = fields.map(String::from_utf8_lossy);
            fields.all(|field| field.trim().is_empty())
        };
        let lines = lines.into_iter().filter(|line| !is_blank(line));
        let lines: Vec<_> = lines.skip(usize::from(layout.has_header())).collect();
        assert_eq!(rows, lines, "rows are missing or added");
    }
}
