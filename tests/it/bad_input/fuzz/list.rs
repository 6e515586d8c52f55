//! The list reader before arbitrary bytes.

use std::io::{Cursor, Read};

use chime_bulk::roster::{Entry, Layout, Options, Roster, RosterError, Row, RowKind};

pub(crate) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// Gives its bytes in pieces.
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

/// A list read to its end or its fault: what stands in it, row by row.
pub(crate) struct Told {
    pub(crate) rows: Vec<String>,
    pub(crate) fields: Vec<Vec<String>>,
    pub(crate) layout: Option<Layout>,
    pub(crate) fault: Option<String>,
}

/// Reads a list in pieces of a size, and holds it to what the reader promises.
pub(crate) fn read(list: &[u8], options: &Options, size: usize) -> Told {
    let mut told = Told {
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
            told.fault = Some(fault(&error));
            return told;
        }
    };
    harmless(&roster.detected());
    let layout = roster.layout().clone();
    let stored = serde_json::to_string(&layout).unwrap();
    assert_eq!(serde_json::from_str::<Layout>(&stored).unwrap(), layout);
    let (mut row, mut again, mut line) = (Row::new(), Entry::default(), 0);
    loop {
        match roster.read(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                told.fault = Some(fault(&error));
                break;
            }
        }
        assert_eq!(row.number(), told.rows.len() as u64 + 1, "rows have gaps");
        assert!(
            row.line() >= line.max(1),
            "line {} after {line}",
            row.line()
        );
        line = row.line();
        let fields: Vec<String> = row.fields().map(str::to_owned).collect();
        let resolved = layout.resolve(&fields, &mut again);
        let verdict = match row.kind() {
            RowKind::Take(entry) => {
                assert_eq!(resolved.as_ref().ok().map(|()| &again), Some(entry));
                let home = entry.app_instance();
                assert!(entry.channel_arn().starts_with(&format!("{home}/channel/")));
                assert!(entry.member_arn().starts_with(home));
                format!("{entry:?}")
            }
            RowKind::Defect(defect) => {
                assert_eq!(resolved.as_ref().err(), Some(defect));
                assert!(!defect.reason.is_empty(), "a defect without reason");
                harmless(&defect.to_string());
                format!("{defect:?}")
            }
            RowKind::LeftOut => {
                assert!(!layout.matches(&fields));
                String::from("-")
            }
        };
        told.rows
            .push(format!("{} {fields:?} {verdict}", row.line()));
        told.fields.push(fields);
    }
    told.layout = Some(layout);
    told
}

/// The same whatever the pieces; but how far damaged packing unpacks depends on them.
pub(crate) fn same(list: &[u8], one: &Told, other: &Told) {
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

/// Nothing that a terminal would obey.
pub(crate) fn harmless(text: &str) {
    let unruly = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    assert!(!text.contains(unruly), "not escaped: {text:?}");
}

/// The error of a list that cannot be read: where, and how to fix it.
fn fault(error: &RosterError) -> String {
    let text = error.to_string();
    harmless(&text);
    assert!(text.len() < 4_000, "{text}");
    let is_setting = text.starts_with("--");
    assert!(is_setting || text.starts_with("list"), "no place: {text}");
    let hint = error.hint();
    harmless(hint.as_deref().unwrap_or_default());
    assert!(is_setting || hint.is_some(), "no hint: {text}");
    format!("{text}, {hint:?}")
}

/// The rows of a list without quotes, told apart by hand; nothing where that is not so simple.
fn by_hand(list: &[u8]) -> Option<Vec<Vec<u8>>> {
    let binary = |byte: &u8| matches!(byte, 0 | b'"' | 0x80..);
    if list.iter().any(binary) || list.starts_with(b"PK\x03\x04") || list.starts_with(&[0x1F]) {
        return None;
    }
    let lines = list.split(|byte| matches!(byte, b'\r' | b'\n'));
    let lines: Vec<Vec<u8>> = lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    let separator = lines.first().is_some_and(|line| line.starts_with(b"sep="));
    (!separator).then_some(lines)
}

/// The first byte decides how the list is read; the rest is the list.
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
        same(list, &pieces, &whole);
    }
    if let (Some(lines), Some(layout), None) = (by_hand(list), &whole.layout, &whole.fault) {
        let delimiter = char::from(layout.delimiter().byte()).to_string();
        let rows = whole.fields.iter().map(|fields| fields.join(&delimiter));
        let rows: Vec<Vec<u8>> = rows.map(String::into_bytes).collect();
        let header = usize::from(layout.has_header());
        assert_eq!(rows, lines[header..], "rows are lost or made up");
    }
}
