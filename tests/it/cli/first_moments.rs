//! A run's first moments: its directory and its lock are there, its ledger is not one yet.

use std::fs::File;
use std::path::Path;

use serde_json::json;

use crate::support::program::{Ended, WorkDir};

/// A run directory whose lock this process has, as a run does that is just starting.
fn starting() -> (WorkDir, File) {
    let place = WorkDir::new();
    std::fs::create_dir(place.path("run")).unwrap();
    let lock = File::create_new(place.path("run/owner.lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(place.path("run/owner.lock"), "process 7, since then\n").unwrap();
    (place, lock)
}

/// What there may be of a ledger.
const STAGES: [fn(&Path); 4] = [
    |_| {},
    |path| std::fs::write(path, "").unwrap(),
    // What the file begins with, without a table.
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
        // As long as the run is starting.
        std::mem::forget(connection);
    },
];

#[track_caller]
fn says(ended: &Ended, owner: &str) {
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    let said = format!("error: run has no run yet: {owner} is starting one\n\nhint: ");
    assert!(ended.stderr.contains(&said), "{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 3, "{ended:#?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_run_that_is_just_starting_is_said_to_be() {
    for stage in STAGES {
        let (place, lock) = starting();
        stage(&place.path("run/ledger.db"));
        let owner = "process 7, since then";
        for command in ["status", "resume", "retry", "report"] {
            says(&place.run([command, "run"]), owner);
        }
        says(&place.run(["status", "run", "--json"]), owner);
        let listed = place.run(["runs", "."]);
        assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
        let lines: Vec<_> = listed.stdout.lines().skip(1).collect();
        assert_eq!(lines, ["starting    ./run: process 7, since then"]);
        let listed = place.run(["runs", ".", "--json"]);
        let runs: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let run = json!([{"dir": "./run", "state": "starting", "owner": owner}]);
        assert_eq!(runs, run);

        // Killed before it began.
        drop(lock);
        for command in ["status", "resume"] {
            let ended = place.run([command, "run"]);
            assert_eq!(ended.code, Some(2), "{ended:#?}");
            assert!(ended.stderr.contains("no run found in run\n"), "{ended:#?}");
        }
    }
}

#[test]
fn who_starts_a_run_may_not_be_known_yet() {
    let (place, _lock) = starting();
    std::fs::write(place.path("run/owner.lock"), "").unwrap();
    says(&place.run(["status", "run"]), "another process");
    std::fs::write(place.path("run/owner.lock"), b"process \xff\n").unwrap();
    says(&place.run(["status", "run"]), "process \u{fffd}");
}

#[test]
fn a_directory_that_only_had_a_lock_is_not_listed() {
    let (place, lock) = starting();
    drop(lock);
    let listed = place.run(["runs", "."]);
    assert_eq!(listed.stdout, "", "{listed:#?}");
    assert_eq!(listed.stderr, "no runs in .\n", "{listed:#?}");
}

/// However early it is killed, there is no run, or one that is there with its state.
#[test]
fn every_moment_of_a_start_has_a_status() {
    let place = WorkDir::new();
    for _ in 0..3 {
        let mut running = place.start_slow(&[]);
        let mut seen = Vec::new();
        loop {
            assert!(running.is_alive(), "{seen:#?}");
            let ended = place.run(["status", "run"]);
            match ended.code {
                Some(0) => break,
                Some(2) => assert!(ended.stderr.contains("no run found"), "{ended:#?}"),
                _ => assert!(ended.stderr.contains("has no run yet"), "{ended:#?}"),
            }
            seen.push(ended);
        }
        running.signal(&["KILL"]);
        running.end();
        let ended = place.run(["report", "run"]);
        assert!(ended.code.is_some_and(|code| code < 2), "{ended:#?}");
        std::fs::remove_dir_all(place.path("run")).unwrap();
    }
}
