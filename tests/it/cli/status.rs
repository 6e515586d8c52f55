//! The status of runs, in progress and finished.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chime_bulk::model::RunState;
use chime_bulk::report::{ReportsState, Status};

use crate::support::program::{APP, Running, WorkDir, ids};

fn status(place: &WorkDir) -> Status {
    let ended = place.run(["status", "run", "--json"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(0), ""),
        "{ended:#?}"
    );
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Each file of the run directory, and a print of what is in it.
fn files(place: &WorkDir) -> BTreeMap<String, u64> {
    std::fs::read_dir(place.path("run"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let mut print = DefaultHasher::new();
            std::fs::read(entry.path()).unwrap().hash(&mut print);
            (name, print.finish())
        })
        .collect()
}

#[test]
fn the_status_of_a_finished_run_agrees_with_its_reports() {
    let list = ids("u", 1_500) + "u3\ngone1\ngone2\nnot valid\n";
    let place = WorkDir::with("list.csv", list);
    let channel = format!("{APP}/channel/c");
    let flags = ["--channel-arn", &channel, "--missing-users", "gone"];
    assert_eq!(place.run_fast("list.csv", &flags).code, Some(1));
    let before = files(&place);
    let status = status(&place);
    let summary = place.summary("run");
    assert_eq!(status.state, RunState::Finished);
    assert_eq!(status.rows_read, 1_504);
    assert_eq!(
        (
            status.added,
            status.failed,
            status.invalid,
            status.duplicate
        ),
        (
            summary.added,
            summary.failed,
            summary.invalid,
            summary.duplicate
        )
    );
    assert_eq!((status.open, status.open_calls, status.passes), (0, 0, 1));
    assert_eq!(status.calls, summary.calls);
    assert_eq!(status.errors_by_code, summary.errors_by_code);
    assert_eq!(status.next.as_deref(), Some("chime-bulk retry run"));
    assert_eq!(status.finished_at, Some(summary.finished_at));

    let shown = place.run(["status", "run"]);
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert!(shown.stdout.contains(" finished\n"), "{shown:#?}");
    assert!(
        shown.stdout.ends_with("\nnext: chime-bulk retry run\n"),
        "{shown:#?}"
    );
    assert_eq!(files(&place), before);
}

#[test]
fn the_status_of_a_run_in_progress_does_not_disturb_it() {
    let place = WorkDir::new();
    let mut running = place.start_slow(&[]);
    running.hear("bound:");
    let first = loop {
        let status = status(&place);
        if status.added > 0 {
            break status;
        }
    };
    assert_eq!(first.state, RunState::Running);
    let owner = first.owner.unwrap();
    assert!(
        owner.starts_with(&format!("process {}, since", running.id())),
        "{owner}"
    );
    assert_eq!((first.rows_read, first.list_complete), (3_000, true));
    assert_eq!(first.added + first.open, 3_000);
    assert!(first.calls > 0 && first.calls_lately == first.calls);
    assert!(first.seconds_left.unwrap() > 1.0);
    assert_eq!((first.next, first.finished_at), (None, None));
    let shown = place.run(["status", "run"]).stdout;
    assert!(shown.contains("  in flight "), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let listed = place.run(["runs", "."]);
    assert!(listed.stdout.contains("\nrunning "), "{listed:#?}");

    running.signal(&["INT"]);
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    let after = status(&place);
    assert_eq!((after.state, after.owner), (RunState::Interrupted, None));
    assert_eq!(after.next.as_deref(), Some("chime-bulk resume run"));
    assert_eq!(after.added, place.summary("run").added);
}

#[test]
fn a_killed_run_is_interrupted_and_its_calls_in_flight_are_open() {
    let place = WorkDir::new();
    let mut running = place.start_slow(&[]);
    running.hear("bound:");
    while status(&place).added == 0 {}
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    let after = status(&place);
    assert_eq!(after.state, RunState::Interrupted);
    assert_eq!(after.added + after.open, 3_000);
    assert_eq!(after.next.as_deref(), Some("chime-bulk resume run"));
}

#[test]
fn reports_of_an_earlier_session_are_out_of_date() {
    let place = WorkDir::new();
    let mut running = place.start_slow(&[]);
    running.hear("bound:");
    assert_eq!(status(&place).reports, ReportsState::None);
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    assert_eq!(status(&place).reports, ReportsState::Complete);
    assert_eq!(place.summary("run").generation, 1);
    let mut running = Running::start(&mut place.command(["resume", "run"]));
    running.hear("bound:");
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    assert_eq!(status(&place).reports, ReportsState::Outdated);
    assert_eq!(place.run(["report", "run"]).code, Some(1));
    assert_eq!(status(&place).reports, ReportsState::Complete);
    assert_eq!(place.summary("run").generation, 2);
}

#[test]
fn where_there_is_no_run_that_is_said() {
    let place = WorkDir::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    for dir in ["empty", "nowhere"] {
        let ended = place.run(["status", dir]);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.stderr.contains("no run found in "), "{ended:#?}");
    }
    let ended = place.run(["runs", "nowhere"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("nowhere"), "{ended:#?}");
    let ended = place.run(["runs", "empty"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "{ended:#?}"
    );
    assert_eq!(ended.stderr, "no runs in empty\n");
}

#[test]
fn runs_are_listed_also_those_that_cannot_be_read() {
    let place = WorkDir::with("list.csv", ids("u", 250) + "gone1\n");
    let channel = format!("{APP}/channel/c");
    let flags = ["--channel-arn", &channel, "--missing-users", "gone"];
    assert_eq!(place.run_fast("list.csv", &flags).code, Some(1));
    std::fs::create_dir(place.path("broken")).unwrap();
    std::fs::write(place.path("broken/ledger.db"), "none of ours").unwrap();
    let ended = place.run(["runs", "."]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let lines: Vec<Vec<&str>> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1][..5], ["finished", "251", "250", "1", "0"]);
    assert_eq!(lines[1].last(), Some(&"./run"));
    assert_eq!(lines[2][..2], ["unreadable", "./broken:"]);
    let ended = place.run(["runs", ".", "--json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(runs[0]["state"], "finished");
    assert!(runs[1]["error"].is_string(), "{runs:?}");
}
