//! `failed.csv` is a list that `run` accepts as it is.

use chime_bulk::model::Outcome;

use crate::support::program::{APP, CHANNEL, WorkDir, tally};

/// Imports a list of four rows, of which `gone1` and `gone2` fail, then imports `failed.csv`.
/// Returns the content of `failed.csv`.
fn import_twice(list: &[u8], flags: &[&str]) -> String {
    let flags = [flags, &["--channel-arn", CHANNEL]].concat();
    let work_dir = WorkDir::with("list.csv", list);
    let refused = [&flags[..], &["--missing-users", "gone"]].concat();
    let first = work_dir.run_fast("list.csv", &refused);
    assert_eq!(first.code, Some(1), "{first:#?}");
    let expected = [(Outcome::Added, 2), (Outcome::Failed, 2)];
    assert_eq!(tally(&work_dir.summary("run")), expected);

    let failed = std::fs::read_to_string(work_dir.path("run/failed.csv")).unwrap();
    std::fs::rename(work_dir.path("run"), work_dir.path("first")).unwrap();
    let second = work_dir.run_fast("first/failed.csv", &flags);
    assert_eq!(second.code, Some(0), "{second:#?}\n{failed}");
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

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once('\u{feff}').chain(text.chars());
    let text: String = units.collect();
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn failed_csv_has_the_columns_of_the_list() {
    let list = "Name,user_id,\"Remark, if any\"\nAda,u1,\nBo,gone1,\"a \"\"b\"\"\nc\"\nCy,u2,\nDé,gone2,x\n";
    let expected = "Name,user_id,\"Remark, if any\"\nBo,gone1,\"a \"\"b\"\"\nc\"\nDé,gone2,x\n";
    assert_eq!(import_twice(list.as_bytes(), &[]), expected);
}

#[test]
fn failed_csv_of_a_list_without_header_has_none() {
    let failed = import_twice(b"u1\ngone1\nu2\ngone2\n", &["--no-header"]);
    assert_eq!(failed, "gone1\ngone2\n");
    // The missing header is also detected.
    assert_eq!(
        import_twice(b"gone1\nu1\nu2\ngone2\n", &[]),
        "gone1\ngone2\n"
    );
}

#[test]
fn failed_csv_has_the_delimiter_of_the_list() {
    let list = "Name;user_id;Ort\r\nA;u1;X, Y\r\nB;gone1;X, Y\r\nC;u2;\r\nD;gone2;\r\n";
    let failed = import_twice(list.as_bytes(), &[]);
    assert_eq!(failed, "Name;user_id;Ort\nB;gone1;X, Y\nD;gone2;\n");
}

#[test]
fn failed_csv_of_a_utf_16_list_can_be_imported() {
    let list = utf16("Name\tuser_id\r\nÅsa\tu1\r\nBœuf\tgone1\r\nC\tu2\r\n東\tgone2\r\n");
    let failed = import_twice(&list, &[]);
    let expected = "Name\tuser_id\nBœuf\tgone1\n東\tgone2\n";
    assert_eq!(failed.trim_start_matches('\u{feff}'), expected);
    // Even with `--encoding`, although `failed.csv` is UTF-8.
    let list = &list[2..];
    let failed = import_twice(list, &["--encoding", "utf-16le"]);
    assert_eq!(failed.trim_start_matches('\u{feff}'), expected);
}

#[test]
fn failed_csv_has_defective_rows_but_no_duplicates() {
    let work_dir = WorkDir::with("list.csv", "user_id,n\nu1,1\n a b,2\nu1,3\nu2,4\n");
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let failed = std::fs::read_to_string(work_dir.path("run/failed.csv")).unwrap();
    assert_eq!(failed, "user_id,n\n a b,2\n");
}
