//! A finished run that retries what failed.

use std::fmt::Write as _;

use chime_bulk::report::Status;

use crate::support::program::{APP, Ended, FAST, WorkDir, ids};

/// Two channels: of one two users are missing, and the other channel is itself. 150 rows of each.
fn finished() -> WorkDir {
    let mut list = "channel_id,user_id\n".to_owned();
    for id in ids("u", 148).lines().skip(1).chain(["gone1", "gone2"]) {
        let _ = writeln!(list, "there,{id}");
    }
    for id in ids("v", 150).lines().skip(1) {
        let _ = writeln!(list, "lost,{id}");
    }
    let place = WorkDir::with("list.csv", list);
    let flags = [
        "--app-instance-arn",
        APP,
        "--missing-users",
        "gone",
        "--missing-channels",
        "lost",
    ];
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!((summary.added, summary.failed), (148, 152));
    place
}

fn retry(place: &WorkDir, flags: &[&str]) -> Ended {
    let sandbox = FAST.iter().filter(|flag| **flag != "--sandbox");
    place.run(["retry", "run"].iter().chain(sandbox).chain(flags))
}

/// The rows of a channel, by outcome, and the attempts of the last of them.
fn rows(place: &WorkDir, channel: &str, outcome: &str) -> (usize, String) {
    let rows = place.results("run");
    let of: Vec<_> = rows
        .iter()
        .filter(|row| row[1].ends_with(channel) && &row[4] == outcome)
        .collect();
    let attempts = of.last().map_or(String::new(), |row| row[7].to_owned());
    (of.len(), attempts)
}

#[test]
fn what_failed_is_tried_again_and_nothing_else() {
    let place = finished();
    let calls = place.summary("run").calls;
    let ended = retry(&place, &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!((summary.added, summary.failed), (300, 0));
    // Those of the missing channel take two calls, the two users one.
    assert_eq!(summary.calls, calls + 3);
    assert_eq!(rows(&place, "there", "added"), (150, "2".to_owned()));
    let status = place.run(["status", "run", "--json"]).stdout;
    let status: Status = serde_json::from_str(&status).unwrap();
    assert_eq!((status.passes, status.added, status.open), (2, 300, 0));
    assert_eq!(status.next, None);

    let again = retry(&place, &[]);
    assert_eq!(again.code, Some(2), "{again:#?}");
    assert!(again.stderr.contains("no row to retry"), "{again:#?}");
    assert_eq!(place.summary("run"), summary);
}

#[test]
fn what_failed_is_narrowed_by_its_codes() {
    let place = finished();
    let code = |channel: &str| {
        let rows = place.results("run");
        let failed = |row: &&csv::StringRecord| row[1].ends_with(channel) && &row[4] == "failed";
        rows.iter().find(failed).unwrap()[5].to_owned()
    };
    let (member, channel) = (code("there"), code("lost"));
    assert_ne!(member, channel);
    assert_eq!(retry(&place, &["--codes", "NoSuchCode"]).code, Some(2));
    let ended = retry(&place, &["--codes", &member]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(rows(&place, "there", "added").0, 150);
    assert_eq!(rows(&place, "lost", "failed").0, 150);
    let ended = retry(&place, &["--codes", &channel.to_lowercase()]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(rows(&place, "lost", "added").0, 150);
}

#[test]
fn what_fails_again_has_failed() {
    let place = finished();
    let flags = ["--missing-users", "gone1", "--missing-channels", "lost"];
    let ended = retry(&place, &flags);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!((summary.added, summary.failed), (149, 151));
    assert_eq!(rows(&place, "there", "failed"), (1, "2".to_owned()));
}

#[test]
fn a_run_that_is_not_finished_is_to_be_resumed_first() {
    let list = ids("u", 300);
    let place = WorkDir::with("list.csv", list);
    let channel = format!("{APP}/channel/c");
    let flags = [
        "--channel-arn",
        &channel,
        "--missing-users",
        "u1",
        "--max-failures",
        "0",
    ];
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let ended = retry(&place, &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("chime-bulk resume run"), "{ended:#?}");
}
