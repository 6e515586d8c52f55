//! Reports that are uploaded.

use super::{FAST, call, flags, list_of_channels, run, url};
use crate::support::program::{WorkDir, ids};
use crate::support::s3_server::S3Server;

const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "report.html", "summary.json"];

/// Checks that the reports under a prefix are those in the run directory.
fn assert_uploaded(server: &S3Server, work_dir: &WorkDir, prefix: &str) {
    for name in REPORTS {
        let local = std::fs::read(work_dir.path("run").join(name)).unwrap();
        assert_eq!(
            server.get(&format!("{prefix}{name}")),
            Some(local),
            "{name}"
        );
    }
}

#[test]
fn reports_are_uploaded_with_the_summary_last_and_the_ledger_is_not() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 300));
    let work_dir = WorkDir::new();
    let to = url("out/may");
    let output = run(&work_dir, &server, &url("list.csv"), &["--reports-to", &to]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(
        output.stderr.contains("uploaded: s3://lists/out/may/"),
        "{output:#?}"
    );
    assert_uploaded(&server, &work_dir, "out/may/");
    assert_eq!(server.get("out/may/ledger.db"), None);
    let requests = server.requests();
    assert_eq!(requests.last().unwrap(), "PutObject out/may/summary.json");
    assert_eq!(server.multipart_uploads(), 0);
}

#[test]
fn later_commands_upload_to_the_same_place_without_a_flag() {
    let server = S3Server::start();
    let work_dir = WorkDir::with("list.csv", "user_id\nann\ngone\n");
    let to = url("out");
    let more = ["--reports-to", &to, "--missing-users", "gone"];
    let output = run(&work_dir, &server, "list.csv", &more);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_uploaded(&server, &work_dir, "out/");
    let fast = &super::FAST[1..];
    let output = call(&work_dir, &server, &[&["retry", "run"], fast].concat());
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_uploaded(&server, &work_dir, "out/");
    let other = url("other/");
    let output = call(&work_dir, &server, &["report", "run", "--to", &other]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_uploaded(&server, &work_dir, "other/");
}

#[test]
fn a_sync_uploads_its_difference() {
    let server = S3Server::start();
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let to = url("out");
    let arguments = ["sync", "list.csv", "--run-dir", "run", "--reports-to", &to];
    let output = call(&work_dir, &server, &[&arguments[..], &flags()].concat());
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(server.get("out/diff.csv").is_some());
    assert_uploaded(&server, &work_dir, "out/");
}

#[test]
fn verify_and_undo_upload_theirs() {
    let server = S3Server::start();
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let chime = crate::support::program::Sandbox::start(&work_dir, &[]);
    let to = url("out");
    let run = |arguments: &[&str]| {
        let mut command = chime.call(server.serve(work_dir.command(arguments)));
        crate::support::program::Output::of(&mut command)
    };
    let (channel, bearer) = (super::CHANNEL, super::BEARER);
    let flags = [
        "--channel-arn",
        channel,
        "--bearer",
        bearer,
        "--reports-to",
        &to,
    ];
    let output = run(&[&["run", "list.csv", "--run-dir", "run"][..], &flags].concat());
    assert_eq!(output.code, Some(0), "{output:#?}");
    let output = run(&["verify", "run"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(server.get("out/verify.csv").is_some(), "{output:#?}");
    let output = run(&["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(server.get("out/undo.csv").is_some(), "{output:#?}");
}

#[test]
fn a_large_report_is_uploaded_in_parts_and_a_failure_leaves_none() {
    let server = S3Server::start();
    let work_dir = WorkDir::with("list.csv", list_of_channels(6));
    server.refuse("UploadPart", "InternalError");
    let to = url("out");
    let begin = ["run", "list.csv", "--run-dir", "run", "--reports-to", &to];
    let output = call(&work_dir, &server, &[&begin[..], &FAST].concat());
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert_eq!(server.open_uploads(), 0);
    assert!(server.get("out/results.csv").is_none());
    assert!(server.get("out/summary.json").is_none());
    server.recover();
    let results = std::fs::metadata(work_dir.path("run/results.csv")).unwrap();
    assert!(results.len() > 8 << 20, "{} bytes", results.len());
    let output = call(&work_dir, &server, &["report", "run", "--to", &to]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!((server.multipart_uploads(), server.open_uploads()), (1, 0));
    assert_uploaded(&server, &work_dir, "out/");
}

#[test]
fn a_failed_upload_leaves_the_reports_and_prints_the_command_that_uploads_them() {
    for (code, what) in [("AccessDenied", "s3:PutObject"), ("NoSuchBucket", "bucket")] {
        let server = S3Server::start();
        server.put("list.csv", ids("u", 30));
        server.refuse("PutObject", code);
        let work_dir = WorkDir::new();
        let to = url("a prefix/");
        let output = run(&work_dir, &server, &url("list.csv"), &["--reports-to", &to]);
        assert_eq!(output.code, Some(3), "{output:#?}");
        assert!(
            output
                .stderr
                .contains("the reports were not uploaded: s3://lists/a prefix/")
        );
        assert!(output.stderr.contains(what), "{output:#?}");
        assert_eq!(work_dir.summary("run").added, 30);
        let last = output.stderr.lines().last().unwrap();
        assert_eq!(last, "chime-bulk report run --to 's3://lists/a prefix/'");
        server.recover();
        let output = call(&work_dir, &server, &["report", "run", "--to", &to]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_uploaded(&server, &work_dir, "a prefix/");
    }
}

#[test]
fn a_place_that_is_none_is_refused_before_the_run() {
    let server = S3Server::start();
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    for to in ["out", "https://lists/out", "s3://lists/a//b", "s3://"] {
        let output = run(&work_dir, &server, "list.csv", &["--reports-to", to]);
        assert_eq!(output.code, Some(2), "{to}: {output:#?}");
        assert!(
            output.stderr.contains("s3://BUCKET/PREFIX/"),
            "{to}: {output:#?}"
        );
        assert!(!work_dir.path("run").exists());
    }
}
