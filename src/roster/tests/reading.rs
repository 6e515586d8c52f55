//! Encodings, compressions, dialects.

use std::io::Write;

use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::roster::zstd::tests::compress as zstd;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// Text as bytes of an encoding.
fn encode(text: &str, encoding: Encoding, bom: bool) -> Vec<u8> {
    let text = if bom {
        format!("\u{feff}{text}")
    } else {
        text.to_owned()
    };
    encoding.encode(&text).into_owned()
}

#[test]
fn every_encoding_is_found() {
    let text = "user_id,name\r\nann,Änne\r\nbob,\"Bob\r\nB.\"\r\n";
    let cases = [
        (Encoding::UTF_8, false, "UTF-8, comma"),
        (Encoding::UTF_8, true, "UTF-8 with BOM, comma"),
        (Encoding::UTF_16LE, false, "UTF-16LE, comma"),
        (Encoding::UTF_16LE, true, "UTF-16LE with BOM, comma"),
        (Encoding::UTF_16BE, false, "UTF-16BE, comma"),
        (Encoding::UTF_16BE, true, "UTF-16BE with BOM, comma"),
        // Found record by record: only the one with the umlaut is not UTF-8.
        (Encoding::WINDOWS_1252, false, "UTF-8, comma"),
    ];
    for (encoding, bom, detected) in cases {
        let mut roster = open(encode(text, encoding, bom), &one_channel()).unwrap();
        assert!(roster.detected().starts_with(detected), "{encoding} {bom}");
        let mut row = Row::new();
        assert!(roster.read(&mut row).unwrap());
        assert_eq!(row.fields().collect::<Vec<_>>(), ["ann", "Änne"]);
        assert!(roster.read(&mut row).unwrap());
        assert_eq!(row.fields().collect::<Vec<_>>(), ["bob", "Bob\r\nB."]);
        assert!(!roster.read(&mut row).unwrap());
    }
}

#[test]
fn an_encoding_that_is_given_is_used() {
    let options = |encoding| Options {
        encoding: Some(encoding),
        ..one_channel()
    };
    let field = |encoding| {
        let mut row = Row::new();
        let mut roster = open(b"user_id,name\nann,\xC3\x84\xFF\n", &options(encoding)).unwrap();
        roster.read(&mut row).unwrap();
        row.fields().nth(1).unwrap().to_owned()
    };
    assert_eq!(field(Encoding::WINDOWS_1252), "Ã„ÿ");
    assert_eq!(field(Encoding::UTF_8), "Ä\u{fffd}");
}

#[test]
fn one_bad_record_does_not_spoil_the_others() {
    let text = b"user_id,name\nann,\xC3\x84\nbob,\xC4\ncem,\xC3\x84\n";
    let mut roster = open(text, &one_channel()).unwrap();
    let mut row = Row::new();
    while roster.read(&mut row).unwrap() {
        assert_eq!(row.fields().nth(1), Some("Ä"), "row {}", row.number());
    }
    assert_eq!(row.number(), 3);
}

#[test]
fn a_field_that_begins_like_a_byte_order_mark_is_what_it_says() {
    let text = b"user_id,name\nann,\xFF\xFEa\xE4\nbob,\xFE\xFFa\ncem,\xEF\xBB\xBF\xE4\n";
    let mut roster = open(text, &one_channel()).unwrap();
    let mut row = Row::new();
    for wanted in ["\u{ff}\u{fe}aä", "\u{fe}\u{ff}a", "ï»¿ä"] {
        assert!(roster.read(&mut row).unwrap());
        assert_eq!(row.fields().nth(1), Some(wanted));
    }
}

#[test]
fn packed_lists_are_unpacked() {
    let (one, two) = (b"user_id\nann\n", b"bob\n");
    let cases = [
        (gzip(b"user_id\nann\nbob\n"), "gzip, UTF-8"),
        ([gzip(one), gzip(two)].concat(), "gzip, UTF-8"),
        (zstd(b"user_id\nann\nbob\n"), "zstd, UTF-8"),
        ([zstd(one), zstd(two)].concat(), "zstd, UTF-8"),
    ];
    for (packed, detected) in cases {
        let roster = open(packed.clone(), &one_channel()).unwrap();
        assert!(roster.detected().starts_with(detected));
        assert_eq!(roster.size(), Some(packed.len() as u64));
        assert_eq!(verdicts(packed, &one_channel()), ["c/ann", "c/bob"]);
    }
}

#[test]
fn progress_counts_raw_bytes() {
    let packed = gzip("user_id\n".repeat(10_000).as_bytes());
    let size = packed.len() as u64;
    let mut roster = open(packed, &one_channel()).unwrap();
    let mut row = Row::new();
    while roster.read(&mut row).unwrap() {}
    assert_eq!(roster.bytes_read(), size);
}

#[test]
fn the_delimiter_is_found_in_the_header_or_given() {
    let cases = [
        ("user_id,name\nann,A;B;C\n", b','),
        ("user_id;name\nann;A,B\n", b';'),
        ("user_id\tname\nann\tA\n", b'\t'),
        ("user_id|name\nann|A\n", b'|'),
        // The columns that are found decide over mere number.
        ("user_id;last, first, middle\nann;A\n", b';'),
        ("\"last; first; middle\",user_id\nA,ann\n", b','),
        ("user_id\nann\n", b','),
        // Excel's own line.
        ("sep=;\r\nuser_id;name\r\nann;A\r\n", b';'),
        ("sep=\t\nuser_id\tname\nann\tA\n", b'\t'),
    ];
    for (text, delimiter) in cases {
        let roster = open(text, &one_channel()).unwrap();
        assert_eq!(roster.layout().delimiter().byte(), delimiter, "{text}");
        assert_eq!(verdicts(text, &one_channel()), ["c/ann"], "{text}");
    }
    let options = Options {
        delimiter: Some(b'/'.try_into().unwrap()),
        ..one_channel()
    };
    assert_eq!(verdicts("user_id/name\nann/A\n", &options), ["c/ann"]);
}

#[test]
fn rows_know_the_line_they_begin_on() {
    let text = "user_id,name\n\nann,A\nbob,\"B\nB\"\n\n\ncem,C";
    let wanted = [3, 4, 8];
    for (text, end) in [
        (text.to_owned(), "LF"),
        (text.replace('\n', "\r\n"), "CRLF"),
    ] {
        let rows = rows(open(text, &one_channel()).unwrap()).unwrap();
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, wanted, "{end}");
    }
}

#[test]
fn a_hundred_thousand_columns_are_read() {
    let header: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
    let text = format!("user_id,{}\nann,{}\n", header.join(","), ",".repeat(99_999));
    let options = Options {
        max_record_size: Some(1_024.try_into().unwrap()),
        ..one_channel()
    };
    assert_eq!(verdicts(text, &options), ["c/ann"]);
}

proptest! {
    #[test]
    fn any_bytes_end(bytes: Vec<u8>, no_header: bool) {
        let options = Options { header: no_header.then_some(false), ..one_channel() };
        for bytes in [bytes.clone(), [b"user_id\n", &bytes[..]].concat(), gzip(&bytes)] {
            let _ = open(bytes, &options).and_then(rows);
        }
    }

    #[test]
    fn text_like_bytes_end(text in "[\"\\r\\n,;a\u{e4}]{0,60}") {
        let _ = open(text, &one_channel()).and_then(rows);
    }

    #[test]
    fn what_was_written_is_read(
        rows in prop::collection::vec(("[a-z][a-z0-9]{0,9}", "[ -~\u{e4}\u{20ac}\n]{0,20}"), 1..20),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        (encoding, bom) in prop::sample::select(vec![
            (Encoding::UTF_8, false), (Encoding::UTF_8, true), (Encoding::UTF_16LE, true),
            (Encoding::UTF_16BE, true), (Encoding::WINDOWS_1252, false),
        ]),
        packing in 0..3,
        crlf: bool,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut text = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .from_writer(Vec::new());
        text.write_record(["user_id", "note"]).unwrap();
        for (id, note) in &rows {
            text.write_record([id, note]).unwrap();
        }
        let text = String::from_utf8(text.into_inner().unwrap()).unwrap();
        let bytes = encode(&text, encoding, bom);
        let bytes = match packing { 0 => bytes, 1 => gzip(&bytes), _ => zstd(&bytes) };
        let options = Options {
            // By itself, Windows-1252 can be UTF-8 by chance.
            encoding: (encoding == Encoding::WINDOWS_1252).then_some(encoding),
            ..one_channel()
        };
        let mut roster = open(bytes, &options).unwrap();
        let mut row = Row::new();
        for (id, note) in &rows {
            prop_assert!(roster.read(&mut row).unwrap());
            prop_assert_eq!(row.fields().collect::<Vec<_>>(), [id, note]);
            let RowKind::Take(entry) = row.kind() else { panic!("a good row") };
            prop_assert_eq!(entry.member_arn(), user(id));
        }
        prop_assert!(!roster.read(&mut row).unwrap());
    }
}
