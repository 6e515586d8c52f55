//! Requests that S3 refuses, each with what to do.

use super::{call, flags, run, url};
use crate::support::program::{CHANNEL, Output, WorkDir, ids};
use crate::support::s3_server::S3Server;

#[test]
fn each_refusal_says_what_is_wrong_and_how_to_fix_it() {
    for (code, exit, what, hint) in [
        (
            "AccessDenied",
            2,
            "access is denied",
            "s3:GetObject on arn:aws:s3:::lists/list.csv",
        ),
        ("ExpiredToken", 3, "credentials have expired", "renew them"),
        (
            "InvalidAccessKeyId",
            3,
            "credentials were not accepted",
            "check the credentials",
        ),
        (
            "SignatureDoesNotMatch",
            3,
            "credentials were not accepted",
            "check the credentials",
        ),
        (
            "RequestTimeTooSkewed",
            3,
            "the clock of this machine is wrong",
            "set the clock",
        ),
        ("InvalidObjectState", 2, "is archived", "restore-object"),
        ("SlowDown", 3, "S3 is not available", "try again"),
        (
            "InvalidRequest",
            2,
            "S3 refuses the request",
            "s3:GetObject",
        ),
    ] {
        let server = S3Server::start();
        server.put("list.csv", ids("u", 3));
        server.refuse("GetObject", code);
        let work_dir = WorkDir::new();
        let output = run(&work_dir, &server, &url("list.csv"), &[]);
        assert_eq!(output.code, Some(exit), "{code}: {output:#?}");
        let (error, fix) = output.stderr.split_once("hint: ").unwrap();
        assert!(
            error.contains("s3://lists/list.csv: ") && error.contains(what),
            "{output:#?}"
        );
        assert!(fix.contains(hint), "{code}: {output:#?}");
        assert!(!work_dir.path("run").exists(), "{code}");
    }
}

#[test]
fn a_missing_key_and_a_missing_bucket_are_named() {
    let server = S3Server::start();
    for (list, what) in [
        (
            "s3://lists/nothing.csv",
            "s3://lists/nothing.csv: does not exist",
        ),
        (
            "s3://other-lists/list.csv",
            "there is no bucket `other-lists`",
        ),
    ] {
        for command in ["plan", "run", "sync"] {
            let output = call(
                &WorkDir::new(),
                &server,
                &[&[command, list][..], &flags()].concat(),
            );
            assert_eq!(output.code, Some(2), "{command}: {output:#?}");
            assert!(output.stderr.contains(what), "{command}: {output:#?}");
        }
    }
}

#[test]
fn a_denied_key_may_not_exist_and_the_hint_says_so() {
    let server = S3Server::start();
    server.refuse("GetObject", "AccessDenied");
    let output = run(&WorkDir::new(), &server, &url("list.csv"), &[]);
    assert!(
        output
            .stderr
            .contains("without s3:ListBucket, S3 also denies a key"),
        "{output:#?}"
    );
}

#[test]
fn without_credentials_nobody_is_asked() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 3));
    let list = url("list.csv");
    let work_dir = WorkDir::new();
    let mut command = server.serve(work_dir.command(["plan", &list, "--channel-arn", CHANNEL]));
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let output = Output::within_a_minute(&command);
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(
        output.stderr.contains("without AWS credentials"),
        "{output:#?}"
    );
    assert!(
        output.stderr.contains("hint: set credentials or --profile"),
        "{output:#?}"
    );
    assert!(server.requests().is_empty());
}
