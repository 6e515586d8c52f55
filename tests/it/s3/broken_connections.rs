//! Connections that break in the middle of a list.

use super::{FAST, call, list_of_channels, url};
use crate::support::cutting_proxy::CuttingProxy;
use crate::support::program::{Output, WorkDir};
use crate::support::s3_server::S3Server;

/// Runs an object through a proxy.
fn run_through(proxy: &CuttingProxy, server: &S3Server, work_dir: &WorkDir) -> Output {
    let arguments = ["run", &url("list.csv"), "--run-dir", "run"];
    let arguments = arguments.into_iter().chain(FAST);
    let mut command = server.serve(work_dir.command(arguments));
    command.env("AWS_ENDPOINT_URL_S3", format!("http://{}", proxy.address));
    Output::within_a_minute(&command)
}

#[test]
fn a_download_that_is_cut_twenty_times_has_the_same_rows() {
    let server = S3Server::start();
    let list = list_of_channels(4);
    let of_file = WorkDir::with("list.csv", &list);
    let file = ["run", "list.csv", "--run-dir", "run"];
    call(&of_file, &server, &[&file[..], &FAST].concat());
    server.put("list.csv", &list);
    let proxy = CuttingProxy::start(server.address, 20, list.len() / 25);
    let work_dir = WorkDir::new();
    let output = run_through(&proxy, &server, &work_dir);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(
        proxy.cuts_left() <= 0,
        "{} cuts are left",
        proxy.cuts_left()
    );
    assert!(server.requests().len() >= 21, "{:?}", server.requests());
    assert_eq!(work_dir.results("run").len(), 40_000);
    assert_eq!(work_dir.results("run"), of_file.results("run"));
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_refused_and_never_mixed() {
    let server = S3Server::start();
    let list = list_of_channels(4);
    server.put("list.csv", &list);
    // Of the same size: only the ETag differs.
    server.replace_once_read("list.csv", list.replace("a-user", "b-user"));
    let proxy = CuttingProxy::start(server.address, 1, list.len() / 2);
    let work_dir = WorkDir::new();
    let output = run_through(&proxy, &server, &work_dir);
    assert_eq!(output.code, Some(3), "{output:#?}");
    let (error, hint) = output.stderr.split_once("hint: ").unwrap();
    assert!(error.contains("s3://lists/list.csv, line "), "{output:#?}");
    assert!(
        error.contains(": was replaced while it was read"),
        "{output:#?}"
    );
    assert!(hint.starts_with("put the object back"), "{output:#?}");
    assert_eq!(output.resume(), ["resume", "run"]);
    let results = std::fs::read_to_string(work_dir.path("run/results.csv")).unwrap();
    assert!(results.contains("a-user") && !results.contains("b-user"));
    let fast = &FAST[1..];
    let refused = call(&work_dir, &server, &[&["resume", "run"], fast].concat());
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    assert!(
        refused.stderr.contains("has changed since this run began"),
        "{refused:#?}"
    );
    server.put("list.csv", &list);
    let output = call(&work_dir, &server, &[&["resume", "run"], fast].concat());
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").added, 40_000);
}

#[test]
fn versions_are_not_mixed_where_the_server_ignores_the_condition() {
    let server = S3Server::start();
    let list = list_of_channels(4);
    server.put("list.csv", &list);
    server.replace_once_read("list.csv", list.replace("a-user", "b-user"));
    server.ignore_conditions();
    let proxy = CuttingProxy::start(server.address, 1, list.len() / 2);
    let work_dir = WorkDir::new();
    let output = run_through(&proxy, &server, &work_dir);
    assert_eq!(output.code, Some(3), "{output:#?}");
    let what = ": was replaced while it was read";
    assert!(output.stderr.contains(what), "{output:#?}");
    let results = std::fs::read_to_string(work_dir.path("run/results.csv")).unwrap();
    assert!(!results.contains("b-user"));
}

#[test]
fn a_server_that_cannot_be_reached_is_named_and_nothing_is_begun() {
    let server = S3Server::start();
    let work_dir = WorkDir::new();
    let arguments = ["run", &url("list.csv"), "--run-dir", "run"];
    let arguments = arguments.into_iter().chain(super::flags());
    let mut command = server.serve(work_dir.command(arguments));
    command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    let output = Output::within_a_minute(&command);
    assert_eq!(output.code, Some(3), "{output:#?}");
    let what = "s3://lists/list.csv: S3 cannot be reached at http://127.0.0.1:1";
    assert!(output.stderr.contains(what), "{output:#?}");
    assert!(
        output.stderr.contains("hint: check the network"),
        "{output:#?}"
    );
    assert!(!work_dir.path("run").exists());
}
