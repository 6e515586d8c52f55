//! `retry` of a finished run.

use std::fmt::Write as _;

use chime_bulk::report::Status;

use crate::support::program::{APP, CHANNEL, FAST, Output, WorkDir, ids};

/// A run of two channels with 150 rows each. Two users of the first are missing, and all of the second
/// channel is.
fn finished() -> WorkDir {
    let mut list = "channel_id,user_id\n".to_owned();
    for id in ids("u", 148).lines().skip(1).chain(["gone1", "gone2"]) {
        let _ = writeln!(list, "there,{id}");
    }
    for id in ids("v", 150).lines().skip(1) {
        let _ = writeln!(list, "lost,{id}");
    }
    let work_dir = WorkDir::with("list.csv", list);
    let flags = [
        "--app-instance-arn",
        APP,
        "--missing-users",
        "gone",
        "--missing-channels",
        "lost",
    ];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!((summary.added, summary.failed), (148, 152));
    work_dir
}

fn retry(work_dir: &WorkDir, flags: &[&str]) -> Output {
    let sandbox = FAST.iter().filter(|flag| **flag != "--sandbox");
    work_dir.run(["retry", "run"].iter().chain(sandbox).chain(flags))
}

/// The number of rows of a channel with this outcome, and the attempts of the last of them.
fn rows(work_dir: &WorkDir, channel: &str, outcome: &str) -> (usize, String) {
    let rows = work_dir.results("run");
    let of: Vec<_> = rows
        .iter()
        .filter(|row| row[1].ends_with(channel) && &row[4] == outcome)
        .collect();
    let attempts = of.last().map_or(String::new(), |row| row[7].to_owned());
    (of.len(), attempts)
}

#[test]
fn retry_sends_the_failed_rows_and_no_others() {
    let work_dir = finished();
    let calls = work_dir.summary("run").calls;
    let output = retry(&work_dir, &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!((summary.added, summary.failed), (300, 0));
    // Two calls for the 150 rows of the missing channel, one for the two missing users.
    assert_eq!(summary.calls, calls + 3);
    assert_eq!(rows(&work_dir, "there", "added"), (150, "2".to_owned()));
    let status = work_dir.run(["status", "run", "--json"]).stdout;
    let status: Status = serde_json::from_str(&status).unwrap();
    assert_eq!((status.passes, status.added, status.open), (2, 300, 0));
    assert_eq!(status.next, None);

    let again = retry(&work_dir, &[]);
    assert_eq!(again.code, Some(2), "{again:#?}");
    assert!(again.stderr.contains("no row to retry"), "{again:#?}");
    assert_eq!(work_dir.summary("run"), summary);
}

#[test]
fn codes_selects_the_failed_rows_to_retry() {
    let work_dir = finished();
    let code = |channel: &str| {
        let rows = work_dir.results("run");
        let failed = |row: &&csv::StringRecord| row[1].ends_with(channel) && &row[4] == "failed";
        rows.iter().find(failed).unwrap()[5].to_owned()
    };
    let (member, channel) = (code("there"), code("lost"));
    assert_ne!(member, channel);
    assert_eq!(retry(&work_dir, &["--codes", "NoSuchCode"]).code, Some(2));
    let output = retry(&work_dir, &["--codes", &member]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_eq!(rows(&work_dir, "there", "added").0, 150);
    assert_eq!(rows(&work_dir, "lost", "failed").0, 150);
    let output = retry(&work_dir, &["--codes", &channel.to_lowercase()]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(rows(&work_dir, "lost", "added").0, 150);
}

#[test]
fn rows_that_fail_again_stay_failed() {
    let work_dir = finished();
    let flags = ["--missing-users", "gone1", "--missing-channels", "lost"];
    let output = retry(&work_dir, &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!((summary.added, summary.failed), (149, 151));
    assert_eq!(rows(&work_dir, "there", "failed"), (1, "2".to_owned()));
}

#[test]
fn retry_refuses_an_unfinished_run() {
    let list = ids("u", 300);
    let work_dir = WorkDir::with("list.csv", list);
    let flags = [
        "--channel-arn",
        CHANNEL,
        "--missing-users",
        "u1",
        "--max-failures",
        "0",
    ];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(4), "{output:#?}");
    let output = retry(&work_dir, &[]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.contains("chime-bulk resume run"),
        "{output:#?}"
    );
}
