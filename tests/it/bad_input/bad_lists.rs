//! Lists with common faults: each is refused with a message and a hint, or read correctly.

use std::io::Write;

use chime_bulk::model::Outcome;
use chime_bulk::roster::{Options, Roster, RosterError, Row, RowKind, Source};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

#[cfg(unix)]
use crate::support::program::make_fifo;
#[cfg(target_os = "linux")]
use crate::support::program::with_limit;
use crate::support::program::{APP, CHANNEL, FAST, Output, WorkDir, ids, tally};

fn options() -> Options {
    Options {
        channel_arn: Some(format!("{APP}/channel/c").parse().unwrap()),
        max_record_size: Some(1_024.try_into().unwrap()),
        ..Options::default()
    }
}

/// The line of each row, with its member or its defect.
fn read(list: impl Into<Vec<u8>>) -> Result<Vec<String>, RosterError> {
    let source = Source::Bytes {
        name: "list.csv".to_owned(),
        bytes: list.into(),
    };
    let mut roster = Roster::open(&source, &options())?;
    let (mut row, mut rows) = (Row::new(), Vec::new());
    while roster.read(&mut row)? {
        let text = match row.kind() {
            RowKind::Take(entry) => entry.member_arn().rsplit('/').next().unwrap().to_owned(),
            RowKind::Defect(defect) => defect.to_string(),
            RowKind::LeftOut => unreachable!("no filter"),
        };
        rows.push(format!("{} {text}", row.line()));
    }
    Ok(rows)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[track_caller]
fn assert_refused(list: impl Into<Vec<u8>>, message: &str, hint: &str) {
    let error = read(list).unwrap_err();
    assert!(error.to_string().starts_with(message), "{error}");
    assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
}

#[test]
fn a_file_of_another_format_is_refused_and_the_format_is_named() {
    assert_refused(
        "{\"user_id\":\"ann\"}\n{\"user_id\":\"bob\"}\n",
        "list.csv: is JSON, not CSV",
        "jq",
    );
    assert_refused("\n[\n {\n  \"id\": 1\n }\n]\n", "list.csv: is JSON", "jq");
    assert_refused(
        "--\n-- PostgreSQL database dump\n--\n",
        "list.csv: is an SQL",
        "CSV",
    );
    assert_refused(
        "%PDF-1.7\n%\u{e2}\u{e3}\n1 0 obj\n",
        "list.csv: is a PDF",
        "as CSV",
    );
    assert_refused("<!DOCTYPE html>\n<html>", "list.csv: is HTML", "log in");
    assert_refused(
        "-- MySQL dump 10.13\nINSERT INTO `u` VALUES (1,'ann');\n",
        "list.csv: is an SQL dump",
        "as CSV",
    );
    assert_refused(
        b"PK\x03\x04".to_vec(),
        "list.csv: is an Excel workbook",
        "Save As",
    );
    assert_refused("", "list.csv: is empty", "one member a line");
    assert_refused("\n\r\n\n", "list.csv: is empty", "one member a line");
    assert_refused(
        gzip(&gzip(b"user_id\nann\n")),
        "list.csv, line 1: is not text",
        "gzip",
    );
}

#[test]
fn an_error_about_a_nul_byte_has_its_line() {
    assert_refused(
        "user_id\nann\nb\0b\n",
        "list.csv, line 3: is not text",
        "CSV",
    );
    assert_refused("user_id\n\0", "list.csv, line 2: is not text", "CSV");
}

#[test]
fn a_field_of_a_million_characters_is_a_defect_with_a_short_message() {
    let long = "x".repeat(1_000_000);
    let rows = read(format!(
        "user_id,note\nann,{long}\n{long},\nbob,\"{long}\"\n"
    ))
    .unwrap();
    assert_eq!(rows[0], "2 ann");
    assert!(rows[1].starts_with("3 column `user_id`: ") && rows[1].len() < 200);
    assert_eq!(rows[2..], ["4 bob"]);
    // The same for the name of a column.
    let named = Options {
        member_column: Some("1".to_owned()),
        ..options()
    };
    let source = Source::Bytes {
        name: "list.csv".to_owned(),
        bytes: format!("\u{202e}{long},user_name\n|,\n").into_bytes(),
    };
    let mut roster = Roster::open(&source, &named).unwrap();
    let mut row = Row::new();
    assert!(roster.read(&mut row).unwrap());
    let RowKind::Defect(defect) = row.kind() else {
        panic!("`|` is no member");
    };
    assert!(defect.column.starts_with("\\u{202e}xx") && defect.column.ends_with("x…"));
    assert_eq!(defect.column.chars().count(), 41);
    assert!(roster.detected().len() < 200, "{}", roster.detected());
}

#[test]
fn rows_with_another_number_of_fields_are_defects() {
    let wide = ",".repeat(100_000);
    let text = format!("n,user_id\n1\n2,bob\nx{wide}y\n3,cem,x\n\n,dan,,\n");
    let rows = read(text).unwrap();
    let fields = |line, found| format!("{line} fields: {found}, where the header has 2");
    let expected = [
        fields(2, 1),
        "3 bob".to_owned(),
        fields(4, 100_001),
        fields(5, 3),
        // Empty fields at the end do not matter.
        "7 dan".to_owned(),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_repeated_header_is_a_defect() {
    let defect = "repeats the header, as where lists were put together";
    let rows = read("user_id,name\nann,A\nuser_id,name\nbob,B\n\u{feff}user_id,name\ncem,C\n");
    let expected = [
        "2 ann".to_owned(),
        format!("3 {defect}"),
        "4 bob".to_owned(),
        format!("5 {defect}"),
        "6 cem".to_owned(),
    ];
    assert_eq!(rows.unwrap(), expected);
    let rows = read("user_id\nann\n User_ID\nuser_id \n").unwrap();
    assert_eq!(
        rows,
        [
            "2 ann".to_owned(),
            "3 column `user_id`: the name of a column: pass the whole ARN to add a member of this name"
                .to_owned(),
            format!("4 {defect}")
        ]
    );
}

#[test]
fn mixed_encodings_lose_no_row() {
    let list =
        b"user_id,n\nann,\xC3\xA4\nbob,\xE4\xFF\n\xEF\xBB\xBFcem,\xC3\nd\xE4n,\neve,\xE2\x82\xAC\n";
    let rows = read(list.to_vec()).unwrap();
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert_eq!(
        [&*rows[0], &*rows[1], &*rows[4]],
        ["2 ann", "3 bob", "6 eve"]
    );
    for (at, line) in [(2, 4), (3, 5)] {
        assert!(
            rows[at].starts_with(&format!("{line} column `user_id`: ")),
            "{rows:?}"
        );
        assert!(!rows[at].contains('\u{feff}'), "{rows:?}");
    }
    // UTF-16 that ends within a code unit, or within a surrogate pair.
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut list = utf16("\u{feff}user_id,n\nann,1\nbob,\u{1f600}");
    list.pop();
    assert_eq!(read(list.clone()).unwrap(), ["2 ann", "3 bob"]);
    list.pop();
    assert_eq!(read(list).unwrap(), ["2 ann", "3 bob"]);
    let half = utf16("\u{feff}user_id\nann\nbob\n");
    let rows = read(&half[..half.len() - 3]).unwrap();
    assert!(rows.len() == 2 && rows[0] == "2 ann", "{rows:?}");
}

#[test]
fn all_kinds_of_line_ends_separate_rows() {
    let rows = |list: &str| -> Vec<String> {
        let rows = read(list).unwrap();
        let words = rows
            .iter()
            .map(|row| row.split_once(' ').unwrap().1.to_owned());
        words.collect()
    };
    for list in [
        "user_id,n\rann,1\rbob,2\r",
        "user_id,n\rann,1\rbob,2",
        "user_id,n\r\nann,1\rbob,2\n",
        "user_id,n\nann,\"1\r\r\n\"\r\rbob,2\n\r",
    ] {
        assert_eq!(rows(list), ["ann", "bob"], "{list:?}");
    }
}

#[test]
fn a_truncated_or_damaged_compressed_list_is_refused() {
    let whole = gzip(b"user_id\nann\nbob\n");
    let zstd = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
    let frames = [zstd(b"user_id\nann\n"), zstd(b""), zstd(b"bob\n")].concat();
    let members = [gzip(b"user_id\nann\n"), gzip(b""), gzip(b"bob\n")].concat();
    for list in [whole.clone(), members.clone(), frames.clone()] {
        assert_eq!(read(list).unwrap(), ["2 ann", "3 bob"]);
    }
    for cut in 2..whole.len() {
        assert_refused(&whole[..cut], "list.csv", "fetch it again");
    }
    let cut = |list: &[u8], by| list[..list.len() - by].to_vec();
    assert_refused(
        cut(&members, 3),
        "list.csv, line 4: the gzip data is cut short",
        "fetch it",
    );
    assert_refused(
        cut(&frames, 2),
        "list.csv, line 3: the zstd data is cut short",
        "fetch it",
    );
    let with_garbage = |list: &[u8]| [list, b"garbage, and more of it"].concat();
    for (list, format) in [(&whole, "gzip"), (&frames, "zstd")] {
        assert_refused(
            with_garbage(list),
            &format!("list.csv, line 4: trailing data: the {format} data ends, and bytes follow"),
            "if they are rows, compress them as well",
        );
    }
}

#[test]
fn a_row_longer_than_max_record_size_stops_the_run() {
    // The long row comes after the first chunk: the run has begun by then.
    let rows = ids("u", 3_000).replace('\n', ",\n");
    let note = "\"\"".repeat(300 * 1024);
    let list = format!("{rows}long,\"{note}\"\n");
    let work_dir = WorkDir::with("list.csv", &list);
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(3), "{output:#?}");
    let message = "list.csv, line 3002: row 3001, which begins here, is longer than 256 KiB";
    assert!(output.stderr.contains(message), "{output:#?}");
    assert!(
        output.stderr.contains("raise --max-record-size"),
        "{output:#?}"
    );
    assert_eq!(work_dir.summary("run").rows_read, 2_048);
    // A resumed run can raise the limit, by a variable or in a file.
    let resume = output.resume();
    let resume = resume.iter().map(String::as_str).chain(["--unlimited"]);
    let mut resumed = work_dir.command(resume.clone());
    let resumed = Output::of(resumed.env("CHIME_BULK_MAX_RECORD_SIZE", "299"));
    assert_eq!(resumed.code, Some(3), "{resumed:#?}");
    assert!(
        resumed.stderr.contains("longer than 299 KiB"),
        "{resumed:#?}"
    );
    std::fs::write(work_dir.path("job.toml"), "max-record-size = 301\n").unwrap();
    let flags = ["--config", "job.toml"];
    let resumed = work_dir.run(resume.chain(flags));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 3_001)]);
    let plan = ["plan", "list.csv", "--channel-arn", CHANNEL];
    let plan = |kib| work_dir.run(plan.iter().chain(&["--max-record-size", kib]));
    let output = plan("300");
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert_eq!(plan("301").code, Some(0));
}

#[test]
fn a_resumed_run_keeps_its_max_record_size() {
    let long = format!("user_id,note\nann,{}\n", "x".repeat(300 * 1024));
    let rows = ids("u", 2_047)
        .replace('\n', ",\n")
        .replacen("user_id,\n", "", 1);
    let work_dir = WorkDir::with("list.csv", long + &rows);
    let flags = ["--channel-arn", CHANNEL, "--max-record-size", "301"];
    let cut = work_dir.path("list.csv");
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, [&whole[..], b"cem,\"x\n"].concat()).unwrap();
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(3), "{output:#?}");
    std::fs::write(&cut, [&whole[..], b"cem,\"x\""].concat()).unwrap();
    let resume = output.resume();
    let resumed = work_dir.run(resume.iter().map(String::as_str).chain(["--unlimited"]));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(work_dir.summary("run").rows_read, 2_049);
}

/// 400 MB of text from 400 kB, read in 200 MB of address space.
#[cfg(target_os = "linux")]
#[test]
fn a_decompression_bomb_takes_no_more_memory_than_any_list() {
    let row = format!("ann,{}\n", "x".repeat(249_995));
    let rows: Vec<u8> = row.into_bytes().repeat(160);
    let packed = gzip(&rows);
    let mut list = gzip(b"user_id,left\n");
    (0..10).for_each(|_| list.extend_from_slice(&packed));
    assert!(list.len() < 4_000_000, "{}", list.len());
    let work_dir = WorkDir::with("list.csv.gz", &list);
    let filter = ["--where", "left=out", "--allow-empty", "--json"];
    let plan = ["plan", "list.csv.gz", "--channel-arn", CHANNEL];
    let command = work_dir.command(plan.iter().chain(&filter));
    let output = Output::of(&mut with_limit("-v 200000", &command));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stdout.contains("\"rows_left_out\": 1600"),
        "{}",
        output.stdout
    );
}

/// Plans a list for one channel.
fn plan(work_dir: &WorkDir, list: &str) -> Output {
    work_dir.run(["plan", list, "--channel-arn", CHANNEL])
}

#[cfg(unix)]
#[test]
fn a_directory_or_device_is_refused_and_a_fifo_is_read() {
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path("lists")).unwrap();
    for (list, message, hint) in [
        (
            "lists",
            "error: lists: is a directory",
            "hint: give a file in it",
        ),
        (
            "/dev/null",
            "error: /dev/null: is empty",
            "hint: give a list",
        ),
        (
            "/dev/zero",
            "error: /dev/zero, line 1: is not text",
            "hint: give a CSV",
        ),
        (
            "none",
            "error: none: cannot be read",
            "hint: check the path",
        ),
    ] {
        let output = plan(&work_dir, list);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(output.stderr.starts_with(message), "{}", output.stderr);
        assert!(output.stderr.contains(hint), "{}", output.stderr);
    }
    let fifo = work_dir.path("fifo");
    make_fifo(&fifo);
    let writer = std::thread::spawn(move || std::fs::write(fifo, "user_id\nann\n"));
    let output = plan(&work_dir, "fifo");
    writer.join().unwrap().unwrap();
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_list_with_only_a_header_is_a_run_without_rows() {
    let work_dir = WorkDir::with("list.csv", "user_id,name\n");
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").rows_read, 0);
    let failed = std::fs::read_to_string(work_dir.path("run/failed.csv")).unwrap();
    assert_eq!(failed, "user_id,name,error_code,error_message,row\n");
    let note = "the list has a header and no rows";
    assert!(output.stderr.contains(note), "{output:#?}");
}

#[test]
fn ids_that_look_like_paths_are_data() {
    let work_dir = WorkDir::with(
        "list.csv",
        "channel_id,user_id\n../../etc/passwd,ann\nc,../../etc/passwd\nc,bob\n..,cem\n",
    );
    let output = work_dir.run_fast("list.csv", &["--app-instance-arn", APP]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let counts = tally(&work_dir.summary("run"));
    assert_eq!(counts, [(Outcome::Added, 2), (Outcome::Invalid, 2)]);
    let failed = std::fs::read_to_string(work_dir.path("run/failed.csv")).unwrap();
    let expected = [
        "channel_id,user_id,",
        "../../etc/passwd,ann,",
        "c,../../etc/passwd,",
    ];
    assert_eq!(failed.lines().count(), 3);
    for (line, expected) in failed.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn control_characters_in_names_are_escaped_and_run_directories_stay_below_runs() {
    let work_dir = WorkDir::new();
    let list = "..\\\u{1b}[2J\u{202e}\u{9b}\n.csv";
    std::fs::write(work_dir.path(list), "user\u{1b}[2J\u{202e},name\nann,A\n").unwrap();
    let dir = "run\u{1b}[2J'\u{202e}";
    let assert_printable = |text: &str| {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
    };
    let with = |flags: &[&str]| {
        let base = ["run", list, "--channel-arn", CHANNEL];
        work_dir.run(base.iter().chain(&FAST).chain(flags))
    };
    for flags in [
        &[][..],
        &["--member-column", "use\u{1b}[2J"],
        &["--member-column", "1", "--run-dir", dir],
        &["--member-column", "1", "--run-dir", dir],
        &["--member-column", "1"],
    ] {
        let output = with(flags);
        assert_printable(&output.stderr);
        assert_printable(&output.stdout);
    }
    let summary = std::fs::read_to_string(work_dir.path(dir).join("summary.json")).unwrap();
    assert!(summary.contains("\"rows_read\": 1"), "{summary}");
    let runs: Vec<_> = std::fs::read_dir(work_dir.path("runs"))
        .unwrap()
        .map(|run| run.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_printable(&runs[0]);
    assert_printable(&plan(&work_dir, list).stderr);
    assert_printable(&work_dir.run(["resume", "none\u{1b}[2J"]).stderr);
}

/// Reports have the fields as they are in the list, even formulas. An added character would make
/// `failed.csv` a different list. Users of spreadsheets must import the fields as text.
#[test]
fn fields_that_look_like_formulas_are_unchanged() {
    let list = "user_id,note\n=1+1,=HYPERLINK(\"x\")\n+ann,-1\n@bob,\"=a\nb\"\ncem,=1\n";
    let work_dir = WorkDir::with("list.csv", list);
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let mut failed = csv::Reader::from_path(work_dir.path("run/failed.csv")).unwrap();
    let mut failed: Vec<_> = failed.records().map(Result::unwrap).collect();
    // The others say why.
    for row in &mut failed {
        row.truncate(2);
    }
    let expected = [
        ["=1+1", "=HYPERLINK(\"x\")"],
        ["+ann", "-1"],
        ["@bob", "=a\nb"],
    ];
    assert_eq!(
        failed,
        expected.map(|row| csv::StringRecord::from(row.to_vec()))
    );
    let members: Vec<_> = work_dir
        .results("run")
        .iter()
        .map(|row| row[2].to_owned())
        .collect();
    assert_eq!(members[..3], ["=1+1", "+ann", "@bob"]);
}
