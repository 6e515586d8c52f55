//! Lists that go wrong in known ways: each has its message with place and fix, or is read as what
//! it says.

use std::io::Write;
use std::process::Stdio;

use chime_bulk::model::Outcome;
use chime_bulk::roster::{Options, Roster, RosterError, Row, RowKind, Source};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::support::program::{APP, Ended, FAST, WorkDir, ids, tally};

fn options() -> Options {
    Options {
        channel_arn: Some(format!("{APP}/channel/c").parse().unwrap()),
        max_record_size: Some(1_024.try_into().unwrap()),
        ..Options::default()
    }
}

/// The members and defects of a list, with their lines.
fn read(list: impl Into<Vec<u8>>) -> Result<Vec<String>, RosterError> {
    let source = Source::Bytes {
        name: "list.csv".to_owned(),
        bytes: list.into(),
    };
    let mut roster = Roster::open(&source, &options())?;
    let (mut row, mut rows) = (Row::new(), Vec::new());
    while roster.read(&mut row)? {
        let said = match row.kind() {
            RowKind::Take(entry) => entry.member_arn().rsplit('/').next().unwrap().to_owned(),
            RowKind::Defect(defect) => defect.to_string(),
            RowKind::LeftOut => unreachable!("no filter"),
        };
        rows.push(format!("{} {said}", row.line()));
    }
    Ok(rows)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[track_caller]
fn refused(list: impl Into<Vec<u8>>, message: &str, hint: &str) {
    let error = read(list).unwrap_err();
    assert!(error.to_string().starts_with(message), "{error}");
    assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
}

#[test]
fn what_is_no_list_says_what_it_is() {
    refused(
        "{\"user_id\":\"ann\"}\n{\"user_id\":\"bob\"}\n",
        "list.csv: is JSON, not CSV",
        "jq",
    );
    refused("\n[\n {\n  \"id\": 1\n }\n]\n", "list.csv: is JSON", "jq");
    refused(
        "--\n-- PostgreSQL database dump\n--\n",
        "list.csv: is an SQL",
        "CSV",
    );
    refused(
        "%PDF-1.7\n%\u{e2}\u{e3}\n1 0 obj\n",
        "list.csv: is a PDF",
        "as CSV",
    );
    refused("<!DOCTYPE html>\n<html>", "list.csv: is HTML", "log in");
    refused(
        "-- MySQL dump 10.13\nINSERT INTO `u` VALUES (1,'ann');\n",
        "list.csv: is an SQL dump",
        "as CSV",
    );
    refused(
        b"PK\x03\x04".to_vec(),
        "list.csv: is an Excel workbook",
        "Save As",
    );
    refused("", "list.csv: is empty", "one member a line");
    refused("\n\r\n\n", "list.csv: is empty", "one member a line");
    refused(
        gzip(&gzip(b"user_id\nann\n")),
        "list.csv, line 1: is not text",
        "gzip",
    );
}

#[test]
fn nul_bytes_are_placed() {
    refused(
        "user_id\nann\nb\0b\n",
        "list.csv, line 3: is not text",
        "CSV",
    );
    refused("user_id\n\0", "list.csv, line 2: is not text", "CSV");
}

#[test]
fn a_field_of_a_million_characters_is_one_defect_of_bounded_words() {
    let long = "x".repeat(1_000_000);
    let rows = read(format!(
        "user_id,note\nann,{long}\n{long},\nbob,\"{long}\"\n"
    ))
    .unwrap();
    assert_eq!(rows[0], "2 ann");
    assert!(rows[1].starts_with("3 column `user_id`: ") && rows[1].len() < 200);
    assert_eq!(rows[2..], ["4 bob"]);
    // So is a column's name.
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
fn rows_of_other_lengths_are_defects_and_the_rest_is_read() {
    let wide = ",".repeat(100_000);
    let rows = read(format!("user_id,n\nann\nbob,1\n{wide}\ncem,2,\n\ndan,\n")).unwrap();
    let fields = |line, found| format!("{line} fields: {found}, where the header has 2");
    let wanted = [
        fields(2, 1),
        "3 bob".to_owned(),
        fields(4, 100_001),
        fields(5, 3),
        "7 dan".to_owned(),
    ];
    assert_eq!(rows, wanted);
}

#[test]
fn a_header_in_the_middle_is_no_member() {
    let again = "repeats the header, as where lists were put together";
    let rows = read("user_id,name\nann,A\nuser_id,name\nbob,B\n\u{feff}user_id,name\ncem,C\n");
    let wanted = [
        "2 ann".to_owned(),
        format!("3 {again}"),
        "4 bob".to_owned(),
        format!("5 {again}"),
        "6 cem".to_owned(),
    ];
    assert_eq!(rows.unwrap(), wanted);
    let rows = read("user_id\nann\n User_ID\nuser_id \n").unwrap();
    assert_eq!(
        rows,
        [
            "2 ann".to_owned(),
            "3 User_ID".to_owned(),
            format!("4 {again}")
        ]
    );
}

#[test]
fn mixed_encodings_cost_no_row() {
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
    // UTF-16 that ends in half a unit, or half of a pair.
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
fn line_ends_of_all_kinds_part_rows() {
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
fn packed_lists_are_read_to_their_end_or_said_to_have_none() {
    let whole = gzip(b"user_id\nann\nbob\n");
    let zstd = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
    let frames = [zstd(b"user_id\nann\n"), zstd(b""), zstd(b"bob\n")].concat();
    let members = [gzip(b"user_id\nann\n"), gzip(b""), gzip(b"bob\n")].concat();
    for list in [whole.clone(), members.clone(), frames.clone()] {
        assert_eq!(read(list).unwrap(), ["2 ann", "3 bob"]);
    }
    for cut in 2..whole.len() {
        refused(&whole[..cut], "list.csv", "fetch it again");
    }
    let cut = |list: &[u8], by| list[..list.len() - by].to_vec();
    refused(
        cut(&members, 3),
        "list.csv, line 4: the gzip data is cut short",
        "fetch it",
    );
    refused(
        cut(&frames, 2),
        "list.csv, line 3: the zstd data is cut short",
        "fetch it",
    );
    let rubbish = |list: &[u8]| [list, b"rubbish, and more of it"].concat();
    refused(
        rubbish(&whole),
        "list.csv, line 4: the gzip data is damaged",
        "pack the file again",
    );
    refused(
        rubbish(&frames),
        "list.csv, line 4: the zstd data is damaged",
        "pack the file again",
    );
}

#[test]
fn a_row_is_as_long_as_the_flag_allows_and_no_longer() {
    let channel = format!("{APP}/channel/c");
    // Behind what is read at once: the run has begun when it meets the long row.
    let rows = ids("u", 3_000).replace('\n', ",\n");
    let note = "\"\"".repeat(300 * 1024);
    let list = format!("{rows}long,\"{note}\"\n");
    let place = WorkDir::with("list.csv", &list);
    let ended = place.run_fast("list.csv", &["--channel-arn", &channel]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    let said = "list.csv, line 3002: row 3001, which begins here, is longer than 256 KiB";
    assert!(ended.stderr.contains(said), "{ended:#?}");
    assert!(
        ended.stderr.contains("raise --max-record-size"),
        "{ended:#?}"
    );
    assert_eq!(place.summary("run").rows_read, 2_048);
    // What is given is kept: with less than it, the list could not be read on.
    let resume = ended.resume();
    let resume = resume.iter().map(String::as_str).chain(["--unlimited"]);
    let mut resumed = place.command(resume.clone());
    let resumed = Ended::of(resumed.env("CHIME_BULK_MAX_RECORD_SIZE", "299"));
    assert_eq!(resumed.code, Some(3), "{resumed:#?}");
    assert!(
        resumed.stderr.contains("longer than 299 KiB"),
        "{resumed:#?}"
    );
    std::fs::write(place.path("job.toml"), "max-record-size = 301\n").unwrap();
    let flags = ["--config", "job.toml"];
    let resumed = place.run(resume.chain(flags));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 3_001)]);
    let plan = ["plan", "list.csv", "--channel-arn", &channel];
    let plan = |kib| place.run(plan.iter().chain(&["--max-record-size", kib]));
    let ended = plan("300");
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert_eq!(plan("301").code, Some(0));
}

#[test]
fn a_record_size_is_kept_with_the_run() {
    let long = format!("user_id,note\nann,{}\n", "x".repeat(300 * 1024));
    let rows = ids("u", 2_047)
        .replace('\n', ",\n")
        .replacen("user_id,\n", "", 1);
    let place = WorkDir::with("list.csv", long + &rows);
    let channel = format!("{APP}/channel/c");
    let flags = ["--channel-arn", &channel, "--max-record-size", "301"];
    let cut = place.path("list.csv");
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, [&whole[..], b"cem,\"x\n"].concat()).unwrap();
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    std::fs::write(&cut, [&whole[..], b"cem,\"x\""].concat()).unwrap();
    let resume = ended.resume();
    let resumed = place.run(resume.iter().map(String::as_str).chain(["--unlimited"]));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(place.summary("run").rows_read, 2_049);
}

/// 400 MB of text from 400 kB, read by a program that may take no more than a part of it.
#[cfg(target_os = "linux")]
#[test]
fn a_bomb_is_read_in_the_memory_of_any_list() {
    let row = format!("ann,{}\n", "x".repeat(249_995));
    let rows: Vec<u8> = row.into_bytes().repeat(160);
    let packed = gzip(&rows);
    let mut list = gzip(b"user_id,left\n");
    (0..10).for_each(|_| list.extend_from_slice(&packed));
    assert!(list.len() < 4_000_000, "{}", list.len());
    let place = WorkDir::with("list.csv.gz", &list);
    let channel = format!("{APP}/channel/c");
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let script = format!(
        "ulimit -v 200000; exec {program} plan list.csv.gz --channel-arn {channel} --where left=out --json"
    );
    let mut command = place.command([""; 0]);
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .env_clear()
        .envs(environment)
        .current_dir(place.path(""))
        .stdin(Stdio::null());
    let ended = Ended::of(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("\"rows_left_out\": 1600"),
        "{}",
        ended.stdout
    );
}

/// Runs the program with a list that is no ordinary file.
fn plan(place: &WorkDir, list: &str) -> Ended {
    let channel = format!("{APP}/channel/c");
    place.run(["plan", list, "--channel-arn", &channel])
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_read_or_refused() {
    let place = WorkDir::new();
    std::fs::create_dir(place.path("lists")).unwrap();
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
        let ended = plan(&place, list);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{}", ended.stderr);
    }
    let fifo = place.path("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    let writer = std::thread::spawn(move || std::fs::write(fifo, "user_id\nann\n"));
    let ended = plan(&place, "fifo");
    writer.join().unwrap().unwrap();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn a_list_of_a_header_alone_is_a_run_of_no_rows() {
    let place = WorkDir::with("list.csv", "user_id,name\n");
    let channel = format!("{APP}/channel/c");
    let ended = place.run_fast("list.csv", &["--channel-arn", &channel]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(place.summary("run").rows_read, 0);
    let failed = std::fs::read_to_string(place.path("run/failed.csv")).unwrap();
    assert_eq!(failed, "user_id,name\n");
}

#[test]
fn ids_that_are_paths_are_data() {
    let place = WorkDir::with(
        "list.csv",
        "channel_id,user_id\n../../etc/passwd,ann\nc,../../etc/passwd\nc,bob\n..,cem\n",
    );
    let ended = place.run_fast("list.csv", &["--app-instance-arn", APP]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let counts = tally(&place.summary("run"));
    assert_eq!(counts, [(Outcome::Added, 2), (Outcome::Invalid, 2)]);
    let failed = std::fs::read_to_string(place.path("run/failed.csv")).unwrap();
    let wanted = "channel_id,user_id\n../../etc/passwd,ann\nc,../../etc/passwd\n";
    assert_eq!(failed, wanted);
}

#[cfg(unix)]
#[test]
fn no_name_steers_the_terminal_or_leaves_its_directory() {
    let place = WorkDir::new();
    let list = "..\\\u{1b}[2J\u{202e}\u{9b}\n.csv";
    std::fs::write(place.path(list), "user\u{1b}[2J\u{202e},name\nann,A\n").unwrap();
    let channel = format!("{APP}/channel/c");
    let dir = "run\u{1b}[2J'\u{202e}";
    let harmless = |text: &str| {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
    };
    let with = |flags: &[&str]| {
        let base = ["run", list, "--channel-arn", &channel];
        place.run(base.iter().chain(&FAST).chain(flags))
    };
    for flags in [
        &[][..],
        &["--member-column", "use\u{1b}[2J"],
        &["--member-column", "1", "--run-dir", dir],
        &["--member-column", "1", "--run-dir", dir],
        &["--member-column", "1"],
    ] {
        let ended = with(flags);
        harmless(&ended.stderr);
        harmless(&ended.stdout);
    }
    let summary = std::fs::read_to_string(place.path(dir).join("summary.json")).unwrap();
    assert!(summary.contains("\"rows_read\": 1"), "{summary}");
    let runs: Vec<_> = std::fs::read_dir(place.path("runs"))
        .unwrap()
        .map(|run| run.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    harmless(&runs[0]);
    harmless(&plan(&place, list).stderr);
    harmless(&place.run(["resume", "none\u{1b}[2J"]).stderr);
}

/// Reports are data: they contain what the list contains, formulas too. A program that
/// evaluates cells must be told that they are text; a character put before would make
/// `failed.csv` another list.
#[test]
fn fields_that_spreadsheets_take_for_formulas_are_kept() {
    let list = "user_id,note\n=1+1,=HYPERLINK(\"x\")\n+ann,-1\n@bob,\"=a\nb\"\ncem,=1\n";
    let place = WorkDir::with("list.csv", list);
    let channel = format!("{APP}/channel/c");
    let ended = place.run_fast("list.csv", &["--channel-arn", &channel]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let mut failed = csv::Reader::from_path(place.path("run/failed.csv")).unwrap();
    let failed: Vec<_> = failed.records().map(Result::unwrap).collect();
    let wanted = [
        ["=1+1", "=HYPERLINK(\"x\")"],
        ["+ann", "-1"],
        ["@bob", "=a\nb"],
    ];
    assert_eq!(
        failed,
        wanted.map(|row| csv::StringRecord::from(row.to_vec()))
    );
    let members: Vec<_> = place
        .results("run")
        .iter()
        .map(|row| row[2].to_owned())
        .collect();
    assert_eq!(members[..3], ["=1+1", "+ann", "@bob"]);
}
