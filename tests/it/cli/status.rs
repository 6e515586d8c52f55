//! `status` and `runs`, of running and finished runs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chime_bulk::model::RunState;
use chime_bulk::report::{ReportsState, Status};

use crate::support::program::{CHANNEL, Running, WorkDir, ids};

fn status(work_dir: &WorkDir) -> Status {
    let output = work_dir.run(["status", "run", "--json"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:#?}"
    );
    serde_json::from_str(&output.stdout).unwrap()
}

/// The files of the run directory, with a hash of their content.
fn files(work_dir: &WorkDir) -> BTreeMap<String, u64> {
    std::fs::read_dir(work_dir.path("run"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let mut hasher = DefaultHasher::new();
            std::fs::read(entry.path()).unwrap().hash(&mut hasher);
            (name, hasher.finish())
        })
        .collect()
}

#[test]
fn the_status_of_a_finished_run_agrees_with_its_reports() {
    let list = ids("u", 1_500) + "u3\ngone1\ngone2\nnot valid\n";
    let work_dir = WorkDir::with("list.csv", list);
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    assert_eq!(work_dir.run_fast("list.csv", &flags).code, Some(1));
    let before = files(&work_dir);
    let status = status(&work_dir);
    let summary = work_dir.summary("run");
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

    let shown = work_dir.run(["status", "run"]);
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert!(shown.stdout.contains(" finished\n"), "{shown:#?}");
    assert!(
        shown.stdout.ends_with("\nnext: chime-bulk retry run\n"),
        "{shown:#?}"
    );
    assert_eq!(files(&work_dir), before);
}

#[test]
fn the_status_of_a_run_in_progress_does_not_disturb_it() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    let first = loop {
        let status = status(&work_dir);
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
    assert!(first.seconds_left.unwrap() >= first.lower_bound_seconds_left);
    assert!(first.lower_bound_calls_left > 0);
    assert_eq!((first.next, first.finished_at), (None, None));
    let shown = work_dir.run(["status", "run"]).stdout;
    assert!(shown.contains("  in flight "), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let listed = work_dir.run(["runs", "."]);
    assert!(listed.stdout.contains("\nrunning "), "{listed:#?}");

    running.signal(&["INT"]);
    let output = running.end();
    assert_eq!(output.code, Some(130), "{output:#?}");
    let after = status(&work_dir);
    assert_eq!((after.state, after.owner), (RunState::Interrupted, None));
    assert_eq!(after.next.as_deref(), Some("chime-bulk resume run"));
    assert_eq!(after.added, work_dir.summary("run").added);
}

#[test]
fn a_killed_run_is_interrupted_and_its_calls_in_flight_are_open() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    while status(&work_dir).added == 0 {}
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    let after = status(&work_dir);
    assert_eq!(after.state, RunState::Interrupted);
    assert_eq!(after.added + after.open, 3_000);
    assert_eq!(after.next.as_deref(), Some("chime-bulk resume run"));
}

#[test]
fn the_time_of_a_killed_session_counts_and_no_run_is_faster_than_the_bound() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    while status(&work_dir).added < 1_100 {}
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    let left = status(&work_dir);
    assert_eq!(left.lower_bound_calls_left, left.open.div_ceil(100));
    assert_eq!(work_dir.run(["report", "run"]).code, Some(1));
    let killed = work_dir.summary("run");
    // Calls 1 to 10 of the channel took a second each at least.
    assert!(killed.elapsed_seconds > 9.0, "{killed:#?}");
    assert_eq!(killed.lower_bound_ratio, None);
    let fast = [
        "--unlimited",
        "--channel-rate",
        "100000",
        "--bearer-rate",
        "100000",
    ];
    let output = work_dir.run(["resume", "run"].iter().chain(&fast));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let finished = work_dir.summary("run");
    assert!(finished.elapsed_seconds >= killed.elapsed_seconds);
    assert!(finished.lower_bound_ratio.is_some_and(|ratio| ratio >= 1.0));
    // At the limits of the first session the whole list takes longer than both sessions took.
    let slow = work_dir.run(["resume", "run", "--channel-rate", "1", "--json"]);
    assert_eq!(slow.code, Some(0), "{slow:#?}");
    let slow = work_dir.summary("run");
    assert!(slow.elapsed_seconds < slow.lower_bound_seconds, "{slow:#?}");
    assert_eq!(slow.lower_bound_ratio, None);
}

#[test]
fn after_failures_that_only_an_edit_can_fix_the_next_step_is_the_edit() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250) + "not valid\n");
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let step = "next: edit run/failed.csv (1 row to correct), then run it\n";
    assert!(output.stderr.ends_with(step), "{output:#?}");
    let status = status(&work_dir);
    assert_eq!((status.next, status.rows_to_edit), (None, 1));
    assert_eq!(status.lower_bound_calls_left, 0);
    let shown = work_dir.run(["status", "run"]);
    assert!(shown.stdout.ends_with(step), "{shown:#?}");
}

#[test]
fn rehearsals_are_marked_wherever_a_run_is_named() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert!(output.stdout.starts_with("rehearsal "), "{output:#?}");
    assert!(work_dir.summary("run").rehearsal && status(&work_dir).rehearsal);
    let shown = work_dir.run(["status", "run"]);
    assert!(shown.stdout.starts_with("rehearsal "), "{shown:#?}");
    let listed = work_dir.run(["runs", "."]).stdout;
    assert!(listed.ends_with("  rehearsal  ./run\n"), "{listed}");
    let listed = work_dir.run(["runs", ".", "--json"]).stdout;
    assert!(listed.contains("\"rehearsal\": true"), "{listed}");
}

#[test]
fn reports_of_an_earlier_session_are_out_of_date() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    assert_eq!(status(&work_dir).reports, ReportsState::None);
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    assert_eq!(status(&work_dir).reports, ReportsState::Complete);
    assert_eq!(work_dir.summary("run").generation, 1);
    let mut running = Running::start(&mut work_dir.command(["resume", "run"]));
    running.wait_for_line("bound:");
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    assert_eq!(status(&work_dir).reports, ReportsState::Outdated);
    assert_eq!(work_dir.run(["report", "run"]).code, Some(1));
    assert_eq!(status(&work_dir).reports, ReportsState::Complete);
    assert_eq!(work_dir.summary("run").generation, 2);
}

#[test]
fn a_directory_without_a_run_is_an_error() {
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path("empty")).unwrap();
    for dir in ["empty", "nowhere"] {
        let output = work_dir.run(["status", dir]);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(output.stderr.contains("no run found in "), "{output:#?}");
    }
    let output = work_dir.run(["runs", "nowhere"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("nowhere"), "{output:#?}");
    let output = work_dir.run(["runs", "empty"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), ""),
        "{output:#?}"
    );
    assert_eq!(output.stderr, "no runs in empty\n");
}

#[test]
fn unreadable_runs_are_listed_too() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250) + "gone1\n");
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    assert_eq!(work_dir.run_fast("list.csv", &flags).code, Some(1));
    std::fs::create_dir(work_dir.path("broken")).unwrap();
    std::fs::write(work_dir.path("broken/ledger.db"), "not a ledger").unwrap();
    let output = work_dir.run(["runs", "."]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let lines: Vec<Vec<&str>> = output
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1][..5], ["finished", "251", "250", "1", "0"]);
    assert_eq!(lines[1].last(), Some(&"./run"));
    assert_eq!(lines[2][..2], ["unreadable", "./broken:"]);
    let output = work_dir.run(["runs", ".", "--json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(runs[0]["state"], "finished");
    assert!(runs[1]["error"].is_string(), "{runs:?}");
}
