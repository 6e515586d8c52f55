//! Lists that cannot be read at all: what, where, how to fix it.

use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::roster::zstd::tests::compress as zstd;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// Enough text that does not pack well, that packed data can break off in its midst.
fn long() -> String {
    use std::fmt::Write;
    let mut text = "user_id\n".to_owned();
    for n in 0..20_000_u64 {
        writeln!(text, "u{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap();
    }
    text
}

type Case<'a> = (&'a str, Vec<u8>, &'a str, Option<&'a str>);

fn check(cases: impl IntoIterator<Item = Case<'static>>) {
    for (name, bytes, message, hint) in cases {
        let error = open(bytes, &one_channel()).and_then(rows).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("list.csv") && text.contains(message),
            "{name}: {text}"
        );
        match (error.hint(), hint) {
            (None, None) => {}
            (Some(found), Some(wanted)) => assert!(found.contains(wanted), "{name}: {found}"),
            (found, wanted) => panic!("{name}: {found:?}, wanted {wanted:?}"),
        }
    }
}

#[test]
fn no_list_has_its_message_and_hint() {
    let too_long = format!("user_id\nann\n\"{}", "x".repeat(9 * 1024 * 1024));
    let too_many_lines = format!("user_id\nann\n\"{}\"\n", "bob\n".repeat(1_001));
    check([
        (
            "empty",
            Vec::new(),
            "list.csv: is empty",
            Some("one member a line"),
        ),
        (
            "blank",
            b"\n\r\n\n".to_vec(),
            "list.csv: is empty",
            Some("one member a line"),
        ),
        (
            "nothing, packed",
            gzip(b""),
            "list.csv: is empty",
            Some("one member a line"),
        ),
        (
            "only a BOM",
            b"\xEF\xBB\xBF".to_vec(),
            "list.csv: is empty",
            Some("one member a line"),
        ),
        (
            "xlsx",
            b"PK\x03\x04\x14\0".to_vec(),
            "list.csv: is an Excel workbook or ZIP",
            Some("in Excel: Save As"),
        ),
        (
            "xls",
            b"\xD0\xCF\x11\xE0\xA1".to_vec(),
            "list.csv: is an Excel workbook",
            Some("in Excel: Save As"),
        ),
        (
            "a picture",
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec(),
            "list.csv, line 3: is not text",
            Some("give a CSV file"),
        ),
        (
            "a NUL later on",
            format!("{}\0", long()).into_bytes(),
            ": is not text",
            Some("give a CSV file"),
        ),
        (
            "an open quote",
            b"user_id,x\r\nann,1\r\nbob,\"2\r\ncem,3\r\n".to_vec(),
            "list.csv, line 3: a quote is opened in the record that begins here",
            Some("look for a single \""),
        ),
        (
            "a record too long",
            too_long.into_bytes(),
            "line 3: row 2, which begins here, is longer than 256 KiB",
            Some("look for a single \""),
        ),
        (
            "a record of too many lines",
            too_many_lines.into_bytes(),
            "line 3: the record that begins here is longer than 1000 lines",
            Some("look for a single \""),
        ),
    ]);
}

#[test]
fn broken_packing_has_its_message_and_hint() {
    let packed = gzip(long().as_bytes());
    let cut = packed[..packed.len() / 2].to_vec();
    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let frames = zstd(long().as_bytes());
    let cut_frames = frames[..frames.len() / 2].to_vec();
    check([
        (
            "gzip cut short",
            cut,
            ": the gzip data is cut short",
            Some("fetch it again"),
        ),
        (
            "gzip's first bytes",
            b"\x1F\x8B".to_vec(),
            ": the gzip data is cut short",
            Some("fetch it again"),
        ),
        (
            "gzip damaged",
            damaged,
            ": the gzip data is damaged: ",
            Some("fetch or pack"),
        ),
        (
            "zstd cut short",
            cut_frames,
            ": the zstd data is cut short",
            Some("fetch it again"),
        ),
        (
            "zstd damaged",
            b"\x28\xB5\x2F\xFD\xFF\xFF\xFF\xFF".to_vec(),
            ": the zstd data is ",
            Some("again"),
        ),
    ]);
}

#[test]
fn quotes_that_are_closed_are_no_error() {
    for end in [
        "\"ann\"",
        "\"ann\"\n",
        "\"ann\n\"",
        "\"ann\"\"\"\n",
        "an\"n",
        "\"an\"n\"\n",
        "\"a\"",
    ] {
        let roster = open(format!("user_id\nbob\n{end}"), &one_channel()).unwrap();
        assert_eq!(rows(roster).unwrap().len(), 2, "{end:?}");
    }
    for end in ["\"ann", "\"ann\n", "\"ann\"\"", "\"", "\"an\"\"n\n"] {
        let roster = open(format!("user_id\nbob\n{end}"), &one_channel()).unwrap();
        assert!(rows(roster).is_err(), "{end:?}");
    }
}

#[test]
fn a_quote_never_closed_is_placed_where_its_record_begins() {
    let cases = [
        ("user_id,x\nann,1\nbob,\"2", 3),
        ("user_id,x\nann,1\nbob,\"2\n", 3),
        ("user_id,x\nann,1\nbob,\"2\n\n\n", 3),
        ("user_id,x\nann,1\n\n\nbob,\"2\ncem,3\ndan,4\n", 5),
        ("user_id,x\nann,\"1\n1\"\nbob,2\n\"cem\n", 5),
        ("\"user_id\nann\n", 1),
        ("user_id\nann\n\"", 3),
    ];
    for (text, line) in cases {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let error = open(text.clone(), &one_channel()).and_then(rows);
            let error = error.unwrap_err();
            assert!(matches!(error.problem, Problem::UnclosedQuote), "{text:?}");
            assert_eq!(error.line, Some(line), "{text:?}");
        }
    }
}

#[test]
fn a_bomb_is_read_in_bounded_memory() {
    // 64 MiB of one record from 64 KiB.
    let bomb = gzip(&[b"user_id\n".to_vec(), vec![b'a'; 64 * 1024 * 1024]].concat());
    let mut roster = open(bomb, &one_channel()).unwrap();
    let error = roster.read(&mut Row::new()).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLong { .. }));
}

#[test]
fn paths_that_are_no_list_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.csv");
    for (path, message, hint) in [
        (
            folder.path().to_owned(),
            "is a directory",
            "give a file in it",
        ),
        (missing, "cannot be read", "check the path"),
    ] {
        let source = Source::File(PathBuf::from(&path));
        let error = Roster::open(&source, &one_channel()).err().unwrap();
        assert!(error.to_string().starts_with(&path.display().to_string()));
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}
