//! `undo`, against the sandbox over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use chime_bulk::model::ChannelArn;
use chime_bulk::report::UndoSummary;
use chime_bulk::sandbox::{ExistingAnswer, SandboxConfig, Scripted};
use serde_json::Value;

use crate::support::program::{APP, BEARER, CHANNEL, FAST, Output, WorkDir, ids};
use crate::support::server::Server;

pub(super) async fn server(existing_answer: ExistingAnswer) -> Server {
    Server::start(SandboxConfig {
        unlimited: true,
        existing_answer,
        ..SandboxConfig::default()
    })
    .await
}

/// The program against this server, at full speed.
pub(super) fn command(work_dir: &WorkDir, server: &Server, arguments: &[&str]) -> Command {
    let mut command = work_dir.command(arguments);
    command
        .env("CHIME_BULK_ENDPOINT_URL", &server.url)
        .env("CHIME_BULK_BEARER_RATE", "100000")
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    command
}

/// Runs the program against this server, at full speed.
pub(super) fn call(work_dir: &WorkDir, server: &Server, arguments: &[&str]) -> Output {
    let mut command = command(work_dir, server, arguments);
    tokio::task::block_in_place(|| Output::of(&mut command))
}

pub(super) fn run(
    work_dir: &WorkDir,
    server: &Server,
    list: &str,
    bearer: &str,
    dir: &str,
) -> Output {
    let to = ["--channel-arn", CHANNEL, "--bearer", bearer];
    let arguments = ["run", list, "--run-dir", dir];
    call(work_dir, server, &[&arguments[..], &to].concat())
}

pub(super) fn members(server: &Server) -> usize {
    let channel: ChannelArn = CHANNEL.parse().unwrap();
    server.service.members(&channel).len()
}

/// The content of each file of a directory, but for the lock.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .filter(|(name, _)| !name.starts_with("owner") && !name.starts_with("undo"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_removes_what_the_run_added_and_nothing_else() {
    let server = server(ExistingAnswer::Silent).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 30));
    fs::write(work_dir.path("before.csv"), ids("u", 4)).unwrap();
    let boss = format!("{APP}/user/boss");
    run(&work_dir, &server, "before.csv", &boss, "before");
    assert_eq!(
        run(&work_dir, &server, "list.csv", BEARER, "run").code,
        Some(0)
    );
    let run_dir = work_dir.path("run");
    let before = files(&run_dir);

    let output = call(&work_dir, &server, &["undo", "run", "--dry-run"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output
            .stdout
            .contains("would remove 30 members from 1 channel")
    );
    let output = call(&work_dir, &server, &["undo", "run", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&plan["members"], &plan["calls"]), (&30.into(), &30.into()));
    let output = call(&work_dir, &server, &["undo", "run"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("hint: pass --yes"),
        "{}",
        output.stderr
    );
    assert!(!run_dir.join("undo").exists(), "nothing is written yet");
    assert_eq!(members(&server), 30);

    let output = call(&work_dir, &server, &["undo", "run", "--yes", "--json"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let summary: UndoSummary = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (summary.removed, summary.kept, summary.members),
        (26, 4, 30)
    );
    assert_eq!(summary.errors_by_code["InvitedByOther"], 4);
    assert_eq!(members(&server), 4);
    assert_eq!(files(&run_dir), before, "the run stays as it was");

    let mut report = csv::Reader::from_path(run_dir.join("undo.csv")).unwrap();
    let header: Vec<&str> = report.headers().unwrap().iter().collect();
    assert_eq!(
        header,
        [
            "row",
            "channel_arn",
            "member_arn",
            "type",
            "result",
            "detail"
        ]
    );
    let rows: Vec<csv::StringRecord> = report.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 30);
    for (number, row) in (1..).zip(&rows) {
        let result = if number <= 4 { "kept" } else { "removed" };
        assert_eq!((&row[0], &row[4]), (&*number.to_string(), result));
        assert!(row[2].ends_with(&format!("/user/u{number}")), "{row:?}");
    }
    assert!(rows[0][5].starts_with("InvitedByOther: "), "{:?}", rows[0]);
    let plan = work_dir.run(["plan", "run/undo.csv"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);

    let again = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("is undone already"),
        "{}",
        again.stderr
    );
    for command in ["resume", "retry", "report", "status", "undo"] {
        let output = call(&work_dir, &server, &[command, "run/undo"]);
        assert_eq!(output.code, Some(2));
        let hint = "hint: continue it: chime-bulk undo run; its state: chime-bulk status run";
        assert!(output.stderr.contains(hint), "{}", output.stderr);
    }
    assert_eq!(members(&server), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_undo_names_its_actions_and_the_command_that_continues() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 20));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    let denied = Scripted::Refuse {
        status: 403,
        exception: "AccessDeniedException".to_owned(),
        message: String::new(),
    };
    server.service.script(vec![vec![denied]; 12]);
    let output = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    let actions = "chime:DescribeChannelMembership and chime:DeleteChannelMembership";
    assert!(output.stderr.contains(actions), "{}", output.stderr);
    let last = output.stderr.lines().last();
    assert_eq!(last, Some("chime-bulk undo run --yes"));
    assert_eq!(members(&server), 20);
    // What is left of the script is used up by and by.
    let mut left = output;
    for _ in 0..12 {
        if left.code == Some(3) {
            left = call(&work_dir, &server, &["undo", "run", "--yes"]);
        }
    }
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert_eq!(members(&server), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_replaces_no_file_of_somebody_else() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    fs::write(work_dir.path("run/undo.csv"), "mine\n").unwrap();
    let output = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("is not a report of this run"));
    assert_eq!(fs::read(work_dir.path("run/undo.csv")).unwrap(), b"mine\n");
    assert_eq!(members(&server), 3);
}

#[test]
fn what_is_no_run_and_what_ran_in_a_sandbox_of_its_own_cannot_be_undone() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let output = work_dir.run(["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("no run found in run"),
        "{}",
        output.stderr
    );
    let arguments = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--channel-arn",
        CHANNEL,
    ];
    work_dir.run(arguments.iter().chain(&FAST));
    let output = work_dir.run(["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("was a rehearsal"),
        "{}",
        output.stderr
    );
    assert!(!work_dir.path("run/undo").exists());
}

#[cfg(unix)]
#[test]
fn a_run_in_progress_cannot_be_undone() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&["--progress", "json"]);
    running.wait_for_line("{\"event\":\"");
    let output = work_dir.run(["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(3));
    assert!(
        output.stderr.contains("run is in use by process"),
        "{}",
        output.stderr
    );
    running.interrupt();
    running.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_are_named() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 5));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    let denied = Scripted::Refuse {
        status: 403,
        exception: "AccessDeniedException".to_owned(),
        message: "User: arn:aws:iam::999988887777:user/joe is not authorized to perform: \
                  chime:DescribeChannelMembership"
            .to_owned(),
    };
    server.service.script(vec![vec![denied]; 12]);
    let output = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    let hint = "hint: these are credentials of account 999988887777, and the bearer is of another";
    assert!(output.stderr.contains(hint), "{}", output.stderr);
    assert!(!output.stderr.contains("Effect"), "{}", output.stderr);
    assert_eq!(members(&server), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_of_some_channels_leaves_the_others() {
    let server = server(ExistingAnswer::Conflict).await;
    let rows = ["a,u1", "b,u1", "a,u2", "b,u3", "c,u1"];
    let work_dir = WorkDir::with("list.csv", format!("channel,member\n{}\n", rows.join("\n")));
    let arguments = ["run", "list.csv", "--run-dir", "run", "--bearer", BEARER];
    let output = call(&work_dir, &server, &arguments);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let channel = |id: &str| format!("{APP}/channel/{id}");
    let sizes = || {
        let size = |id: &str| server.service.members(&channel(id).parse().unwrap()).len();
        ["a", "b", "c"].map(size)
    };
    assert_eq!(sizes(), [2, 2, 1]);
    let (a, c) = (channel("a"), channel("c"));
    let undo = ["undo", "run", "--yes", "--channel"];
    let output = call(
        &work_dir,
        &server,
        &[&undo[..], &[&a, "--channel", &c]].concat(),
    );
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(sizes(), [0, 2, 0]);
    let report = fs::read_to_string(work_dir.path("run/undo.csv")).unwrap();
    let rows: Vec<&str> = report.lines().skip(1).map(|line| &line[..1]).collect();
    assert_eq!(rows, ["1", "3", "5"], "{report}");

    // The choice of an undo that exists stays.
    let output = call(&work_dir, &server, &[&undo[..], &[&channel("b")]].concat());
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let what = "run contains an undo with other --channel or --include-in-doubt";
    assert!(output.stderr.contains(what), "{}", output.stderr);
    assert!(
        output.stderr.contains("hint: pass the same flags"),
        "{}",
        output.stderr
    );
    assert_eq!(sizes(), [0, 2, 0]);
    let nowhere = channel("nowhere");
    fs::rename(work_dir.path("run/undo"), work_dir.path("undo-of-a-and-c")).unwrap();
    let output = call(&work_dir, &server, &[&undo[..], &[&nowhere]].concat());
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("no member to remove"),
        "{}",
        output.stderr
    );
    assert!(!work_dir.path("run/undo").exists());
}

#[cfg(feature = "legacy-chime")]
#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_the_legacy_api_is_undone_by_it() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 8));
    let arguments = ["run", "list.csv", "--run-dir", "run", "--api", "legacy"];
    let to = ["--channel-arn", CHANNEL, "--bearer", BEARER];
    let output = call(&work_dir, &server, &[&arguments[..], &to].concat());
    assert_eq!(
        (output.code, members(&server)),
        (Some(0), 8),
        "{}",
        output.stderr
    );
    let output = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stderr.contains("(legacy in us-east-1)"),
        "{}",
        output.stderr
    );
    assert_eq!(members(&server), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_a_run_is_refused() {
    let work_dir = WorkDir::with("file", "no directory");
    fs::create_dir(work_dir.path("empty")).unwrap();
    fs::create_dir(work_dir.path("other")).unwrap();
    fs::write(work_dir.path("other/ledger.db"), "not a ledger at all").unwrap();
    for (dir, code, what) in [
        ("empty", 2, "no run found in empty"),
        ("nowhere", 2, "no run found in nowhere"),
        ("other", 3, "ledger.db"),
        ("file", 2, "no run found in file"),
    ] {
        for flag in ["--yes", "--dry-run"] {
            let output = work_dir.run(["undo", dir, flag]);
            assert_eq!(output.code, Some(code), "{dir}: {}", output.stderr);
            assert!(output.stderr.contains(what), "{dir}: {}", output.stderr);
        }
    }
}
