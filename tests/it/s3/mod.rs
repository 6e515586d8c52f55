//! Lists and reports in S3, against a server that the tests start.

mod broken_connections;
mod changed_objects;
mod lists;
mod refusals;
mod reports;

use std::fmt::Write as _;

use crate::support::program::{BEARER, CHANNEL, FAST, Output, WorkDir};
use crate::support::s3_server::{BUCKET, KEY_ID, S3Server, SECRET};

/// The address of a key in the bucket of the server.
fn url(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

/// Flags for a list of user ids, in a sandbox in the process.
fn flags() -> Vec<&'static str> {
    let list = ["--channel-arn", CHANNEL, "--bearer", BEARER];
    list.into_iter().chain(FAST).collect()
}

/// A list of as many channels, each with ten thousand members.
fn list_of_channels(count: usize) -> String {
    let mut list = String::from("channel_arn,user_id\n");
    for row in 0..count * 10_000 {
        let _ = writeln!(
            list,
            "{CHANNEL}-{},a-user-with-a-rather-long-name-{row}",
            row / 10_000
        );
    }
    list
}

/// Runs the program with access to a server. It must not repeat a credential.
fn call(work_dir: &WorkDir, server: &S3Server, arguments: &[&str]) -> Output {
    let output = Output::within_a_minute(&server.serve(work_dir.command(arguments)));
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(SECRET) && !text.contains(KEY_ID), "{text}");
        assert!(!text.contains("X-Amz-"), "{text}");
    }
    output
}

/// Runs a list, in the run directory `run`.
fn run(work_dir: &WorkDir, server: &S3Server, list: &str, more: &[&str]) -> Output {
    let begin = ["run", list, "--run-dir", "run"];
    let arguments: Vec<&str> = begin.into_iter().chain(flags()).collect();
    call(work_dir, server, &[&arguments[..], more].concat())
}
