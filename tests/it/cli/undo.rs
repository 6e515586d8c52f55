//! `undo`, against the sandbox over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chime_bulk::model::ChannelArn;
use chime_bulk::report::UndoSummary;
use chime_bulk::sandbox::{ExistingAnswer, SandboxConfig, Scripted};
use serde_json::Value;

use crate::support::program::{APP, BEARER, CHANNEL, FAST, Output, WorkDir, ids};
use crate::support::server::Server;

async fn server(existing_answer: ExistingAnswer) -> Server {
    Server::start(SandboxConfig {
        unlimited: true,
        existing_answer,
        ..SandboxConfig::default()
    })
    .await
}

/// Runs the program against this server, at full speed.
fn call(work_dir: &WorkDir, server: &Server, arguments: &[&str]) -> Output {
    let mut command = work_dir.command(arguments);
    command
        .env("CHIME_BULK_ENDPOINT_URL", &server.url)
        .env("CHIME_BULK_BEARER_RATE", "100000")
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    tokio::task::block_in_place(|| Output::of(&mut command))
}

fn run(work_dir: &WorkDir, server: &Server, list: &str, bearer: &str, dir: &str) -> Output {
    let to = ["--channel-arn", CHANNEL, "--bearer", bearer];
    let arguments = ["run", list, "--run-dir", dir];
    call(work_dir, server, &[&arguments[..], &to].concat())
}

fn members(server: &Server) -> usize {
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
    for command in ["resume", "retry", "report"] {
        let output = call(&work_dir, &server, &[command, "run/undo"]);
        assert_eq!(output.code, Some(2));
        let hint = "hint: continue it: chime-bulk undo run";
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
