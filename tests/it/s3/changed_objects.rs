//! Objects that change while a run of them is under way.

use chime_bulk::ledger::LedgerReader;

use super::{call, flags, run, url};
use crate::support::program::{BEARER, CHANNEL, Running, WorkDir, ids};
use crate::support::s3_server::S3Server;

/// Flags with which a run of three thousand members takes half a minute.
const SLOW: [&str; 5] = ["--sandbox", "--channel-arn", CHANNEL, "--bearer", BEARER];

/// A run of an object, killed in the middle.
fn killed_run(server: &S3Server, work_dir: &WorkDir, key: &str) {
    let arguments = ["run", &url(key), "--run-dir", "run", "--progress", "json"];
    let arguments = arguments.into_iter().chain(SLOW);
    let mut running = Running::start(&mut server.serve(work_dir.command(arguments)));
    running.wait_for_line(r#"{"event":"call_settled""#);
    running.signal(&["KILL"]);
    running.end();
}

/// The calls in the ledger of the run.
fn calls(work_dir: &WorkDir) -> u64 {
    let ledger = LedgerReader::open(&work_dir.path("run/ledger.db")).unwrap();
    ledger.call_counts().unwrap().calls
}

/// Continues it, at full speed.
const RESUME: [&str; 10] = [
    "resume",
    "run",
    "--unlimited",
    "--latency",
    "0",
    "--channel-rate",
    "100000",
    "--bearer-rate",
    "100000",
    "--json",
];

#[test]
fn a_killed_run_is_resumed_without_a_flag() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 3_000));
    server.set_version("list.csv", "v1");
    let work_dir = WorkDir::new();
    killed_run(&server, &work_dir, "list.csv");
    let output = call(&work_dir, &server, &RESUME);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").rows_read, 3_000);
}

#[test]
fn a_changed_object_is_refused_on_resume_before_anything_is_sent() {
    let changes = [
        ("it had", ids("u", 2_999), "v1"),
        ("its ETag was", ids("v", 3_000), "v1"),
        ("its version was v1, and is v2", ids("u", 3_000), "v2"),
    ];
    for (difference, list, version) in changes {
        let server = S3Server::start();
        server.put("list.csv", ids("u", 3_000));
        server.set_version("list.csv", "v1");
        let work_dir = WorkDir::new();
        killed_run(&server, &work_dir, "list.csv");
        server.put("list.csv", list);
        server.set_version("list.csv", version);
        let sent = calls(&work_dir);
        let refused = call(&work_dir, &server, &RESUME);
        assert_eq!(refused.code, Some(3), "{refused:#?}");
        let what = format!("s3://lists/list.csv: has changed since this run began: {difference}");
        assert!(refused.stderr.contains(&what), "{refused:#?}");
        assert!(
            refused.stderr.contains("hint: put the object back"),
            "{refused:#?}"
        );
        assert_eq!(refused.resume(), ["resume", "run"]);
        assert_eq!(calls(&work_dir), sent);
        server.put("list.csv", ids("u", 3_000));
        server.set_version("list.csv", "v1");
        let output = call(&work_dir, &server, &RESUME);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(work_dir.summary("run").rows_read, 3_000);
    }
}

#[test]
fn an_object_that_is_gone_does_not_stop_a_run_that_has_read_it() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 3_000));
    let work_dir = WorkDir::new();
    killed_run(&server, &work_dir, "list.csv");
    server.remove("list.csv");
    let output = call(&work_dir, &server, &RESUME);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_finished_run_can_be_retried_after_its_object_changed() {
    let server = S3Server::start();
    server.put("list.csv", "user_id\nann\ngone\n");
    let work_dir = WorkDir::new();
    let output = run(
        &work_dir,
        &server,
        &url("list.csv"),
        &["--missing-users", "gone"],
    );
    assert_eq!(output.code, Some(1), "{output:#?}");
    server.put("list.csv", "user_id\nbob\n");
    let output = call(
        &work_dir,
        &server,
        &[&["retry", "run"], &RESUME[2..9]].concat(),
    );
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(
        output.stderr.contains("has changed since this run read it"),
        "{output:#?}"
    );
    assert_eq!(work_dir.summary("run").added, 2);
}

#[test]
fn a_job_that_is_repeated_is_of_the_same_object_or_refused() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 10));
    let work_dir = WorkDir::new();
    let list = url("list.csv");
    let arguments = [
        &["run", &list, "--run-dir", "run", "--if-exists", "resume"][..],
        &flags(),
    ];
    let arguments = arguments.concat();
    assert_eq!(call(&work_dir, &server, &arguments).code, Some(0));
    let again = call(&work_dir, &server, &arguments);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.stderr.contains("finished already"), "{again:#?}");
    server.put("list.csv", ids("v", 10));
    let changed = call(&work_dir, &server, &arguments);
    assert_eq!(changed.code, Some(2), "{changed:#?}");
    assert!(
        changed.stderr.contains("its list was another object"),
        "{changed:#?}"
    );
}
