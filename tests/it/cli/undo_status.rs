//! What is shown of an undo: its progress, its events, `status` and `runs`.

use chime_bulk::sandbox::{ExistingAnswer, Scripted};
use serde_json::Value;

use super::undo::{call, members, run, server};
use crate::support::program::{APP, BEARER, WorkDir, ids};
use crate::support::server::Server;

/// A run of 30 members, of whom 4 were there before by another bearer.
async fn run_with_others() -> (Server, WorkDir) {
    let server = server(ExistingAnswer::Silent).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 30));
    std::fs::write(work_dir.path("before.csv"), ids("u", 4)).unwrap();
    let boss = format!("{APP}/user/boss");
    run(&work_dir, &server, "before.csv", &boss, "runs/before");
    run(&work_dir, &server, "list.csv", BEARER, "runs/run");
    (server, work_dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_undo_shows_and_logs_is_of_removals() {
    let (server, work_dir) = run_with_others().await;
    let undo = ["undo", "runs/run", "--yes", "--log-file", "log", "-vv"];
    let output = call(&work_dir, &server, &undo);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let lines: Vec<&str> = output.stderr.lines().collect();
    let place = format!("{} (messaging in us-east-1)", server.url);
    assert_eq!(lines[0], format!("removal: runs/run against {place}"));
    assert!(
        lines[1].starts_with("bound: at least 30 calls"),
        "{lines:?}"
    );
    assert_eq!(lines[2..], ["report: runs/run/undo.csv"]);
    assert!(
        output.stdout.contains("\n  removed                   26\n"),
        "{}",
        output.stdout
    );
    let log = std::fs::read_to_string(work_dir.path("log")).unwrap();
    assert!(log.contains("INFO  removal of "), "{log}");
    assert!(log.contains(", 1 removed; "), "{log}");
    assert!(log.contains(", 1 InvitedByOther; "), "{log}");
    for word in ["added", "is not used"] {
        let shown = [&output.stderr, &log];
        assert!(
            !shown.iter().any(|text| text.contains(word)),
            "{word}: {shown:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_undo_count_removals() {
    let (server, work_dir) = run_with_others().await;
    let undo = ["undo", "runs/run", "--yes", "--progress", "json"];
    let output = call(&work_dir, &server, &undo);
    let event = |line| serde_json::from_str::<Value>(line).unwrap();
    let events: Vec<Value> = output.stderr.lines().map(event).collect();
    assert_eq!(events[0]["part_of"], "runs/run", "{}", events[0]);
    let sum = |name: &str| -> u64 {
        let settled = events
            .iter()
            .filter(|event| event["event"] == "call_settled");
        settled.map(|event| event[name].as_u64().unwrap()).sum()
    };
    let names = [
        "added",
        "already_member",
        "removed",
        "gone_already",
        "kept",
        "failed",
    ];
    assert_eq!(names.map(sum), [0, 0, 26, 0, 4, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_runs_show_an_undo_with_its_run() {
    let (server, work_dir) = run_with_others().await;
    let status = |flags: &[&str]| {
        work_dir
            .run([&["status", "runs/run"], flags].concat())
            .stdout
    };
    assert!(!status(&[]).contains("undo"), "{}", status(&[]));
    let unknown = Scripted::Refuse {
        status: 403,
        exception: "AccessDeniedException".to_owned(),
        message: String::new(),
    };
    server.service.script(vec![vec![unknown]; 12]);
    let output = call(&work_dir, &server, &["undo", "runs/run", "--yes"]);
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    let undo: Value = serde_json::from_str(&status(&["--json"])).unwrap();
    assert_eq!(undo["undo"]["state"], "aborted", "{undo}");
    assert!(undo["next"].is_null() && undo["added"] == 30, "{undo}");
    let left = 30 - members(&server);
    let line = format!(
        "  undo            was stopped: {left} removed, {} open\n",
        30 - left
    );
    assert!(status(&[]).contains(&line), "{line}{}", status(&[]));

    server.service.script(Vec::new());
    let mut code = Some(3);
    while code == Some(3) {
        code = call(&work_dir, &server, &["undo", "runs/run", "--yes"]).code;
    }
    let line = "  undo            finished: 26 removed, 4 kept\n";
    assert!(status(&[]).contains(line), "{}", status(&[]));
    assert!(!status(&[]).contains("next: "), "{}", status(&[]));
    for (dir, count) in [("runs", 2), ("runs/run", 1), ("runs/run/undo", 0)] {
        let runs: Value =
            serde_json::from_str(&work_dir.run(["runs", dir, "--json"]).stdout).unwrap();
        assert_eq!(runs.as_array().unwrap().len(), count, "{dir}: {runs}");
    }
    let runs = work_dir.run(["runs", "runs"]).stdout;
    let line = "runs/run  (undo finished: 26 removed, 4 kept)\n";
    assert!(runs.contains(line), "{runs}");
    std::fs::write(work_dir.path("runs/run/undo/ledger.db"), "damaged").unwrap();
    assert!(
        status(&[]).contains("  undo            cannot be read: "),
        "{}",
        status(&[])
    );
}
