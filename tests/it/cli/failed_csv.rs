//! `failed.csv` is a list that `run` accepts as it is, and has the reason of each row.

use chime_bulk::model::Outcome;
use chime_bulk::roster::Encoding;

use crate::support::program::{APP, CHANNEL, WorkDir, tally};

/// Imports a list of four rows, of which `gone1` and `gone2` fail, then imports `failed.csv`.
/// Returns the content of `failed.csv`.
fn import_twice(list: &[u8], flags: &[&str]) -> Vec<u8> {
    let flags = [flags, &["--channel-arn", CHANNEL]].concat();
    let work_dir = WorkDir::with("list.csv", list);
    let refused = [&flags[..], &["--missing-users", "gone"]].concat();
    let first = work_dir.run_fast("list.csv", &refused);
    assert_eq!(first.code, Some(1), "{first:#?}");
    let expected = [(Outcome::Added, 2), (Outcome::Failed, 2)];
    assert_eq!(tally(&work_dir.summary("run")), expected);

    let failed = std::fs::read(work_dir.path("run/failed.csv")).unwrap();
    std::fs::rename(work_dir.path("run"), work_dir.path("first")).unwrap();
    // What fails again does not get the reason a second time.
    let again = work_dir.run_fast("first/failed.csv", &refused);
    assert_eq!(again.code, Some(1), "{again:#?}");
    let failed_again = std::fs::read(work_dir.path("run/failed.csv")).unwrap();
    let rows = |failed: &[u8]| failed.split(|byte| *byte == b'\n').count();
    assert_eq!(rows(&failed_again), rows(&failed));
    std::fs::remove_dir_all(work_dir.path("run")).unwrap();

    let second = work_dir.run_fast("first/failed.csv", &flags);
    assert_eq!(second.code, Some(0), "{second:#?}\n{failed:?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 2)]);
    let arns: Vec<_> = work_dir
        .results("run")
        .iter()
        .map(|r| r[2].to_owned())
        .collect();
    let users = ["gone1", "gone2"].map(|id| format!("{APP}/user/{id}"));
    assert_eq!(arns, users);
    failed
}

fn import_text_twice(list: &str, flags: &[&str]) -> String {
    String::from_utf8(import_twice(list.as_bytes(), flags)).unwrap()
}

const WHY: &str = "NotFound,the user does not exist";

#[test]
fn failed_csv_has_the_columns_of_the_list_and_the_reasons() {
    let list =
        "Name,user_id,\"Remark, if any\"\nAda,u1,\nBo,gone1,\"a \"\"b\"\"\nc\"\nCy,u2,\nDé,gone2\n";
    let expected = format!(
        "Name,user_id,\"Remark, if any\",error_code,error_message,row\n\
         Bo,gone1,\"a \"\"b\"\"\nc\",{WHY},2\nDé,gone2,,{WHY},4\n"
    );
    assert_eq!(import_text_twice(list, &[]), expected);
}

#[test]
fn the_lists_own_columns_may_have_the_names_of_the_reasons() {
    let list = "row,user_id,error_code\n7,u1,x\n8,gone1,y\n9,u2,\n10,gone2,z\n";
    let expected = format!(
        "row,user_id,error_code,error_code,error_message,row\n8,gone1,y,{WHY},2\n10,gone2,z,{WHY},4\n"
    );
    assert_eq!(import_text_twice(list, &[]), expected);
}

#[test]
fn failed_csv_of_a_list_without_header_has_one() {
    let expected = format!("member,error_code,error_message,row\ngone1,{WHY},2\ngone2,{WHY},4\n");
    let failed = import_text_twice("u1\ngone1\nu2\ngone2\n", &["--no-header"]);
    assert_eq!(failed, expected);
    // The missing header is also detected.
    let failed = import_text_twice("u1\ngone1\nu2\ngone2\n", &[]);
    assert_eq!(failed, expected);
    let list = "1,u1\n2,gone1\n3,u2\n4,gone2\n";
    let failed = import_text_twice(list, &["--member-column", "2"]);
    assert!(
        failed.starts_with("column_1,member,error_code,"),
        "{failed}"
    );
}

#[test]
fn failed_csv_has_the_delimiter_of_the_list() {
    let list = "Name;user_id;Ort\r\nA;u1;X, Y\r\nB;gone1;X, Y\r\nC;u2;\r\nD;gone2;\r\n";
    let why = WHY.replace(',', ";");
    let failed = import_text_twice(list, &[]);
    let expected = format!(
        "Name;user_id;Ort;error_code;error_message;row\nB;gone1;X, Y;{why};2\nD;gone2;;{why};4\n"
    );
    assert_eq!(failed, expected);
    let list = "sep=^\nName^user_id\nA^u1\nB^gone1\nC^u2\nD^gone2\n";
    let failed = import_text_twice(list, &[]);
    assert!(
        failed.starts_with("sep=^\nName^user_id^error_code^"),
        "{failed}"
    );
}

#[test]
fn failed_csv_has_the_encoding_of_the_list() {
    let lists = [
        (
            "utf-8",
            "Name,user_id\nÅsa,u1\nBœuf,gone1\nC,u2\n東,gone2\n",
            true,
        ),
        (
            "utf-16le",
            "Name\tuser_id\nÅsa\tu1\nBœuf\tgone1\nC\tu2\n東\tgone2\n",
            true,
        ),
        (
            "utf-16be",
            "Name\tuser_id\nÅsa\tu1\nBœuf\tgone1\nC\tu2\n東\tgone2\n",
            false,
        ),
        (
            "shift_jis",
            "名前,user_id\n東,u1\n西,gone1\n南,u2\n北,gone2\n",
            false,
        ),
        (
            "windows-1252",
            "Größe,user_id\nä,u1\nö,gone1\nü,u2\nß,gone2\n",
            false,
        ),
    ];
    for (label, list, has_mark) in lists {
        let encoding: Encoding = label.parse().unwrap();
        let mark = if has_mark { "\u{feff}" } else { "" };
        let text = format!("{mark}{list}");
        let list_bytes = encoding.encode(&text);
        let flags: &[&str] = if has_mark {
            &[]
        } else {
            &["--encoding", label]
        };
        let failed = import_twice(&list_bytes, flags);
        for line in list.lines().filter(|line| line.contains("gone")) {
            let line = encoding.encode(line);
            let mut windows = failed.windows(line.len());
            assert!(
                windows.any(|window| window == &*line),
                "{label}: {failed:?}"
            );
        }
        assert_eq!(
            failed.starts_with(&encoding.encode("\u{feff}")),
            has_mark || label == "utf-16be"
        );
    }
}

#[test]
fn failed_csv_has_defective_rows_but_no_duplicates() {
    let work_dir = WorkDir::with("list.csv", "user_id,n\nu1,1\n a b,2\nu1,3\nu2,4\n");
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let failed = std::fs::read_to_string(work_dir.path("run/failed.csv")).unwrap();
    let (header, rest) = failed.split_once('\n').unwrap();
    assert_eq!(header, "user_id,n,error_code,error_message,row");
    assert!(
        rest.starts_with(" a b,2,Defect,") && rest.ends_with(",2\n"),
        "{rest}"
    );
    assert_eq!(rest.lines().count(), 1);
}

#[test]
fn the_reports_of_a_list_in_no_declared_encoding_are_written_again() {
    let list = b"user_id,name\nu1,A\ngone1,\xC4\nu2,B\n";
    let work_dir = WorkDir::with("list.csv", list);
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    let first = work_dir.run_fast("list.csv", &flags);
    assert_eq!(first.code, Some(1), "{first:#?}");
    let failed = std::fs::read(work_dir.path("run/failed.csv")).unwrap();
    assert!(failed.starts_with("\u{feff}user_id,name,error_code".as_bytes()));
    for command in ["report", "retry"] {
        let output = work_dir.run([command, "run"]);
        assert!(matches!(output.code, Some(0 | 1)), "{output:#?}");
    }
}
