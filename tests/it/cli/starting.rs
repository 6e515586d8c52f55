//! A run that is just starting: its directory and lock exist, but its ledger is not complete.

use std::fs::File;
use std::path::Path;

use serde_json::json;

use crate::support::program::{Output, WorkDir};

/// A run directory whose lock is held by this process, as if a run was just starting.
fn starting() -> (WorkDir, File) {
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path("run")).unwrap();
    let lock = File::create_new(work_dir.path("run/owner.lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(work_dir.path("run/owner.lock"), "process 7, since then\n").unwrap();
    (work_dir, lock)
}

/// The stages of a ledger that is being created.
const STAGES: [fn(&Path); 4] = [
    |_| {},
    |path| std::fs::write(path, "").unwrap(),
    // A database file without tables.
    |path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let statements = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;";
        connection.execute_batch(statements).unwrap();
        drop(connection);
        assert!(std::fs::metadata(path).unwrap().len() > 0);
    },
    // Tables that are not committed yet.
    |path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let statements = "PRAGMA journal_mode = WAL; BEGIN; CREATE TABLE fact (name);";
        connection.execute_batch(statements).unwrap();
        // The transaction stays open, as in a run that is starting.
        std::mem::forget(connection);
    },
];

#[track_caller]
fn check_starting(output: &Output, owner: &str) {
    assert_eq!(output.code, Some(3), "{output:#?}");
    let expected = format!("error: run has no run yet: {owner} is starting one\n\nhint: ");
    assert!(output.stderr.contains(&expected), "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 3, "{output:#?}");
    assert_eq!(output.stdout, "");
}

#[test]
fn commands_show_that_a_run_is_starting() {
    for stage in STAGES {
        let (work_dir, lock) = starting();
        stage(&work_dir.path("run/ledger.db"));
        let owner = "process 7, since then";
        for command in ["status", "resume", "retry", "report"] {
            check_starting(&work_dir.run([command, "run"]), owner);
        }
        check_starting(&work_dir.run(["status", "run", "--json"]), owner);
        let listed = work_dir.run(["runs", "."]);
        assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
        let lines: Vec<_> = listed.stdout.lines().skip(1).collect();
        assert_eq!(lines, ["starting    ./run: process 7, since then"]);
        let listed = work_dir.run(["runs", ".", "--json"]);
        let runs: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let run = json!([{"dir": "./run", "state": "starting", "owner": owner}]);
        assert_eq!(runs, run);

        // The lock is released, as if the process was killed.
        drop(lock);
        for command in ["status", "resume"] {
            let output = work_dir.run([command, "run"]);
            assert_eq!(output.code, Some(2), "{output:#?}");
            assert!(
                output.stderr.contains("no run found in run\n"),
                "{output:#?}"
            );
        }
    }
}

#[test]
fn the_owner_of_a_starting_run_may_be_unknown() {
    let (work_dir, _lock) = starting();
    std::fs::write(work_dir.path("run/owner.lock"), "").unwrap();
    check_starting(&work_dir.run(["status", "run"]), "another process");
    std::fs::write(work_dir.path("run/owner.lock"), b"process \xff\n").unwrap();
    check_starting(&work_dir.run(["status", "run"]), "process \u{fffd}");
}

#[test]
fn a_directory_with_only_a_released_lock_is_not_listed() {
    let (work_dir, lock) = starting();
    drop(lock);
    let listed = work_dir.run(["runs", "."]);
    assert_eq!(listed.stdout, "", "{listed:#?}");
    assert_eq!(listed.stderr, "no runs in .\n", "{listed:#?}");
}

/// However early a run is killed, there is no run, or one with a state.
#[test]
fn status_works_at_every_moment_of_a_start() {
    let work_dir = WorkDir::new();
    for _ in 0..3 {
        let mut running = work_dir.start_slow(&[]);
        let mut seen = Vec::new();
        loop {
            assert!(running.is_alive(), "{seen:#?}");
            let output = work_dir.run(["status", "run"]);
            match output.code {
                Some(0) => break,
                Some(2) => assert!(output.stderr.contains("no run found"), "{output:#?}"),
                _ => assert!(output.stderr.contains("has no run yet"), "{output:#?}"),
            }
            seen.push(output);
        }
        running.signal(&["KILL"]);
        running.end();
        let output = work_dir.run(["report", "run"]);
        assert!(output.code.is_some_and(|code| code < 2), "{output:#?}");
        std::fs::remove_dir_all(work_dir.path("run")).unwrap();
    }
}
