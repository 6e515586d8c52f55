//! `failed.csv` is a list as good as the one it comes from: given to `run` as it is, it works.

use chime_bulk::model::Outcome;

use crate::support::program::{APP, WorkDir, tally};

/// Imports a list of four rows of which `gone1` and `gone2` are refused, then what failed.
fn retries(list: &[u8], flags: &[&str]) -> String {
    let channel = format!("{APP}/channel/c");
    let flags = [flags, &["--channel-arn", &channel]].concat();
    let place = WorkDir::with("list.csv", list);
    let refused = [&flags[..], &["--missing-users", "gone"]].concat();
    let first = place.run_fast("list.csv", &refused);
    assert_eq!(first.code, Some(1), "{first:#?}");
    let expected = [(Outcome::Added, 2), (Outcome::Failed, 2)];
    assert_eq!(tally(&place.summary("run")), expected);

    let failed = std::fs::read_to_string(place.path("run/failed.csv")).unwrap();
    std::fs::rename(place.path("run"), place.path("first")).unwrap();
    let second = place.run_fast("first/failed.csv", &flags);
    assert_eq!(second.code, Some(0), "{second:#?}\n{failed}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 2)]);
    let arns: Vec<_> = place
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
fn keeps_the_columns_of_the_list() {
    let list = "Name,user_id,\"Remark, if any\"\nAda,u1,\nBo,gone1,\"a \"\"b\"\"\nc\"\nCy,u2,\nDé,gone2,x\n";
    let expected = "Name,user_id,\"Remark, if any\"\nBo,gone1,\"a \"\"b\"\"\nc\"\nDé,gone2,x\n";
    assert_eq!(retries(list.as_bytes(), &[]), expected);
}

#[test]
fn of_a_list_without_header() {
    let failed = retries(b"u1\ngone1\nu2\ngone2\n", &["--no-header"]);
    assert_eq!(failed, "gone1\ngone2\n");
    // Nor need it be said.
    assert_eq!(retries(b"gone1\nu1\nu2\ngone2\n", &[]), "gone1\ngone2\n");
}

#[test]
fn of_a_list_with_semicolons() {
    let list = "Name;user_id;Ort\r\nA;u1;X, Y\r\nB;gone1;X, Y\r\nC;u2;\r\nD;gone2;\r\n";
    let failed = retries(list.as_bytes(), &[]);
    assert_eq!(failed, "Name;user_id;Ort\nB;gone1;X, Y\nD;gone2;\n");
}

#[test]
fn of_a_list_in_utf_16() {
    let list = utf16("Name\tuser_id\r\nÅsa\tu1\r\nBœuf\tgone1\r\nC\tu2\r\n東\tgone2\r\n");
    let failed = retries(&list, &[]);
    let expected = "Name\tuser_id\nBœuf\tgone1\n東\tgone2\n";
    assert_eq!(failed.trim_start_matches('\u{feff}'), expected);
    // Also where the encoding was said, which is no longer that of the failures.
    let list = &list[2..];
    let failed = retries(list, &["--encoding", "utf-16le"]);
    assert_eq!(failed.trim_start_matches('\u{feff}'), expected);
}

#[test]
fn holds_defective_rows_but_no_duplicates() {
    let place = WorkDir::with("list.csv", "user_id,n\nu1,1\n a b,2\nu1,3\nu2,4\n");
    let channel = format!("{APP}/channel/c");
    let ended = place.run_fast("list.csv", &["--channel-arn", &channel]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let failed = std::fs::read_to_string(place.path("run/failed.csv")).unwrap();
    assert_eq!(failed, "user_id,n\n a b,2\n");
}
