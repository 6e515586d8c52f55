//! Lists as people have them: each kind is read as it is meant, or refused with the flag that decides.

use std::path::Path;

use super::*;

/// A list of `tests/lists/`.
fn list(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    std::fs::read(dir.join(name)).unwrap()
}

fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = one_channel();
    change(&mut options);
    options
}

fn named(member: &str) -> Options {
    with(|options| options.member_column = Some(member.to_owned()))
}

/// Why a list is refused, and how to fix it.
fn refusal(text: impl Into<Vec<u8>>, options: &Options) -> (String, String) {
    let error = match open(text, options) {
        Ok(roster) => panic!("accepted: {}", roster.detected()),
        Err(error) => error,
    };
    (error.to_string(), error.hint().unwrap_or_default())
}

/// The notes of a list read to its end.
fn notes(text: impl Into<Vec<u8>>, options: &Options) -> ListNotes {
    let mut roster = open(text, options).unwrap();
    let mut row = Row::new();
    while roster.read(&mut row).unwrap() {}
    roster.notes()
}

#[test]
fn several_members_in_a_line_are_refused() {
    let text = String::from_utf8(list("aws-text-one-line.txt")).unwrap();
    let commas = text.replace('\t', ",");
    let pairs = format!("{},{}\n", user("a"), user("b")).repeat(3);
    let mixed = format!("{};x;{}\n", user("a"), user("b"));
    for text in [text, commas, pairs, mixed] {
        let (error, hint) = refusal(text.clone(), &one_channel());
        assert!(error.contains(" columns hold members: 1, "), "{error}");
        assert!(hint.contains("--member-column"), "{hint}");
        assert!(open(text, &named("1")).is_ok());
    }
}

#[test]
fn lines_above_the_header_are_refused_or_skipped() {
    for (name, lines, ids) in [
        ("title-line.csv", 1, ["c/u1", "c/u2"]),
        ("title-line-one-column.csv", 1, ["c/u1", "c/u2"]),
        ("powershell-type-line.csv", 1, ["c/u1", "c/u2"]),
    ] {
        let (error, hint) = refusal(list(name), &one_channel());
        assert!(
            error.ends_with(&format!("not the first line; lines above it: {lines}")),
            "{error}"
        );
        assert!(hint.contains(&format!("--skip-lines {lines} ")), "{hint}");
        let options = with(|options| options.skip_lines = lines);
        assert_eq!(verdicts(list(name), &options), ids, "{name}");
    }
    let text = "Report\r\n\r\n2026-01-01;all\r\nuser_id;name\r\nu1;A\r\n";
    let (_, hint) = refusal(text, &one_channel());
    assert!(hint.contains("--skip-lines 3 "), "{hint}");
    let options = with(|options| options.skip_lines = 3);
    let found = rows(open(text, &options).unwrap()).unwrap();
    assert_eq!(found, [(5, "c/u1".to_owned())]);
    // A title whose quotes are not closed, and one that is narrower than the table.
    let options = with(|options| options.skip_lines = 1);
    assert_eq!(verdicts("The \"list\nuser_id\nu1\n", &options), ["c/u1"]);
    refusal("Members of 2026\nx,y\nu1,A\n", &named("1"));
    // More lines than there are.
    let options = with(|options| options.skip_lines = 9);
    let (error, _) = refusal("user_id\nu1", &options);
    assert_eq!(error, "list.csv: is empty");
}

#[test]
fn the_name_of_a_column_is_never_a_member() {
    let text = "user_id,x\nu1,a\nUser ID,b\nmember_arn,c\n";
    let found = verdicts(text, &one_channel());
    assert_eq!(found[0], "c/u1");
    for row in &found[1..] {
        assert!(row.contains("the name of a column"), "{row}");
    }
    let options = with(|options| options.header = Some(false));
    assert!(verdicts("user_id\nu1\n", &options)[0].contains("the name of a column"));
}

#[test]
fn a_first_line_unlike_all_others_is_a_header() {
    let roster = open(list("gam-one-column.csv"), &one_channel()).unwrap();
    assert!(
        roster.detected().contains("so it counts as the header"),
        "{}",
        roster.detected()
    );
    assert_eq!(rows(roster).unwrap().len(), 2);
    for text in [
        "Employee number\n1001\n1002\n",
        "employee\n5f7c1a9e-0c1d-4b8e-9a52-6d0e3b7f2c41\n",
        "Login of user\nann\nbob\n",
    ] {
        let rows = verdicts(text, &one_channel());
        assert_eq!(rows.len(), text.lines().count() - 1, "{text}");
    }
    // The same without a line end after the last row.
    assert_eq!(
        verdicts("mail\nu1@example.com", &one_channel()),
        ["c/u1@example.com"]
    );
}

#[test]
fn a_first_line_that_may_be_both_is_refused() {
    for (text, member) in [
        ("alice\nbob2\ncarol3\n", None),
        ("anna,smith\nbob,jones\n", Some("1")),
        ("anna,smith\n", Some("2")),
    ] {
        let options = with(|options| options.member_column = member.map(str::to_owned));
        let (error, hint) = refusal(text, &options);
        assert!(
            error.contains("not clear whether the first line"),
            "{error}"
        );
        assert!(
            hint.contains("--header") && hint.contains("--no-header"),
            "{hint}"
        );
        for (header, count) in [(true, 1), (false, 0)] {
            let options = Options {
                header: Some(header),
                ..options.clone()
            };
            let rows = verdicts(text, &options).len();
            assert_eq!(rows, text.lines().count() - count, "{text}");
        }
    }
}

#[test]
fn a_position_leaves_the_header_a_header() {
    let (_, hint) = refusal(list("unknown-headings.csv"), &one_channel());
    assert!(hint.ends_with("--member-column 'employee_no'"), "{hint}");
    for member in ["1", "employee_no"] {
        assert_eq!(
            verdicts(list("unknown-headings.csv"), &named(member)),
            ["c/E1", "c/E2"]
        );
    }
    // A row is a row, whatever its position.
    assert_eq!(verdicts("1,u1\n2,u2\n", &named("2")), ["c/u1", "c/u2"]);
}

#[test]
fn two_columns_of_a_needed_name_are_refused() {
    let (error, hint) = refusal("user_id,name,User-ID\nu1,A,x\n", &one_channel());
    assert_eq!(
        error,
        "list.csv, line 1: columns 1 and 3 are both called `user_id`"
    );
    assert!(hint.contains("1 or 3"), "{hint}");
    assert_eq!(
        verdicts("user_id,name,User-ID\nu1,A,x\n", &named("3")),
        ["c/x"]
    );
    // Of others it does not matter.
    assert_eq!(
        verdicts("user_id,note,note\nu1,,\n", &one_channel()),
        ["c/u1"]
    );
    let options = with(|options| options.filters = vec!["note=x".parse().unwrap()]);
    refusal("user_id,note,note\nu1,,\n", &options);
}

#[test]
fn fields_left_out_at_the_end_are_empty() {
    let roster = open(list("excel-short-rows.csv"), &one_channel()).unwrap();
    let all = rows(roster).unwrap();
    assert!(
        all.iter().all(|(_, row)| row.starts_with("c/u0")),
        "{all:?}"
    );
    assert!(notes(list("excel-short-rows.csv"), &one_channel()).irregular_rows > 0);
    let text = "x,user_id,membership_type\n1,u1,HIDDEN\n2,u2\n3\n4,u4,,,\n5,u5,,x\n";
    assert_eq!(
        verdicts(text, &one_channel()),
        [
            "c/u1",
            "c/u2",
            "fields: 1, where the header has 3",
            "c/u4",
            "fields: 4, where the header has 3"
        ]
    );
    assert_eq!(notes(text, &one_channel()).irregular_rows, 2);
}

#[test]
fn rows_of_nothing_are_blank_lines() {
    assert_eq!(
        verdicts(list("ghost-rows.csv"), &one_channel()),
        ["c/u1", "c/u2"]
    );
    let text = "user_id;name\n ; \nu1;A\n\"\";\n   \n;;;\n";
    assert_eq!(
        rows(open(text, &one_channel()).unwrap()).unwrap(),
        [(3, "c/u1".to_owned())]
    );
}

#[test]
fn the_separator_line_is_read_as_spreadsheets_write_it() {
    assert_eq!(verdicts(list("sep-caret.csv"), &one_channel()), ["c/u1"]);
    for line in [
        "sep=;",
        "SEP=;",
        "\"sep=;\"",
        " sep=; ",
        "sep= ;",
        "sep=;;;",
        "sep=;,,",
        "\"Sep=;\",,",
    ] {
        let text = format!("{line}\nuser_id;a,b\nu1;x\n");
        let found = rows(open(text, &one_channel()).unwrap()).unwrap();
        assert_eq!(found, [(3, "c/u1".to_owned())], "{line}");
    }
    let tab = "sep=\t\r\nuser_id\tname;x,y\r\nu1\tA\r\n";
    assert_eq!(verdicts(tab, &one_channel()), ["c/u1"]);
}

#[test]
fn any_encoding_is_read() {
    let options = with(|options| options.encoding = Some("sjis".parse().unwrap()));
    let roster = open(list("shift-jis.csv"), &options).unwrap();
    assert!(
        roster.detected().starts_with("Shift_JIS, comma, header"),
        "{}",
        roster.detected()
    );
    assert_eq!(rows(roster).unwrap().len(), 2);
    let text = b"user_id,name\nu1,A\nu2,\xC4\n";
    assert_eq!(notes(text, &one_channel()).fallback_rows, 1);
}

#[test]
fn compressed_lists_are_read_to_their_end() {
    for (name, count) in [("pzstd.csv.zst", 2_000), ("zero-padded.csv.gz", 500)] {
        let found = verdicts(list(name), &one_channel());
        assert!(found.iter().all(|row| row.starts_with("c/")), "{name}");
        assert!(
            found.len() >= count.min(found.len()) && found.len() > 100,
            "{name}: {}",
            found.len()
        );
    }
    for name in ["pzstd.csv.zst", "zero-padded.csv.gz"] {
        let text = [&list(name)[..], &vec![0; 70_000], b"u1\n"].concat();
        let error = rows(open(text, &one_channel()).unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("bytes follow that are no"),
            "{error}"
        );
    }
}

#[test]
fn filters_compare_in_any_case_and_unused_values_are_named() {
    let filter = |text: &str| {
        let filters = vec![text.parse().unwrap()];
        with(|options| options.filters = filters)
    };
    let text = list("excel-booleans.csv");
    assert_eq!(
        verdicts(text, &filter("email_verified!=false")),
        ["c/u1", "-"]
    );
    let text = "user_id,status\nu1,Member\nu2,Bot\n";
    let found = notes(text, &filter("status!=Deactivated,Bot"));
    assert_eq!(
        found.unused_filters,
        [UnusedFilter {
            condition: "status!=Deactivated,Bot".to_owned(),
            values: vec!["Member".to_owned(), "Bot".to_owned()],
        }]
    );
    assert!(
        notes(text, &filter("status!=BOT"))
            .unused_filters
            .is_empty()
    );
}

#[test]
fn suspicious_ids_are_counted() {
    let text = "user_id\nu1\nNULL\n1001.0\nTotal\n";
    let found = notes(text, &one_channel()).suspicious;
    assert_eq!((found.rows, &found.examples[..]), (3, &[2, 3, 4][..]));
    let listed = "user_id,channel\nu1,test\nu2,g\n";
    let options = Options {
        app_instance: Some(HOME.parse().unwrap()),
        ..Options::default()
    };
    assert_eq!(notes(listed, &options).suspicious.examples, [1]);
    // The one channel of all rows is not of the list.
    let options = with(|options| options.channel_arn = Some(channel("test").parse().unwrap()));
    assert_eq!(notes("user_id\nu1\n", &options).suspicious.rows, 0);
}

#[test]
fn ids_are_built_from_columns() {
    let options = Options {
        app_instance: Some(HOME.parse().unwrap()),
        member_template: Some("user-{employee_id}".parse().unwrap()),
        channel_template: Some("team-{department}".parse().unwrap()),
        ..Options::default()
    };
    let text = "employee_id,department\n7,ops\n,ops\n8,\n9,a b\n";
    let found = verdicts(text, &options);
    assert_eq!(found[0], "team-ops/user-7");
    assert_eq!(
        found[1],
        "column `employee_id`: empty, but the template needs it"
    );
    assert_eq!(
        found[2],
        "column `department`: empty, but the template needs it"
    );
    assert!(found[3].contains("visible ASCII"), "{}", found[3]);
    let (error, _) = refusal("id,department\n7,ops\n", &options);
    assert!(error.contains("no column `employee_id`"), "{error}");
}

#[test]
fn a_limit_takes_the_first_good_rows() {
    let options = with(|options| options.limit = Some(2));
    let text = "user_id,x\nbad id,\nu1,\nu2,\nu3,\n";
    let mut roster = open(text, &options).unwrap();
    let mut row = Row::new();
    let mut count = 0;
    while roster.read(&mut row).unwrap() {
        count += 1;
    }
    assert_eq!(count, 3);
    assert!(roster.notes().limit_reached);
}

#[test]
fn the_columns_of_failed_csv_are_left_out() {
    let text = "row,user_id,error_code,error_message,row\n\
                1,u1,NotFoundException,gone,7\n2,u2\n3,u3,x\n4,u4,,,\n";
    let roster = open(text, &one_channel()).unwrap();
    assert_eq!(roster.layout().header(), ["row", "user_id"]);
    assert!(
        rows(roster)
            .unwrap()
            .iter()
            .all(|(_, row)| row.starts_with("c/u"))
    );
}

#[test]
fn failed_csv_is_whole_with_the_flags_of_its_list() {
    for text in [
        "user_id,x,error_code,error_message,row\nu1,a,NotFound,gone,1\nu2,b,NotFound,gone,2\n",
        "sep=^\nuser_id^x^error_code^error_message^row\nu1^a^NotFound^gone^1\nu2^b^x^y^2\n",
    ] {
        for header in [None, Some(false)] {
            let options = with(|options| {
                options.skip_lines = 2;
                options.header = header;
            });
            assert_eq!(verdicts(text, &options), ["c/u1", "c/u2"], "{text}");
        }
    }
}

#[test]
fn headings_above_words_are_known_or_refused() {
    for heading in [
        "Mitglied",
        "Teilnehmer",
        "uid",
        "UUID",
        "slack_id",
        "utilisateur",
    ] {
        let text = format!("{heading}\nalice\nbob\n");
        assert_eq!(
            verdicts(text, &one_channel()),
            ["c/alice", "c/bob"],
            "{heading}"
        );
    }
    refusal("Colaborador\nalice\nbob\n", &one_channel());
    assert_eq!(
        verdicts("Alice\nBob\n", &one_channel()),
        ["c/Alice", "c/Bob"]
    );
}

#[test]
fn a_column_of_types_by_a_plain_name_is_said_to_be_unused() {
    let roster = open("user_id,type\nu1,HIDDEN\n", &one_channel()).unwrap();
    assert!(
        roster.detected().ends_with("(column `type` is not used)"),
        "{}",
        roster.detected()
    );
    let options = with(|options| options.type_column = Some("type".to_owned()));
    let roster = open("user_id,type\nu1,HIDDEN\n", &options).unwrap();
    assert!(
        !roster.detected().contains("not used"),
        "{}",
        roster.detected()
    );
}

#[test]
fn a_list_that_is_not_utf_8_is_said_to_be_so() {
    let text = b"Gr\xF6\xDFe,user_id\n\xE4,u1\n\xF6,u2\n";
    let roster = open(text, &one_channel()).unwrap();
    assert!(
        roster
            .detected()
            .starts_with("not UTF-8, Windows-1252 is assumed")
    );
    assert_eq!(notes(text, &one_channel()).fallback_rows, 2);
}
